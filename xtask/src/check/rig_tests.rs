//! The parts that run in a guest: test programs named `rig_*`, built on the host.
//!
//! `//! rig:` lines at the start of a program configure its guest: module parameters
//! (`vivid.n_devs=2`), `arch=x86_64` if it cannot run elsewhere, `timeout=SECONDS` for all its
//! tests together, `programs=NAME,NAME` for C programs that it runs. Programs with the same
//! parameters share one boot, also with Python files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cargo_json::{self, TestTarget};
use super::counts::UNFINISHED;
use super::gstreamer::Plugin;
use super::repeat::IN_GUEST;
use super::run::{Run, cargo};
use super::workspace::PACKAGES;
use super::{Outcome, c_programs, gstreamer, rig_python, rust, static_command};
use crate::rig::{Arch, Guest, Unavailable, parse_params};
use crate::{apt, quote};

/// Default time for one program's tests: emulation is 10 to 20 times slower than the machine.
const PROGRAM_LIMIT: u64 = 300;
/// For boot and power off, over the limits of the programs.
const BOOT_MARGIN: u64 = 120;

/// A program's configuration of its guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) params: String,
    arch: Option<String>,
    pub(super) timeout: u64,
    /// Names of programs in C.
    programs: Vec<String>,
}

/// A built test program.
pub(super) struct Program {
    pub(super) target: TestTarget,
    pub(super) file: PathBuf,
    /// Seconds.
    pub(super) timeout: u64,
    /// Programs in C that it runs.
    pub(super) runs: Vec<PathBuf>,
}

/// The part `rig-x86_64`.
pub(crate) fn x86_64(run: &mut Run) -> Result<Outcome> {
    part(run, Arch::X86_64)
}

/// The part `rig-aarch64`.
pub(crate) fn aarch64(run: &mut Run) -> Result<Outcome> {
    part(run, Arch::Aarch64)
}

fn part(run: &mut Run, arch: Arch) -> Result<Outcome> {
    if arch == Arch::Aarch64
        && let Err(why) = rust::target(static_command::AARCH64)
    {
        return Ok(Outcome::Skipped(why));
    }
    let metadata = run.output(&mut cargo(&[
        "metadata",
        "--no-deps",
        "--format-version=1",
    ])?)?;
    let no_gstreamer = apt::missing(&gstreamer::HEADERS).join(" ");
    let mut wanted = Vec::new();
    for target in cargo_json::test_targets(&metadata, "rig_")? {
        if !run.wants(&target.name) {
            continue;
        }
        let source = fs::read_to_string(&target.source)?;
        let ask = read_ask(&source).with_context(|| target.source.display().to_string())?;
        if ask
            .arch
            .as_ref()
            .is_some_and(|only| *only != arch.to_string())
        {
            continue;
        }
        if target.package == gstreamer::PACKAGE && !no_gstreamer.is_empty() {
            let why = format!("needs the system package {no_gstreamer}");
            run.left_out(&target.name, &why)?;
            continue;
        }
        wanted.push((target, ask));
    }
    let scripts = match arch {
        Arch::X86_64 => rig_python::wanted(run)?,
        // It has no Python.
        Arch::Aarch64 => Vec::new(),
    };
    if wanted.is_empty() && scripts.is_empty() {
        return Ok(Outcome::Skipped(format!("no test named rig_* for {arch}")));
    }

    let guest = match Guest::prepare(arch) {
        Ok(guest) => guest,
        Err(error) if Unavailable::marks(&error) => {
            return Ok(Outcome::Skipped(format!("no guest: {error:#}")));
        }
        // Everything was fetched: then the guest must boot.
        Err(error) => return Err(error),
    };
    let Built {
        programs,
        command,
        plugin,
    } = match wanted.is_empty() {
        // Only files in Python: what they run is enough.
        true => Built {
            programs: Vec::new(),
            command: static_command::host(run)?,
            plugin: None,
        },
        false => build(run, arch, wanted)?,
    };
    let mut boots: BTreeMap<String, (Vec<Program>, Vec<rig_python::File>)> = BTreeMap::new();
    for (params, program) in programs {
        boots.entry(params).or_default().0.push(program);
    }
    let interpreter = rig_python::interpreter(run, &scripts)?;
    if interpreter.is_some() {
        for script in scripts {
            let params = script.ask.params.clone();
            boots.entry(params).or_default().1.push(script);
        }
    }
    let mut trouble = Vec::new();
    for (params, (programs, scripts)) in boots {
        let mut guest = guest.clone();
        guest.params = parse_params(&params)?;
        let mut lines = String::new();
        let mut limit = 0;
        for script in scripts {
            let interpreter = interpreter.as_deref().unwrap_or_default();
            lines += &rig_python::script(&script, interpreter, run.words())?;
            limit += script.ask.timeout;
        }
        let more = (lines.as_str(), limit);
        // The other boots are worth trying when one fails.
        if let Err(error) = boot(run, arch, guest, &programs, more, &command, plugin.as_ref()) {
            trouble.push(format!("{error:#}"));
        }
    }
    if !trouble.is_empty() {
        bail!("{}", trouble.join("\n"));
    }
    Ok(Outcome::Passed)
}

