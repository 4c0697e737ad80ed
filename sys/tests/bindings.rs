//! The committed bindings are what the generator makes of the headers.

#[cfg(feature = "bindgen")]
#[path = "../generator/mod.rs"]
#[expect(
    dead_code,
    reason = "the test compares; only the command fetches and writes"
)]
mod generator;

fn skipped(test: &str, why: &str) {
    println!("skipped: {test}: {why}");
}

#[cfg(feature = "bindgen")]
#[test]
fn committed_bindings_equal_generated_ones() {
    let test = "committed_bindings_equal_generated_ones";
    if let Err(why) = generator::interface::libclang() {
        return skipped(test, &why);
    }
    let tree = match generator::headers::find() {
        Ok(tree) => tree,
        Err(why) => return skipped(test, &why),
    };
    match generator::check(&tree) {
        Ok(files) => assert_eq!(files, 20),
        Err(why) => panic!("{why}"),
    }
}

#[cfg(not(feature = "bindgen"))]
#[test]
fn committed_bindings_equal_generated_ones() {
    skipped(
        "committed_bindings_equal_generated_ones",
        "needs `--features bindgen` (libclang and kernel headers)",
    );
}
