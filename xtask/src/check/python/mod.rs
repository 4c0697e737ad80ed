//! The Python package: built, and tested with every interpreter that is available.

mod checks;
mod prepare;

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};

use self::prepare::{Older, Wheels};
use super::counts::{Counts, PYTEST};
use super::run::Run;
use super::{Outcome, end};
use crate::interrupt;
use crate::python::interpreter::SUPPORTED;
use crate::python::{self, Environment, Interpreter, Name, Tools, build};

/// How many steps are done at the same time: much of a test is waiting for processes.
const TOGETHER: usize = 2;

/// The part `python`.
pub(super) fn part(run: &mut Run) -> Result<Outcome> {
    let Some(system) = Interpreter::preferred() else {
        return Ok(Outcome::Skipped(python::NONE.to_owned()));
    };
    let tools = match Tools::of_tests(run, &system)? {
        Ok(tools) => tools,
        Err(why) => return Ok(Outcome::Skipped(first_line(&why))),
    };
    let mut steps = Steps {
        trouble: Vec::new(),
    };
    let mut wheels = Wheels::default();
    // Downloads, while cargo compiles.
    let mut beside = Run::new(&run.path().with_extension("environments.log"), false)?;
    let environments = thread::scope(|scope| {
        let environments = scope.spawn(|| prepare::environments(&mut beside, &tools, &system));
        let own = |name: &Name| !name.has_abi3();
        let own = SUPPORTED
            .into_iter()
            .filter(own)
            .filter_map(Interpreter::find);
        steps.run(run, "wheels", |run| {
            for interpreter in std::iter::once(system.clone()).chain(own) {
                wheels.of(run, &tools, &interpreter)?;
            }
            Ok(())
        })?;
        end(environments)
    })?;
    run.note(&beside.text()?)?;
    let mut older = None;
    steps.run(run, "C library", |run| {
        older = Some(Older::prepare(run, &tools, &system)?);
        Ok(())
    })?;
    let mut jobs = Vec::new();
    let of_system = |(found, _): &&(Interpreter, Environment)| found.name == system.name;
    let of_system = environments.iter().find(of_system);
    if let Some((interpreter, environment)) = of_system {
        // First, since it compiles while the others wait for processes.
        jobs.push(Job::new("sanitizer", |run| {
            checks::sanitized(run, interpreter, environment)
        }));
    }
    for (interpreter, environment) in &environments {
        let name = format!("Python {}", interpreter.version);
        steps.run(run, &format!("{name}, wheel"), |run| {
            let wheel = wheels.of(run, &tools, interpreter)?;
            tools.install(run, environment, &wheel)?;
            let older = older.as_ref();
            jobs.push(Job::new(&name, move |run| {
                test(run, interpreter, environment, older)
            }));
            Ok(())
        })?;
    }
    if let Some((interpreter, environment)) = of_system {
        let tools = &tools;
        jobs.push(Job::new("types", |run| {
            checks::types(run, tools, environment)
        }));
        jobs.push(Job::new("pip", |run| {
            checks::from_sources(run, tools, interpreter)
        }));
    }
    together(run, &mut steps, jobs)?;
    if !steps.trouble.is_empty() {
        bail!("{}", steps.trouble.join("\n"));
    }
    Ok(Outcome::Passed)
}

/// A step that can be done while others are.
struct Job<'a> {
    name: String,
    work: Work<'a>,
}

type Work<'a> = Box<dyn FnOnce(&mut Run) -> Result<()> + Send + 'a>;

impl<'a> Job<'a> {
    fn new(name: &str, work: impl FnOnce(&mut Run) -> Result<()> + Send + 'a) -> Self {
        Self {
            name: name.to_owned(),
            work: Box::new(work),
        }
    }
}

