//! Pipelines in other processes, which can be killed and suspended.

use std::collections::VecDeque;
use std::io::BufRead as _;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::prelude::*;
use rustix::process::Signal;
use videostream_testing::process::{self, Process, say};

use super::pipeline::{Pipeline, counted};
use super::until;

/// Name of the test that each program runs as a process with a pipeline.
const ROLE_TEST: &str = "pipelines_play_in_processes";

/// A process with a pipeline. Killed when dropped.
pub(crate) struct Actor {
    process: Process,
    told: VecDeque<String>,
}

impl Actor {
    /// Starts a process with the pipeline of a description.
    pub(crate) fn new(description: &str) -> Self {
        Self::with(description, &[])
    }

    /// Starts a process with environment variables.
    pub(crate) fn with(description: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = process::command(ROLE_TEST, &["pipeline", description]);
        command.envs(variables.iter().copied());
        let process = Process::run(command, description.to_owned());
        let mut actor = Self {
            process,
            told: VecDeque::new(),
        };
        assert_eq!(actor.wait_for("ready"), "");
        actor
    }

    /// Starts a process and plays its pipeline.
    pub(crate) fn playing(description: &str) -> Self {
        let mut actor = Self::new(description);
        actor.play();
        actor
    }

    /// Sends a line without waiting for the answer.
    pub(crate) fn tell(&mut self, line: &str) {
        self.process.tell(line);
    }

    /// Waits for a line with this prefix, and returns the rest of it.
    pub(crate) fn wait_for(&mut self, start: &str) -> String {
        let matching = |line: &String| line.strip_prefix(start).map(|rest| rest.trim().to_owned());
        if let Some(at) = self.told.iter().position(|line| matching(line).is_some()) {
            return matching(&self.told.remove(at).unwrap()).unwrap();
        }
        loop {
            let line = self.process.next();
            if let Some(rest) = matching(&line) {
                return rest;
            }
            self.told.push_back(line);
        }
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.wait_for("=")
    }

    /// Puts the pipeline into a state: `play`, `pause`, `ready` or `null`.
    pub(crate) fn set(&mut self, state: &str) {
        if !self.ask(state).starts_with("Ok") {
            panic!("{state}: {}", self.wait_for("error"));
        }
    }

    pub(crate) fn play(&mut self) {
        self.set("play");
    }

    /// Returns the number of frames that reached `out`, and of those after a gap.
    pub(crate) fn counts(&mut self) -> (u64, u64) {
        let counts = self.ask("counts");
        let (frames, gaps) = counts.split_once(' ').unwrap();
        let error = self.told.iter().find(|line| line.starts_with("error"));
        assert!(error.is_none(), "{error:?}");
        (frames.parse().unwrap(), gaps.parse().unwrap())
    }

    /// Waits until this number of frames has reached `out` in total.
    pub(crate) fn until_frames(&mut self, count: u64) {
        until(&format!("{count} frames have come"), || {
            self.counts().0 >= count
        });
    }

    /// Waits until this number of further frames has come.
    pub(crate) fn until_more(&mut self, count: u64) {
        let (before, _) = self.counts();
        self.until_frames(before + count);
    }

    /// A number of an element's statistics.
    pub(crate) fn counted(&mut self, element: &str, field: &str) -> u64 {
        super::init();
        let stats: gst::Structure = self.ask(&format!("stats {element}")).parse().unwrap();
        counted(&stats, field)
    }

    /// Kilobytes, descriptors, mappings and threads of the process.
    pub(crate) fn usage(&mut self) -> [u64; 4] {
        let usage = self.ask("usage");
        let mut numbers = usage.split(' ').map(|number| number.parse().unwrap());
        std::array::from_fn(|_| numbers.next().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Suspends it; none of its threads runs when this returns.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let is_stopped = |thread: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat"));
            stat.is_ok_and(|stat| stat.rsplit(')').next().unwrap().starts_with(" T"))
        };
        until("it is stopped", || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", self.id()));
            threads.unwrap().all(is_stopped)
        });
    }

    /// Resumes it.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// Ends it in good order.
    pub(crate) fn quit(mut self) -> ExitStatus {
        self.tell("quit");
        self.process.end()
    }
}

