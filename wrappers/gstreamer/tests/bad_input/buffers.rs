//! Caps and buffers of a pipeline that `vslsink` has to refuse.

use std::sync::mpsc;

use gst::prelude::*;
use gst_check::Harness;

use crate::support::{WATCHDOG, client, name, shareable, with_bus};
use crate::turn;

/// A sink that is fed by the test, and its bus.
fn fed_sink(path: &str) -> (gst::Element, gst::Bus, Harness) {
    let sink = crate::support::fed_sink(path);
    let harness = Harness::with_element(&sink, Some("sink"), None);
    let bus = with_bus(&sink);
    (sink, bus, harness)
}

/// A buffer of either kind of memory: one that is shared in place, and one that is copied.
fn both(size: usize) -> [gst::Buffer; 2] {
    let mut shared = gst::Buffer::new();
    let memory = shareable(size, 1);
    shared.get_mut().unwrap().append_memory(memory);
    [shared, gst::Buffer::from_slice(vec![1; size])]
}

#[test]
fn short_buffers_are_refused_by_their_numbers() {
    let _turn = turn();
    for format in [
        "NV12",
        "I420",
        "YUY2",
        "RGB",
        "BGRx",
        "GRAY8",
        "NV16",
        "GRAY16_LE",
    ] {
        let caps = format!("video/x-raw, format={format}, width=64, height=48, framerate=25/1");
        let info = gst_video::VideoInfo::from_caps(&caps.parse::<gst::Caps>().unwrap()).unwrap();
        for size in [1, 64, info.size() / 2, info.size() - 1] {
            for buffer in both(size) {
                let path = name("short");
                let (_sink, bus, mut harness) = fed_sink(&path);
                harness.set_src_caps_str(&caps);
                harness.play();
                let result = harness.push(buffer);
                assert_eq!(result, Err(gst::FlowError::Error), "{format} {size}");
                let text = crate::support::error_text(&bus);
                assert!(text.contains(format) && text.contains("bytes"), "{text}");
            }
        }
    }
}

/// Adds a `GstVideoMeta` without the checks of the Rust interface.
fn lie(buffer: &mut gst::Buffer, offsets: [usize; 4], strides: [i32; 4], planes: u32) {
    let buffer = buffer.get_mut().unwrap();
    #[allow(unsafe_code, reason = "the Rust interface refuses what C lets pass")]
    // SAFETY: the buffer is writable, and the arrays are as long as planes can be.
    let meta = unsafe {
        gst_video::ffi::gst_buffer_add_video_meta_full(
            buffer.as_mut_ptr(),
            gst_video::ffi::GST_VIDEO_FRAME_FLAG_NONE,
            gst_video::ffi::GST_VIDEO_FORMAT_NV12,
            64,
            48,
            planes,
            &offsets,
            &strides,
        )
    };
    assert!(!meta.is_null());
}

#[test]
fn bad_video_metas_are_refused() {
    let _turn = turn();
    const Y: usize = 64 * 48;
    let lies: [(&str, [usize; 2], [i32; 2], u32); 9] = [
        ("plane 1", [0, Y + 1], [64, 64], 2),
        ("plane 0", [Y, 0], [64, 64], 2),
        ("plane 1", [0, usize::MAX], [64, 64], 2),
        ("plane 0", [0, Y], [63, 64], 2),
        ("plane 0", [0, Y], [-64, 64], 2),
        ("plane 0", [0, Y], [0, 0], 2),
        ("plane 0", [0, Y], [i32::MAX, 64], 2),
        ("plane 1", [0, Y], [64, i32::MIN], 2),
        ("plane 1", [0, Y], [64, 64], 1),
    ];
    for (plane, offsets, strides, planes) in lies {
        for mut buffer in both(Y * 3 / 2) {
            let path = name("meta");
            let (_sink, bus, mut harness) = fed_sink(&path);
            harness
                .set_src_caps_str("video/x-raw, format=NV12, width=64, height=48, framerate=25/1");
            harness.play();
            let (o, s) = (offsets, strides);
            lie(&mut buffer, [o[0], o[1], 0, 0], [s[0], s[1], 0, 0], planes);
            let result = harness.push(buffer);
            assert_eq!(
                result,
                Err(gst::FlowError::Error),
                "{offsets:?} {strides:?}"
            );
            let text = crate::support::error_text(&bus);
            assert!(text.contains(plane), "{offsets:?} {strides:?}: {text}");
        }
    }
}

