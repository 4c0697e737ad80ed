//! `cargo xtask test`: every check of the project, by name.

mod asan;
mod c_programs;
pub(crate) mod cargo_json;
mod counts;
mod digest;
mod fuzz;
pub(crate) mod gstreamer;
mod parts;
mod python;
mod repeat;
mod rig_python;
mod rig_tests;
mod run;
pub(crate) mod rust;
mod static_command;
mod static_host;
mod stress;
mod style;
mod tools;
mod tsan;
mod workspace;

use std::fs;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use anyhow::{Result, bail};

use counts::Counts;
use parts::{PARTS, Part};

pub(crate) use gstreamer::HEADERS as GSTREAMER_HEADERS;
pub(crate) use run::{Run, cargo};

use crate::{apt, interrupt, process, project};

/// Lines of a failing part's output that are shown; its log has all of them.
const SHOWN_LINES: usize = 400;
/// Disk space that all parts need with an empty target folder, in MiB.
const DISK_MIB: u64 = 13_000;

/// Run every check, one line each.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only this part (may be given several times)
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<String>,
    /// List the parts with a line on each
    #[arg(long)]
    list: bool,
    /// Run only the parts that take seconds to a few minutes
    #[arg(long)]
    quick: bool,
    /// Explore models without a bound on preemptions, stress for an hour
    #[arg(long, conflicts_with = "quick")]
    deep: bool,
    /// Run only this test program, in a part that runs in a guest
    #[arg(long, value_name = "PROGRAM", requires = "only")]
    test: Option<String>,
    /// Arguments for that program, such as --exact NAME
    #[arg(last = true, requires = "test")]
    words: Vec<String>,
}

/// How a part ended.
pub(crate) enum Outcome {
    /// It succeeded; its tests are counted from its log.
    Passed,
    /// It could not run, for this reason.
    Skipped(String),
}

/// Runs the chosen parts; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let chosen = choose(args)?;
    if args.test.is_some()
        && let Some(other) = chosen.iter().find(|part| !part.takes_tests)
    {
        bail!(
            "--test is for parts that run in a guest, which {} does not",
            other.name
        );
    }
    if args.list {
        for part in chosen {
            println!("{:<16} {}", part.name, part.about);
        }
        return Ok(0);
    }
    interrupt::listen()?;
    install(&chosen);
    if args.only.is_empty() && !args.quick {
        tell_disk()?;
    }

    let logs = project::target()?.join("xtask");
    fs::create_dir_all(&logs)?;
    let one = |part: &Part| {
        let log = logs.join(format!("{}.log", part.name));
        let run = Run::new(&log, args.deep)?;
        run_part(part, run.of(args.test.as_deref(), &args.words))
    };
    let results = in_turn(&chosen, |part| part.background, |part| one(part))?;
    let mut total = Counts::default();
    let mut failed = Vec::new();
    for (part, (counts, why)) in chosen.iter().zip(results) {
        if counts.failed > 0 {
            failed.push((part.name, why));
        }
        total.add(&counts);
    }
    for (name, why) in &failed {
        println!("failed part {name}:");
        for line in why {
            println!("    {line}");
        }
    }
    println!(
        "{} passed, {} failed, {} skipped",
        total.passed,
        total.failed,
        total.skipped.len()
    );
    Ok(u8::from(!failed.is_empty()))
}

/// Runs all items one after the other, except that those `in_background` go on while later ones
/// run. The results are in the items' order.
fn in_turn<T: Sync, R: Send>(
    items: &[T],
    in_background: impl Fn(&T) -> bool,
    run: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    thread::scope(|scope| {
        let mut begun = Vec::new();
        for item in items {
            let thread = scope.spawn(|| run(item));
            begun.push(match in_background(item) {
                true => Turn::Going(thread),
                false => Turn::Ended(end(thread)?),
            });
            interrupt::check()?;
        }
        let ended = begun.into_iter().map(|turn| match turn {
            Turn::Going(thread) => end(thread),
            Turn::Ended(result) => Ok(result),
        });
        let results = ended.collect();
        interrupt::check()?;
        results
    })
}

/// The state of an item that [`in_turn`] has started.
enum Turn<'scope, R> {
    Going(ScopedJoinHandle<'scope, Result<R>>),
    Ended(R),
}

