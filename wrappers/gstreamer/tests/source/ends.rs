//! Hosts that end, crash, restart or break the protocol, and readers that end.

use std::path::Path;

use gst::prelude::*;
use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::deadline_in;
use videostream::{FrameRate, Host, PatternSource, Stream, TestPattern};
use videostream_testing::process::{Process, open_descriptors, role, say};

use crate::host::{PICTURE, TestHost, frame, host, picture, socket};
use crate::reader::{Reader, with_properties};
use crate::support::{until, within};

/// A process that shares the test pattern until it is killed.
fn share(path: &str) {
    let rate = FrameRate::fps(100).unwrap();
    let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
    let source = PatternSource::with_allocator(pattern, 8, &Allocator::memfd_only());
    let mut stream = Stream::new(Host::builder(Path::new(path)), source.unwrap()).unwrap();
    say("shares");
    loop {
        stream.step(deadline_in(1_000_000_000)).unwrap();
    }
}

/// Plays the role of a process that a test has started.
fn plays_a_role() -> bool {
    match role().as_deref() {
        Some([name, path]) if name == "share" => share(path),
        Some([name, path]) if name == "cycle" => cycle(path),
        Some(other) => panic!("{other:?}"),
        None => return false,
    }
    true
}

#[test]
fn a_goodbye_is_eos() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 1);
    let mut reader = Reader::playing(&path, &[]);
    host.publish(&picture(memory));
    let kept = reader.pull();
    drop(host);
    reader.wait_for_eos();
    assert_eq!(kept.map_readable().unwrap()[0], 1, "what it gave stays");
}

#[test]
fn a_killed_host_is_an_error() {
    const TEST: &str = "ends::a_killed_host_is_an_error";
    if plays_a_role() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = socket(&folder);
    let host = Process::start(TEST, &["share", &path]);
    host.expect("shares", || ());
    let mut reader = Reader::playing(&path, &[]);
    let kept = reader.pull();
    host.kill();
    let error = reader.error();
    for part in [path.as_str(), "killed or crashed", "reconnect=true"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(kept.map_readable().unwrap().len(), kept.size());
}

#[test]
fn reconnect_waits_for_the_next_host() {
    const TEST: &str = "ends::reconnect_waits_for_the_next_host";
    if plays_a_role() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = socket(&folder);
    // There is no host yet, and the state change does not wait.
    let mut reader = Reader::playing(&path, &[("reconnect", "true")]);
    for round in 0..3 {
        let host = Process::start(TEST, &["share", &path]);
        host.expect("shares", || ());
        until("a frame of the next host", || {
            let buffer = reader.pull();
            reader.stats("restarts") == round && buffer.flags().contains(gst::BufferFlags::DISCONT)
        });
        host.kill();
    }
    // One that says goodbye is waited for, too.
    let host = TestHost::new(&path);
    host.wait_for_clients(1);
    drop(host);
    let host = TestHost::new(&path);
    host.wait_for_clients(1);
    let errors = reader.bus.pop_filtered(&[gst::MessageType::Error]);
    assert!(errors.is_none(), "{errors:?}");
}

#[test]
fn a_new_format_reconnects() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 1);
    let mut reader = Reader::playing(&path, &[]);
    host.publish(&picture(memory));
    reader.pull();
    let goodbye = videostream::ipc::Goodbye::FormatChange;
    host.publisher().host_mut().send_away(goodbye);
    host.wait_for_clients(1);
    host.publish(&frame(FourCc::GREY, 64, 32, memory));
    until("a frame of the new format", || {
        reader.pull().size() == 64 * 32
    });
    assert_eq!(reader.stats("restarts"), 1);
}

