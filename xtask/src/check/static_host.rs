//! A host without std, allocator and C library: it links, stays small, and a client of the std
//! library reads its frames.

use std::fs;

use anyhow::{Result, bail};

use super::Outcome;
use super::run::{Run, cargo};
use super::workspace::PACKAGES;
use crate::project;

/// Where start files, libraries and the dynamic linker are left out for.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What a stripped host may have, in bytes.
const LIMIT: u64 = 64 * 1024;
/// Program header types of an ELF file that only dynamic programs have.
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

/// The part `static_host`.
pub(crate) fn part(run: &mut Run) -> Result<Outcome> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Ok(Outcome::Skipped(format!("the program is for {TARGET}")));
    }
    let folder = project::root()?.join("tests/nostd-host");
    let target = project::target()?.join("nostd-host");
    for words in [
        &["fmt", "--check"][..],
        &[
            "clippy",
            "--release",
            "--target",
            TARGET,
            "--",
            "-D",
            "warnings",
        ],
        &["build", "--release", "--locked", "--target", TARGET],
    ] {
        // The folder's own configuration says how it is linked.
        let mut command = cargo(words)?;
        command
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("RUSTFLAGS");
        run.command(&mut command)?;
    }
    let program = target.join(TARGET).join("release/nostd-host");
    let bytes = fs::read(&program)?;
    let types = program_headers(&bytes).unwrap_or_default();
    if types.is_empty() || types.contains(&PT_DYNAMIC) || types.contains(&PT_INTERP) {
        bail!("{} is not a static program: {types:?}", program.display());
    }
    let size = bytes.len() as u64;
    let line = format!("no std, no alloc, no libc: {size} bytes, stripped");
    println!("         {line}");
    run.note(&line)?;
    if size >= LIMIT {
        bail!(
            "{} has {size} bytes, {LIMIT} are too many",
            program.display()
        );
    }
    let words = ["--test", "static_host", "--", "--show-output"];
    run.command(
        cargo(&["test"])?
            .args(PACKAGES)
            .args(words)
            .env("VIDEOSTREAM_STATIC_HOST", &program),
    )?;
    Ok(Outcome::Passed)
}

/// The types of the program headers of a 64-bit ELF file of this machine's byte order.
fn program_headers(file: &[u8]) -> Option<Vec<u32>> {
    let u16_at = |at: usize| Some(u16::from_ne_bytes(*file.get(at..)?.first_chunk()?));
    let u32_at = |at: usize| Some(u32::from_ne_bytes(*file.get(at..)?.first_chunk()?));
    let u64_at = |at: usize| Some(u64::from_ne_bytes(*file.get(at..)?.first_chunk()?));
    if !file.starts_with(b"\x7fELF\x02") {
        return None;
    }
    let start = usize::try_from(u64_at(32)?).ok()?;
    let (size, count) = (usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    (0..count)
        .map(|at| u32_at(start.checked_add(at * size)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_dynamic_linker_is_recognised() {
        let own = fs::read("/proc/self/exe").unwrap();
        if cfg!(target_env = "gnu") {
            assert!(program_headers(&own).unwrap().contains(&PT_INTERP));
        }
        assert_eq!(program_headers(b"#!/bin/sh"), None);
        assert_eq!(program_headers(&own[..60]), None);
    }
}
