//! Python, for tests and wheels of the package: interpreters, virtual environments, builds with
//! maturin.

pub(crate) mod build;
pub(crate) mod environment;
pub(crate) mod interpreter;
pub(crate) mod tree;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

pub(crate) use environment::{Environment, Tools};
pub(crate) use interpreter::{Interpreter, Name};

use crate::apt::Package;
use crate::project;

/// The crate.
pub(crate) const PACKAGE: &str = "videostream-python";
/// Builds the crate as a module for any Python, without linking to one.
pub(crate) const MODULE: (&str, &str) = ("PYO3_BUILD_EXTENSION_MODULE", "1");

/// Why nothing runs without an interpreter.
pub(crate) const NONE: &str = "needs python3, version 3.9 or newer";
/// The ctypes package that older programs are written for, and what it needs without saying so.
pub(crate) const CTYPES: &str = "videostream==2.6.1\ntypeguard==4.6.1";

/// The package that makes environments.
pub(crate) const VENV: Package = Package::installed("python3-venv");

/// The folder of the package.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(project::root()?.join("wrappers/python"))
}

/// The folder of environments and wheels for tests.
pub(crate) fn place() -> Result<PathBuf> {
    Ok(project::target()?.join("xtask/python"))
}

/// The text of one of the tests' lists of requirements.
pub(crate) fn requirements(list: &str) -> Result<String> {
    let file = folder()?.join("tests").join(list);
    fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))
}
