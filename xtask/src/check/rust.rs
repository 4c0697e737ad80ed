//! Parts of the Rust tool chain that checks need, fetched with rustup where they are missing.

use std::process::Command;

use anyhow::{Result, anyhow};

use crate::process;

/// Makes sure that the standard library for `target` is installed.
pub(crate) fn target(target: &str) -> Result<(), String> {
    let found = process::output(Command::new("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        target,
    ]))
    .is_ok_and(|dir| std::fs::read_dir(dir.trim()).is_ok_and(|mut dir| dir.next().is_some()));
    if found {
        return Ok(());
    }
    rustup(&["target", "add", target])
        .map_err(|error| format!("no Rust target {target}: {error:#}"))
}

/// Makes sure that a program of the tool chain, such as rustfmt, is installed.
pub(crate) fn component(program: &str, component: &str) -> Result<(), String> {
    if process::output(Command::new(program).arg("--version")).is_ok() {
        return Ok(());
    }
    rustup(&["component", "add", component]).map_err(|error| format!("no {component}: {error:#}"))
}

/// Makes sure that a nightly tool chain with these components is installed.
pub(crate) fn nightly(components: &[&str]) -> Result<(), String> {
    let there = components.iter().all(|name| {
        let list = ["component", "list", "--installed", "--toolchain", "nightly"];
        process::output(Command::new("rustup").args(list))
            .is_ok_and(|list| list.lines().any(|line| line.starts_with(name)))
    });
    if there {
        return Ok(());
    }
    let mut words = vec!["toolchain", "install", "nightly", "--profile", "minimal"];
    words.extend(components.iter().flat_map(|name| ["--component", name]));
    let list = components.join(", ");
    rustup(&words).map_err(|error| format!("no nightly with {list}: {error:#}"))
}

fn rustup(words: &[&str]) -> Result<()> {
    if process::find("rustup").is_none() {
        return Err(anyhow!("and rustup is not installed to fetch it"));
    }
    process::output_retrying(Command::new("rustup").args(words)).map(drop)
}