/// Plays a pipeline in a process that is started for it; in the test itself, checks that this
/// works.
pub(crate) fn play_or_check() {
    if let Some(role) = process::role() {
        play(&role[1]);
        return;
    }
    let mut actor = Actor::playing("fakesrc num-buffers=3 ! fakesink name=out");
    assert_eq!(actor.wait_for("eos"), "");
    assert_eq!(actor.counts().0, 3);
    assert!(actor.quit().success());
}

fn play(description: &str) {
    let pipeline = Pipeline::new(description);
    let bus = pipeline.bus();
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let quiet = Arc::new(Mutex::new(false));
    let is_quiet = quiet.clone();
    let telling = std::thread::spawn(move || {
        // The bus of an ended pipeline accepts no message that could wake a wait.
        while ends.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            std::thread::sleep(Duration::from_millis(1));
            let is_quiet = is_quiet.lock().unwrap();
            let message = bus.timed_pop(20 * gst::ClockTime::MSECOND);
            match message
                .as_ref()
                .filter(|_| !*is_quiet)
                .map(|message| message.view())
            {
                Some(gst::MessageView::Error(error)) => {
                    let about = error.debug().unwrap_or_default();
                    let about = about.lines().last().unwrap_or_default();
                    say(format!("error {} ({about})", error.error()));
                }
                Some(gst::MessageView::Eos(_)) => say("eos"),
                _ => {}
            }
        }
    });
    say("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        if line == "quit" {
            break;
        }
        let cycles = line.strip_prefix("cycle ");
        if let Some(times) = cycles {
            cycle(&pipeline, times.parse().unwrap(), &quiet);
        }
        let answer = cycles.map_or_else(|| answer(&pipeline, &line), |_| String::new());
        say(format!("= {answer}"));
    }
    pipeline.set(gst::State::Null).unwrap();
    drop(end);
    telling.join().unwrap();
    drop(pipeline);
    if std::env::var_os("GST_TRACERS").is_some() {
        #[allow(unsafe_code, reason = "the one way to have leaks reported")]
        // SAFETY: no object is left, and nothing of GStreamer is used from here on.
        unsafe {
            gst::deinit();
        }
    }
}

/// Plays and ends repeatedly. Sources that are stopped while they start may report an error with
/// any sink, which is ignored.
fn cycle(pipeline: &Pipeline, times: u32, quiet: &Mutex<bool>) {
    *quiet.lock().unwrap() = true;
    for _ in 0..times {
        let _ = pipeline.set(gst::State::Playing);
        pipeline.set(gst::State::Null).unwrap();
    }
    // The bus is empty in this state, and what was taken from it was left out.
    *quiet.lock().unwrap() = false;
}

fn answer(pipeline: &Pipeline, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["play"] => format!("{:?}", pipeline.set(gst::State::Playing)),
        ["pause"] => format!("{:?}", pipeline.set(gst::State::Paused)),
        ["ready"] => format!("{:?}", pipeline.set(gst::State::Ready)),
        ["null"] => format!("{:?}", pipeline.set(gst::State::Null)),
        ["end"] => {
            pipeline.until_playing();
            pipeline.send_end();
            String::new()
        }
        ["counts"] => format!("{} {}", pipeline.frames(), pipeline.gaps()),
        ["stats", element] => pipeline.stats(element).to_string(),
        ["caps"] => pipeline.caps().to_string(),
        ["set", element, property, value] => {
            pipeline
                .element(element)
                .set_property_from_str(property, value);
            String::new()
        }
        ["leak"] => {
            std::mem::forget(gst::Caps::new_empty_simple("leaked/on-purpose"));
            String::new()
        }
        ["usage"] => {
            let numbers = usage().map(|number| number.to_string());
            numbers.join(" ")
        }
        _ => panic!("{line}"),
    }
}

/// Kilobytes, descriptors, mappings and threads of this process.
fn usage() -> [u64; 4] {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let status = read("status");
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = kilobytes.unwrap().trim().trim_end_matches(" kB");
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |thread: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(thread.ok()?.path().join("comm")).ok()
    };
    // GLib keeps idle threads for a while.
    let threads = threads
        .filter_map(name)
        .filter(|name| !name.starts_with("pool-"));
    [
        kilobytes.parse().unwrap(),
        std::fs::read_dir("/proc/self/fd").unwrap().count() as u64,
        read("maps").lines().count() as u64,
        threads.count() as u64,
    ]
}
