//! The virtual codecs and converters, which Debian's kernel leaves out, built
//! as modules from its own source against its own headers.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use super::debian;
use crate::process;

/// What to take from the source: `v4l2-mem2mem` carries the other two.
const SOURCES: [&str; 3] = [
    "drivers/media/v4l2-core/v4l2-mem2mem.c",
    "drivers/media/test-drivers/vim2m.c",
    "drivers/media/test-drivers/vicodec",
];

/// What the kernel's build system needs to know.
const KBUILD: &str = "\
obj-m := v4l2-mem2mem.o vim2m.o vicodec.o
vicodec-objs := vicodec-core.o codec-fwht.o codec-v4l2-fwht.o
";

/// The packages to download for kernel `version`.
pub(crate) fn packages(version: &str) -> Vec<String> {
    vec![
        format!("linux-headers-{version}-amd64"),
        format!("linux-headers-{version}-common"),
        format!("linux-kbuild-{version}"),
        "linux-source-6.12".to_owned(),
    ]
}

/// Builds the modules in `work` from the packages in `downloads`; they are then in
/// the folder `modules` of `work`.
pub(crate) fn build(version: &str, downloads: &Path, work: &Path) -> Result<()> {
    eprintln!("rig: building vim2m and vicodec for {version}");
    let root = work.join("headers");
    for package in &packages(version)[..3] {
        debian::unpack(downloads, package, &root)?;
    }
    let headers = root.join(format!("usr/src/linux-headers-{version}-amd64"));
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
    fs::write(modules.join("Kbuild"), KBUILD)?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    process::output(
        Command::new("make")
            .arg(format!("-j{jobs}"))
            .arg("-C")
            .arg(&headers)
            .arg(format!("M={}", modules.display()))
            .arg(format!("CC={}", compiler(&headers)))
            .arg("modules")
            // This program may itself run under make.
            .env_remove("MAKEFLAGS"),
    )
    .context("building the virtual codec modules")?;
    Ok(())
}

/// The compiler that the kernel was built with if it is here, else the host's.
fn compiler(headers: &Path) -> String {
    let config = fs::read_to_string(headers.join("include/config/auto.conf")).unwrap_or_default();
    config
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_CC_VERSION_TEXT=\""))
        .and_then(|text| text.split(' ').next())
        .filter(|name| process::find(name).is_some())
        .unwrap_or("gcc")
        .to_owned()
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
            "could not take the drivers' source out of {}",
            deb.display()
        );
    }
    Ok(())
}