/// Joins a thread; passes its panic on.
fn end<R>(thread: ScopedJoinHandle<'_, R>) -> R {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn choose(args: &Args) -> Result<Vec<&'static Part>> {
    if let Some(unknown) = args
        .only
        .iter()
        .find(|name| PARTS.iter().all(|p| p.name != **name))
    {
        let names: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        bail!("no part {unknown:?}; the parts are {}", names.join(", "));
    }
    let chosen = |part: &&Part| {
        (args.only.is_empty() || args.only.iter().any(|name| name == part.name))
            && (!args.quick || part.quick)
    };
    Ok(PARTS.iter().filter(chosen).collect())
}

/// Installs the packages of all chosen parts in one go, where that is allowed. Parts report what
/// stays missing.
fn install(parts: &[&Part]) {
    let packages: Vec<_> = parts
        .iter()
        .flat_map(|part| part.needs.iter().chain(part.wants))
        .copied()
        .collect();
    if let Err(error) = apt::ensure(&packages) {
        println!("note: {error:#}");
    }
}

/// Warns when the disk is too small for all parts: builds that fail for this do not always say so.
fn tell_disk() -> Result<()> {
    let free = project::free_bytes()? >> 20;
    if free < DISK_MIB {
        let target = project::target()?;
        println!(
            "note: {free} MiB are free for {}; all parts together take about {DISK_MIB} from an \
             empty target folder",
            target.display()
        );
    }
    Ok(())
}

/// Runs one part and prints its line. Returns its counts, and why it failed, if it did.
fn run_part(part: &Part, mut run: Run) -> Result<(Counts, Vec<String>)> {
    let begin = Instant::now();
    let missing = apt::missing(part.needs);
    let result = if missing.is_empty() {
        (part.run)(&mut run)
    } else {
        Ok(Outcome::Skipped(format!(
            "needs the system package {}",
            missing.join(" ")
        )))
    };
    let seconds = begin.elapsed().as_secs();
    let text = run.text()?;
    let mut counts = Counts::of(&text);
    let mut why = Vec::new();
    // Printed in one piece: another part may run at the same time.
    let mut told;
    match result {
        Ok(Outcome::Skipped(why)) => {
            told = format!("skipped  {:<16} {why}\n", part.name);
            counts = Counts::default();
            counts.skipped.push(part.name.to_owned());
        }
        // Tests may fail in a command that does not say so by its status.
        Ok(Outcome::Passed) if counts.failed == 0 => {
            if counts == Counts::default() {
                counts.passed = 1;
            }
            let summary = counts.summary();
            told = format!("ok       {:<16} {summary} ({seconds} s)\n", part.name);
            for name in &counts.skipped {
                told += &format!("         skipped: {name}\n");
            }
        }
        other => {
            counts.failed = counts.failed.max(1);
            let (name, summary) = (part.name, counts.summary());
            let shown = process::tail(&text, SHOWN_LINES);
            why = digest::digest(&text);
            why.extend(repeat::commands(part.name, &text));
            told = format!("--- output of {name}:\n{shown}\n");
            if let Err(error) = other {
                let error = format!("{error:#}");
                told += &format!("{error}\n");
                why.extend(error.lines().next().map(str::to_owned));
            }
            told += &format!(
                "--- all of it is in {}\nFAILED   {name:<16} {summary} ({seconds} s)\n",
                run.path().display()
            );
        }
    }
    print!("{told}");
    Ok((counts, why))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    #[test]
    fn background_items_do_not_hold_up_others() {
        let (sender, receiver): (Sender<()>, Receiver<()>) = channel();
        let ends = Mutex::new((Some(sender), Some(receiver)));
        let order = Mutex::new(Vec::new());
        let run = |name: &&'static str| {
            match *name {
                // Goes on until the last one ends it.
                "background" => {
                    let receiver = ends.lock().unwrap().1.take();
                    assert!(receiver.unwrap().recv().is_err());
                }
                "last" => drop(ends.lock().unwrap().0.take()),
                _ => {}
            }
            order.lock().unwrap().push(*name);
            Ok(name.len())
        };
        let items = ["first", "background", "second", "last"];
        let results = in_turn(&items, |name| *name == "background", run).unwrap();
        assert_eq!(results, [5, 10, 6, 4]);
        let order = order.into_inner().unwrap();
        let others: Vec<_> = order.iter().filter(|name| **name != "background").collect();
        assert_eq!(others, [&"first", &"second", &"last"]);
    }

    #[test]
    fn an_error_is_that_of_all() {
        let run = |number: &i32| match number {
            2 => bail!("two"),
            number => Ok(*number),
        };
        let error = in_turn(&[1, 2, 3], |number| *number == 1, run).unwrap_err();
        assert_eq!(error.to_string(), "two");
    }
}
