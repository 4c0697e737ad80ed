//! Policies: which frames make room for new ones.

use std::sync::mpsc;

use gst::prelude::*;
use videostream::{Client, Mode};

use crate::element::{CAPS, SIZE, bytes, next, sink};
use crate::support::{WATCHDOG, feed, name, until};

#[test]
fn frames_expire_while_nothing_flows() {
    let sink = sink("expire");
    sink.set_property("lifespan", 1_i64);
    let mut harness = feed(&sink, CAPS);
    harness.push(bytes(SIZE, 1)).unwrap();
    until("nothing is lent", || {
        let stats = sink.property::<gst::Structure>("stats");
        stats.get::<u32>("lent") == Ok(0)
    });
}

#[test]
fn until_expiry_blocks_the_pipeline() {
    let sink = sink("waits");
    sink.set_property_from_str("policy", "until-expiry");
    sink.set_property("lend", 2_u32);
    sink.set_property("lifespan", i64::MAX);
    let (pushed, is_pushed) = mpsc::channel();
    let mut harness = feed(&sink, CAPS);
    let pushing = std::thread::spawn(move || {
        for value in 0..4 {
            let result = harness.push(bytes(SIZE, value));
            pushed.send(result).unwrap();
        }
        harness
    });
    for _ in 0..2 {
        is_pushed.recv_timeout(WATCHDOG).unwrap().unwrap();
    }
    // The third is shared, and blocks until its wait is ended.
    until("three frames are out", || {
        let stats = sink.property::<gst::Structure>("stats");
        stats.get::<u64>("published") == Ok(3)
    });
    assert!(is_pushed.try_recv().is_err());
    let pad = sink.static_pad("sink").unwrap();
    assert!(pad.send_event(gst::event::FlushStart::new()));
    is_pushed.recv_timeout(WATCHDOG).unwrap().unwrap();
    pushing.join().unwrap();
}

#[test]
fn a_reader_of_every_frame_gets_every_frame() {
    let sink = sink("every");
    sink.set_property_from_str("policy", "never-drop");
    sink.set_property("lend", 2_u32);
    sink.set_property("lifespan", i64::MAX);
    let mut harness = feed(&sink, CAPS);
    let builder = Client::builder(name("every")).mode(Mode::Every);
    let mut client = builder.connect_timeout(WATCHDOG).connect().unwrap();
    let pushing = std::thread::spawn(move || {
        for value in 0..100 {
            harness.push(bytes(SIZE, value)).unwrap();
        }
        harness
    });
    for value in 0..100 {
        let frame = next(&mut client);
        assert_eq!(frame.missed(), 0);
        assert_eq!(frame.pixels().unwrap().plane(0)[0], value);
    }
    pushing.join().unwrap();
}
