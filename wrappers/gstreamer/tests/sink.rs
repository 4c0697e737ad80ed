//! `vslsink` with clients of the library.

mod support;

use std::sync::mpsc;

use gst::prelude::*;
use gst_video::VideoBufferFlags;
use gst_video::prelude::*;
use videostream::hal::format::FourCc;
use videostream::hal::ring::Flags;
use videostream::hal::time::now_ns;
use videostream::{Client, Mode};

use support::{
    WATCHDOG, client, error_text, feed, init, message, name, shareable, until, with_bus,
};

const CAPS: &str = "video/x-raw, format=GRAY8, width=64, height=48, framerate=25/1";
const SIZE: usize = 64 * 48;

/// A sink that does not wait for the clock.
fn sink(test: &str) -> gst::Element {
    init();
    gst::ElementFactory::make("vslsink")
        .property("path", name(test))
        .property("sync", false)
        .build()
        .unwrap()
}

fn bytes(size: usize, value: u8) -> gst::Buffer {
    gst::Buffer::from_slice(vec![value; size])
}

fn next(client: &mut Client) -> videostream::Frame {
    client.next(WATCHDOG).unwrap()
}

#[test]
fn properties_have_the_known_names_and_defaults() {
    init();
    let sink = gst::ElementFactory::make("vslsink").build().unwrap();
    assert_eq!(sink.property::<Option<String>>("path"), None);
    assert_eq!(sink.property::<i64>("lifespan"), 100);
    assert_eq!(sink.property::<u32>("pool-size"), 8);
    assert!(sink.property::<bool>("sync"));
    assert_eq!(sink.property::<i64>("max-lateness"), 5_000_000);
    assert!(sink.property::<bool>("qos"));
    assert!(sink.property::<bool>("show-preroll-frame"));
    let policy = sink.property_value("policy");
    let (_, policy) = glib_enum(&policy);
    assert_eq!(policy, "newest");
    assert_eq!(sink.property::<u32>("lend"), 0);
    assert_eq!(sink.property::<String>("socket-mode"), "600");
    assert_eq!(sink.property::<Option<String>>("allow"), None);
    assert_eq!(sink.property::<u32>("num-clients"), 0);
    assert_eq!(sink.factory().unwrap().rank(), gst::Rank::NONE);
}

fn glib_enum(value: &gst::glib::Value) -> (i32, String) {
    let (_, value) = gst::glib::EnumValue::from_value(value).unwrap();
    (value.value(), value.nick().to_owned())
}

#[test]
fn frames_of_plain_memory_are_copied_once() {
    let sink = sink("copied");
    let mut harness = feed(&sink, CAPS);
    let mut client = client(&name("copied"));
    for value in 1..=20 {
        harness.push(bytes(SIZE, value)).unwrap();
        let frame = next(&mut client);
        let descriptor = frame.descriptor();
        assert_eq!(frame.fourcc(), FourCc::GREY);
        assert_eq!((frame.width(), frame.height()), (64, 48));
        assert_eq!(descriptor.duration_ns, 40_000_000);
        assert_eq!(descriptor.bytes_used as usize, SIZE);
        let pixels = frame.pixels().unwrap();
        assert!(pixels.plane(0).iter().all(|byte| *byte == value));
    }
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("published"), Ok(20));
    assert_eq!(stats.get::<u64>("copied"), Ok(20));
    assert_eq!(stats.get::<u64>("no-room"), Ok(0));
}

#[test]
fn shareable_memory_goes_out_where_it_lies() {
    let sink = sink("in-place");
    let mut harness = feed(&sink, CAPS);
    let mut client = client(&name("in-place"));
    let memory = shareable(2 * SIZE, 7);
    let inode = |fd: std::os::fd::BorrowedFd<'_>| rustix::fs::fstat(fd).unwrap().st_ino;
    let file = memory.downcast_memory_ref::<gst_allocators::FdMemory>();
    let file = inode(unsafe_fd(file.unwrap().fd()));
    let mut buffer = gst::Buffer::new();
    // Not from the memory's start.
    let part = memory.share(100..100 + SIZE);
    buffer.get_mut().unwrap().append_memory(part);
    harness.push(buffer).unwrap();
    let frame = next(&mut client);
    assert_eq!(inode(frame.plane_fd(0).unwrap()), file);
    assert_eq!(frame.descriptor().planes[0].offset, 100);
    assert_eq!(frame.pixels().unwrap().plane(0), [7; SIZE]);
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("copied"), Ok(0));
}

