//! The static library, reduced to its public names: the `vsl_*` functions.
//!
//! As cargo builds it, the archive exports every name of the Rust library and of the codecs in it,
//! so that it can't be linked together with another Rust library, or with one that has a function
//! of the same name. Its objects are linked into one, and only public names stay visible.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ar_archive_writer::{
    ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream,
};
use object::read::archive::ArchiveFile;

use crate::process;

/// The prefix of public names.
const VISIBLE: &str = "vsl_";

/// Notes of one compiler for itself. Another's tools take them for programs of theirs, and abort.
const NOTES: [&str; 3] = [".llvmbc", ".llvmcmd", ".llvm_addrsig"];

/// Makes the archive `to` from the archive `from`, with intermediate files in `folder`.
pub(super) fn with_one_name_space(from: &Path, to: &Path, folder: &Path) -> Result<()> {
    let names = visible(from)?;
    ensure!(
        !names.is_empty(),
        "{} has no function named {VISIBLE}*",
        from.display()
    );
    let tools = Tools::new()?;
    let (whole, object) = (folder.join("whole.o"), folder.join("object.o"));
    let mut link = tools.linker()?;
    // No sections are thrown away here: what tells how to unwind would go with them.
    link.arg("-r").args(["-o".as_ref(), whole.as_os_str()]);
    for name in &names {
        link.args(["-u", name]);
    }
    // A group whose name is no longer seen would still be thrown away for one of the same name
    // elsewhere.
    process::output(link.arg(from).arg("--force-group-allocation"))?;
    let mut hide = tools.objcopy()?;
    hide.args(["--wildcard", &format!("--keep-global-symbol={VISIBLE}*")]);
    hide.args(NOTES.map(|name| format!("--remove-section={name}")));
    process::output(hide.arg(&whole).arg(&object)).context(
        "hide the names of the static library; objcopy has to support the target's machine: \
         LLVM's supports all",
    )?;
    write(&object, to)
}

/// The public functions in the archive's index.
fn visible(archive: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(archive).with_context(|| format!("read {}", archive.display()))?;
    let archive = ArchiveFile::parse(&*bytes)?;
    let mut names = Vec::new();
    for symbol in archive.symbols()?.into_iter().flatten() {
        let symbol = symbol?;
        if symbol.name().starts_with(VISIBLE.as_bytes()) {
            names.push(String::from_utf8_lossy(symbol.name()).into_owned());
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Writes an archive of one object.
fn write(object: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(object)?;
    let member = NewArchiveMember::new(bytes, &DEFAULT_OBJECT_READER, "videostream.o".to_owned());
    let mut file = File::create(to)?;
    write_archive_to_stream(&mut file, &[member], ArchiveKind::Gnu, false, None)
        .with_context(|| format!("write {}", to.display()))
}

/// Linker and objcopy for every machine, which Rust's tool chain brings along.
struct Tools {
    /// The tool chain's folder of programs that only it uses.
    folder: PathBuf,
    /// Where its programs find the library that they need.
    libraries: PathBuf,
}

impl Tools {
    fn new() -> Result<Self> {
        let answer = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let libraries = Path::new(answer.trim()).join("lib");
        let version = process::output(Command::new("rustc").arg("-vV"))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("rustc -vV names no host")?;
        Ok(Self {
            folder: libraries.join("rustlib").join(host).join("bin"),
            libraries,
        })
    }

    fn linker(&self) -> Result<Command> {
        self.find("rust-lld", &["ld.lld", "ld"]).map(|mut command| {
            if command
                .get_program()
                .to_string_lossy()
                .ends_with("rust-lld")
            {
                command.args(["-flavor", "gnu"]);
            }
            command
        })
    }

    fn objcopy(&self) -> Result<Command> {
        self.find("rust-objcopy", &["llvm-objcopy", "objcopy"])
    }

    /// Returns the tool chain's program, or the first of `others` that is installed.
    fn find(&self, own: &str, others: &[&str]) -> Result<Command> {
        let program = self.folder.join(own);
        if program.is_file() {
            let mut command = Command::new(program);
            let path = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
            let paths = [self.libraries.clone()]
                .into_iter()
                .chain(env::split_paths(&path))
                .filter(|path| !path.as_os_str().is_empty());
            let paths: OsString = env::join_paths(paths)?;
            command.env("LD_LIBRARY_PATH", paths);
            return Ok(command);
        }
        let other = others.iter().find_map(|name| process::find(name));
        let other = other.with_context(|| {
            format!(
                "the static library needs {own} of Rust's tool chain, or one of {}: install \
                 lld and llvm, or binutils",
                others.join(", ")
            )
        })?;
        Ok(Command::new(other))
    }
}
