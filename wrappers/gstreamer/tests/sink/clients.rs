//! What clients get: frames, caps, parameter sets, the end.

use std::sync::mpsc;

use gst::prelude::*;
use gst_video::VideoBufferFlags;
use gst_video::prelude::*;
use videostream::hal::format::FourCc;
use videostream::hal::ring::Flags;
use videostream::{Client, Mode};

use crate::element::{CAPS, SIZE, bytes, next, sink};
use crate::support::{WATCHDOG, client, feed, message, name, with_bus};

#[test]
fn clients_come_and_go_while_nothing_flows() {
    let sink = sink("signals");
    let (tell, told) = mpsc::channel();
    for signal in ["client-connected", "client-disconnected"] {
        let tell = tell.clone();
        sink.connect(signal, false, move |values| {
            let about = values[1].get::<gst::Structure>().unwrap();
            tell.send((signal, about)).unwrap();
            None
        });
    }
    let harness = feed(&sink, CAPS);
    let client = client(&name("signals"));
    let (signal, about) = told.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(signal, "client-connected");
    assert_eq!(about.get::<u32>("pid"), Ok(std::process::id()));
    assert_eq!(sink.property::<u32>("num-clients"), 1);
    drop(client);
    let (signal, _) = told.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(signal, "client-disconnected");
    assert_eq!(sink.property::<u32>("num-clients"), 0);
    drop(harness);
}

#[test]
fn too_large_a_hold_is_refused() {
    let sink = sink("refused");
    sink.set_property("lend", 3_u32);
    let _harness = feed(&sink, CAPS);
    let builder = Client::builder(name("refused")).hold(7);
    let error = builder.connect_timeout(WATCHDOG).connect().unwrap_err();
    assert!(error.to_string().contains('7'), "{error}");
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("clients-refused"), Ok(1));
}

#[test]
fn new_caps_reach_clients() {
    let sink = sink("caps");
    let mut harness = feed(&sink, CAPS);
    let mut client = client(&name("caps"));
    harness.push(bytes(SIZE, 1)).unwrap();
    assert_eq!(next(&mut client).fourcc(), FourCc::GREY);
    harness.set_src_caps_str("video/x-raw, format=YUY2, width=32, height=16, framerate=0/1");
    harness.push(bytes(32 * 16 * 2, 1)).unwrap();
    let frame = next(&mut client);
    assert!(frame.has_new_format());
    assert_eq!((frame.fourcc(), frame.width()), (FourCc::YUYV, 32));
    assert_eq!(frame.descriptor().duration_ns, 0);
}

#[test]
fn counts_survive_new_caps_and_eos() {
    let sink = sink("counts");
    let bus = with_bus(&sink);
    let mut harness = feed(&sink, CAPS);
    harness.push(bytes(SIZE, 1)).unwrap();
    harness.set_src_caps_str("video/x-raw, format=YUY2, width=32, height=16, framerate=0/1");
    harness.push(bytes(32 * 16 * 2, 1)).unwrap();
    let counts = || {
        let stats = sink.property::<gst::Structure>("stats");
        ["published", "copied"].map(|name| stats.get::<u64>(name).unwrap())
    };
    assert_eq!(counts(), [2, 2]);
    for streams in 1..=2 {
        assert!(harness.push_event(gst::event::Eos::new()));
        message(&bus, gst::MessageType::Eos);
        assert_eq!(counts(), [streams + 1; 2]);
        harness.push_event(gst::event::FlushStart::new());
        harness.push_event(gst::event::FlushStop::new(true));
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        harness.push_event(gst::event::Segment::new(&segment));
        harness.push(bytes(32 * 16 * 2, 1)).unwrap();
        assert_eq!(counts(), [streams + 2; 2]);
    }
}