#[test]
fn the_last_line_needs_no_padding() {
    let _turn = turn();
    for mut buffer in both(80 * 47 + 64 + 80 * 23 + 64) {
        let path = name("last-line");
        let (_sink, _bus, mut harness) = fed_sink(&path);
        harness.set_src_caps_str("video/x-raw, format=NV12, width=64, height=48, framerate=25/1");
        harness.play();
        let mut client = client(&path);
        lie(&mut buffer, [0, 80 * 47 + 64, 0, 0], [80, 80, 0, 0], 2);
        harness.push(buffer).unwrap();
        let frame = client.next(WATCHDOG).unwrap();
        let pixels = frame.pixels().unwrap();
        let picture = pixels.picture().unwrap();
        for plane in 0..2 {
            assert!(picture.rows(plane).all(|row| row == [1; 64]));
        }
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let _turn = turn();
    for size in [
        "width=0, height=48",
        "width=64, height=0",
        "width=-64, height=48",
        "width=2147483647, height=2147483647",
        "width=40000, height=40000",
        "width=2147483647, height=1",
    ] {
        let path = name("sizes");
        let (_sink, bus, mut harness) = fed_sink(&path);
        harness.set_src_caps_str(&format!("video/x-raw, format=BGRx, {size}, framerate=25/1"));
        harness.play();
        let result = harness.push(gst::Buffer::from_slice([0; 4096]));
        assert!(result.is_err(), "{size}");
        // If the element refuses it, the message has to say why.
        if result == Err(gst::FlowError::Error) {
            let text = crate::support::error_text(&bus);
            assert!(
                text.contains("bytes") || text.contains("shared"),
                "{size}: {text}"
            );
        }
    }
}

#[test]
fn packets_of_any_size_are_safe() {
    let _turn = turn();
    let path = name("packets");
    let (sink, _bus, mut harness) = fed_sink(&path);
    harness.set_src_caps_str(
        "video/x-h264, stream-format=byte-stream, alignment=au, width=64, height=48",
    );
    harness.play();
    let mut client = client(&path);
    let mut published = 0;
    for size in [0, 1, 3, 4, 65_536, 65_537, 8 << 20] {
        for buffer in both(size.max(1)) {
            let mut buffer = buffer;
            buffer.get_mut().unwrap().set_size(size);
            harness.push(buffer).unwrap();
            if size > 0 {
                published += 1;
                let frame = client.next(WATCHDOG).unwrap();
                assert_eq!(frame.descriptor().bytes_used as usize, size);
                let pixels = frame.pixels().unwrap();
                assert!(pixels.plane(0)[..size].iter().all(|byte| *byte == 1));
            }
        }
    }
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("published"), Ok(published));
}

#[test]
fn a_message_handler_may_read_the_stats() {
    let _turn = turn();
    let path = name("told");
    let (sink, bus, mut harness) = fed_sink(&path);
    let (tell, told) = mpsc::channel();
    let weak = sink.downgrade();
    bus.set_sync_handler(move |_, message| {
        if let (gst::MessageType::Error, Some(sink)) = (message.type_(), weak.upgrade()) {
            let stats = sink.property::<gst::Structure>("stats");
            let _ = (sink.property::<u32>("num-clients"), tell.send(stats));
        }
        gst::BusSyncReply::Pass
    });
    harness.set_src_caps_str("video/x-raw, format=GRAY8, width=64, height=48, framerate=25/1");
    harness.play();
    let pushed = crate::support::within("a buffer that is refused", move || {
        harness.push(gst::Buffer::from_slice([0; 64]))
    });
    assert_eq!(pushed, Err(gst::FlowError::Error));
    let stats = told.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(stats.get::<u64>("published"), Ok(0));
}
