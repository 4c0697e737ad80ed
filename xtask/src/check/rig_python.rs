//! Tests of the Python package that run in a guest: files named `test_rig_*.py`.
//!
//! `# rig:` lines before a file's first import configure its guest, as in Rust test programs. The
//! guest sees this machine's files: it uses the system's interpreter, in an environment made here.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::counts::{PYTEST, UNFINISHED};
use super::python;
use super::repeat::IN_GUEST;
use super::rig_tests::{self, Ask};
use super::run::Run;
use crate::python::{PACKAGE, folder};
use crate::{process, quote};

/// The prefix of file names.
const PREFIX: &str = "test_rig_";

/// A file of tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    name: String,
    pub(super) ask: Ask,
}

/// The files whose tests are wanted.
pub(super) fn wanted(run: &Run) -> Result<Vec<File>> {
    let mut files = files(&folder()?.join("tests"))?;
    files.retain(|file| run.wants(&file.name));
    Ok(files)
}

fn files(folder: &Path) -> Result<Vec<File>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|name| name.starts_with(PREFIX))
            && path.extension().is_some_and(|extension| extension == "py")
        {
            let ask = rig_tests::read_ask_of_python(&fs::read_to_string(&path)?);
            found.push(File {
                name: name.to_owned(),
                ask: ask.with_context(|| path.display().to_string())?,
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The interpreter for the guest. Without one, the files are left out, by name.
pub(super) fn interpreter(run: &mut Run, files: &[File]) -> Result<Option<String>> {
    if files.is_empty() {
        return Ok(None);
    }
    match python::for_guest(run)? {
        Ok(environment) => Ok(Some(rig_tests::path(&environment.python())?)),
        Err(why) => {
            for file in files {
                run.left_out(&file.name, &why)?;
            }
            Ok(None)
        }
    }
}

/// The shell lines that run one file: pytest ends with 0, 1 or 2 after it has printed its result,
/// with 5 if no test was chosen, and anything else means that there is no result.
pub(super) fn script(file: &File, python: &str, words: &[String]) -> Result<String> {
    let File { name, ask } = file;
    let title = format!("{PACKAGE} {name}");
    let mut pytest = python::pytest(Path::new(python))?;
    pytest
        .arg(format!("tests/{name}.py"))
        // It says where a test hangs, which an end from outside doesn't.
        .arg(format!("--timeout={}", ask.timeout * 9 / 10))
        .args(words);
    Ok(format!(
        "echo; echo {begin}; echo {with}
cd {folder}
PYTHONDONTWRITEBYTECODE=1 timeout -k 5 {timeout} {pytest}
case $? in
    0 | 5) ;;
    1 | 2) bad=1 ;;
    124 | 137 | 143) bad=1; echo; echo {slow} ;;
    *) bad=1; echo; echo {crashed} ;;
esac
",
        begin = quote::word(&format!("{IN_GUEST}{title}")),
        with = quote::word(&format!("{PYTEST}in the guest")),
        folder = quote::word(&rig_tests::path(&folder()?)?),
        timeout = ask.timeout,
        pytest = process::describe(&pytest),
        slow = quote::word(&format!(
            "{UNFINISHED}{title}: not done in {} s",
            ask.timeout
        )),
        crashed = quote::word(&format!("{UNFINISHED}{title}: it crashed")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_for_the_guest_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "test_rig_b.py",
            "test_rig_a.py",
            "test_x.py",
            "test_rig_c.txt",
        ] {
            fs::write(dir.path().join(name), "# rig: vivid.n_devs=2\n").unwrap();
        }
        let files = files(dir.path()).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["test_rig_a", "test_rig_b"]);
        assert_eq!(files[0].ask.params, "vivid.n_devs=2");
    }
}
