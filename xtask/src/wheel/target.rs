//! Targets of wheels.

use anyhow::{Result, ensure};

use crate::python::Name;
use crate::python::interpreter::ABI3;

/// One machine with one C library.
#[derive(Debug)]
pub(super) struct Target {
    /// Rust's name.
    pub(super) triple: &'static str,
    /// Python's name of the machine.
    pub(super) machine: &'static str,
    pub(super) is_musl: bool,
    /// The C library, as maturin names it.
    pub(super) policy: &'static str,
    /// The same policy in the names of wheels.
    platform: &'static str,
    /// Libraries that a module may need.
    libraries: &'static [&'static str],
}

/// The oldest C library that Rust's programs run with.
const GLIBC: [&str; 2] = ["manylinux2014", "manylinux_2_17"];
const MUSL: [&str; 2] = ["musllinux_1_2", "musllinux_1_2"];

/// Those of glibc, and the unwinder, which every system with it has.
const GLIBC_LIBRARIES: [&str; 8] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];
/// musl is one library.
const MUSL_LIBRARIES: [&str; 3] = ["libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/// All of them.
pub(super) static TARGETS: [Target; 4] = [
    glibc("x86_64-unknown-linux-gnu", "x86_64"),
    glibc("aarch64-unknown-linux-gnu", "aarch64"),
    musl("x86_64-unknown-linux-musl", "x86_64"),
    musl("aarch64-unknown-linux-musl", "aarch64"),
];

const fn glibc(triple: &'static str, machine: &'static str) -> Target {
    Target {
        triple,
        machine,
        is_musl: false,
        policy: GLIBC[0],
        platform: GLIBC[1],
        libraries: &GLIBC_LIBRARIES,
    }
}

const fn musl(triple: &'static str, machine: &'static str) -> Target {
    Target {
        triple,
        machine,
        is_musl: true,
        policy: MUSL[0],
        platform: MUSL[1],
        libraries: &MUSL_LIBRARIES,
    }
}

impl Target {
    /// Whether this machine runs its programs.
    pub(super) fn is_native(&self) -> bool {
        self.machine == std::env::consts::ARCH
    }

    /// Its platform in the name of a wheel.
    pub(super) fn tag(&self) -> String {
        format!("{}_{}", self.platform, self.machine)
    }

    /// Whether a module may need the library `name`.
    pub(super) fn allows(&self, name: &str) -> bool {
        self.libraries.contains(&name)
    }

    /// An error unless the name of a wheel says what it was built for.
    pub(super) fn check_tags(&self, wheel: &str, version: Option<Name>) -> Result<()> {
        let python = match version {
            None => format!("cp3{ABI3}-abi3"),
            Some(name) => format!("cp3{}-cp{}", name.minor, name.to_string().replace('.', "")),
        };
        let parts: Vec<_> = wheel.trim_end_matches(".whl").rsplitn(2, '-').collect();
        let [platforms, rest] = parts[..] else {
            anyhow::bail!("{wheel} is no name of a wheel");
        };
        let tag = self.tag();
        ensure!(
            rest.ends_with(&format!("-{python}")) && platforms.split('.').any(|one| one == tag),
            "{wheel} is not tagged {python} and {tag}"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::interpreter::SUPPORTED;

    #[test]
    fn names_of_wheels_say_what_they_are_for() {
        let [glibc, _, musl, _] = &TARGETS;
        let wheel =
            "videostream-3.0.0.dev0-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
        assert!(glibc.check_tags(wheel, None).is_ok());
        assert!(musl.check_tags(wheel, None).is_err());
        assert!(glibc.check_tags(wheel, Some(SUPPORTED[1])).is_err());
        let wheel = "videostream-3.0.0.dev0-cp314-cp314t-musllinux_1_2_x86_64.whl";
        let name = SUPPORTED
            .into_iter()
            .find(|name| name.to_string() == "3.14t");
        assert!(musl.check_tags(wheel, name).is_ok());
        assert!(musl.check_tags("x.whl", name).is_err());
    }
}
