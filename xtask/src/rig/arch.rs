//! The two architectures of the rig.

use std::fmt;

use crate::apt::Package;

const X86_64_PACKAGES: [Package; 4] = [
    Package::program("qemu-system-x86", "qemu-system-x86_64"),
    Package::program("xz-utils", "xz"),
    // These build the drivers that Debian's kernel leaves out.
    Package::program("gcc", "gcc"),
    Package::program("make", "make"),
];

const AARCH64_PACKAGES: [Package; 5] = [
    Package::program("qemu-system-arm", "qemu-system-aarch64"),
    Package::program("xz-utils", "xz"),
    Package::program("gcc-aarch64-linux-gnu", "aarch64-linux-gnu-gcc"),
    Package::program("make", "make"),
    // It says which libraries a program of the guest needs.
    Package::program("binutils", "readelf"),
];

/// The guest's processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Arch {
    /// The host's files inside, every test driver.
    #[value(name = "x86_64")]
    X86_64,
    /// A few programs of its own, every test driver.
    #[value(name = "aarch64")]
    Aarch64,
}

impl Arch {
    /// Debian's name for it.
    pub(crate) fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// What the names of the compiler and its companions begin with. Debian has these names
    /// also where the machine itself is of this architecture.
    pub(crate) fn tools(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu-",
            Self::Aarch64 => "aarch64-linux-gnu-",
        }
    }

    /// The emulator and what the preparation of its files needs.
    pub(crate) fn packages(self) -> &'static [Package] {
        match self {
            Self::X86_64 => &X86_64_PACKAGES,
            Self::Aarch64 => &AARCH64_PACKAGES,
        }
    }

    /// The emulator and its machine. Only emulation is used, never the host's
    /// virtualisation: it is the same everywhere, and seldom allowed in containers.
    pub(crate) fn emulator(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::X86_64 => ("qemu-system-x86_64", &["-M", "pc", "-cpu", "max"]),
            Self::Aarch64 => ("qemu-system-aarch64", &["-M", "virt", "-cpu", "cortex-a53"]),
        }
    }

    /// The kernel's name for the machine's first serial line.
    pub(crate) fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }

    /// Words for the kernel of this machine only. Five levels of page tables are walked in
    /// software: with four, a guest takes a twentieth less.
    pub(crate) fn kernel_words(self) -> &'static str {
        match self {
            Self::X86_64 => "no5lvl",
            Self::Aarch64 => "",
        }
    }

    /// Modules that the guest loads, in this order, after what they depend on.
    pub(crate) fn modules(self) -> &'static [&'static str] {
        match self {
            Self::X86_64 => &[
                "virtio-rng",
                "9pnet_virtio",
                "9p",
                "cuse",
                "vivid",
                "vim2m",
                "vicodec",
                "vimc",
                "sw-sync",
            ],
            Self::Aarch64 => &[
                "virtio-rng",
                "9pnet_virtio",
                "9p",
                "cuse",
                "dma-heaps",
                "vivid",
                "vim2m",
                "vicodec",
                "vimc",
                "sw-sync",
            ],
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        })
    }
}