#[allow(unsafe_code, reason = "GStreamer has descriptors as numbers")]
fn unsafe_fd<'a>(fd: i32) -> std::os::fd::BorrowedFd<'a> {
    // SAFETY: the memory that it is of outlives the test's use of it.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }
}

#[test]
fn strides_and_separate_memories_arrive() {
    let sink = sink("strides");
    let caps = "video/x-raw, format=NV12, width=64, height=48, framerate=25/1";
    let mut harness = feed(&sink, caps);
    let mut client = client(&name("strides"));
    let mut buffer = gst::Buffer::new();
    let change = buffer.get_mut().unwrap();
    change.append_memory(shareable(80 * 48, 1));
    change.append_memory(shareable(96 * 24, 2));
    gst_video::VideoMeta::add_full(
        change,
        gst_video::VideoFrameFlags::empty(),
        gst_video::VideoFormat::Nv12,
        64,
        48,
        &[0, 80 * 48],
        &[80, 96],
    )
    .unwrap();
    harness.push(buffer).unwrap();
    let frame = next(&mut client);
    assert_eq!(frame.fourcc(), FourCc::NM12);
    let planes = frame.descriptor().planes().to_vec();
    assert_eq!((planes[0].stride, planes[1].stride), (80, 96));
    assert_ne!(planes[0].buffer, planes[1].buffer);
    assert_eq!((planes[0].offset, planes[1].offset), (0, 0));
    let pixels = frame.pixels().unwrap();
    assert_eq!((pixels.plane(0)[0], pixels.plane(1)[0]), (1, 2));
}

#[test]
fn a_buffer_comes_back_when_nobody_holds_it() {
    let sink = sink("back");
    sink.set_property("lend", 2_u32);
    sink.set_property("enable-last-sample", false);
    sink.set_property("lifespan", i64::MAX);
    let mut harness = feed(&sink, CAPS);
    let mut client = client(&name("back"));
    let (gone, is_gone) = mpsc::channel();
    let buffer = |value: u8| {
        let gone = gone.clone();
        let mut buffer = gst::Buffer::new();
        let memory = shareable(SIZE, value);
        memory.add_weak_ref_notify_local(move || {
            let _ = gone.send(value);
        });
        buffer.get_mut().unwrap().append_memory(memory);
        buffer
    };
    harness.push(buffer(1)).unwrap();
    let held = next(&mut client);
    for value in 2..=5 {
        harness.push(buffer(value)).unwrap();
    }
    let back: Vec<u8> = is_gone.try_iter().collect();
    assert!(!back.contains(&1) && back.contains(&2), "{back:?}");
    drop(held);
    harness.push(buffer(6)).unwrap();
    assert!(is_gone.try_iter().any(|value| value == 1));
}

