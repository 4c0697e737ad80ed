//! `cargo xtask install`: the C library, what compilers need to find it, the plugin for GStreamer,
//! and the command.
//!
//! ```text
//! PREFIX/lib/libvideostream.so -> libvideostream.so.2 -> libvideostream.so.2.6.0
//! PREFIX/lib/libvideostream.a
//! PREFIX/lib/pkgconfig/videostream.pc
//! PREFIX/lib/cmake/VideoStream/VideoStreamConfig.cmake, ...ConfigVersion.cmake
//! PREFIX/lib/gstreamer-1.0/libgstvideostream.so
//! PREFIX/include/videostream.h
//! PREFIX/bin/videostream
//! ```
//!
//! Targets without shared libraries get neither the first line nor the plugin, which also needs
//! GStreamer's headers. Nothing is replaced before everything is built and written.

mod archive;
mod build;
mod cmake;
mod describe;
mod place;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::build::Built;
use self::describe::Installed;
pub(crate) use self::describe::private_libraries;
use self::place::Staged;
use crate::project;

/// Build and install the C library, its header, the GStreamer plugin, and the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Prefix of the installed files on the target machine
    #[arg(long, default_value = "/usr/local")]
    prefix: PathBuf,
    /// Folder of libraries below PREFIX, such as lib/aarch64-linux-gnu
    #[arg(long, default_value = "lib")]
    libdir: PathBuf,
    /// Install below this folder instead of /, for packaging
    #[arg(long)]
    destdir: Option<PathBuf>,
    /// Build with this cargo profile
    #[arg(long, default_value = "release")]
    profile: String,
    /// Build for this Rust target
    #[arg(long)]
    target: Option<String>,
    /// Leave out the software codecs, which need a C++ compiler and its library
    #[arg(long)]
    no_software: bool,
    /// Leave out the GStreamer plugin even if GStreamer's headers are installed
    #[arg(long)]
    no_gstreamer: bool,
    /// Install previously built files from this folder; the plugin and the command may be missing
    #[arg(long, conflicts_with_all = ["profile", "target", "no_software"])]
    from: Option<PathBuf>,
}

/// Builds and installs.
pub(crate) fn run(args: &Args) -> Result<u8> {
    ensure!(
        args.prefix.is_absolute() || args.destdir.is_none(),
        "--prefix {} is not absolute, as it has to be below --destdir",
        args.prefix.display()
    );
    let prefix = std::path::absolute(&args.prefix).context("--prefix")?;
    ensure!(
        args.libdir.is_relative(),
        "--libdir {} is not below the prefix",
        args.libdir.display()
    );
    for path in [&prefix, &args.libdir] {
        describe::ensure_plain(path)?;
    }
    let built = match &args.from {
        Some(folder) => Built::found(folder, args),
        None => Built::new(args)?,
    };
    let header = project::root()?.join("wrappers/c/include/videostream.h");
    let archive =
        fs::read(&built.archive).with_context(|| format!("read {}", built.archive.display()))?;
    let installed = Installed {
        prefix: prefix.clone(),
        libdir: args.libdir.clone(),
        version: describe::version_of(&read(&header)?)?,
        private_libraries: private_libraries(&archive),
        is_shared: built.shared.is_some(),
    };
    let work = tempfile::tempdir()?;
    let visible = work.path().join("libvideostream.a");
    archive::with_one_name_space(&built.archive, &visible, work.path())?;

    let mut staged = Staged::new(match &args.destdir {
        // The prefix is absolute, and would replace what it is joined to.
        Some(folder) => folder.join(prefix.strip_prefix("/").unwrap_or(&prefix)),
        None => prefix.clone(),
    });
    let name = |suffix: &str| args.libdir.join(format!("libvideostream.{suffix}"));
    if let Some(shared) = &built.shared {
        let full = format!("so.{}", installed.version);
        let abi = format!("so.{}", installed.major()?);
        staged.copy(shared, &name(&full), 0o755)?;
        staged.link(&format!("libvideostream.{full}"), &name(&abi))?;
        staged.link(&format!("libvideostream.{abi}"), &name("so"))?;
    }
    staged.copy(&visible, &name("a"), 0o644)?;
    staged.copy(&header, Path::new("include/videostream.h"), 0o644)?;
    for (path, text) in describe::files(&installed)? {
        staged.text(&text, &args.libdir.join(path))?;
    }
    if let Some(plugin) = &built.plugin {
        let folder = args.libdir.join(build::PLUGINS);
        staged.copy(plugin, &folder.join(build::PLUGIN), 0o644)?;
    }
    if let Some(command) = &built.command {
        staged.copy(command, &Path::new("bin").join(build::COMMAND), 0o755)?;
    }
    staged.finish()?;
    Ok(0)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
