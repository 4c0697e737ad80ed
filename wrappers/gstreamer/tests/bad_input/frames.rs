//! Frames of a host that `vslsrc` has to refuse.

use videostream::hal::format::FourCc;
use videostream::hal::ring::FrameDescriptor;

use crate::support::host::{TestHost, TestPicture, assert_is_test_picture};
use crate::support::pipeline::Pipeline;
use crate::support::{name, until};
use crate::turn;

/// Returns a reader's error for a modified frame, or `None` if the frame flows. A valid frame comes
/// before it.
fn verdict(test: &str, lie: impl FnOnce(&mut FrameDescriptor)) -> Option<String> {
    let path = name("lie");
    let mut host = TestHost::new(&path);
    let picture = TestPicture::new(FourCc::NV12, 64, 48, 0);
    let right = picture.within(host.register(&picture.bytes));
    let reader = Pipeline::playing(&format!("vslsrc path={path} mode=every ! appsink name=out"));
    host.publish_now(right);
    let sample = reader.pull();
    assert_is_test_picture(sample.buffer().unwrap(), sample.caps().unwrap());
    let mut wrong = right;
    lie(&mut wrong);
    host.publish_now(wrong);
    let kinds = [gst::MessageType::Error];
    let mut said = None;
    until("it is judged", || {
        let message = reader.bus().pop_filtered(&kinds);
        if let Some(gst::MessageView::Error(error)) = message.as_ref().map(|m| m.view()) {
            said = Some(error.error().to_string());
        }
        said.is_some() || reader.frames() >= 2
    });
    if said.is_none() {
        // A frame that flows can be read.
        let sample = reader.pull();
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        assert!(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>() > 0);
    }
    if let Some(said) = &said {
        assert!(said.contains(&path), "{test}: {said}");
    }
    reader.end();
    said
}

#[test]
fn bad_frames_end_a_reader_with_a_reason() {
    let _turn = turn();
    type Lie = fn(&mut FrameDescriptor);
    let lies: [(&str, Lie); 21] = [
        ("a plane outside", |f| f.planes[0].offset = 1 << 20),
        ("a plane that ends outside", |f| f.planes[1].offset += 1),
        ("an offset at the end of numbers", |f| {
            f.planes[0].offset = u32::MAX
        }),
        ("a plane larger than its buffer", |f| {
            f.planes[0].size = u32::MAX
        }),
        ("a plane without bytes", |f| f.planes[0].size = 0),
        ("planes without bytes", |f| {
            f.planes[0].size = 0;
            f.planes[1].size = 0;
        }),
        ("lines that are too short", |f| f.planes[0].stride = 1),
        ("lines that are too long", |f| f.planes[0].stride = u32::MAX),
        ("no format", |f| f.fourcc = 0),
        ("an unknown format", |f| f.fourcc = FourCc::new(*b"ZZZZ").0),
        ("a format of more planes", |f| f.fourcc = FourCc::YU12.0),
        ("one plane too many", |f| f.plane_count = 3),
        ("as many planes as there can be", |f| f.plane_count = 4),
        ("more planes than there can be", |f| f.plane_count = 5),
        ("planes at the end of numbers", |f| f.plane_count = u32::MAX),
        ("no planes", |f| f.plane_count = 0),
        ("tiles in a file", |f| f.modifier = 0x0100_0000_0000_0002),
        ("no width", |f| f.width = 0),
        ("no height", |f| f.height = 0),
        ("a larger picture", |f| f.height = 50),
        ("the largest picture", |f| {
            (f.width, f.height) = (u32::MAX, u32::MAX)
        }),
    ];
    for (test, lie) in lies {
        // Planes beyond the count have a buffer, too: the host would not take them otherwise.
        let with_buffers = move |frame: &mut FrameDescriptor| {
            let buffer = frame.planes[0].buffer;
            frame.planes[2].buffer = buffer;
            frame.planes[3].buffer = buffer;
            lie(frame);
        };
        let said = verdict(test, with_buffers);
        assert!(said.is_some(), "{test} flows");
    }
}

#[test]
fn unusual_frames_flow() {
    let _turn = turn();
    type Oddity = fn(&mut FrameDescriptor);
    let oddities: [(&str, Oddity); 11] = [
        ("used bytes", |f| f.bytes_used = u32::MAX),
        ("no used bytes", |f| f.bytes_used = 0),
        ("a duration", |f| f.duration_ns = u64::MAX),
        ("no duration", |f| f.duration_ns = 0),
        ("a later time", |f| f.timestamp_ns = u64::MAX),
        ("times of the pipeline", |f| {
            (f.pts_ns, f.dts_ns) = (i64::MIN, i64::MAX)
        }),
        ("samples", |f| f.sample_aspect = u32::MAX),
        ("a field", |f| f.field = u32::MAX),
        ("colours", |f| f.colorimetry = u32::MAX),
        ("flags", |f| f.flags = u32::MAX),
        ("a sequence", |f| f.sequence = u64::MAX),
    ];
    for (test, oddity) in oddities {
        assert_eq!(verdict(test, oddity), None, "{test}");
    }
}

#[test]
fn gaps_of_the_longest_frames_are_reported() {
    let _turn = turn();
    let path = name("gaps");
    let mut host = TestHost::new(&path);
    let picture = TestPicture::new(FourCc::NV12, 64, 48, 0);
    let mut frame = picture.within(host.register(&picture.bytes));
    frame.duration_ns = i64::MAX as u64;
    let reader = Pipeline::playing(&format!("vslsrc path={path} ! fakesink name=out"));
    host.publish_now(frame);
    reader.until_frames(1);
    // A paused source takes nothing.
    reader.set(gst::State::Paused).unwrap();
    for _ in 0..20 {
        host.publish_now(frame);
    }
    reader.play();
    reader.message(gst::MessageType::Qos);
    reader.end();
}

#[test]
fn bad_packets_end_a_reader_with_a_reason() {
    let _turn = turn();
    for (test, bytes_used, size) in [
        ("used", u32::MAX, 64),
        ("used by one", 65, 64),
        ("outside", 64, u32::MAX),
        ("empty", 0, 0),
    ] {
        let said = verdict(&format!("packet-{test}"), |frame| {
            frame.fourcc = FourCc::MJPG.0;
            frame.plane_count = 1;
            frame.planes[0].size = size;
            frame.bytes_used = bytes_used;
        });
        assert!(said.is_some(), "{test} flows");
    }
}
