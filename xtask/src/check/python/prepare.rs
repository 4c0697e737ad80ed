//! Interpreters, their environments, and the wheels for them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail, ensure};

use super::first_line;
use crate::check::run::{Run, cargo};
use crate::check::workspace::PACKAGES;
use crate::python::interpreter::SUPPORTED;
use crate::python::{self, Environment, Interpreter, Name, Tools, build, tree};
use crate::{interrupt, project};

/// Every interpreter with its environment.
pub(super) fn environments(
    run: &mut Run,
    tools: &Tools,
    system: &Interpreter,
) -> Result<Vec<(Interpreter, Environment)>> {
    let mut found = Vec::new();
    for interpreter in interpreters(run, tools, system)? {
        let environment = environment(run, tools, &interpreter, system)?;
        found.push((interpreter, environment));
    }
    Ok(found)
}

/// Returns an interpreter for each supported version that is available.
fn interpreters(run: &mut Run, tools: &Tools, system: &Interpreter) -> Result<Vec<Interpreter>> {
    let mut found = Vec::new();
    for name in SUPPORTED {
        if name == system.name {
            found.push(system.clone());
        } else if let Some(interpreter) = Interpreter::find(name) {
            found.push(interpreter);
        } else {
            match tree::fetched(name, tools) {
                Ok(interpreter) => found.push(interpreter),
                Err(error) => {
                    interrupt::check()?;
                    let why = first_line(&format!("{error:#}"));
                    run.left_out(&format!("Python {name}"), &why)?;
                }
            }
        }
    }
    if found.is_empty() {
        bail!("no interpreter of a version that the package supports");
    }
    Ok(found)
}

/// The environment in which tests are run with `interpreter`. That of the system's has more: what
/// is tried once.
fn environment(
    run: &mut Run,
    tools: &Tools,
    interpreter: &Interpreter,
    system: &Interpreter,
) -> Result<Environment> {
    let name = interpreter.name;
    let missing = |run: &mut Run, line: &str| {
        run.left_out(
            &format!("{line} with Python {name}"),
            "no wheel is available",
        )
    };
    let mut wanted = python::requirements("requirements.txt")?;
    if name == system.name {
        wanted += &python::requirements("requirements-more.txt")?;
    }
    let folder = python::place()?.join(name.to_string());
    tools.environment(run, &folder, interpreter, &wanted, missing)
}

/// What tests of older programs run over: the C library, and the ctypes package.
pub(super) struct Older {
    library: PathBuf,
    package: PathBuf,
    /// Whose environment the package is in.
    interpreter: Name,
}

impl Older {
    pub(super) fn prepare(run: &mut Run, tools: &Tools, interpreter: &Interpreter) -> Result<Self> {
        // As the part `tests` builds it, so that nothing is built twice.
        run.command(cargo(&["test", "--no-run"])?.args(PACKAGES))?;
        let library = project::target()?.join("debug/deps/libvideostream_c.so");
        ensure!(
            library.is_file(),
            "cargo has built no {}",
            library.display()
        );
        let folder = python::place()?.join("ctypes");
        let missing = |run: &mut Run, line: &str| run.left_out(line, "not available");
        let environment = tools.environment(run, &folder, interpreter, python::CTYPES, missing)?;
        Ok(Self {
            library,
            package: environment.packages()?,
            interpreter: interpreter.name,
        })
    }

    /// Tells tests where it is.
    pub(super) fn name(&self, tests: &mut Command, interpreter: &Interpreter) {
        tests.env("VIDEOSTREAM_C_LIBRARY", &self.library);
        if interpreter.name == self.interpreter && self.package.join("videostream").exists() {
            tests.env("VIDEOSTREAM_CTYPES_PACKAGE", &self.package);
        }
    }
}

/// The wheels that were built: one for the stable ABI, and one for each interpreter that it does
/// not serve.
#[derive(Default)]
pub(super) struct Wheels(Vec<(Option<Name>, Result<PathBuf, String>)>);

impl Wheels {
    pub(super) fn of(
        &mut self,
        run: &mut Run,
        tools: &Tools,
        interpreter: &Interpreter,
    ) -> Result<PathBuf> {
        let name = interpreter.name;
        let key = (!name.has_abi3()).then_some(name);
        if let Some((_, wheel)) = self.0.iter().find(|(of, _)| *of == key) {
            return wheel.clone().map_err(anyhow::Error::msg);
        }
        let folder = match key {
            Some(name) => name.to_string(),
            None => "abi3".to_owned(),
        };
        let folder = python::place()?.join("wheels").join(folder);
        let wheel = build::for_here(run, tools, interpreter, "dev", &folder);
        // What fails is not built once more for the next interpreter.
        let kept = wheel.as_ref().map(PathBuf::clone);
        let kept = kept.map_err(|_| "its wheel could not be built".to_owned());
        self.0.push((key, kept));
        wheel
    }
}
