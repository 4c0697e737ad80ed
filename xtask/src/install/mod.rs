//! `cargo xtask install`: the C library, what compilers need to find it, and the command.
//!
//! ```text
//! PREFIX/lib/libvideostream.so -> libvideostream.so.2 -> libvideostream.so.2.5.1
//! PREFIX/lib/libvideostream.a
//! PREFIX/lib/pkgconfig/videostream.pc
//! PREFIX/lib/cmake/VideoStream/VideoStreamConfig.cmake, ...ConfigVersion.cmake
//! PREFIX/include/videostream.h
//! PREFIX/bin/videostream
//! ```

mod describe;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

pub(crate) use self::describe::private_libraries;
use self::describe::{Installed, cmake_config, cmake_version, pkg_config};
use crate::check::cargo;
use crate::project;

/// Build and install the C library, its header, and the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the files will be on the machine that uses them
    #[arg(long, default_value = "/usr/local")]
    prefix: PathBuf,
    /// Folder of libraries below PREFIX, such as lib/aarch64-linux-gnu
    #[arg(long, default_value = "lib")]
    libdir: PathBuf,
    /// Put the files below this folder instead of /, for packages
    #[arg(long)]
    destdir: Option<PathBuf>,
    /// The profile of cargo that is built
    #[arg(long, default_value = "release")]
    profile: String,
    /// Build for this Rust target
    #[arg(long)]
    target: Option<String>,
    /// Without the software codecs, which need a C++ compiler and its library
    #[arg(long)]
    no_software: bool,
    /// Take what was built before from this folder, the command only if it is there
    #[arg(long, conflicts_with_all = ["profile", "target", "no_software"])]
    from: Option<PathBuf>,
}

/// Cargo's names of the two libraries; `libvideostream` alone is the Rust one.
const SHARED: &str = "libvideostream_c.so";
const STATIC: &str = "libvideostream_c.a";

/// The command.
const COMMAND: &str = "videostream";

/// Builds and installs.
pub(crate) fn run(args: &Args) -> Result<u8> {
    ensure!(
        args.prefix.is_absolute(),
        "--prefix {} is not absolute",
        args.prefix.display()
    );
    ensure!(
        args.libdir.is_relative(),
        "--libdir {} is not below the prefix",
        args.libdir.display()
    );
    let from = match &args.from {
        Some(folder) => folder.clone(),
        None => build(args)?,
    };
    let header = project::root()?.join("wrappers/c/include/videostream.h");
    let archive = from.join(STATIC);
    let archive = fs::read(&archive).with_context(|| format!("read {}", archive.display()))?;
    let installed = Installed {
        prefix: args.prefix.clone(),
        libdir: args.libdir.clone(),
        version: describe::version_of(&read(&header)?)?,
        private_libraries: private_libraries(&archive),
    };
    let to = Destination::new(args);
    to.library(&from, &installed)?;
    to.file(&header, Path::new("include/videostream.h"), 0o644)?;
    let command = from.join(COMMAND);
    if args.from.is_none() || command.exists() {
        to.file(&command, &Path::new("bin").join(COMMAND), 0o755)?;
    } else {
        println!("no command in {}: not installed", from.display());
    }
    Ok(0)
}

/// Builds libraries and command; the folder where cargo puts them.
fn build(args: &Args) -> Result<PathBuf> {
    // As Rust library, too, which tests and benches need, it would not be optimised as a whole.
    let libraries = [
        "rustc",
        "-p",
        "videostream-c",
        "--lib",
        "--crate-type",
        "cdylib,staticlib",
    ];
    let command = ["build", "-p", "videostream-cli"];
    for (words, reduced) in [(&libraries[..], Some("convert")), (&command[..], None)] {
        let mut command = cargo(words)?;
        command.args(["--profile", &args.profile]);
        if let Some(target) = &args.target {
            command.args(["--target", target]);
        }
        if args.no_software {
            command.arg("--no-default-features");
            command.args(reduced.map(|feature| format!("--features={feature}")));
        }
        if !command.status()?.success() {
            bail!("cargo {} failed", words[0]);
        }
    }
    let folder = match args.profile.as_str() {
        "dev" | "test" => "debug",
        "bench" => "release",
        profile => profile,
    };
    let target = project::target()?;
    let target = args
        .target
        .iter()
        .fold(target, |path, name| path.join(name));
    Ok(target.join(folder))
}

/// Where the files are put.
struct Destination {
    prefix: PathBuf,
    libdir: PathBuf,
}

impl Destination {
    fn new(args: &Args) -> Self {
        let prefix = match &args.destdir {
            // The prefix is absolute, and would replace what it is joined to.
            Some(folder) => folder.join(args.prefix.strip_prefix("/").unwrap_or(&args.prefix)),
            None => args.prefix.clone(),
        };
        Self {
            prefix,
            libdir: args.libdir.clone(),
        }
    }

    /// The libraries and what describes them.
    fn library(&self, from: &Path, installed: &Installed) -> Result<()> {
        let name = |suffix: &str| self.libdir.join(format!("libvideostream.{suffix}"));
        let full = format!("so.{}", installed.version);
        let abi = format!("so.{}", installed.major()?);
        self.file(&from.join(SHARED), &name(&full), 0o755)?;
        self.link(&name(&abi), &format!("libvideostream.{full}"))?;
        self.link(&name("so"), &format!("libvideostream.{abi}"))?;
        self.file(&from.join(STATIC), &name("a"), 0o644)?;
        let cmake = self.libdir.join("cmake/VideoStream");
        for (path, text) in [
            (
                self.libdir.join("pkgconfig/videostream.pc"),
                pkg_config(installed),
            ),
            (
                cmake.join("VideoStreamConfig.cmake"),
                cmake_config(installed),
            ),
            (
                cmake.join("VideoStreamConfigVersion.cmake"),
                cmake_version(installed)?,
            ),
        ] {
            let to = self.place(&path)?;
            fs::write(&to, text).with_context(|| format!("write {}", to.display()))?;
            mode(&to, 0o644)?;
        }
        Ok(())
    }

    /// A path below the prefix, its folder made, what was there gone: a library that runs somewhere
    /// must not be written into.
    fn place(&self, path: &Path) -> Result<PathBuf> {
        let to = self.prefix.join(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        match fs::remove_file(&to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("replace {}", to.display()));
            }
            _ => println!("{}", to.display()),
        }
        Ok(to)
    }

    fn file(&self, from: &Path, path: &Path, permissions: u32) -> Result<()> {
        let to = self.place(path)?;
        fs::copy(from, &to)
            .with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        mode(&to, permissions)
    }

    fn link(&self, path: &Path, target: &str) -> Result<()> {
        let to = self.place(path)?;
        symlink(target, &to).with_context(|| format!("link {}", to.display()))
    }
}

fn mode(path: &Path, mode: u32) -> Result<()> {
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, permissions).with_context(|| format!("mode of {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