/// Runs the jobs, [`TOGETHER`] at the same time, each with a separate log until it ends.
fn together(run: &mut Run, steps: &mut Steps, jobs: Vec<Job<'_>>) -> Result<()> {
    let (log, deep) = (run.path().to_owned(), run.is_deep());
    let jobs = Mutex::new(jobs.into_iter());
    let report = Mutex::new((run, steps));
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(Job { name, work }) = next() {
            let begin = Instant::now();
            let file = log.with_extension(format!("{}.log", name.replace(' ', "-")));
            let mut own = Run::new(&file, deep)?;
            let result = work(&mut own);
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            let (run, steps) = &mut *report;
            let before = run.text()?.len();
            run.note(&own.text()?)?;
            steps.ended(run, &name, (begin, before), result)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = [(); TOGETHER].map(|()| scope.spawn(work));
        workers.into_iter().try_for_each(end)
    })
}

/// The environment in which the guest, which sees this machine's files, runs tests; or why there is
/// none.
pub(super) fn for_guest(run: &mut Run) -> Result<Result<Environment, String>> {
    let Some(system) = Interpreter::preferred() else {
        return Ok(Err(python::NONE.to_owned()));
    };
    let tools = match Tools::of_tests(run, &system)? {
        Ok(tools) => tools,
        Err(why) => return Ok(Err(first_line(&why))),
    };
    // Of its own: the part `python` may run at the same time.
    let place = python::place()?.join("guest");
    let requirements = python::requirements("requirements.txt")?;
    let missing = |run: &mut Run, line: &str| {
        run.left_out(line, "no wheel of it for the interpreter of the guest")
    };
    let folder = place.join("environment");
    let environment = tools.environment(run, &folder, &system, &requirements, missing)?;
    let wheel = build::for_here(run, &tools, &system, "dev", &place.join("wheel"))?;
    tools.install(run, &environment, &wheel)?;
    // Which the guest, where it is slow, can't write.
    let mut compile = Command::new(environment.python());
    compile.args(["-m", "compileall", "-q"]);
    run.command(compile.arg(environment.packages()?))?;
    Ok(Ok(environment))
}

/// Steps of which each is worth trying when another fails.
struct Steps {
    trouble: Vec<String>,
}

impl Steps {
    fn run(
        &mut self,
        run: &mut Run,
        name: &str,
        step: impl FnOnce(&mut Run) -> Result<()>,
    ) -> Result<()> {
        let begin = Instant::now();
        let before = run.text()?.len();
        let result = step(run);
        self.ended(run, name, (begin, before), result)
    }

    /// Tells how a step ended that began at a time and at a length of the log.
    fn ended(
        &mut self,
        run: &mut Run,
        name: &str,
        (begin, before): (Instant, usize),
        result: Result<()>,
    ) -> Result<()> {
        if let Err(error) = result {
            interrupt::check()?;
            self.trouble.push(format!("{name}: {error:#}"));
        }
        let text = run.text()?;
        let counts = Counts::of(text.get(before..).unwrap_or_default());
        let seconds = begin.elapsed().as_secs();
        let line = format!("{name}: {} ({seconds} s)", counts.summary());
        run.note(&line)?;
        println!("         {}", line.replace(":  (", " ("));
        Ok(())
    }
}

/// pytest, which says of each test that was skipped why.
pub(super) fn pytest(python: &Path) -> Result<Command> {
    let mut command = Command::new(python);
    command
        .args(["-m", "pytest", "-ra", "--no-fold-skipped"])
        .args(["-p", "no:cacheprovider", "--color=no"])
        .current_dir(python::folder()?);
    Ok(command)
}

fn test(
    run: &mut Run,
    interpreter: &Interpreter,
    environment: &Environment,
    older: Option<&Older>,
) -> Result<()> {
    run.note(&format!("\n{PYTEST}Python {}", interpreter.version))?;
    let mut command = pytest(&environment.python())?;
    // These are run in a guest.
    command.arg("--ignore-glob=*/test_rig_*.py");
    if let Some(older) = older {
        older.name(&mut command, interpreter);
    }
    run.command(&mut command)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
