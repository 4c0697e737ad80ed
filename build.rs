//! Stamps version, revision, target and libc kind for `videostream::build`.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=.git/HEAD");
    let revision = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=10"])
        .output()
        .ok()
        .filter(|out| out.status.success())
        .and_then(|out| String::from_utf8(out.stdout).ok())
        .map_or("unknown".into(), |text| text.trim().to_owned());
    let var = |name| env::var(name).unwrap_or_default();
    let libc = match var("CARGO_CFG_TARGET_ENV") {
        none if none.is_empty() => "none".into(),
        kind => kind,
    };
    println!("cargo::rustc-env=VIDEOSTREAM_REVISION={revision}");
    println!("cargo::rustc-env=VIDEOSTREAM_TARGET={}", var("TARGET"));
    println!("cargo::rustc-env=VIDEOSTREAM_LIBC={libc}");
}
