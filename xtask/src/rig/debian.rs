//! Files from Debian packages, without installing anything.
//!
//! apt runs with separate package lists and a separate status file: it can fetch for another
//! architecture, needs no root and leaves the host as it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, bail};

use super::arch::Arch;
use crate::process;

/// The kernel series that the rig is made for.
const SERIES: &str = "6.12";

/// The names of both architectures, for apt.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// A private view of the archive that the host's apt is set up for.
pub(crate) struct Archive {
    dir: PathBuf,
    architectures: Vec<String>,
    /// The file that names a release other than the host's.
    sources: Option<PathBuf>,
}

impl Archive {
    /// Fetches the package lists into `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let architectures = ARCHITECTURES.map(str::to_owned).to_vec();
        Self::fetch(dir, architectures, None)
    }

    /// Fetches the package lists of the release `name` of Debian into `dir`, for `architecture`,
    /// from where the host's apt has its own release of Debian from.
    pub(crate) fn of_release(dir: &Path, name: &str, architecture: &str) -> Result<Self> {
        Self::of(dir, "deb", name, vec![architecture.to_owned()])
    }

    /// The same for packages of sources.
    pub(crate) fn of_sources(dir: &Path, name: &str) -> Result<Self> {
        Self::of(dir, "deb-src", name, Vec::new())
    }

    fn of(dir: &Path, kind: &str, name: &str, architectures: Vec<String>) -> Result<Self> {
        let said = process::output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "$(ORIGIN) $(LABEL) $(REPO_URI)",
            "Created-By: Packages",
        ]))?;
        let place = said
            .lines()
            .find_map(|line| line.strip_prefix("Debian Debian "));
        let place = place.context("this host's apt is not set up for a Debian archive")?;
        fs::create_dir_all(dir)?;
        let sources = dir.join("sources.list");
        fs::write(&sources, format!("{kind} {place} {name} main\n"))?;
        Self::fetch(dir, architectures, Some(sources))
    }

    fn fetch(dir: &Path, architectures: Vec<String>, sources: Option<PathBuf>) -> Result<Self> {
        if process::find("apt-get").is_none() {
            bail!("this comes from Debian's archive, but apt-get is not installed");
        }
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(dir.join(part))?;
        }
        fs::write(dir.join("status"), "")?;
        let archive = Self {
            dir: dir.to_owned(),
            architectures,
            sources,
        };
        process::output_retrying(archive.apt("apt-get").arg("update")).context("package lists")?;
        Ok(archive)
    }

    /// What is installed with `names` where nothing is installed yet: one choice of each
    /// dependency, nothing that is only recommended.
    pub(crate) fn to_install(&self, names: &[&str]) -> Result<Vec<String>> {
        let words = ["--print-uris", "--no-install-recommends", "install"];
        let mut ask = self.apt("apt-get");
        // Nothing is changed: nobody else has to wait.
        ask.args(["-o", "Debug::NoLocking=1", "-q"]);
        let said = process::output(ask.args(words).args(names))?;
        let found = said.lines().filter_map(|line| {
            let file = line.strip_prefix('\'')?.split_whitespace().nth(1)?;
            Some(file.split('_').next()?.to_owned())
        });
        Ok(found.collect())
    }

    /// The newest kernel of the series, as in `linux-image-VERSION-amd64`.
    pub(crate) fn newest_kernel(&self, arch: Arch) -> Result<String> {
        let debian = arch.debian();
        // Backports name the series in the meta-package; a release whose own kernel it is does not.
        for meta in [
            format!("linux-image-{SERIES}-{debian}"),
            format!("linux-image-{debian}"),
        ] {
            let package = format!("{meta}:{debian}");
            let Ok(text) = process::output(self.apt("apt-cache").args(["depends", &package]))
            else {
                continue;
            };
            if let Some(version) = image_version(&text, debian) {
                return Ok(version);
            }
        }
        bail!(
            "no kernel {SERIES} for {debian} in this host's package archive: neither \
             linux-image-{SERIES}-{debian} nor linux-image-{debian} leads to one \
             (Debian 12 with its security archive, or Debian 13, has it)"
        );
    }

    /// Downloads `packages` (`NAME` or `NAME:ARCH`) into `dir`; retried once.
    pub(crate) fn download(&self, packages: &[String], dir: &Path) -> Result<()> {
        fs::create_dir_all(dir)?;
        eprintln!("rig: fetching {}", packages.join(" "));
        process::output_retrying(
            self.apt("apt-get")
                .arg("download")
                .args(packages)
                .current_dir(dir),
        )
        .with_context(|| format!("could not fetch {}", packages.join(" ")))?;
        Ok(())
    }

    /// Downloads the sources of `package` into `dir` and unpacks what its authors wrote, without
    /// Debian's changes.
    pub(crate) fn source(&self, package: &str, dir: &Path) -> Result<PathBuf> {
        fs::create_dir_all(dir)?;
        eprintln!("rig: fetching the sources of {package}");
        let mut fetch = self.apt("apt-get");
        fetch.args(["source", "--download-only", package]);
        process::output_retrying(fetch.current_dir(dir))
            .with_context(|| format!("could not fetch the sources of {package}"))?;
        let entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
        let mut files = entries.iter().map(|entry| entry.path());
        let is_original = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.contains(".orig.tar.") && !name.ends_with(".asc"))
        };
        let original = files.find(is_original);
        let original = original.with_context(|| format!("no sources of {package}"))?;
        let to = dir.join("unpacked");
        fs::create_dir_all(&to)?;
        let mut unpack = Command::new("tar");
        unpack.arg("-xf").arg(&original).arg("-C").arg(&to);
        process::output(unpack.arg("--strip-components=1"))?;
        Ok(to)
    }

    /// `names`, for `arch`, and every package that they depend on, as `NAME:ARCH`.
    pub(crate) fn with_dependencies(&self, arch: Arch, names: &[&str]) -> Result<Vec<String>> {
        let debian = arch.debian();
        let text = process::output(
            self.apt("apt-cache")
                .args(["depends", "--recurse", "--important"])
                .args(names.iter().map(|name| format!("{name}:{debian}"))),
        )?;
        Ok(packages_of(&text, debian))
    }

    fn apt(&self, program: &str) -> Command {
        let option = |name: &str, path: &str| -> [OsString; 2] {
            let mut value = OsString::from(format!("{name}="));
            value.push(self.dir.join(path));
            ["-o".into(), value]
        };
        let mut command = Command::new(program);
        command
            .args(option("Dir::State", "state"))
            .args(option("Dir::State::lists", "lists"))
            .args(option("Dir::State::status", "status"))
            .args(option("Dir::Cache", "cache"))
            // The unprivileged user of apt cannot enter a home folder.
            .args(["-o", "APT::Sandbox::User=root"])
            // Descriptions for shops of programs, which are half of what would be fetched.
            .args([
                "-o",
                "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            ]);
        for name in &self.architectures {
            command
                .arg("-o")
                .arg(format!("APT::Architectures::={name}"));
        }
        if let [only] = &self.architectures[..] {
            command.arg("-o").arg(format!("APT::Architecture={only}"));
        }
        if let Some(sources) = &self.sources {
            let mut option = OsString::from("Dir::Etc::sourcelist=");
            option.push(sources);
            command.arg("-o").arg(option);
            command.args(["-o", "Dir::Etc::sourceparts=-"]);
        }
        command.args([
            "-o",
            "Acquire::Languages=none",
            "-o",
            "Acquire::Retries=2",
            "-q",
        ]);
        command
    }
}

/// Unpacks the downloaded package whose file name begins with `prefix` and `_`.
pub(crate) fn unpack(downloads: &Path, prefix: &str, to: &Path) -> Result<()> {
    let deb = package_file(downloads, prefix)?;
    fs::create_dir_all(to)?;
    process::output(Command::new("dpkg").arg("-x").arg(&deb).arg(to))?;
    Ok(())
}

/// The downloaded file of the package `name`.
pub(crate) fn package_file(downloads: &Path, name: &str) -> Result<PathBuf> {
    let prefix = format!("{name}_");
    let entries = fs::read_dir(downloads)?.collect::<io::Result<Vec<_>>>()?;
    entries
        .iter()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| n.starts_with(&prefix))
        })
        .with_context(|| format!("no {prefix}*.deb in {}", downloads.display()))
}

