//! Checks of a wheel's contents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use object::elf::DT_NEEDED;
use object::read::elf::{Dyn, ElfFile64, FileHeader, SectionHeader};

use super::target::Target;
use crate::check::Run;
use crate::project;
use crate::python::Interpreter;

/// Unpacks a wheel below `place`.
pub(super) fn unpack(
    run: &mut Run,
    interpreter: &Interpreter,
    wheel: &Path,
    place: &Path,
) -> Result<PathBuf> {
    let folder = place.join("unpacked");
    project::remove(&folder)?;
    let mut unzip = Command::new(&interpreter.file);
    unzip.args(["-m", "zipfile", "-e"]);
    run.command(unzip.arg(wheel).arg(&folder))?;
    Ok(folder)
}

/// An error if the module in the wheel needs libraries that its platform may not have.
pub(super) fn libraries(
    run: &mut Run,
    interpreter: &Interpreter,
    wheel: &Path,
    target: &Target,
    place: &Path,
) -> Result<()> {
    let folder = unpack(run, interpreter, wheel, place)?.join("videostream");
    let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let modules: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|name| name == "so"))
        .collect();
    let [module] = &modules[..] else {
        bail!("{} modules in {}, not one", modules.len(), wheel.display());
    };
    let needed = needed(&fs::read(module)?)?;
    let other: Vec<_> = needed.iter().filter(|name| !target.allows(name)).collect();
    ensure!(
        other.is_empty(),
        "{} needs {other:?}, which not every system has",
        wheel.display()
    );
    println!("         needs {}", needed.join(", "));
    Ok(())
}

/// The libraries that a shared library of 64 bits needs.
fn needed(file: &[u8]) -> Result<Vec<String>> {
    let elf = ElfFile64::<object::Endianness>::parse(file)?;
    let endian = elf.endian();
    let header = elf.elf_header();
    let sections = header.sections(endian, file)?;
    let mut names = Vec::new();
    for section in sections.iter() {
        let Some((entries, link)) = section.dynamic(endian, file)? else {
            continue;
        };
        let strings = sections.strings(endian, file, link)?;
        for entry in entries {
            if entry.tag32(endian).map(i64::from) == Some(DT_NEEDED) {
                names.push(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned());
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_a_program_are_read() {
        let own = fs::read("/proc/self/exe").unwrap();
        if cfg!(all(target_env = "gnu", target_pointer_width = "64")) {
            assert!(needed(&own).unwrap().iter().any(|name| name == "libc.so.6"));
        }
        assert!(needed(b"#!/bin/sh").is_err());
    }
}
