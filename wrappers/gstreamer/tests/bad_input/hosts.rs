//! Hosts that break the protocol.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::SocketAddrUnix;
use videostream_testing::process::{Random, open_descriptors};

use crate::hostile::hostile_host::{Hostile, STEPS_OF_HOST};
use crate::hostile::script::Script;
use crate::support::pipeline::Pipeline;
use crate::support::{WATCHDOG, listener, name, until};
use crate::turn;

/// Plays the scripted host to every client, until it is dropped.
struct Scripted {
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Scripted {
    fn start(path: &str, bytes: &[u8]) -> Self {
        let listener = listener(&SocketAddrUnix::new_abstract_name(path.as_bytes()).unwrap());
        let ends = Arc::new(AtomicBool::new(false));
        let (is_over, bytes) = (ends.clone(), bytes.to_vec());
        let thread = std::thread::spawn(move || {
            while let Some(peer) = accept(&listener, &is_over) {
                let mut script = Script::new(&bytes);
                let mut hostile = Hostile::new(peer, &mut script);
                hostile.greet(&mut script);
                while let Some(step) = script.next() {
                    hostile.step(step % STEPS_OF_HOST, &mut script);
                }
            }
        });
        Self {
            ends,
            thread: Some(thread),
        }
    }
}

/// The next client, unless it is over.
fn accept(listener: &OwnedFd, is_over: &AtomicBool) -> Option<OwnedFd> {
    while !is_over.load(Ordering::SeqCst) {
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 5_000_000,
        };
        let mut watched = [PollFd::new(listener, PollFlags::IN)];
        if poll(&mut watched, Some(&moment)) == Ok(1) {
            return Some(rustix::net::accept(listener).unwrap());
        }
    }
    None
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads every byte that a scripted host shares, up to the end or error after it hangs up.
fn outlive(what: &str, bytes: &[u8], more: &str) {
    let path = name("hostile");
    let host = Scripted::start(&path, bytes);
    let reader = Pipeline::new(&format!(
        "vslsrc path={path} timeout=0.5 {more} ! fakesink name=out"
    ));
    let pad = reader.element("out").static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        let mapped = info.buffer().and_then(|buffer| buffer.map_readable().ok());
        let bytes = mapped.iter().flat_map(|bytes| bytes.iter());
        std::hint::black_box(bytes.fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
        gst::PadProbeReturn::Ok
    });
    let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
    let is_playing = reader.set(gst::State::Playing).is_ok();
    let timeout = gst::ClockTime::try_from(WATCHDOG).unwrap();
    let end = reader.bus().timed_pop_filtered(timeout, &kinds);
    let end = end.unwrap_or_else(|| panic!("{what}: no end (playing: {is_playing})"));
    if let gst::MessageView::Error(error) = end.view() {
        let text = error.error().to_string();
        assert!(
            !text.is_empty() && !text.contains("anicked"),
            "{what}: {text}"
        );
    }
    reader.end();
    drop(host);
}

#[test]
fn readers_outlive_hostile_hosts() {
    let _turn = turn();
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/hostile_host");
    let mut seeds: Vec<_> = std::fs::read_dir(seeds)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    let mut scripts: Vec<_> = seeds
        .into_iter()
        .map(|file| (file.display().to_string(), std::fs::read(&file).unwrap()))
        .collect();
    let mut random = Random::new();
    for at in 0..100 {
        let length = 64 + random.below(256);
        let bytes = (0..length).map(|_| random.below(256) as u8).collect();
        scripts.push((format!("script {at}"), bytes));
    }
    // Allocates what stays allocated.
    outlive("the first", &scripts[0].1, "");
    let before = open_descriptors();
    for (at, (what, bytes)) in scripts.iter().enumerate() {
        let more = ["", "mode=every", "hold=1 when-full=drop", "spin=1000"][at % 4];
        outlive(what, bytes, more);
    }
    // Threads that request key frames end by themselves.
    until("no descriptor is left open", || {
        open_descriptors() <= before
    });
}