/// The programs and files for a guest.
struct Built {
    /// Test programs, each with its module parameters.
    programs: Vec<(String, Program)>,
    /// The `videostream` command.
    command: PathBuf,
    /// GStreamer's, if a test of it is among them.
    plugin: Option<Plugin>,
}

/// Builds the test programs, without running them.
fn build(run: &mut Run, arch: Arch, wanted: Vec<(TestTarget, Ask)>) -> Result<Built> {
    let mut words = vec![
        "test",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ];
    let mut plugin = None;
    let (messages, command) = match arch {
        // As the part `tests` builds them, so that nothing is built twice.
        Arch::X86_64 => {
            let mut messages = run.output(cargo(&words)?.args(PACKAGES))?;
            let command = static_command::built(&messages)?;
            let targets = wanted.iter().map(|(target, _)| target);
            let names: Vec<_> = targets
                .filter(|target| target.package == gstreamer::PACKAGE)
                .map(|target| target.name.as_str())
                .collect();
            if !names.is_empty() {
                let of_plugin = gstreamer::build(run, &names)?;
                plugin = Some(Plugin::of(run, &of_plugin)?);
                messages += &of_plugin;
            }
            (messages, command)
        }
        Arch::Aarch64 => {
            let command = static_command::for_machine(run, static_command::AARCH64)?;
            words.push("--no-default-features");
            let mut packages: Vec<&str> = wanted.iter().map(|(t, _)| t.package.as_str()).collect();
            packages.dedup();
            words.extend(packages.iter().flat_map(|package| ["-p", package]));
            words.extend(
                wanted
                    .iter()
                    .flat_map(|(target, _)| ["--test", target.name.as_str()]),
            );
            // They are copied into the guest's memory: without debug information.
            let messages = run.output(
                static_command::for_target(&mut cargo(&words)?, static_command::AARCH64)
                    .env("CARGO_PROFILE_TEST_STRIP", "debuginfo")
                    .env("CARGO_PROFILE_DEV_STRIP", "debuginfo"),
            )?;
            (messages, command)
        }
    };
    c_programs::clear(arch)?;
    let programs = wanted
        .into_iter()
        .map(|(target, ask)| {
            let file = cargo_json::test_program(&messages, &target.name, &target.source)
                .with_context(|| format!("cargo built no test program {}", target.name))?;
            let runs = c_programs::build(run, arch, &target.folder, &file, &ask.programs)?;
            Ok((
                ask.params,
                Program {
                    target,
                    file,
                    timeout: ask.timeout,
                    runs,
                },
            ))
        })
        .collect::<Result<_>>()?;
    Ok(Built {
        programs,
        command,
        plugin,
    })
}

/// Runs the programs in one boot, and then the shell lines `more` that take so many seconds, their
/// output going to the log.
fn boot(
    run: &mut Run,
    arch: Arch,
    mut guest: Guest,
    programs: &[Program],
    more: (&str, u64),
    command: &Path,
    plugin: Option<&Plugin>,
) -> Result<()> {
    let mut place = |file: &Path| -> Result<String> {
        if arch == Arch::X86_64 {
            path(file)
        } else {
            guest.copy(file)
        }
    };
    let mut script = format!(
        "export VIDEOSTREAM_BIN={} {}={}\nbad=0\n",
        quote::word(&place(command)?),
        c_programs::VARIABLE,
        quote::word(&match arch {
            Arch::X86_64 => path(&c_programs::place(arch)?)?,
            Arch::Aarch64 => "/rig".to_owned(),
        }),
    );
    if let Some(plugin) = plugin {
        // GStreamer changes the registry, where the guest has devices that the host has not.
        script.push_str(&format!(
            "cp {} /run/rig/home/gstreamer.registry\n\
             export GST_PLUGIN_PATH={} GST_REGISTRY=/run/rig/home/gstreamer.registry\n",
            quote::word(&path(&plugin.registry)?),
            quote::word(&path(&plugin.folder)?),
        ));
    }
    for program in programs {
        for file in &program.runs {
            place(file)?;
        }
        let file = place(&program.file)?;
        let folder = match arch {
            Arch::X86_64 => path(&program.target.folder)?,
            Arch::Aarch64 => "/rig".to_owned(),
        };
        script.push_str(&program_script(program, &folder, &file, run.words()));
    }
    script.push_str(more.0);
    script.push_str("exit $bad");
    let limits: u64 = programs.iter().map(|program| program.timeout).sum();
    guest.timeout = Duration::from_secs(limits + more.1 + BOOT_MARGIN);
    match guest.run(&script, &mut run.log()?, &mut run.log()?)? {
        0 => Ok(()),
        status => bail!("tests failed in the {arch} guest (status {status})"),
    }
}