#[test]
fn field_order_reaches_clients() {
    const TFF: VideoBufferFlags = VideoBufferFlags::TFF;
    const BOTH: VideoBufferFlags = VideoBufferFlags::INTERLACED.union(TFF);
    const NONE: VideoBufferFlags = VideoBufferFlags::empty();
    const TOP: u32 = 8;
    const BOTTOM: u32 = 9;
    let sink = sink("fields");
    let mut harness = feed(&sink, CAPS);
    let mut client = client(&name("fields"));
    for (caps, flags, field) in [
        ("interlace-mode=interleaved", TFF, TOP),
        ("interlace-mode=interleaved", NONE, BOTTOM),
        (
            "interlace-mode=interleaved, field-order=top-field-first",
            NONE,
            TOP,
        ),
        ("interlace-mode=mixed", BOTH, TOP),
        ("interlace-mode=mixed", NONE, 1),
        ("interlace-mode=progressive", NONE, 1),
    ] {
        harness.set_src_caps_str(&format!("{CAPS}, {caps}"));
        let mut buffer = bytes(SIZE, 1);
        buffer.make_mut().set_video_flags(flags);
        harness.push(buffer).unwrap();
        assert_eq!(next(&mut client).descriptor().field, field, "{caps}");
    }
}

#[test]
fn clients_get_the_last_frame_before_the_end() {
    let sink = sink("end");
    let bus = with_bus(&sink);
    let mut harness = feed(&sink, CAPS);
    let builder = Client::builder(name("end")).mode(Mode::Every);
    let mut client = builder.connect_timeout(WATCHDOG).connect().unwrap();
    for value in 1..=3 {
        harness.push(bytes(SIZE, value)).unwrap();
    }
    assert!(harness.push_event(gst::event::Eos::new()));
    message(&bus, gst::MessageType::Eos);
    for value in 1..=3 {
        let frame = next(&mut client);
        assert_eq!(frame.pixels().unwrap().plane(0)[0], value);
    }
    let end = client.next(WATCHDOG).unwrap_err();
    assert!(end.is_host_gone(), "{end}");
    // Another stream begins on the same socket.
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    harness.push(bytes(SIZE, 9)).unwrap();
    let mut client = crate::support::client(&name("end"));
    assert_eq!(next(&mut client).pixels().unwrap().plane(0)[0], 9);
}

/// SPS and PPS of an H.264 stream of 64x48 in baseline profile.
const PARAMETER_SETS: &[u8] = &[
    0x00, 0x00, 0x00, 0x01, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x04, 0x7b, 0x01, 0x10, 0x00, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x22, 0x64, 0x80, 0x00, 0x00, 0x00, 0x01, 0x68,
    0xcb, 0x83, 0xcb, 0x20,
];

#[test]
fn parameter_sets_reach_clients() {
    let sets = PARAMETER_SETS;
    let sink = sink("packets");
    let caps = "video/x-h264, stream-format=byte-stream, alignment=au, width=64, height=48, \
                framerate=30/1";
    let mut harness = feed(&sink, caps);
    let mut client = client(&name("packets"));
    // A new client causes a key frame request.
    loop {
        let event = harness.pull_upstream_event().unwrap();
        if gst_video::ForceKeyUnitEvent::is(&event) {
            break;
        }
    }
    let key = [sets, &[0, 0, 0, 1, 0x65, 1, 2, 3]].concat();
    harness.push(gst::Buffer::from_slice(key.clone())).unwrap();
    let frame = next(&mut client);
    assert_eq!(frame.fourcc(), FourCc::H264);
    assert!(frame.flags().contains(Flags::KEY_FRAME));
    assert_eq!(frame.descriptor().bytes_used as usize, key.len());
    let pixels = frame.pixels().unwrap();
    assert_eq!(&pixels.plane(0)[..key.len()], key);
    assert_eq!(client.parameters().unwrap().as_deref(), Some(sets));
    drop(pixels);
    drop(frame);
    // A larger packet than the pool's, and no key frame.
    let mut delta = gst::Buffer::from_slice(vec![1_u8; 200_000]);
    let flags = gst::BufferFlags::DELTA_UNIT;
    delta.get_mut().unwrap().set_flags(flags);
    harness.push(delta).unwrap();
    let frame = next(&mut client);
    assert!(!frame.flags().contains(Flags::KEY_FRAME));
    assert_eq!(frame.descriptor().bytes_used, 200_000);
    // Parsers say more of the same stream later.
    harness.set_src_caps_str(&format!("{caps}, level=(string)1"));
    assert_eq!(client.parameters().unwrap().as_deref(), Some(sets));
    // Clients after an end have them, too.
    assert!(harness.push_event(gst::event::Eos::new()));
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    harness.push(gst::Buffer::from_slice(key)).unwrap();
    let client = crate::support::client(&name("packets"));
    assert_eq!(client.parameters().unwrap().as_deref(), Some(sets));
}
