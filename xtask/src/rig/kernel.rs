//! Prepares what a guest boots: kernel, modules, a static busybox and other programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::arch::Arch;
use super::debian::{self, Archive};
use super::unavailable::Unavailable;
use super::{modules, programs, test_drivers};

/// The kernel's file in a prepared folder.
pub(crate) const KERNEL: &str = "vmlinuz";
/// The static busybox in a prepared folder.
pub(crate) const BUSYBOX: &str = "busybox";
/// The folder of modules in a prepared folder.
pub(crate) const MODULES: &str = "modules";

/// The folder of programs other than busybox, in a prepared folder.
pub(crate) const PROGRAMS: &str = "programs";

/// Downloads and builds everything for `arch` into `to`, with `work` for what is
/// not kept.
pub(crate) fn make(arch: Arch, work: &Path, to: &Path) -> Result<()> {
    let debian = arch.debian();
    let archive = Archive::open(&work.join("apt")).context(Unavailable)?;
    let version = archive.newest_kernel(arch).context(Unavailable)?;
    let image = format!("linux-image-{version}-{debian}");
    let mut packages = vec![
        format!("{image}:{debian}"),
        format!("busybox-static:{debian}"),
    ];
    packages.extend(test_drivers::packages(arch, &version));
    let downloads = work.join("downloads");
    archive
        .download(&packages, &downloads)
        .context(Unavailable)?;

    let root = work.join("root");
    debian::unpack(&downloads, &image, &root)?;
    debian::unpack(&downloads, "busybox-static", &root)?;
    let built = work.join("built");
    test_drivers::build(arch, &version, &downloads, &built)?;
    if arch == Arch::Aarch64 {
        programs::make(&archive, arch, work, &to.join(PROGRAMS))?;
    }

    fs::copy(
        root.join(format!("boot/vmlinuz-{version}-{debian}")),
        to.join(KERNEL),
    )?;
    let busybox = ["bin/busybox", "usr/bin/busybox"].map(|path| root.join(path));
    let busybox = busybox
        .iter()
        .find(|path| path.exists())
        .unwrap_or(&busybox[0]);
    fs::copy(busybox, to.join(BUSYBOX))?;
    let tree = ["lib", "usr/lib"].map(|lib| root.join(format!("{lib}/modules/{version}-{debian}")));
    let tree = tree.iter().find(|path| path.exists()).unwrap_or(&tree[0]);
    modules::select(
        tree,
        &built.join("modules"),
        arch.modules(),
        arch.tools(),
        &to.join(MODULES),
    )?;
    eprintln!("rig: {arch} guest ready, kernel {version}");
    Ok(())
}
