//! Python, for the tests of the package and for its wheels: interpreters, virtual environments, builds by maturin.

pub(crate) mod build;
pub(crate) mod environment;
pub(crate) mod interpreter;
pub(crate) mod tree;

use std::path::PathBuf;

use anyhow::Result;

pub(crate) use environment::{Environment, Tools};
pub(crate) use interpreter::{Interpreter, Name};

use crate::project;

/// The crate.
pub(crate) const PACKAGE: &str = "videostream-python";
/// Has the crate built as a module for any Python, without linking to one.
pub(crate) const MODULE: (&str, &str) = ("PYO3_BUILD_EXTENSION_MODULE", "1");

/// The folder of the package.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(project::root()?.join("wrappers/python"))
}

/// Where environments and wheels for tests are kept.
pub(crate) fn place() -> Result<PathBuf> {
    Ok(project::target()?.join("xtask/python"))
}