#[test]
fn stopping_ends_all_waits() {
    let (_folder, path, host) = host();
    for (properties, has_host) in [
        (&[][..], true),
        (&[("reconnect", "true")][..], true),
        (&[("reconnect", "true")][..], false),
    ] {
        let path = match has_host {
            true => path.clone(),
            false => format!("{path}-none"),
        };
        for _ in 0..20 {
            let reader = Reader::playing(&path, properties);
            let element = reader.element.clone();
            within("the state change", move || {
                element.set_state(gst::State::Null).unwrap();
            });
        }
    }
    host.wait_for_clients(0);
}

#[test]
fn an_eos_event_ends_the_stream() {
    let (_folder, path, host) = host();
    let mut reader = Reader::playing(&path, &[]);
    host.wait_for_clients(1);
    let element = reader.element.clone();
    within("sending the event", move || {
        assert!(element.send_event(gst::event::Eos::new()));
    });
    reader.wait_for_eos();
}

#[test]
fn frames_outlive_the_element() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 9);
    let mut reader = Reader::playing(&path, &[]);
    host.publish(&picture(memory));
    let kept = reader.pull();
    reader.element.set_state(gst::State::Null).unwrap();
    drop(reader);
    assert_eq!(host.held(), 1);
    drop(host);
    assert_eq!(kept.map_readable().unwrap().as_slice(), [9; PICTURE]);
    drop(kept);
}

/// Starts and stops an element repeatedly; descriptors have to be closed.
fn cycle(path: &str) {
    let mut host = TestHost::new(path);
    let memory = host.memory(PICTURE, 1);
    let element = with_properties(&[]);
    element.set_property("path", path);
    let sink = gst::ElementFactory::make("fakesink").build().unwrap();
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&element, &sink]).unwrap();
    element.link(&sink).unwrap();
    let mut before = None;
    for round in 0..200 {
        pipeline.set_state(gst::State::Playing).unwrap();
        host.publish(&picture(memory));
        if round % 2 == 0 {
            until("a frame", || {
                let stats = element.property::<gst::Structure>("stats");
                host.publish(&picture(memory));
                stats.get::<u64>("frames").unwrap() > 0
            });
        }
        pipeline.set_state(gst::State::Null).unwrap();
        host.wait_for_clients(0);
        match before {
            // The first rounds load what stays loaded.
            None if round == 5 => before = Some(open_descriptors()),
            _ => {}
        }
    }
    say(format!("{} {}", before.unwrap(), open_descriptors()));
}

#[test]
fn cycles_leak_no_descriptor() {
    const TEST: &str = "ends::cycles_leak_no_descriptor";
    if plays_a_role() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = socket(&folder);
    let process = Process::start(TEST, &["cycle", &path]);
    let counts = process.next();
    let (before, after) = counts.split_once(' ').unwrap();
    assert_eq!(before, after);
    assert!(process.end().success());
}

/// Returns the error for a malformed frame.
fn error_of(lie: impl FnOnce(&mut FrameDescriptor)) -> String {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 1);
    let reader = Reader::playing(&path, &[]);
    let mut frame = picture(memory);
    lie(&mut frame);
    host.publish(&frame);
    let error = reader.error();
    assert!(error.contains(&path), "{error}");
    error
}

#[test]
fn impossible_frames_are_named() {
    let says = |part: &str, error: String| assert!(error.contains(part), "{error}");
    says("pBAA", error_of(|frame| frame.fourcc = FourCc::SBGGR10P.0));
    says("0x32", error_of(|frame| frame.width = 0));
    says("4294967295", error_of(|frame| frame.height = u32::MAX));
    says("lines of 63", error_of(|frame| frame.planes[0].stride = 63));
    says("4096x32", error_of(|frame| frame.width = 4096));
    says("1 bytes", error_of(|frame| frame.planes[1].size = 1));
    says("byte", error_of(|frame| frame.planes[1].offset = u32::MAX));
    says("modifier", error_of(|frame| frame.modifier = 7));
    says(
        "packet",
        error_of(|frame| {
            frame.fourcc = FourCc::MJPG.0;
            frame.bytes_used = u32::MAX;
        }),
    );
}
