//! Memory: shared in place, copied, and given back.

use std::sync::mpsc;

use gst::prelude::*;
use videostream::hal::format::FourCc;

use crate::element::{CAPS, SIZE, bytes, next, sink};
use crate::support::{WATCHDOG, client, feed, init, name, shareable};

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
fn shareable_memory_is_shared_in_place() {
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
fn a_buffer_returns_after_its_last_holder() {
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
fn a_source_with_few_buffers_keeps_running() {
    // Fewer buffers than `lend`: each has to expire before it can be refilled.
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
        "videotestsrc ! video/x-raw,format=NV12,width=64,height=48 ! vslsink name=sink sync=false \
         path={}",
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
