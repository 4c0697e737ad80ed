//! `cargo xtask wheel`: release wheels of the Python package, checked, and imported where they can
//! run.

mod emulated;
mod inspect;
mod musl;
mod target;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use self::target::{TARGETS, Target};
use crate::check::{Run, rust};
use crate::python::interpreter::{ABI3, SUPPORTED};
use crate::python::{Interpreter, Name, Tools, build};
use crate::{apt, interrupt, project};

/// Compiles and links for other machines and older C libraries.
const ZIG: &str = "ziglang==0.17.1";
/// Other tools that check wheels.
const AUDIT: &str = "abi3audit==0.0.26\nauditwheel==6.8.2\n";
/// Largest size of a wheel, in bytes.
const MOST: u64 = 4 << 20;

/// Build release wheels of the Python package, check them, and import each where it can run.
#[derive(clap::Args)]
#[command(after_help = "\
Without options, builds one wheel for Python 3.11 and newer (cp311-abi3) for each target, in
target/wheels. A wheel must be smaller than 4 MiB, need only libraries that its tag allows, and be
importable: on this machine, in an emulator for aarch64, and for musl with a Python that is built
from source once. Checks that can't run here are reported as skipped.")]
pub(crate) struct Args {
    /// Rust target (may be given several times) [default: glibc and musl, x86_64 and aarch64]
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    target: Vec<String>,
    /// Version of Python, such as 3.10 or 3.14t (may be given several times) [default: abi3]
    #[arg(long, value_name = "VERSION", value_delimiter = ',')]
    python: Vec<String>,
}

/// Builds, checks and imports; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let targets = targets(&args.target)?;
    let versions = versions(&args.python)?;
    interrupt::listen()?;
    let system = Interpreter::of_system().context("this needs python3")?;
    let place = project::target()?.join("xtask/wheel");
    fs::create_dir_all(&place)?;
    let mut run = Run::new(&place.join("log"), false)?;
    let tools = Tools::prepare(&mut run, &place.join("tools"), &system, &[ZIG])?;
    let tools = tools.map_err(anyhow::Error::msg)?;
    let wheels = project::target()?.join("wheels");
    fs::create_dir_all(&wheels)?;
    let mut wheel = Wheels {
        run,
        tools,
        system,
        place,
        failed: 0,
    };
    for target in targets {
        for version in &versions {
            interrupt::check()?;
            if let Err(error) = wheel.one(target, *version, &wheels) {
                println!("FAILED   {}: {error:#}", target.triple);
                wheel.failed += 1;
            }
        }
    }
    if wheel.failed > 0 {
        println!("the log is {}", wheel.run.path().display());
    }
    Ok(u8::from(wheel.failed > 0))
}

/// The chosen targets.
fn targets(names: &[String]) -> Result<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let one = |name: &String| {
        let found = TARGETS.iter().find(|target| target.triple == name);
        let known: Vec<_> = TARGETS.iter().map(|target| target.triple).collect();
        found.with_context(|| {
            let known = known.join(", ");
            format!("no wheels for the target {name:?}; the targets are {known}")
        })
    };
    names.iter().map(one).collect()
}

/// The chosen versions; none is the stable ABI.
fn versions(names: &[String]) -> Result<Vec<Option<Name>>> {
    if names.is_empty() {
        return Ok(vec![None]);
    }
    let one = |name: &String| {
        let known = || SUPPORTED.map(|name| name.to_string()).join(", ");
        let found = SUPPORTED
            .into_iter()
            .find(|known| known.to_string() == *name);
        let found = found.with_context(|| format!("no Python {name:?}; there are {}", known()))?;
        Ok((!found.has_abi3()).then_some(found))
    };
    let mut versions = names.iter().map(one).collect::<Result<Vec<_>>>()?;
    versions.dedup();
    Ok(versions)
}

/// What builds and checks all wheels.
struct Wheels {
    run: Run,
    tools: Tools,
    system: Interpreter,
    place: PathBuf,
    failed: usize,
}

impl Wheels {
    /// Builds one wheel, checks it, imports it, and puts it into `wheels`.
    fn one(&mut self, target: &'static Target, version: Option<Name>, wheels: &Path) -> Result<()> {
        if let Err(why) = rust::target(target.triple) {
            bail!("{why}");
        }
        let built = self.build(target, version)?;
        let name = built
            .file_name()
            .and_then(|name| name.to_str())
            .context("a wheel without a name")?;
        let size = fs::metadata(&built)?.len();
        println!("built    {name} {} KiB", size.div_ceil(1024));
        ensure!(size < MOST, "{name} has {size} bytes, {MOST} are too many");
        target.check_tags(name, version)?;
        inspect::libraries(&mut self.run, &self.system, &built, target, &self.place)?;
        self.second_opinions(&built, target, version)?;
        self.import(&built, target, version)?;
        fs::copy(&built, wheels.join(name)).with_context(|| format!("copy {name}"))?;
        Ok(())
    }

    /// One of this machine, for a version or the stable ABI.
    fn interpreter(&self, version: Option<Name>) -> Option<Interpreter> {
        let fits = |found: &Interpreter| match version {
            Some(version) => found.name == version,
            None => found.name.has_abi3(),
        };
        let others = SUPPORTED.into_iter().filter_map(Interpreter::find);
        std::iter::once(self.system.clone())
            .chain(others)
            .find(fits)
    }

