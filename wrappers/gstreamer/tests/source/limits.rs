//! Holds: frames while downstream holds the maximum.

use gst::prelude::*;
use gst_allocators::FdMemory;
use videostream::Host;

use crate::host::{LEND, PICTURE, TestHost, host, picture, socket};
use crate::reader::Reader;
use crate::support::until;

fn is_shared(buffer: &gst::BufferRef) -> bool {
    buffer.peek_memory(0).is_memory_type::<FdMemory>()
}

#[test]
fn frames_beyond_hold_are_copied() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 4);
    let mut reader = Reader::playing(&path, &[("hold", "2")]);
    let mut kept = Vec::new();
    for _ in 0..4 {
        host.publish(&picture(memory));
        kept.push(reader.pull());
    }
    let shared: Vec<_> = kept.iter().map(|buffer| is_shared(buffer)).collect();
    assert_eq!(shared, [true, true, false, false]);
    assert_eq!(kept[3].map_readable().unwrap().as_slice(), [4; PICTURE]);
    assert!(kept[3].meta::<gst::ReferenceTimestampMeta>().is_some());
    assert_eq!(host.held(), 2);
    assert_eq!(reader.stats("copied"), 2);
    // A returned frame makes room.
    kept.remove(0);
    host.publish(&picture(memory));
    assert!(is_shared(&reader.pull()));
    assert_eq!(reader.stats("dropped"), 0);
}

#[test]
fn frames_are_copied_into_downstreams_memory() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 4);
    let mut reader = Reader::new(&path, &[("hold", "1")]);
    let round = reader.is_asked_for_round_addresses();
    reader.harness.play();
    let kept = [(); 9].map(|()| {
        host.publish(&picture(memory));
        reader.pull()
    });
    assert_eq!(reader.stats("copied"), 8);
    for copy in &kept[1..] {
        let bytes = copy.map_readable().unwrap();
        assert_eq!(bytes.as_ptr().addr() % round, 0);
        assert_eq!(bytes.as_slice(), [4; PICTURE]);
    }
}

#[test]
fn frames_beyond_hold_are_dropped_if_asked() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 4);
    let mut reader = Reader::playing(&path, &[("hold", "2"), ("when-full", "drop")]);
    let mut kept = Vec::new();
    for _ in 0..2 {
        host.publish(&picture(memory));
        kept.push(reader.pull());
    }
    for _ in 0..5 {
        host.publish(&picture(memory));
    }
    assert_eq!(host.held(), 2, "never more than agreed");
    // A returned frame is noticed without a new one being published.
    kept.remove(0);
    let next = reader.pull();
    assert_eq!(next.offset(), 7);
    assert!(next.flags().contains(gst::BufferFlags::DISCONT));
    assert_eq!(reader.stats("dropped"), 4);
    assert_eq!(reader.stats("copied"), 0);
    let qos = reader.message(gst::MessageType::Qos);
    let gst::MessageView::Qos(qos) = qos.view() else {
        unreachable!()
    };
    let (processed, dropped) = qos.stats();
    assert_eq!(processed.value(), 3);
    assert_eq!(dropped.value(), 4);
}

#[test]
fn a_full_pipeline_ends_at_once() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 4);
    let mut reader = Reader::playing(&path, &[("hold", "1"), ("when-full", "drop")]);
    host.publish(&picture(memory));
    let kept = reader.pull();
    host.publish(&picture(memory));
    let element = reader.element.clone();
    crate::support::within("the state change", move || {
        element.set_state(gst::State::Null).unwrap();
    });
    // Its frame outlives the element's work.
    assert_eq!(kept.map_readable().unwrap()[0], 4);
    drop(kept);
    host.wait_for_clients(0);
}

#[test]
fn a_smaller_hold_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = socket(&folder);
    let mut host = TestHost::with(Host::builder(&path), 4);
    let memory = host.memory(PICTURE, 4);
    let mut reader = Reader::playing(&path, &[("hold", "20")]);
    let info = reader.message(gst::MessageType::Info);
    let gst::MessageView::Info(info) = info.view() else {
        unreachable!()
    };
    let text = info.error().to_string();
    assert!(
        text.contains(&path) && text.contains("instead of 20"),
        "{text}"
    );
    // All that `gst-launch-1.0` shows.
    let details = info.debug().unwrap_or_default();
    assert!(details.contains("instead of 20"), "{details}");
    host.publish(&picture(memory));
    assert!(is_shared(&reader.pull()));
    let stats = reader.element.property::<gst::Structure>("stats");
    // Of three left, two are taken, one of them to copy from, so that others find room.
    assert_eq!(stats.get::<u32>("hold").unwrap(), 1);
    let other = videostream::Client::builder(&path).connect();
    assert!(other.is_ok(), "{other:?}");
}

#[test]
fn a_host_without_free_buffers_is_named() {
    let (_folder, path, host) = host();
    let hog = videostream::Client::builder(&path).hold(LEND - 1);
    let hog = hog.connect().unwrap();
    let reader = Reader::new(&path, &[]);
    assert!(reader.element.set_state(gst::State::Paused).is_err());
    let error = reader.error();
    assert!(
        error.contains(&path) && error.contains("another reader"),
        "{error}"
    );
    drop(hog);
    host.wait_for_clients(0);
    reader.element.set_state(gst::State::Paused).unwrap();
}

#[test]
fn frames_flow_after_many_short_pauses() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 4);
    let mut reader = Reader::playing(&path, &[]);
    for _ in 0..200 {
        reader.element.set_state(gst::State::Paused).unwrap();
        reader.element.set_state(gst::State::Playing).unwrap();
        let newest = host.publish(&picture(memory));
        while reader.pull().offset() != newest {}
    }
}

#[test]
fn missed_frames_are_a_gap() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 4);
    let mut reader = Reader::playing(&path, &[]);
    host.publish(&picture(memory));
    assert!(reader.pull().flags().contains(gst::BufferFlags::DISCONT));
    host.publish(&picture(memory));
    assert!(!reader.pull().flags().contains(gst::BufferFlags::DISCONT));
    // A paused live source takes nothing, and keeps its connection.
    reader.element.set_state(gst::State::Paused).unwrap();
    for _ in 0..3 {
        host.publish(&picture(memory));
    }
    assert_eq!(host.clients(), 1);
    reader.element.set_state(gst::State::Playing).unwrap();
    let mut last = 2;
    let next = loop {
        let next = reader.pull();
        // One that was under way when it was paused comes first.
        if next.offset() != 3 {
            break next;
        }
        last = 3;
    };
    assert!(next.flags().contains(gst::BufferFlags::DISCONT));
    assert_eq!(next.offset(), 5);
    until("they are counted", || reader.stats("missed") == 4 - last);
    reader.message(gst::MessageType::Qos);
}
