//! What the bench of the Python package compares: the package, the C library, and the ctypes
//! package of 2.x, each built or installed as users have it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::check::{Run, cargo};
use crate::python::{self, Environment, Interpreter, MODULE, PACKAGE, Tools, build};
use crate::{apt, interrupt, project};

/// The prefix of the names of its figures.
pub(super) const PREFIX: &str = "Python";

/// Returns the bench, with the packages to compare that are available, or why it can't run.
pub(super) fn command() -> Result<Result<Command, String>> {
    let Some(interpreter) = Interpreter::preferred() else {
        return Ok(Err(python::NONE.to_owned()));
    };
    // A failure is reported by the command that needs the package.
    let _ = apt::ensure(&[python::VENV]);
    interrupt::listen()?;
    let place = python::place()?.join("bench");
    fs::create_dir_all(&place).with_context(|| format!("create {}", place.display()))?;
    let mut run = Run::new(&place.join("log"), false)?;
    let tools = match Tools::of_tests(&mut run, &interpreter)? {
        Ok(tools) => tools,
        Err(why) => return Ok(Err(why)),
    };
    println!("building the Python package and the C library for release");
    let mut bench = cargo(&["bench", "--package", PACKAGE, "--bench", "python"])?;
    bench
        .args(["--features", "abi3", "--"])
        .env(MODULE.0, MODULE.1)
        .env("PYO3_PYTHON", &interpreter.file)
        .env(
            "VIDEOSTREAM_PYTHON",
            ours(&mut run, &tools, &interpreter, &place)?,
        )
        .env("VIDEOSTREAM_LIBRARY", c_library(&mut run)?);
    if let Some(python) = ctypes(&mut run, &tools, &interpreter, &place)? {
        bench.env("VIDEOSTREAM_PYTHON_2X", python);
    }
    Ok(Ok(bench))
}

/// Returns an interpreter with the package from a release wheel, and NumPy.
fn ours(run: &mut Run, tools: &Tools, interpreter: &Interpreter, place: &Path) -> Result<PathBuf> {
    let wheel = build::for_here(run, tools, interpreter, "release", &place.join("wheel"))?;
    let environment = with_numpy(run, tools, interpreter, &place.join("ours"), "")?;
    tools.install(run, &environment, &wheel)?;
    Ok(environment.python())
}

/// Returns an interpreter with the ctypes package, if that is available.
fn ctypes(
    run: &mut Run,
    tools: &Tools,
    interpreter: &Interpreter,
    place: &Path,
) -> Result<Option<PathBuf>> {
    let folder = place.join("ctypes");
    let environment = with_numpy(run, tools, interpreter, &folder, python::CTYPES)?;
    let is_there = environment.packages()?.join("videostream").exists();
    Ok(is_there.then(|| environment.python()))
}

/// Makes an environment with NumPy, in the tests' version, and `more`.
fn with_numpy(
    run: &mut Run,
    tools: &Tools,
    interpreter: &Interpreter,
    folder: &Path,
    more: &str,
) -> Result<Environment> {
    let tested = python::requirements("requirements.txt")?;
    let numpy = tested.lines().filter(|line| line.starts_with("numpy"));
    let wanted: Vec<_> = numpy.chain(more.lines()).collect();
    let missing = |_: &mut Run, line: &str| {
        println!("skipped: {line}: not available");
        Ok(())
    };
    tools.environment(run, folder, interpreter, &wanted.join("\n"), missing)
}

/// Builds the C library; returns its path.
fn c_library(run: &mut Run) -> Result<PathBuf> {
    run.command(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "videostream-c",
    ])?)?;
    Ok(project::target()?.join("release/libvideostream_c.so"))
}
