//! What the tests of the elements have in common.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod actor;
pub(crate) mod c_program;
pub(crate) mod host;
pub(crate) mod pipeline;
pub(crate) mod programs;

use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::Once;
use std::time::Duration;

use gst::prelude::*;
use gst_allocators::FdMemoryFlags;
use gst_allocators::prelude::*;
use gst_check::Harness;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use videostream::Client;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::memory::memfd;

/// A test that waits this long has failed.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Starts GStreamer with the elements.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstvideostream::plugin::plugin_register_static().unwrap();
    });
}

/// An abstract name of this test's own.
pub(crate) fn name(test: &str) -> String {
    format!("videostream-gst-{}-{test}", std::process::id())
}

/// A client that waits for its host.
pub(crate) fn client(name: &str) -> Client {
    let builder = Client::builder(name).reconnect(true);
    builder.connect_timeout(WATCHDOG).connect().unwrap()
}

/// Memory of `size` bytes that can be shared, each byte `value`.
pub(crate) fn shareable(size: usize, value: u8) -> gst::Memory {
    init();
    let fd = Allocator::memfd_only().allocate(size as u64).unwrap().fd;
    memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
    let allocator = gst_allocators::FdAllocator::new();
    #[allow(unsafe_code, reason = "GStreamer takes descriptors as numbers")]
    // SAFETY: the descriptor is open and nobody else's.
    let memory = unsafe { allocator.alloc_fd(fd.into_raw_fd(), size, FdMemoryFlags::empty()) };
    let mut memory = memory.unwrap().into_mapped_memory_writable().unwrap();
    memory.fill(value);
    memory.into_memory()
}

/// A listening socket like a host's that never answers.
pub(crate) fn listener(address: &SocketAddrUnix) -> OwnedFd {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let listener = socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    bind(&listener, address).unwrap();
    listen(&listener, 8).unwrap();
    listener
}

/// A sink for a test to feed. Its frames never expire.
pub(crate) fn fed_sink(path: &str) -> gst::Element {
    init();
    gst::ElementFactory::make("vslsink")
        .property("path", path)
        .property("sync", false)
        .property("lifespan", i64::MAX)
        .build()
        .unwrap()
}

/// Returns a playing harness that feeds a sink with buffers of these caps.
pub(crate) fn feed(sink: &gst::Element, caps: &str) -> Harness {
    let mut harness = Harness::with_element(sink, Some("sink"), None);
    harness.set_src_caps_str(caps);
    harness.play();
    harness
}

/// The next message of a kind on the bus of an element or pipeline.
pub(crate) fn message(bus: &gst::Bus, kind: gst::MessageType) -> gst::Message {
    let timeout = gst::ClockTime::try_from(WATCHDOG).unwrap();
    let message = bus.timed_pop_filtered(timeout, &[kind]);
    message.unwrap_or_else(|| panic!("no message of the kind {kind:?}"))
}

/// What an error message says to the user.
pub(crate) fn error_text(bus: &gst::Bus) -> String {
    let message = message(bus, gst::MessageType::Error);
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!("it was filtered");
    };
    error.error().to_string()
}

/// An element with its own bus.
pub(crate) fn with_bus(element: &gst::Element) -> gst::Bus {
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    bus
}

/// Waits until something holds; the test fails if it never does.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed() < WATCHDOG, "not so: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs something that must not hang.
pub(crate) fn within<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = done.send(run());
    });
    match is_done.recv_timeout(WATCHDOG) {
        Ok(result) => {
            thread.join().unwrap();
            result
        }
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("hangs: {what}"),
        Err(_) => std::panic::resume_unwind(thread.join().unwrap_err()),
    }
}

/// Returns an installed H.264 encoder with fast settings; skips the test without one.
pub(crate) fn encoder(test: &str) -> Option<&'static str> {
    init();
    let known = [
        (
            "x264enc",
            "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10",
        ),
        ("openh264enc", "openh264enc gop-size=10"),
    ];
    let has = |name: &str| gst::ElementFactory::find(name).is_some();
    let found = known.iter().find(|(name, _)| has(name));
    if found.is_none() {
        videostream_testing::skip(test, "neither x264enc nor openh264enc");
    }
    found.map(|(_, words)| *words)
}

/// Returns an installed H.264 decoder; skips the test without one.
pub(crate) fn decoder(test: &str) -> Option<&'static str> {
    init();
    let has = |name: &&&str| gst::ElementFactory::find(name).is_some();
    let found = ["avdec_h264", "openh264dec"].iter().find(has);
    if found.is_none() {
        videostream_testing::skip(test, "neither avdec_h264 nor openh264dec");
    }
    found.copied()
}
