//! What the bench of the Python package compares: the package, the C library, and the ctypes package of 2.x, each built
//! or installed as users have it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::check::{Run, cargo};
use crate::python::{self, Environment, Interpreter, MODULE, PACKAGE, Tools, build};
use crate::{apt, interrupt, project};

/// What the names of its figures begin with.
pub(super) const PREFIX: &str = "Python";

/// The bench, with what can be had to compare; or why it can't be run.
pub(super) fn command() -> Result<Result<Command, String>> {
    let Some(interpreter) = Interpreter::preferred() else {
        return Ok(Err(python::NONE.to_owned()));
    };
    // What it says is told by the command that needs it.
    let _ = apt::ensure(&[python::VENV]);
    interrupt::listen()?;
    let place = python::place()?.join("bench");
    fs::create_dir_all(&place).with_context(|| format!("create {}", place.display()))?;
    let mut run = Run::new(&place.join("log"), false)?;
    let tools = match Tools::prepare(&mut run, &python::place()?.join("tools"), &interpreter, &[])?
    {
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

/// An interpreter with the package as a release wheel has it, and NumPy.
fn ours(run: &mut Run, tools: &Tools, interpreter: &Interpreter, place: &Path) -> Result<PathBuf> {
    let wheel = build::for_here(run, tools, interpreter, "release", &place.join("wheel"))?;
    let environment = with_numpy(run, tools, interpreter, &place.join("ours"), "")?;
    tools.install(run, &environment, &wheel)?;
    Ok(environment.python())
}

/// An interpreter with the ctypes package, if it can be had.
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

/// An environment with NumPy of the tests' version and `more`.
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
        println!("skipped: {line}: it can't be had");
        Ok(())
    };
    tools.environment(run, folder, interpreter, &wanted.join("\n"), missing)
}

/// The C library under the name that programs linked with it look for.
fn c_library(run: &mut Run) -> Result<PathBuf> {
    run.command(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "videostream-c",
    ])?)?;
    Ok(project::target()?.join("release/libvideostream_c.so"))
}
