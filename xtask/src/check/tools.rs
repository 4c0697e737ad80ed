//! Cargo tools that parts run: taken from PATH, or built once into the user's cache folder, which
//! leaves PATH and the user's installation alone.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::run::{Run, cargo};
use crate::{interrupt, process, project};

/// A cargo tool.
pub(crate) struct Tool {
    /// The package, by which users know it.
    package: &'static str,
    /// A version that the project's compilers can build.
    version: &'static str,
    /// Its program.
    program: &'static str,
}

/// Checks dependencies.
pub(crate) const DENY: Tool = Tool {
    package: "cargo-deny",
    version: "0.20.2",
    program: "cargo-deny",
};

/// Installs libraries for C.
pub(crate) const CARGO_C: Tool = Tool {
    package: "cargo-c",
    version: "0.10.24",
    program: "cargo-cinstall",
};

impl Tool {
    /// Returns a value of PATH with which cargo finds the tool, or why it is not available.
    pub(crate) fn path(&self, run: &mut Run) -> Result<Result<OsString, String>> {
        let path = env::var_os("PATH").unwrap_or_default();
        if process::find(self.program).is_some() {
            return Ok(Ok(path));
        }
        let built = self.built(run);
        interrupt::check()?;
        let folder = match built {
            Ok(folder) => folder,
            Err(error) => {
                let Self { package, .. } = self;
                return Ok(Err(format!(
                    "needs {package}, which could not be built (cargo install {package}): {error:#}"
                )));
            }
        };
        let folders = [folder].into_iter().chain(env::split_paths(&path));
        Ok(Ok(env::join_paths(folders)?))
    }

    /// The folder of its program, built if it is not there.
    fn built(&self, run: &mut Run) -> Result<PathBuf> {
        let cache = project::cache()?.join("videostream-tools");
        fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
        // One process builds it, others wait.
        let lock = File::create(cache.join("lock"))?;
        lock.lock().context("lock the cache of tools")?;
        let ready = cache.join(self.folder());
        if !ready.join("bin").join(self.program).is_file() {
            let partial = cache.join("partial");
            project::remove(&partial)?;
            self.build(run, &partial)?;
            project::remove(&ready)?;
            fs::rename(partial.join("root"), &ready)?;
            project::remove(&partial)?;
        }
        Ok(ready.join("bin"))
    }

    /// Its name among others, and older ones.
    fn folder(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }

    fn build(&self, run: &mut Run, folder: &Path) -> Result<()> {
        eprintln!("building {} {}, once", self.package, self.version);
        let words = ["install", "--locked", "--quiet", "--debug", "--root"];
        let mut install = cargo(&words)?;
        install
            .arg(folder.join("root"))
            .arg("--target-dir")
            .arg(folder.join("build"))
            .arg(format!("{}@{}", self.package, self.version))
            // Its run takes seconds: what counts is the time that the build takes.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET");
        run.command_retrying(&mut install)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_in_path_is_taken_from_there() {
        let tool = Tool {
            package: "no-such-package",
            version: "1.0.0",
            program: "sh",
        };
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run::new(&folder.path().join("log"), false).unwrap();
        let path = tool.path(&mut run).unwrap().unwrap();
        assert_eq!(Some(path), env::var_os("PATH"));
        assert_eq!(run.text().unwrap(), "");
    }

    #[test]
    fn a_newer_version_has_a_folder_of_its_own() {
        assert_eq!(DENY.folder(), "cargo-deny-0.20.2");
        assert_ne!(DENY.folder(), CARGO_C.folder());
    }
}
