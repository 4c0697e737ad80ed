//! Makes what a guest boots from: kernel, modules and a static busybox.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::arch::Arch;
use super::debian::{self, Archive};
use super::{modules, test_drivers};

/// The kernel's file in a prepared folder.
pub(crate) const KERNEL: &str = "vmlinuz";
/// The static busybox in a prepared folder.
pub(crate) const BUSYBOX: &str = "busybox";
/// The folder of modules in a prepared folder.
pub(crate) const MODULES: &str = "modules";

/// Downloads and builds everything for `arch` into `to`, with `work` for what is
/// not kept.
pub(crate) fn make(arch: Arch, work: &Path, to: &Path) -> Result<()> {
    let debian = arch.debian();
    let archive = Archive::open(&work.join("apt"))?;
    let version = archive.newest_kernel(arch)?;
    let image = format!("linux-image-{version}-{debian}");
    let mut packages = vec![
        format!("{image}:{debian}"),
        format!("busybox-static:{debian}"),
    ];
    if arch == Arch::X86_64 {
        packages.extend(test_drivers::packages(&version));
    }
    let downloads = work.join("downloads");
    archive.download(&packages, &downloads)?;

    let root = work.join("root");
    debian::unpack(&downloads, &image, &root)?;
    debian::unpack(&downloads, "busybox-static", &root)?;
    let built = work.join("built");
    if arch == Arch::X86_64 {
        test_drivers::build(&version, &downloads, &built)?;
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
        &to.join(MODULES),
    )?;
    eprintln!("rig: {arch} guest ready, kernel {version}");
    Ok(())
}