/// The shell lines that run one program: libtest ends with 0 or 101 after it has printed
/// its result, anything else means that it has not, and that its last line is cut.
pub(super) fn program_script(
    program: &Program,
    folder: &str,
    file: &str,
    words: &[String],
) -> String {
    let Program {
        target, timeout, ..
    } = program;
    let name = format!("{} {}", target.package, target.name);
    format!(
        "echo; echo {title}
cd {folder}
timeout -k 5 {timeout} {file} --test-threads=1 --show-output {words}
case $? in
    0) ;;
    101) bad=1 ;;
    124 | 137 | 143) bad=1; echo; echo {slow} ;;
    *) bad=1; echo; echo {crashed} ;;
esac
",
        title = quote::word(&format!("{IN_GUEST}{name}")),
        words = quote::line(words),
        folder = quote::word(folder),
        file = quote::word(file),
        slow = quote::word(&format!("{UNFINISHED}{name}: not done in {timeout} s")),
        crashed = quote::word(&format!("{UNFINISHED}{name}: it crashed")),
    )
}

pub(super) fn path(path: &Path) -> Result<String> {
    Ok(path
        .to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))?
        .to_owned())
}

/// Reads the `//! rig:` lines before the first line of code.
pub(super) fn read_ask(source: &str) -> Result<Ask> {
    let is_head = |line: &&str| line.trim().is_empty() || line.starts_with("//");
    ask_of(source.lines().take_while(is_head), "//! rig:")
}

/// Reads the `# rig:` lines before the first import.
pub(super) fn read_ask_of_python(source: &str) -> Result<Ask> {
    let is_head = |line: &&str| !line.starts_with("import ") && !line.starts_with("from ");
    ask_of(source.lines().take_while(is_head), "# rig:")
}

fn ask_of<'a>(head: impl Iterator<Item = &'a str>, mark: &str) -> Result<Ask> {
    let mut ask = Ask {
        params: String::new(),
        arch: None,
        timeout: PROGRAM_LIMIT,
        programs: Vec::new(),
    };
    let words = head
        .filter_map(|line| line.strip_prefix(mark))
        .flat_map(str::split_whitespace);
    let mut params = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some(("arch", arch)) => ask.arch = Some(arch.to_owned()),
            Some(("programs", names)) => {
                ask.programs = names.split(',').map(str::to_owned).collect();
            }
            Some(("timeout", seconds)) => {
                ask.timeout = seconds.parse().with_context(|| format!("rig: {word:?}"))?;
            }
            _ => params.push(word),
        }
    }
    ask.params = params.join(" ");
    parse_params(&ask.params)?;
    Ok(ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_rig_lines_gets_the_plain_guest() {
        let ask = read_ask("//! Tests.\n\nuse std::fs;\n//! rig: vivid.n_devs=2\n").unwrap();
        assert_eq!(
            ask,
            Ask {
                params: String::new(),
                arch: None,
                timeout: PROGRAM_LIMIT,
                programs: Vec::new(),
            }
        );
    }

    #[test]
    fn rig_lines_are_read_from_the_first_lines() {
        let source = "//! Two cameras.\n//! rig: vivid.n_devs=2 arch=x86_64\n\
             //! rig: timeout=60 programs=a,b\nfn x() {}";
        let ask = read_ask(source).unwrap();
        assert_eq!(ask.params, "vivid.n_devs=2");
        assert_eq!(ask.arch.as_deref(), Some("x86_64"));
        assert_eq!(ask.timeout, 60);
        assert_eq!(ask.programs, ["a", "b"]);
    }

    #[test]
    fn rig_lines_of_python_stand_before_its_imports() {
        let head = "\"\"\"Two cameras.\"\"\"\n\n# rig: vivid.n_devs=2 timeout=60\n";
        let source = format!("{head}import os\n# rig: vivid.n_devs=3\n");
        let ask = read_ask_of_python(&source).unwrap();
        assert_eq!((ask.params.as_str(), ask.timeout), ("vivid.n_devs=2", 60));
    }

    #[test]
    fn an_unknown_rig_word_is_refused() {
        assert!(read_ask("//! rig: two cameras\n").is_err());
        assert!(read_ask("//! rig: timeout=long\n").is_err());
    }
}
