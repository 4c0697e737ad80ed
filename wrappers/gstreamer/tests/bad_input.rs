//! Caps and buffers that lie, properties that are changed while frames flow, and hosts that mean harm: what is wrong is
//! said, nobody crashes, and nobody reads beyond what there is.

#[path = "support/hostile.rs"]
mod hostile;
mod support;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use gst::glib;
use gst::prelude::*;
use gst_check::Harness;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::SocketAddrUnix;
use videostream::hal::format::FourCc;
use videostream::hal::ring::FrameDescriptor;
use videostream_testing::process::{Random, open_descriptors};

use hostile::hostile_host::{Hostile, STEPS_OF_HOST};
use hostile::script::Script;
use support::host::{TestHost, TestPicture, assert_is_test_picture};
use support::pipeline::Pipeline;
use support::{WATCHDOG, client, init, listener, name, shareable, until, with_bus};

/// The turn of a test: descriptors are counted for the whole process.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    init();
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A sink that is fed by the test, and its bus.
fn fed_sink(path: &str) -> (gst::Element, gst::Bus, Harness) {
    let sink = support::fed_sink(path);
    let harness = Harness::with_element(&sink, Some("sink"), None);
    let bus = with_bus(&sink);
    (sink, bus, harness)
}

/// Both kinds of memory: what is shared where it lies, and what is copied.
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
                let text = support::error_text(&bus);
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
fn video_metas_that_lie_are_refused() {
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
            let text = support::error_text(&bus);
            assert!(text.contains(plane), "{offsets:?} {strides:?}: {text}");
        }
    }
}

#[test]
fn the_last_line_may_lack_its_padding() {
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
fn sizes_that_no_picture_has_are_refused() {
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
        // What the element lets pass it has to refuse in words.
        if result == Err(gst::FlowError::Error) {
            let text = support::error_text(&bus);
            assert!(
                text.contains("bytes") || text.contains("shared"),
                "{size}: {text}"
            );
        }
    }
}

#[test]
fn packets_of_any_size_do_no_harm() {
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
fn who_is_told_may_ask_for_statistics() {
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
    let pushed = support::within("a buffer that is refused", move || {
        harness.push(gst::Buffer::from_slice([0; 64]))
    });
    assert_eq!(pushed, Err(gst::FlowError::Error));
    let stats = told.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(stats.get::<u64>("published"), Ok(0));
}

/// Values at the ends of a property's range.
fn extremes(property: &glib::ParamSpec) -> Vec<glib::Value> {
    let mut values = vec![property.default_value().clone()];
    if let Some(range) = property.downcast_ref::<glib::ParamSpecUInt>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(range) = property.downcast_ref::<glib::ParamSpecInt64>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(range) = property.downcast_ref::<glib::ParamSpecUInt64>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(range) = property.downcast_ref::<glib::ParamSpecFloat>() {
        values.extend([range.minimum().to_value(), range.maximum().to_value()]);
    } else if let Some(kinds) = property.downcast_ref::<glib::ParamSpecEnum>() {
        let kinds = kinds.enum_class();
        values.extend(
            kinds
                .values()
                .iter()
                .filter_map(|kind| kinds.to_value(kind.value())),
        );
    } else if property.is::<glib::ParamSpecBoolean>() {
        values.extend([true.to_value(), false.to_value()]);
    } else if property.is::<glib::ParamSpecString>() {
        values.extend(["", "/no/such/folder", &"x".repeat(5000)].map(|text| text.to_value()));
    }
    values
}

#[test]
fn properties_may_be_set_while_frames_flow() {
    let _turn = turn();
    let path = name("properties");
    let sink = format!(
        "videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=64,height=48,framerate=60/1 ! \
         vslsink name=it path={path}"
    );
    let sink = Pipeline::playing(&sink);
    let source = Pipeline::playing(&format!("vslsrc name=it path={path} ! fakesink name=out"));
    source.until_more(3);
    let mut count = 0;
    for pipeline in [&sink, &source] {
        let element = pipeline.element("it");
        for property in element.list_properties() {
            let is_own = property.owner_type() == element.type_();
            if !is_own || !property.flags().contains(glib::ParamFlags::WRITABLE) {
                continue;
            }
            let before = element.property_value(property.name());
            for value in extremes(&property) {
                element.set_property_from_value(property.name(), &value);
                // A lifespan of nothing leaves nothing to be read: it goes back first.
                element.set_property_from_value(property.name(), &before);
                count += 1;
            }
            source.until_more(2);
        }
    }
    assert!(count > 30, "{count}");
    assert_eq!(sink.element("it").property::<String>("path"), path);
    assert_eq!(source.element("it").property::<String>("path"), path);
    source.end();
    sink.end();
}

/// What a reader says of a frame that lies, or `None` if the frame flows. One that is right comes before it.
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
        // Whatever flows can be read.
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
fn frames_that_lie_end_a_reader_with_a_reason() {
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
fn oddities_of_frames_flow() {
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
fn gaps_of_the_longest_frames_are_told() {
    let _turn = turn();
    let path = name("gaps");
    let mut host = TestHost::new(&path);
    let picture = TestPicture::new(FourCc::NV12, 64, 48, 0);
    let mut frame = picture.within(host.register(&picture.bytes));
    frame.duration_ns = i64::MAX as u64;
    let reader = Pipeline::playing(&format!("vslsrc path={path} ! fakesink name=out"));
    host.publish_now(frame);
    reader.until_frames(1);
    // A source that is paused takes nothing.
    reader.set(gst::State::Paused).unwrap();
    for _ in 0..20 {
        host.publish_now(frame);
    }
    reader.play();
    reader.message(gst::MessageType::Qos);
    reader.end();
}

#[test]
fn packets_that_lie_end_a_reader_with_a_reason() {
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

/// Plays the scripted host to every client that comes, until it is dropped.
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

/// Reads what a scripted host shares, every byte, up to the end or error that comes when it has hung up.
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
    // What is there once, and stays.
    outlive("the first", &scripts[0].1, "");
    let before = open_descriptors();
    for (at, (what, bytes)) in scripts.iter().enumerate() {
        let more = ["", "mode=every", "hold=1 when-full=drop", "spin=1000"][at % 4];
        outlive(what, bytes, more);
    }
    // Threads that ask for key frames end by themselves.
    until("no descriptor is left open", || {
        open_descriptors() <= before
    });
}
