//! Checks with one interpreter only: types, memory errors, and installation from source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{PYTEST, first_line, pytest};
use crate::check::run::{Run, cargo};
use crate::check::{asan, rust};
use crate::python::{self, Environment, Interpreter, MODULE, PACKAGE, Tools};
use crate::{interrupt, project};

/// Where a sanitized module can be built and run.
const SANITIZED: &str = "x86_64-unknown-linux-gnu";

/// Types of the package, its stubs and its examples, and how all of it is written.
pub(super) fn types(run: &mut Run, tools: &Tools, environment: &Environment) -> Result<()> {
    let folder = python::folder()?;
    let mut trouble = Vec::new();
    let mut each = |command: &mut Command| -> Result<()> {
        if let Err(error) = run.command(command.current_dir(&folder)) {
            interrupt::check()?;
            trouble.push(format!("{error:#}"));
        }
        Ok(())
    };
    let cache = python::place()?.join("mypy");
    let mut mypy = Command::new(environment.python());
    mypy.args(["-m", "mypy", "--strict", "--cache-dir"])
        .arg(&cache);
    each(mypy.args(["python", "examples"]))?;
    let mut stubtest = Command::new(environment.python());
    stubtest
        .args(["-m", "mypy.stubtest", "videostream"])
        .args(["--mypy-config-file", "pyproject.toml"])
        // Some of it is only there with some versions.
        .args(["--allowlist", "tests/stubtest-allowlist.txt"])
        .arg("--ignore-unused-allowlist");
    each(&mut stubtest)?;
    for words in [&["check"][..], &["format", "--check"]] {
        each(
            Command::new(tools.program("ruff"))
                .args(words)
                .args(["--no-cache", "."]),
        )?;
    }
    if !trouble.is_empty() {
        bail!("{}", trouble.join("\n"));
    }
    Ok(())
}

/// The tests marked `asan` over a module that is built with the address sanitizer.
pub(super) fn sanitized(
    run: &mut Run,
    interpreter: &Interpreter,
    environment: &Environment,
) -> Result<()> {
    const NAME: &str = "tests with the address sanitizer";
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return run.left_out(NAME, &format!("the module is for {SANITIZED}"));
    }
    if let Err(why) = rust::nightly(&["rustc"]) {
        return run.left_out(NAME, &first_line(&why));
    }
    let runtime = run.output(Command::new("cc").arg("-print-file-name=libasan.so"))?;
    let runtime = PathBuf::from(runtime.trim());
    if !runtime.is_file() {
        return run.left_out(NAME, "the C compiler has no libasan.so");
    }
    let target = project::target()?.join("asan");
    let words = [
        "+nightly",
        "build",
        "-p",
        PACKAGE,
        "--lib",
        // Minutes less to build; no codec runs in these tests.
        "--no-default-features",
        "--features",
        "abi3",
    ];
    let mut build = cargo(&words)?;
    build
        .args(["--target", SANITIZED])
        // The same: they convert little.
        .args(["yuv", "pic-scale"].iter().flat_map(|name| {
            let setting = format!("profile.dev.package.{name}.opt-level=0");
            ["--config".to_owned(), setting]
        }))
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-Zsanitizer=address -Zexternal-clangrt")
        .env(MODULE.0, MODULE.1)
        .env("PYO3_PYTHON", &interpreter.file);
    run.command(&mut build)?;
    let module = target.join(SANITIZED).join("debug/lib_videostream.so");
    asan::ensure_sanitized(&module)?;
    let package = python::place()?.join("asan");
    copy_package(&package)?;
    fs::copy(&module, package.join("videostream/_videostream.abi3.so"))
        .with_context(|| format!("copy {}", module.display()))?;
    run.note(&format!("\n{PYTEST}address sanitizer"))?;
    let mut command = pytest(&environment.python())?;
    command
        .args(["-m", "asan", "--ignore-glob=*/test_rig_*.py"])
        .env("PYTHONPATH", &package)
        .env("LD_PRELOAD", &runtime)
        // What the interpreter leaves at its end is not looked at.
        .env("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=1");
    run.command(&mut command)
}

/// Copies the package's Python files into the folder `to`.
fn copy_package(to: &Path) -> Result<()> {
    fn copy(from: &Path, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let place = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                copy(&entry.path(), &place)?;
            } else if entry.path().extension().is_none_or(|name| name != "so") {
                fs::copy(entry.path(), place)?;
            }
        }
        Ok(())
    }
    project::remove(to)?;
    copy(&python::folder()?.join("python"), to).with_context(|| format!("fill {}", to.display()))
}

/// `pip install` of the folder, as a user does it.
pub(super) fn from_sources(run: &mut Run, tools: &Tools, interpreter: &Interpreter) -> Result<()> {
    let folder = python::place()?.join("fresh");
    let environment = tools.fresh(run, &folder, interpreter)?;
    let mut pip = Command::new(environment.python());
    pip.args(["-m", "pip", "install", "--no-input", "--progress-bar=off"])
        .arg(python::folder()?)
        .env("CARGO_TARGET_DIR", project::target()?);
    if !run.is_deep() {
        // What is built already, in the place of minutes of optimisation.
        pip.env("MATURIN_PEP517_ARGS", "--profile dev");
    }
    run.command(&mut pip)?;
    let mut import = Command::new(environment.python());
    import.args(["-c", "import videostream; print(videostream.__version__)"]);
    run.command(import.current_dir("/"))
}
