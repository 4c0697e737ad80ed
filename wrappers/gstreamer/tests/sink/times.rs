//! Times and sequence numbers of frames.

use gst::prelude::*;
use videostream::hal::time::now_ns;

use crate::element::{CAPS, SIZE, bytes, next, sink};
use crate::support::{client, feed, init, name};

#[test]
fn times_are_on_the_monotonic_clock() {
    init();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc is-live=true num-buffers=50 ! video/x-raw,format=GRAY8,width=64,height=48 \
         ! vslsink name=sink path={}",
        name("times")
    ));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut client = client(&name("times"));
    let frame = next(&mut client);
    let base = pipeline.base_time().unwrap().nseconds();
    let descriptor = frame.descriptor();
    let pts = u64::try_from(descriptor.pts_ns).unwrap();
    assert_eq!(descriptor.timestamp_ns, base + pts);
    assert!(descriptor.timestamp_ns <= descriptor.published_ns);
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn another_clock_is_converted() {
    init();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc is-live=true ! {CAPS} ! vslsink sync=false path={}",
        name("clock")
    ));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    // Half a century ahead of the time since boot.
    let clock = gst::glib::Object::builder::<gst::SystemClock>()
        .property("clock-type", gst::ClockType::Realtime)
        .build();
    pipeline.use_clock(Some(&clock));
    let before = now_ns();
    pipeline.set_state(gst::State::Playing).unwrap();
    let frame = next(&mut client(&name("clock")));
    let behind = now_ns();
    // Clocks of a kind run apart by less than this while a test runs.
    const SECOND: u64 = 1_000_000_000;
    let range = before - SECOND..behind + SECOND;
    assert!(
        range.contains(&frame.timestamp_ns()),
        "{range:?}: {}",
        frame.timestamp_ns()
    );
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_reference_timestamp_takes_precedence() {
    let sink = sink("reference");
    let mut harness = feed(&sink, CAPS);
    let mut client = client(&name("reference"));
    let mut buffer = bytes(SIZE, 1);
    let caps = gst::Caps::new_empty_simple("timestamp/x-system-monotonic");
    let time = gst::ClockTime::from_nseconds(12_345);
    let change = buffer.get_mut().unwrap();
    gst::ReferenceTimestampMeta::add(change, &caps, time, gst::ClockTime::NONE);
    change.set_pts(gst::ClockTime::SECOND);
    harness.push(buffer).unwrap();
    let frame = next(&mut client);
    assert_eq!(frame.timestamp_ns(), 12_345);
    assert_eq!(frame.descriptor().pts_ns, 1_000_000_000);
}

#[test]
fn frames_that_the_source_lost_are_counted() {
    let sink = sink("lost");
    let mut harness = feed(&sink, CAPS);
    let mut client = client(&name("lost"));
    for (offset, expected) in [(100, 100), (101, 101), (105, 105), (50, 106)] {
        let mut buffer = bytes(SIZE, 1);
        buffer.get_mut().unwrap().set_offset(offset);
        harness.push(buffer).unwrap();
        assert_eq!(next(&mut client).sequence(), expected);
    }
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("source-drops"), Ok(3));
}
