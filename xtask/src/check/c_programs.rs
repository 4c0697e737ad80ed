//! Programs in C for a guest: those of a package's `tests/c`, linked statically on the host with
//! the C library that was built along with its tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, iter};

use anyhow::{Context, Result};

use super::run::Run;
use super::static_command;
use crate::install::private_libraries;
use crate::project;
use crate::rig::Arch;

/// Where a test finds the programs.
pub(super) const VARIABLE: &str = "VIDEOSTREAM_C_PROGRAMS";

/// Beside every test of its package.
const LIBRARY: &str = "libvideostream_c.a";

/// Compiles `names` of the package in `folder`, whose test is `test`, into [`place`].
pub(super) fn build(
    run: &mut Run,
    arch: Arch,
    folder: &Path,
    test: &Path,
    names: &[String],
) -> Result<Vec<PathBuf>> {
    let library = test.with_file_name(LIBRARY);
    let to = place(arch)?;
    let programs = names.iter().map(|name| {
        let program = to.join(name);
        let mut words: Vec<OsString> = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
            .into_iter()
            .chain(["-s", "-I"])
            .map(Into::into)
            .collect();
        words.push(folder.join("include").into());
        words.push("-o".into());
        words.push(program.clone().into());
        let source = folder.join("tests/c").join(format!("{name}.c"));
        let inputs = [source.into(), library.clone().into()];
        let compiler = match arch {
            Arch::X86_64 => {
                words.extend(inputs);
                let archive = fs::read(&library)
                    .with_context(|| format!("{}: not built", library.display()))?;
                let names = private_libraries(&archive);
                words.extend(names.iter().map(|name| format!("-l{name}").into()));
                "cc"
            }
            Arch::Aarch64 => {
                words.extend(with_musl(run, inputs)?);
                static_command::CROSS_COMPILER
            }
        };
        run.command(Command::new(compiler).args(words))?;
        Ok(program)
    });
    programs.collect()
}

/// Empties the folder: every file in it is used.
pub(super) fn clear(arch: Arch) -> Result<()> {
    let folder = place(arch)?;
    project::remove(&folder)?;
    Ok(fs::create_dir_all(&folder)?)
}

/// Where the programs lie on the host.
pub(super) fn place(arch: Arch) -> Result<PathBuf> {
    Ok(project::target()?.join("xtask/c").join(arch.to_string()))
}

/// The words that link with the C library that Rust brings for its static target, in the place of
/// the compiler's own. The headers stay the compiler's: what these programs use of them is the same
/// in both.
fn with_musl(
    run: &mut Run,
    inputs: impl IntoIterator<Item = OsString>,
) -> Result<impl Iterator<Item = OsString>> {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target"]);
    let answer = run.output(ask.arg(static_command::AARCH64))?;
    let folder = PathBuf::from(answer.trim()).join("self-contained");
    let objects = |names: &[&str]| -> Vec<OsString> {
        names.iter().map(|name| folder.join(name).into()).collect()
    };
    let begin = objects(&["crt1.o", "crti.o", "crtbegin.o"]);
    let end = objects(&["libunwind.a", "libc.a"]);
    Ok(["-static", "-nostartfiles", "-nodefaultlibs"]
        .into_iter()
        .map(Into::into)
        .chain(begin)
        .chain(inputs)
        .chain(end)
        .chain(iter::once("-lgcc".into()))
        .chain(objects(&["crtend.o", "crtn.o"])))
}