trait WeakNotify {
    fn add_weak_ref_notify_local(&self, notify: impl FnOnce() + 'static);
}

impl WeakNotify for gst::Memory {
    #[allow(unsafe_code, reason = "weak references of mini objects are FFI")]
    fn add_weak_ref_notify_local(&self, notify: impl FnOnce() + 'static) {
        unsafe extern "C" fn call(data: *mut std::ffi::c_void, _: *mut gst::ffi::GstMiniObject) {
            // SAFETY: made from a box below, called once.
            let notify = unsafe { Box::from_raw(data.cast::<Box<dyn FnOnce()>>()) };
            notify();
        }
        let notify: Box<Box<dyn FnOnce()>> = Box::new(Box::new(notify));
        let object = self.as_ptr().cast_mut().cast::<gst::ffi::GstMiniObject>();
        // SAFETY: the memory lives, and calls `call` once with what it is given here.
        unsafe {
            gst::ffi::gst_mini_object_weak_ref(object, Some(call), Box::into_raw(notify).cast());
        }
    }
}

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
fn a_source_with_few_buffers_goes_on() {
    // Fewer than the sink lends: each has to expire before it can be filled again.
    let sink = sink("few");
    sink.set_property("lifespan", 10_i64);
    let mut harness = feed(&sink, CAPS);
    let memories: Vec<_> = (0..3).map(|value| shareable(SIZE, value)).collect();
    let (back, is_back) = mpsc::channel();
    let buffer = |at: usize| {
        let back = back.clone();
        let mut buffer = gst::Buffer::new();
        let part = memories[at].share(..);
        part.add_weak_ref_notify_local(move || {
            let _ = back.send(at);
        });
        buffer.get_mut().unwrap().append_memory(part);
        buffer
    };
    sink.set_property("enable-last-sample", false);
    for at in 0..3 {
        harness.push(buffer(at)).unwrap();
    }
    for _ in 0..20 {
        let at = is_back.recv_timeout(WATCHDOG).unwrap();
        harness.push(buffer(at)).unwrap();
    }
}

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
fn a_client_that_wants_too_much_is_refused() {
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
fn counts_outlast_new_caps_and_the_end() {
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
fn the_order_of_fields_reaches_clients() {
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
fn the_end_reaches_clients_behind_the_last_frame() {
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
    let mut client = support::client(&name("end"));
    assert_eq!(next(&mut client).pixels().unwrap().plane(0)[0], 9);
}

#[test]
fn times_are_of_the_monotonic_clock() {
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
fn a_reference_timestamp_comes_first() {
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

/// SPS and PPS of an H.264 stream of 64x48 in baseline profile.
const PARAMETER_SETS: &[u8] = &[
    0x00, 0x00, 0x00, 0x01, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x04, 0x7b, 0x01, 0x10, 0x00, 0x00, 0x03,
    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x22, 0x64, 0x80, 0x00, 0x00, 0x00, 0x01, 0x68,
    0xcb, 0x83, 0xcb, 0x20,
];

#[test]
fn until_expiry_makes_the_pipeline_wait() {
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
    // The third is out, and waits for room until its wait is ended.
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

#[test]
fn packets_bring_their_parameter_sets() {
    let sets = PARAMETER_SETS;
    let sink = sink("packets");
    let caps = "video/x-h264, stream-format=byte-stream, alignment=au, width=64, height=48, \
                framerate=30/1";
    let mut harness = feed(&sink, caps);
    let mut client = client(&name("packets"));
    // Whoever joins asks for a key frame.
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
    // And those who come behind an end have them, too.
    assert!(harness.push_event(gst::event::Eos::new()));
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    harness.push(gst::Buffer::from_slice(key)).unwrap();
    let client = support::client(&name("packets"));
    assert_eq!(client.parameters().unwrap().as_deref(), Some(sets));
}

#[test]
fn cameras_are_asked_for_enough_buffers() {
    let sink = sink("allocation");
    let mut harness = feed(&sink, CAPS);
    harness.push(bytes(SIZE, 1)).unwrap();
    let pad = sink.static_pad("sink").unwrap();
    let caps: gst::Caps = CAPS.parse().unwrap();
    for need_pool in [true, false] {
        let mut query = gst::query::Allocation::new(Some(&caps), need_pool);
        assert!(pad.query(query.query_mut()));
        let pools = query.allocation_pools().collect::<Vec<_>>();
        let (pool, size, min, max) = &pools[0];
        assert_eq!((pool.is_some(), *min, *max), (need_pool, 10, 0));
        assert_eq!(*size as usize, SIZE);
        assert!(
            query
                .find_allocation_meta::<gst_video::VideoMeta>()
                .is_some()
        );
    }
    let mut query = gst::query::Allocation::new(None, false);
    assert!(pad.query(query.query_mut()));
}

#[test]
fn a_source_fills_the_pool() {
    init();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc ! video/x-raw,format=NV12,width=64,height=48 ! vslsink name=sink sync=false path={}",
        name("pool")
    ));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut client = client(&name("pool"));
    for _ in 0..20 {
        next(&mut client);
    }
    let sink = pipeline.by_name("sink").unwrap();
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("copied"), Ok(0));
    pipeline.set_state(gst::State::Null).unwrap();
}

/// What the sink says when it can't start.
fn refusal(property: &str, value: &str) -> String {
    init();
    let sink = gst::ElementFactory::make("vslsink").build().unwrap();
    sink.set_property("path", name("refusal"));
    sink.set_property(property, value);
    let bus = with_bus(&sink);
    assert!(sink.set_state(gst::State::Paused).is_err());
    let text = error_text(&bus);
    sink.set_state(gst::State::Null).unwrap();
    text
}

#[test]
fn wrong_values_are_named() {
    let long = format!("/tmp/{}", "x".repeat(200));
    let text = refusal("path", &long);
    assert!(text.contains(&long) && text.contains("108"), "{text}");
    let text = refusal("path", "/no-such-folder/socket");
    assert!(
        text.contains("/no-such-folder/socket") && text.contains("create"),
        "{text}"
    );
    let text = refusal("path", "/etc/passwd");
    assert!(
        text.contains("/etc/passwd") && text.contains("socket"),
        "{text}"
    );
    let text = refusal("path", "");
    assert!(text.contains("empty"), "{text}");
    let text = refusal("socket-mode", "rw-rw----");
    assert!(
        text.contains("rw-rw----") && text.contains("octal"),
        "{text}"
    );
    let text = refusal("allow", "no-such-user-here");
    assert!(text.contains("no-such-user-here"), "{text}");
}

#[test]
fn a_name_in_use_is_refused() {
    let first = sink("in-use");
    let _harness = feed(&first, CAPS);
    let second = sink("in-use");
    let bus = with_bus(&second);
    assert!(second.set_state(gst::State::Paused).is_err());
    let text = error_text(&bus);
    assert!(text.contains(&name("in-use")), "{text}");
    second.set_state(gst::State::Null).unwrap();
}

#[test]
fn without_a_path_the_element_names_it() {
    init();
    let sink = gst::ElementFactory::make("vslsink")
        .name("front-door")
        .build()
        .unwrap();
    sink.set_state(gst::State::Paused).unwrap();
    let path = sink.property::<String>("path");
    assert!(path.starts_with("/tmp/front-door."), "{path}");
    support::client(&path);
    sink.set_state(gst::State::Null).unwrap();
    assert!(!std::path::Path::new(&path).exists());
    assert_eq!(sink.property::<Option<String>>("path"), None);
}

#[test]
fn the_path_stays_while_frames_are_shared() {
    let sink = sink("fixed");
    let _harness = feed(&sink, CAPS);
    sink.set_property("path", "elsewhere");
    assert_eq!(sink.property::<String>("path"), name("fixed"));
    sink.set_property("lifespan", 5_i64);
    assert_eq!(sink.property::<i64>("lifespan"), 5);
}

#[test]
fn caps_that_cannot_be_shared_are_refused() {
    init();
    let sink = sink("wrong-caps");
    let pad = sink.static_pad("sink").unwrap();
    for wrong in [
        "video/x-h264, stream-format=avc, alignment=au",
        "video/x-raw, format=NV12_64Z32, width=64, height=48, framerate=25/1",
        "audio/x-raw",
    ] {
        let caps: gst::Caps = wrong.parse().unwrap();
        assert!(!pad.query_accept_caps(&caps), "{wrong}");
    }
}

#[test]
fn states_change_a_thousand_times() {
    let sink = sink("states");
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let cycle = || {
        sink.set_state(gst::State::Playing).unwrap();
        sink.set_state(gst::State::Null).unwrap();
    };
    cycle();
    let before = descriptors();
    for _ in 0..1000 {
        cycle();
    }
    // Other tests of this program have descriptors of their own, but not hundreds.
    assert!(descriptors() < before + 300);
}
