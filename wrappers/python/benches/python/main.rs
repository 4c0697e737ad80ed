//! The cost of a frame in Python, compared with Rust, C and the 2.x package.
//!
//! ```console
//! cargo xtask bench Python
//! ```
//!
//! Each subject is a separate process, and they take turns, so that all run under the same
//! conditions:
//!
//! - *next + view*: a ready 1080p NV12 frame is taken and its luma viewed as an array, with host
//!   and client in one thread.
//! - *wake-up*: from the time stamp before the host publishes until a client that slept in its wait
//!   has the frame.
//! - *to_rgb*: a 1080p NV12 frame becomes 640x360 RGB.
//!
//! `VIDEOSTREAM_PYTHON` names an interpreter with this package and NumPy, `VIDEOSTREAM_PYTHON_2X`
//! one with the ctypes package of 2.x, `VIDEOSTREAM_LIBRARY` the C library for it; without them the
//! rows are skipped by name.

mod rust;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use videostream_testing::figures::{Goal, Series, Table};
use videostream_testing::process;

/// Number of turns of each subject.
const ROUNDS: usize = 7;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Next,
    Wake,
    Rgb,
}

impl What {
    const ALL: [Self; 3] = [Self::Next, Self::Wake, Self::Rgb];

    const fn word(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Wake => "wake",
            Self::Rgb => "rgb",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Next => "next + view, 1080p NV12",
            Self::Wake => "wake-up of a waiting client",
            Self::Rgb => "to_rgb, 1080p NV12 to 640x360",
        }
    }
}

/// A subject.
struct Subject {
    name: &'static str,
    command: Vec<PathBuf>,
    does: &'static [What],
    goal: fn(What) -> Goal,
}

fn main() {
    if let Some(role) = process::role() {
        rust::play(&role[0], role.get(1).map_or("", String::as_str));
        return;
    }
    let args: Vec<_> = env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") {
        // `cargo test --benches`: nothing is measured.
        return;
    }
    let filter = args.iter().find(|arg| !arg.starts_with('-'));
    let filter = filter.map_or("", String::as_str);
    let subjects = subjects();
    let mut table = Table::default();
    for what in What::ALL {
        let name = format!("Python: {}", what.name());
        if name.contains(filter) {
            measure(what, &name, &subjects, &mut table);
        }
    }
    print!("{table}");
}

fn subjects() -> Vec<Subject> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer.py");
    let mut subjects = Vec::new();
    let mut python = |name, variable: &str, word: &str, does, goal| match env::var_os(variable) {
        Some(python) => subjects.push(Subject {
            name,
            command: vec![python.into(), script.clone(), word.into()],
            does,
            goal,
        }),
        None => println!("skipped: {name}: needs {variable}, an interpreter that has it"),
    };
    let ours = |what| match what {
        What::Next => Goal::Below(5000.0),
        What::Wake => Goal::Ratio(1.3),
        What::Rgb => Goal::Ratio(1.05),
    };
    python(
        "this package",
        "VIDEOSTREAM_PYTHON",
        "ours",
        &What::ALL,
        ours,
    );
    let two = &[What::Next, What::Wake];
    let compare = |_| Goal::Compare;
    python(
        "2.x package (ctypes)",
        "VIDEOSTREAM_PYTHON_2X",
        "ctypes",
        two,
        compare,
    );
    match c_program() {
        Ok(program) => subjects.push(Subject {
            name: "C library",
            command: vec![program],
            does: two,
            goal: compare,
        }),
        Err(why) => println!("skipped: C library: {why}"),
    }
    subjects
}

/// Builds the program in C.
fn c_program() -> Result<PathBuf, String> {
    let library =
        env::var_os("VIDEOSTREAM_LIBRARY").ok_or("needs VIDEOSTREAM_LIBRARY, its file")?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = place.join("python-bench-peer");
    // The library's SONAME.
    let link = place.join("libvideostream.so.2");
    let _ = fs::remove_file(&link);
    let linked = fs::canonicalize(&library).and_then(|library| symlink(library, &link));
    linked.map_err(|error| format!("{}: {error}", Path::new(&library).display()))?;
    let status = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&program)
        .arg(folder.join("benches/peer.c"))
        .arg("-I")
        .arg(folder.join("../c/include"))
        .arg(&link)
        .arg(format!("-Wl,-rpath,{}", place.display()))
        .status();
    match status {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("cc: {status}")),
        Err(error) => Err(format!("cc: {error}")),
    }
}

/// Measures one thing: the Rust API and all subjects, in turns.
fn measure(what: What, name: &str, subjects: &[Subject], table: &mut Table) {
    let subjects: Vec<_> = subjects
        .iter()
        .filter(|subject| subject.does.contains(&what))
        .collect();
    let mut floor = Series::default();
    let mut series = vec![Series::default(); subjects.len()];
    for round in 0..ROUNDS {
        // Each goes first as often as the others.
        for at in 0..=subjects.len() {
            let at = (at + round) % (subjects.len() + 1);
            match subjects.get(at) {
                None => {
                    let command = |path: &str| process::command("", &[what.word(), path]);
                    take(what, command, &mut floor);
                }
                Some(subject) => {
                    let command = |path: &str| {
                        let mut command = Command::new(&subject.command[0]);
                        command
                            .args(&subject.command[1..])
                            .args([what.word(), path]);
                        command
                    };
                    take(what, command, &mut series[at]);
                }
            }
        }
    }
    for (subject, series) in subjects.iter().zip(&series) {
        let goal = (subject.goal)(what);
        let name = format!("{name}, {}", subject.name);
        table.add(&name, series, ("Rust API", &floor), goal);
        let p99 = format!("{name}, p99");
        table.add_quantile(p99, 0.99, series, ("Rust API", &floor), Goal::Compare);
    }
}

/// Lets one subject measure, and takes its values: a line each, in nanoseconds.
fn take(what: What, command: impl Fn(&str) -> Command, series: &mut Series) {
    let said = match what {
        What::Wake => rust::publish_to(|path| output(&mut command(path))),
        What::Next | What::Rgb => output(&mut command("")),
    };
    let before = series.count();
    for line in said.lines() {
        if let Ok(ns) = line.parse() {
            series.push(ns);
        }
    }
    assert!(series.count() > before, "nothing was measured: {said}");
}

fn output(command: &mut Command) -> String {
    let output = command.stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}: {text}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned() + &text
}
