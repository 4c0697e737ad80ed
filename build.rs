//! Stamps version, revision, target and libc kind for `videostream::build`.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name| env::var(name).unwrap_or_default();
    let revision = of_the_checkout()
        .or_else(of_the_package)
        .unwrap_or("unknown".into());
    let libc = match var("CARGO_CFG_TARGET_ENV") {
        none if none.is_empty() => "none".into(),
        kind => kind,
    };
    println!("cargo::rustc-env=VIDEOSTREAM_REVISION={revision}");
    println!("cargo::rustc-env=VIDEOSTREAM_TARGET={}", var("TARGET"));
    println!("cargo::rustc-env=VIDEOSTREAM_LIBC={libc}");
}

/// As git describes it, if this folder is a checkout; one that only has this folder somewhere in it
/// is another project's.
fn of_the_checkout() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    // In a worktree it lies elsewhere. A path that is not there would have this run at each build.
    let head = git(&["rev-parse", "--git-path", "HEAD"])?;
    if Path::new(&head).exists() {
        println!("cargo::rerun-if-changed={head}");
    }
    git(&["describe", "--always", "--dirty", "--abbrev=10"])
}

/// What `cargo package` noted when it made this package of a checkout.
fn of_the_package() -> Option<String> {
    let note = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = note.split_once("\"sha1\": \"")?;
    let (revision, _) = rest.split_once('"')?;
    revision.get(..10).map(str::to_owned)
}

fn git(words: &[&str]) -> Option<String> {
    let answer = Command::new("git").args(words).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    answer.status.success().then(|| text.trim().to_owned())
}
