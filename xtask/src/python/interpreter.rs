//! Python interpreters of this machine, one for each version that the package supports.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::process;

/// The versions that the package supports.
pub(crate) const SUPPORTED: [Name; 9] = [
    Name::new(9),
    Name::new(10),
    Name::new(11),
    Name::new(12),
    Name::new(13),
    Name::new(14),
    Name::new(15),
    Name::free_threaded(14),
    Name::free_threaded(15),
];

/// The first version whose stable ABI is enough for the package.
pub(crate) const ABI3: u32 = 11;

/// Folders below the home folder in which version managers keep interpreters, each in a folder of
/// its own.
const MANAGED: [&str; 5] = [
    ".pyenv/versions",
    ".local/share/uv/python",
    ".local/share/mise/installs/python",
    ".asdf/installs/python",
    ".rye/py",
];

/// Asks an interpreter what it is.
const ABOUT: &str = "import platform, sys, sysconfig
print(sys.implementation.name)
print(*sys.version_info[:2])
print(platform.python_version())
print(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))
print(getattr(sys, '_base_executable', sys.executable))";

/// A version of Python, as in `3.11` and `3.14t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// What follows `3.`.
    pub(crate) minor: u32,
    /// Whether it is without the global interpreter lock.
    pub(crate) free_threaded: bool,
}

impl Name {
    const fn new(minor: u32) -> Self {
        Self {
            minor,
            free_threaded: false,
        }
    }

    const fn free_threaded(minor: u32) -> Self {
        Self {
            minor,
            free_threaded: true,
        }
    }

    /// Whether the package's wheel for the stable ABI serves it.
    pub(crate) fn has_abi3(self) -> bool {
        self.minor >= ABI3 && !self.free_threaded
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.free_threaded { "t" } else { "" };
        write!(f, "3.{}{mark}", self.minor)
    }
}

/// An interpreter.
#[derive(Clone, Debug)]
pub(crate) struct Interpreter {
    /// The program, outside any virtual environment.
    pub(crate) file: PathBuf,
    /// Its version, as far as wheels care.
    pub(crate) name: Name,
    /// Its whole version, as in `3.11.2`.
    pub(crate) version: String,
}

impl Interpreter {
    /// What `file` is; an error unless it is CPython.
    pub(crate) fn of(file: &Path) -> Result<Self> {
        let said = process::output(Command::new(file).args(["-I", "-c", ABOUT]))?;
        parse(&said).with_context(|| format!("{} is no CPython 3: {said}", file.display()))
    }

    /// The one that the system's programs use.
    pub(crate) fn of_system() -> Option<Self> {
        let found = process::find("python3");
        let files = [Some(PathBuf::from("/usr/bin/python3")), found];
        files
            .into_iter()
            .flatten()
            .filter(|file| file.exists())
            .find_map(|file| Self::of(&file).ok())
    }

    /// The one that more is tried with than with others: the system's, if the package supports it.
    pub(crate) fn preferred() -> Option<Self> {
        let is_supported = |found: &Self| SUPPORTED.contains(&found.name);
        let others = || SUPPORTED.into_iter().find_map(Self::find);
        Self::of_system().filter(is_supported).or_else(others)
    }

    /// The one of this version, in the folders of PATH and of version managers.
    pub(crate) fn find(name: Name) -> Option<Self> {
        let program = format!("python{name}");
        let fits = |file: &PathBuf| {
            let about = file.exists().then(|| Self::of(file).ok())??;
            (about.name == name).then_some(about)
        };
        folders()
            .iter()
            .map(|folder| folder.join(&program))
            .find_map(|file| fits(&file))
    }
}

/// Reads the answer to [`ABOUT`].
fn parse(said: &str) -> Option<Interpreter> {
    let mut lines = said.lines();
    let _ = lines.next().filter(|line| *line == "cpython")?;
    let minor = lines.next()?.strip_prefix("3 ")?.parse().ok()?;
    let version = lines.next()?.to_owned();
    let free_threaded = lines.next()? == "True";
    Some(Interpreter {
        file: lines.next()?.into(),
        name: Name {
            minor,
            free_threaded,
        },
        version,
    })
}

/// Where interpreters may be, the preferred ones first.
fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![PathBuf::from("/usr/bin")];
    folders.extend(env::split_paths(&path));
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let managed = MANAGED.iter().map(|place| home.join(place));
    for place in managed.chain(["/opt/python".into(), "/opt".into()]) {
        let Ok(entries) = fs::read_dir(&place) else {
            continue;
        };
        let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        // Of several of one version, the same one each time.
        found.sort();
        for version in found.into_iter().rev() {
            folders.push(version.join("bin"));
            folders.push(version.join("install/bin"));
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_an_interpreter_are_read() {
        let about = parse("cpython\n3 14\n3.14.8\nTrue\n/usr/bin/python3.14t\n").unwrap();
        assert_eq!(about.name.to_string(), "3.14t");
        assert_eq!(about.version, "3.14.8");
        assert_eq!(about.file, Path::new("/usr/bin/python3.14t"));
        assert!(parse("pypy\n3 11\n3.11.1\nFalse\n/usr/bin/pypy3\n").is_none());
        assert!(parse("cpython\n2 7\n2.7.18\nFalse\n/usr/bin/python2\n").is_none());
    }

    #[test]
    fn the_stable_abi_is_for_newer_ones_with_a_lock() {
        let with: Vec<_> = SUPPORTED.iter().filter(|name| name.has_abi3()).collect();
        let names: Vec<_> = with.iter().map(|name| name.to_string()).collect();
        assert_eq!(names, ["3.11", "3.12", "3.13", "3.14", "3.15"]);
    }
}