    fn build(&mut self, target: &Target, version: Option<Name>) -> Result<PathBuf> {
        let folder = self.place.join(target.triple);
        let mut command = build::maturin(&self.tools, &folder)?;
        let python = if target.is_musl || !target.is_native() {
            // Of another machine's interpreters, and of those with musl, maturin knows enough by
            // their names.
            let name = version.map_or_else(|| format!("3.{ABI3}"), |name| name.to_string());
            format!("python{name}").into()
        } else {
            let needed = version.map_or_else(
                || "Python 3.11 or newer".to_owned(),
                |name| format!("Python {name}"),
            );
            let found = self.interpreter(version);
            found.with_context(|| format!("this needs {needed}"))?.file
        };
        command
            .args(["--release", "--zig", "--compatibility", target.policy])
            .args(["--target", target.triple, "--interpreter"])
            .arg(python);
        println!("building for {}", target.triple);
        self.run.command(&mut command)?;
        build::only_wheel(&folder)
    }

    /// Runs the other tools on a wheel.
    fn second_opinions(
        &mut self,
        wheel: &Path,
        target: &Target,
        version: Option<Name>,
    ) -> Result<()> {
        let folder = self.place.join("audit");
        let mut absent = Vec::new();
        let missing = |_: &mut Run, line: &str| {
            absent.push(line.to_owned());
            Ok(())
        };
        let environment =
            self.tools
                .environment(&mut self.run, &folder, &self.system, AUDIT, missing)?;
        let has = |name: &str| !absent.iter().any(|line| line.starts_with(name));
        if !has("abi3audit") {
            skipped("abi3audit", "not available");
        } else if version.is_none() {
            let mut audit = Command::new(environment.program("abi3audit"));
            self.run
                .command(audit.args(["--strict", "--verbose"]).arg(wheel))?;
            println!("         abi3audit: no other symbols than those of the stable ABI");
        }
        if !has("auditwheel") {
            skipped("auditwheel", "not available");
        } else if target.is_musl {
            // Every loader of musl takes itself for both.
            skipped(
                "auditwheel",
                "it knows musl only by Alpine's name, not as libc.so, musl's own name",
            );
        } else {
            let mut audit = Command::new(environment.program("auditwheel"));
            let said = self.run.output(audit.arg("show").arg(wheel))?;
            let tag = target.tag();
            ensure!(
                said.split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .contains(&tag),
                "auditwheel does not report {tag}, but:\n{said}"
            );
            println!("         auditwheel: {tag}");
        }
        Ok(())
    }

    /// Imports the wheel where it can run.
    fn import(&mut self, wheel: &Path, target: &Target, version: Option<Name>) -> Result<()> {
        let name = format!("import for {}", target.triple);
        if let Some(version) = version
            && (target.is_musl || !target.is_native())
        {
            skipped(&name, &format!("no Python {version} for it"));
            return Ok(());
        }
        if target.is_musl {
            return musl::import(self, wheel, target, &name);
        }
        if !target.is_native() {
            return emulated::import(self, wheel, target, &name);
        }
        let Some(interpreter) = self.interpreter(version) else {
            skipped(&name, "no interpreter for it");
            return Ok(());
        };
        let folder = self.place.join("fresh");
        let environment = self.tools.fresh(&mut self.run, &folder, &interpreter)?;
        let mut pip = Command::new(environment.python());
        pip.args(["-m", "pip", "install", "--no-index", "--quiet"]);
        self.run.command(pip.arg(wheel))?;
        self.imported(&mut Command::new(environment.python()))
    }

    /// Imports the package in an interpreter, and looks up each of its names.
    fn imported(&mut self, python: &mut Command) -> Result<()> {
        let said = self
            .run
            .output(python.args(["-c", IMPORT]).current_dir("/"))?;
        println!("         imported by {}", said.trim());
        Ok(())
    }

    /// The same from the unpacked wheel, for interpreters without pip.
    fn imported_unpacked(&mut self, wheel: &Path, python: &mut Command) -> Result<()> {
        let folder = inspect::unpack(&mut self.run, &self.system, wheel, &self.place)?;
        python
            .env("PYTHONPATH", folder)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        self.imported(python)
    }
}

/// The program that tries a wheel.
const IMPORT: &str = "import platform, videostream
for name in videostream.__all__: getattr(videostream, name)
frame = videostream.Frame(16, 8, 'NV12')
assert memoryview(frame.plane(0)).shape == (8, 16)
version, machine = platform.python_version(), platform.machine()
print('Python', version, 'for', machine + ':', videostream.__version__)";

/// Reports what was not tried.
fn skipped(name: &str, why: &str) {
    println!("         skipped: {name}: {why}");
}

/// Makes sure that system packages are installed, or says why not.
fn has(packages: &[apt::Package]) -> Result<(), String> {
    apt::ensure(packages).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_stable_abi_share_a_wheel() {
        let names = ["3.10", "3.11", "3.13", "3.14t"].map(str::to_owned);
        let versions = versions(&names).unwrap();
        let said: Vec<_> = versions
            .iter()
            .map(|version| version.map(|name| name.to_string()))
            .collect();
        assert_eq!(
            said,
            [Some("3.10".to_owned()), None, Some("3.14t".to_owned())]
        );
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_is_known() {
        let error = versions(&["2.7".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("\"2.7\"") && error.contains("3.9, 3.10"),
            "{error}"
        );
        let error = targets(&["riscv64".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("aarch64-unknown-linux-musl"), "{error}");
    }
}