/// The packages among the lines of `apt-cache depends --recurse`: those that are not
/// indented and not virtual (`<NAME>`).
fn packages_of(depends: &str, debian: &str) -> Vec<String> {
    let lines = depends.lines();
    let names = lines.filter(|line| !line.starts_with([' ', '<']) && !line.is_empty());
    names
        .map(|name| match name.split_once(':') {
            Some(_) => name.to_owned(),
            None => format!("{name}:{debian}"),
        })
        .collect()
}

/// The version in `Depends: linux-image-VERSION-ARCH` if it is of the series.
fn image_version(depends: &str, debian: &str) -> Option<String> {
    depends.lines().find_map(|line| {
        let package = line.trim().strip_prefix("Depends: linux-image-")?;
        let package = package.split(':').next()?;
        let version = package.strip_suffix(debian)?.strip_suffix('-')?;
        version
            .strip_prefix(SERIES)?
            .starts_with('.')
            .then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_version_is_read_from_the_meta_package() {
        let text =
            "linux-image-6.12-arm64:arm64\n  Depends: linux-image-6.12.117+deb12-arm64:arm64\n";
        assert_eq!(
            image_version(text, "arm64").as_deref(),
            Some("6.12.117+deb12")
        );
        let text = "linux-image-amd64\n  Depends: linux-image-6.12.3-amd64\n";
        assert_eq!(image_version(text, "amd64").as_deref(), Some("6.12.3"));
    }

    #[test]
    fn dependencies_are_the_lines_at_the_margin() {
        let text = "v4l-utils:arm64\n  Depends: libc6:arm64\nlibc6:arm64\n<perl:any>\nlibx\n";
        assert_eq!(
            packages_of(text, "arm64"),
            ["v4l-utils:arm64", "libc6:arm64", "libx:arm64"]
        );
    }

    #[test]
    fn a_kernel_of_another_series_is_not_taken() {
        let text = "linux-image-amd64\n  Depends: linux-image-6.1.0-40-amd64\n";
        assert_eq!(image_version(text, "amd64"), None);
        let text = "linux-image-amd64\n  Depends: linux-image-6.120.1-amd64\n";
        assert_eq!(image_version(text, "amd64"), None);
    }
}
