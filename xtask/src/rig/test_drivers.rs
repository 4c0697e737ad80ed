//! Virtual codecs, converters, camera pipelines, and fences signalled by programs: modules that
//! Debian's kernel leaves out, built from its source against its headers.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use super::arch::Arch;
use super::debian;
use crate::process;

/// What to take from the source.
const SOURCES: [&str; 8] = [
    // Debian's kernel for arm64 has it; the one for amd64 has not.
    "drivers/media/v4l2-core/v4l2-mem2mem.c",
    "drivers/media/test-drivers/vim2m.c",
    "drivers/media/test-drivers/vicodec",
    "drivers/media/test-drivers/vimc",
    "drivers/dma-buf/sw_sync.c",
    "drivers/dma-buf/sync_debug.h",
    // The other way round.
    "drivers/dma-buf/dma-heap.c",
    "drivers/dma-buf/heaps/system_heap.c",
];

/// What the kernel's build system needs to know, after the list of modules.
const KBUILD: &str = "
vicodec-objs := vicodec-core.o codec-fwht.o codec-v4l2-fwht.o
vimc-objs := vimc-core.o vimc-common.o vimc-streamer.o vimc-capture.o \\
    vimc-debayer.o vimc-scaler.o vimc-sensor.o vimc-lens.o
";

/// The heaps are no module in the kernel's own build: the two files with one beginning.
const DMA_HEAPS: &str = "\
#include <linux/module.h>
#undef subsys_initcall
#define subsys_initcall(init)
#include \"dma-heap.c\"
#undef module_init
#define module_init(init)
#include \"system_heap.c\"

int __init init_module(void)
{
    int error = dma_heap_init();

    return error ? error : system_heap_create();
}

MODULE_LICENSE(\"GPL\");
MODULE_IMPORT_NS(DMA_BUF);
";

/// Neither are the fences that a program signals. `sync/sw_sync` in debugfs makes them; the list of
/// them is left out.
const SW_SYNC: &str = "\
#include <linux/debugfs.h>
#include <linux/module.h>
#include \"sw_sync.c\"

void sync_timeline_debug_add(struct sync_timeline *timeline)
{
}

void sync_timeline_debug_remove(struct sync_timeline *timeline)
{
}

int __init init_module(void)
{
    struct dentry *folder = debugfs_create_dir(\"sync\", NULL);

    debugfs_create_file(\"sw_sync\", 0644, folder, NULL, &sw_sync_debugfs_fops);
    return 0;
}

MODULE_LICENSE(\"GPL\");
";

/// Their trace point, which only the kernel's own build can have.
const SYNC_TRACE: &str = "#define trace_sync_timeline(timeline)\n";

/// The modules to build.
fn modules(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "v4l2-mem2mem.o vim2m.o vicodec.o vimc.o sw-sync.o",
        Arch::Aarch64 => "dma-heaps.o vim2m.o vicodec.o vimc.o sw-sync.o",
    }
}

/// The packages to download for kernel `version`; `linux-kbuild` holds programs of the host.
pub(crate) fn packages(arch: Arch, version: &str) -> Vec<String> {
    let debian = arch.debian();
    vec![
        format!("linux-headers-{version}-{debian}:{debian}"),
        format!("linux-headers-{version}-common"),
        format!("linux-kbuild-{version}"),
        "linux-source-6.12".to_owned(),
    ]
}

/// Builds the modules in `work` from the packages in `downloads`; they are then in
/// the folder `modules` of `work`.
pub(crate) fn build(arch: Arch, version: &str, downloads: &Path, work: &Path) -> Result<()> {
    eprintln!("rig: building test drivers for {version} on {arch}");
    let root = work.join("headers");
    for package in &packages(arch, version)[..3] {
        let name = package.split(':').next().unwrap_or(package);
        debian::unpack(downloads, name, &root)?;
    }
    let debian = arch.debian();
    let headers = root.join(format!("usr/src/linux-headers-{version}-{debian}"));
    let common = root.join(format!("usr/src/linux-headers-{version}-common"));
    // As installed, the file includes an absolute path.
    fs::write(
        headers.join("Makefile"),
        format!("include {}/Makefile\n", common.display()),
    )?;
    // With it the build would want type information, and the program that makes it.
    let _ = fs::remove_file(headers.join("vmlinux"));

    let modules = work.join("modules");
    fs::create_dir_all(&modules)?;
    extract(
        &debian::package_file(downloads, "linux-source-6.12")?,
        &modules,
    )?;
    let list = self::modules(arch);
    fs::write(modules.join("Kbuild"), format!("obj-m := {list}{KBUILD}"))?;
    fs::write(modules.join("dma-heaps.c"), DMA_HEAPS)?;
    fs::write(modules.join("sw-sync.c"), SW_SYNC)?;
    fs::write(modules.join("sync_trace.h"), SYNC_TRACE)?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    process::output(
        Command::new("make")
            .arg(format!("-j{jobs}"))
            .arg("-C")
            .arg(&headers)
            .arg(format!("M={}", modules.display()))
            .arg(format!("CC={}", compiler(arch, &headers)))
            .arg("modules")
            // This program may itself run under make.
            .env_remove("MAKEFLAGS"),
    )
    .with_context(|| format!("building {list}"))?;
    Ok(())
}

/// The compiler that the kernel was built with if it is here, else one for `arch`.
fn compiler(arch: Arch, headers: &Path) -> String {
    let config = fs::read_to_string(headers.join("include/config/auto.conf")).unwrap_or_default();
    config
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_CC_VERSION_TEXT=\""))
        .and_then(|text| text.split(' ').next())
        .filter(|name| process::find(name).is_some())
        .map_or_else(|| format!("{}gcc", arch.tools()), str::to_owned)
}

/// Copies [`SOURCES`] out of the source package, flat, into `to`.
fn extract(deb: &Path, to: &Path) -> Result<()> {
    let mut package = Command::new("dpkg")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start dpkg")?;
    let mut tarball = Command::new("tar")
        .args(["-xO", "--wildcards", "./usr/src/linux-source-*.tar.xz"])
        .stdin(package.stdout.take().context("dpkg has no output")?)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start tar")?;
    let status = Command::new("tar")
        .args(["-xJ", "--wildcards", "--transform", "s,.*/,,", "-C"])
        .arg(to)
        .args(SOURCES.map(|path| format!("linux-source-*/{path}")))
        .stdin(tarball.stdout.take().context("tar has no output")?)
        .status()
        .context("cannot start tar")?;
    let statuses = [package.wait()?, tarball.wait()?, status];
    if !statuses.iter().all(|s| s.success()) {
        bail!(
            "could not extract the drivers' source from {}",
            deb.display()
        );
    }
    Ok(())
}
