//! The fuzz tests of devices in a guest, built with the address sanitizer.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cargo_json::{self, TestTarget};
use super::rig_tests::{self, Program};
use super::run::{Run, cargo};
use super::{Outcome, rust};
use crate::project;
use crate::rig::{Arch, Guest, Unavailable, parse_params};

/// Given explicitly, so that build scripts and macros are built without the sanitizer.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Which test programs.
const PREFIX: &str = "rig_fuzz_";
/// What a program or a library has that is built with the sanitizer.
const MARK: &[u8] = b"__asan_init";
/// For both programs and the boot, several times what they need.
const LIMIT: Duration = Duration::from_secs(1500);

/// The part `asan`.
pub(crate) fn part(run: &mut Run) -> Result<Outcome> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Ok(Outcome::Skipped(format!("the programs are for {TRIPLE}")));
    }
    if let Err(why) = rust::nightly(&["rustc"]) {
        return Ok(Outcome::Skipped(why));
    }
    let mut guest = match Guest::prepare(Arch::X86_64) {
        Ok(guest) => guest,
        Err(error) if Unavailable::marks(&error) => {
            return Ok(Outcome::Skipped(format!("no guest: {error:#}")));
        }
        Err(error) => return Err(error),
    };
    let programs = build(run)?;
    let mut params = None;
    // An error of the sanitizer ends the program, which counts as a failed test.
    let mut script = "export ASAN_OPTIONS=abort_on_error=1\nbad=0\n".to_owned();
    for program in &programs {
        ensure_sanitized(&program.file)?;
        let source = fs::read_to_string(&program.target.source)?;
        let ask = rig_tests::read_ask(&source)?;
        if params.get_or_insert_with(|| ask.params.clone()) != &ask.params {
            bail!("programs named {PREFIX}* ask for different guests");
        }
        let folder = rig_tests::path(&program.target.folder)?;
        let file = rig_tests::path(&program.file)?;
        script.push_str(&rig_tests::program_script(
            program,
            &folder,
            &file,
            run.words(),
        ));
    }
    script.push_str("exit $bad");
    guest.params = parse_params(&params.unwrap_or_default())?;
    guest.timeout = LIMIT;
    match guest.run(&script, &mut run.log()?, &mut run.log()?)? {
        0 => Ok(Outcome::Passed),
        status => bail!("tests failed under the sanitizer (status {status})"),
    }
}

/// An error if `file` was built without the sanitizer.
pub(super) fn ensure_sanitized(file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    if !bytes.windows(MARK.len()).any(|bytes| bytes == MARK) {
        bail!("{} is without the sanitizer", file.display());
    }
    Ok(())
}

fn build(run: &mut Run) -> Result<Vec<Program>> {
    let words = ["metadata", "--no-deps", "--format-version=1"];
    let metadata = run.output(&mut cargo(&words)?)?;
    let mut targets = cargo_json::test_targets(&metadata, PREFIX)?;
    targets.retain(|target| run.wants(&target.name));
    if targets.is_empty() {
        bail!("no test named {PREFIX}*");
    }
    let mut command = cargo(&[
        "+nightly",
        "test",
        "--no-run",
        "--message-format=json-render-diagnostics",
        "--target",
        TRIPLE,
    ])?;
    for TestTarget { package, name, .. } in &targets {
        command.args(["-p", package, "--test", name]);
    }
    let messages = run.output(
        command
            .env("CARGO_TARGET_DIR", project::target()?.join("asan"))
            .env("RUSTFLAGS", "-Zsanitizer=address"),
    )?;
    let program = |target: TestTarget| {
        let file = cargo_json::test_program(&messages, &target.name, &target.source)
            .with_context(|| format!("cargo built no test program {}", target.name))?;
        Ok(Program {
            target,
            file,
            timeout: LIMIT.as_secs() / 3,
            runs: Vec::new(),
        })
    };
    targets.into_iter().map(program).collect()
}
