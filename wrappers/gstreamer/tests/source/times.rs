//! Times, caps and latency.

use gst::prelude::*;
use gst_video::VideoBufferFlags;
use gst_video::prelude::*;
use videostream::hal::format::FourCc;
use videostream::hal::time::now_ns;

use crate::host::{PICTURE, TestHost, frame, host, picture};
use crate::reader::Reader;
use crate::support::until;

struct Setting {
    _folder: tempfile::TempDir,
    host: TestHost,
    reader: Reader,
    memory: u32,
}

fn setting(properties: &[(&str, &str)]) -> Setting {
    let (folder, path, mut host) = host();
    let memory = host.memory(PICTURE * 4, 1);
    let reader = Reader::playing(&path, properties);
    Setting {
        _folder: folder,
        host,
        reader,
        memory,
    }
}

#[test]
fn capture_time_is_pts_and_base_time() {
    let mut s = setting(&[]);
    let base = s.reader.element.base_time().unwrap();
    for _ in 0..3 {
        let frame = picture(s.memory);
        s.host.publish(&frame);
        let buffer = s.reader.pull();
        let capture = gst::ClockTime::from_nseconds(frame.timestamp_ns);
        assert_eq!(buffer.pts().unwrap() + base, capture);
        assert_eq!(buffer.dts(), None);
        let meta = buffer.meta::<gst::ReferenceTimestampMeta>().unwrap();
        assert_eq!(meta.timestamp(), capture);
        let name = meta.reference().structure(0).unwrap().name().to_string();
        assert_eq!(name, "timestamp/x-system-monotonic");
    }
}

#[test]
fn serials_are_offsets() {
    let mut s = setting(&[]);
    let serial = s.host.publish(&picture(s.memory));
    let buffer = s.reader.pull();
    assert_eq!((buffer.offset(), buffer.offset_end()), (serial, serial + 1));
    let duration = gst::ClockTime::from_nseconds(33_333_333);
    assert_eq!(buffer.duration(), Some(duration));
}

#[test]
fn arrival_is_later_than_capture() {
    let mut s = setting(&[("timestamps", "arrival")]);
    let base = s.reader.element.base_time().unwrap();
    let mut frame = picture(s.memory);
    frame.timestamp_ns -= 1_000_000_000;
    let published = gst::ClockTime::from_nseconds(now_ns());
    s.host.publish(&frame);
    let arrival = s.reader.pull().pts().unwrap() + base;
    let now = gst::ClockTime::from_nseconds(now_ns());
    assert!(published <= arrival && arrival <= now, "{arrival}");
}

#[test]
fn raw_times_are_the_sending_pipelines() {
    let mut s = setting(&[("timestamps", "raw")]);
    let mut frame = picture(s.memory);
    (frame.pts_ns, frame.dts_ns) = (5_000, 4_000);
    s.host.publish(&frame);
    let buffer = s.reader.pull();
    let time = |ns| Some(gst::ClockTime::from_nseconds(ns));
    assert_eq!((buffer.pts(), buffer.dts()), (time(5_000), time(4_000)));
    s.host.publish(&picture(s.memory));
    let buffer = s.reader.pull();
    assert_eq!((buffer.pts(), buffer.dts()), (None, None));
}

#[test]
fn pts_and_dts_are_set_separately() {
    let mut s = setting(&[("dts", "true")]);
    let base = s.reader.element.base_time().unwrap();
    let mut frame = picture(s.memory);
    (frame.pts_ns, frame.dts_ns) = (5_000, 4_000);
    s.host.publish(&frame);
    let buffer = s.reader.pull();
    let capture = gst::ClockTime::from_nseconds(frame.timestamp_ns);
    assert_eq!(buffer.pts().unwrap() + base, capture);
    assert_eq!(buffer.dts(), Some(gst::ClockTime::from_nseconds(4_000)));
    // The base class copies a lone DTS to the PTS.
    s.reader.element.set_property("dts", false);
    s.reader.element.set_property("pts", true);
    frame.pts_ns = -1;
    s.host.publish(&frame);
    assert_eq!(s.reader.pull().pts(), None);
}

#[test]
fn one_early_frame_is_passed_on() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 1);
    let mut reader = Reader::new(&path, &[("mode", "every")]);
    let begin = now_ns() + 3_600_000_000_000;
    reader
        .element
        .set_base_time(gst::ClockTime::from_nseconds(begin));
    reader.element.set_start_time(gst::ClockTime::NONE);
    reader.harness.play();
    for _ in 0..4 {
        host.publish(&picture(memory));
    }
    assert_eq!(reader.pull().pts(), Some(gst::ClockTime::ZERO));
    until("the rest is left out", || reader.stats("early") == 3);
    reader.element.set_base_time(gst::ClockTime::ZERO);
    host.publish(&picture(memory));
    let buffer = reader.pull();
    assert!(buffer.pts().unwrap() > gst::ClockTime::ZERO);
    assert!(buffer.flags().contains(gst::BufferFlags::DISCONT));
}

