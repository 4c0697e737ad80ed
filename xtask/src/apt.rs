//! System packages: which are missing, and their installation where that is allowed.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// A Debian package, and how to see that it, or an equivalent, is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name for apt.
    pub(crate) name: &'static str,
    /// Proof that it is installed.
    pub(crate) proof: Proof,
}

/// How to see that a package's content is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A program in PATH, wherever it came from.
    Program(&'static str),
    /// pkg-config finds its library, of this version or newer.
    Library(&'static str),
    /// GStreamer has its element.
    Element(&'static str),
    /// dpkg says that it is installed.
    Installed,
}

impl Package {
    /// A package known by one of its programs.
    pub(crate) const fn program(name: &'static str, program: &'static str) -> Self {
        Self {
            name,
            proof: Proof::Program(program),
        }
    }

    /// A package that programs are built with: `NAME >= VERSION` for pkg-config.
    pub(crate) const fn library(name: &'static str, library: &'static str) -> Self {
        Self {
            name,
            proof: Proof::Library(library),
        }
    }

    /// A package of plugins for GStreamer, known by one of its elements.
    pub(crate) const fn element(name: &'static str, element: &'static str) -> Self {
        Self {
            name,
            proof: Proof::Element(element),
        }
    }

    /// A package without programs.
    pub(crate) const fn installed(name: &'static str) -> Self {
        Self {
            name,
            proof: Proof::Installed,
        }
    }

    fn is_there(&self) -> bool {
        let says = |program: &str, words: [&str; 2]| {
            process::output(Command::new(program).args(words)).is_ok()
        };
        match self.proof {
            Proof::Program(program) => process::find(program).is_some(),
            Proof::Library(library) => says("pkg-config", ["--exists", library]),
            Proof::Element(element) => says("gst-inspect-1.0", ["--exists", element]),
            Proof::Installed => {
                process::output(Command::new("dpkg-query").args(["-W", "-f=${Status}", self.name]))
                    .is_ok_and(|status| status.ends_with(" installed"))
            }
        }
    }
}

/// The names of the missing ones, each once.
pub(crate) fn missing(packages: &[Package]) -> Vec<&'static str> {
    let mut names: Vec<_> = packages
        .iter()
        .filter(|p| !p.is_there())
        .map(|p| p.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The command line that root has to run.
pub(crate) fn install_line(names: &[&str]) -> String {
    format!(
        "apt-get install --no-install-recommends {}",
        names.join(" ")
    )
}

/// Makes sure that `packages` are installed: installs missing ones if run by root, else fails with
/// the command line for it.
pub(crate) fn ensure(packages: &[Package]) -> Result<()> {
    let names = missing(packages);
    if names.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || process::find("apt-get").is_none() {
        bail!("missing system packages; as root: {}", install_line(&names));
    }
    eprintln!("installing {}", names.join(" "));
    // A package list that is too old names files that the archive dropped.
    process::output_retrying(&mut apt_get(&["update"]))?;
    let install = |names: &[&str]| {
        let words = [&["install", "--no-install-recommends"], names].concat();
        process::output_retrying(&mut apt_get(&words))
    };
    // A package that this distribution lacks must not prevent the others.
    if install(&names).is_err() {
        for name in &names {
            if let Err(error) = install(&[name]) {
                eprintln!("{error:#}");
            }
        }
    }
    let still = missing(packages);
    if !still.is_empty() {
        bail!("installed, but still not found: {}", still.join(" "));
    }
    Ok(())
}

fn apt_get(words: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args([
        "-y",
        "-q",
        "-o",
        "DPkg::Lock::Timeout=300",
        "-o",
        "Acquire::Retries=2",
    ]);
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_packages_are_named_once() {
        let packages = [
            Package::program("zzz-absent", "no-such-program-zzz"),
            Package::program("coreutils", "ls"),
            Package::installed("no-such-package-aaa"),
            Package::library("no-such-library-bbb", "no-such-library >= 1.0"),
            Package::element("no-such-element-ccc", "nosuchelement"),
            Package::program("zzz-absent", "no-such-program-yyy"),
        ];
        let absent = [
            "no-such-element-ccc",
            "no-such-library-bbb",
            "no-such-package-aaa",
            "zzz-absent",
        ];
        assert_eq!(missing(&packages), absent);
    }
}