#[test]
fn latency_is_the_age_of_frames() {
    let mut s = setting(&[]);
    let latency = |s: &Setting| {
        let mut query = gst::query::Latency::new();
        assert!(s.reader.element.query(&mut query));
        query.result()
    };
    assert_eq!(latency(&s), (true, gst::ClockTime::ZERO, None));
    let old = gst::ClockTime::from_mseconds(100);
    let mut frame = picture(s.memory);
    frame.timestamp_ns -= old.nseconds();
    s.host.publish(&frame);
    s.reader.pull();
    s.reader.message(gst::MessageType::Latency);
    let (live, min, max) = latency(&s);
    assert!(live && min >= old, "{min}");
    let held = gst::ClockTime::from_nseconds(2 * 33_333_333);
    assert_eq!(max, Some(min + held));
}

#[test]
fn caps_follow_the_frames() {
    let mut s = setting(&[]);
    s.host.publish(&picture(s.memory));
    let first = s.reader.pull();
    let caps = s.reader.caps();
    let caps = caps.structure(0).unwrap();
    assert_eq!(
        caps.get::<gst::Fraction>("framerate").unwrap(),
        gst::Fraction::new(30, 1)
    );
    assert_eq!(caps.get::<i32>("width").unwrap(), 64);
    let mut other = frame(FourCc::YUYV, 32, 16, s.memory);
    other.duration_ns = 33_366_666;
    s.host.publish(&other);
    let second = s.reader.pull();
    let caps = s.reader.caps();
    let caps = caps.structure(0).unwrap();
    assert_eq!(caps.get::<&str>("format").unwrap(), "YUY2");
    let rate = caps.get::<gst::Fraction>("framerate").unwrap();
    assert_eq!(rate, gst::Fraction::new(30_000, 1_001));
    assert!(second.flags().contains(gst::BufferFlags::DISCONT));
    // Earlier frames keep their field order.
    assert_eq!(first.size(), PICTURE);
    assert_eq!(second.size(), 32 * 16 * 2);
}

#[test]
fn uneven_durations_do_not_renegotiate() {
    let mut s = setting(&[]);
    for duration_ns in [33_333_333, 33_333_334, 40_000_000, 33_333_333, 20_000_000] {
        let mut frame = picture(s.memory);
        frame.duration_ns = duration_ns;
        s.host.publish(&frame);
        s.reader.pull();
        let caps = s.reader.caps();
        let rate = caps.structure(0).unwrap().get::<gst::Fraction>("framerate");
        assert_eq!(rate.unwrap(), gst::Fraction::new(30, 1));
    }
    // A rate that persists changes the caps.
    for _ in 0..15 {
        let mut frame = picture(s.memory);
        frame.duration_ns = 20_000_000;
        s.host.publish(&frame);
        s.reader.pull();
    }
    let caps = s.reader.caps();
    let rate = caps.structure(0).unwrap().get::<gst::Fraction>("framerate");
    assert_eq!(rate.unwrap(), gst::Fraction::new(50, 1));
}

#[test]
fn each_buffer_has_its_field_flags() {
    const FIELDS: VideoBufferFlags = VideoBufferFlags::INTERLACED.union(VideoBufferFlags::TFF);
    for hold in ["1", "4"] {
        let mut s = setting(&[("hold", hold)]);
        let mut pulled = Vec::new();
        for (field, flags, mode) in [
            (8, FIELDS, "interleaved"),
            (9, VideoBufferFlags::INTERLACED, "mixed"),
            (1, VideoBufferFlags::empty(), "mixed"),
            (8, FIELDS, "mixed"),
        ] {
            let mut frame = picture(s.memory);
            frame.field = field;
            s.host.publish(&frame);
            let buffer = s.reader.pull();
            assert_eq!(buffer.video_flags() & FIELDS, flags, "{field} {hold}");
            let caps = s.reader.caps();
            let caps = caps.structure(0).unwrap();
            assert_eq!(caps.get("interlace-mode"), Ok(mode), "{field}");
            pulled.push(buffer);
        }
    }
}

#[test]
fn a_caps_query_takes_no_frame() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 1);
    let serial = host.publish(&picture(memory));
    let mut reader = Reader::new(&path, &[]);
    let pad = reader.element.static_pad("src").unwrap();
    let template = pad.query_caps(None);
    assert!(template.can_intersect(&gst::Caps::new_empty_simple("video/x-h265")));
    // A paused live source delivers nothing.
    reader.element.set_state(gst::State::Paused).unwrap();
    for _ in 0..3 {
        let caps = pad.query_caps(None);
        assert_eq!(caps.structure(0).unwrap().get::<i32>("width").unwrap(), 64);
    }
    assert_eq!(host.held(), 0);
    reader.harness.play();
    assert_eq!(reader.pull().offset(), serial);
}

#[test]
fn incompatible_caps_are_an_error() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 1);
    host.publish(&picture(memory));
    let mut reader = Reader::new(&path, &[]);
    reader.harness.set_sink_caps_str("video/x-raw,format=RGB");
    reader.harness.play();
    let error = reader.error();
    for part in [&path, "NV12", "RGB", "videoconvert"] {
        assert!(error.contains(part), "{error}");
    }
}
