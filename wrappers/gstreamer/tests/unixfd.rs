//! Both elements in one chain with `unixfdsink` and `unixfdsrc`, which GStreamer has from 1.24 on.

mod support;

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use gst::prelude::*;
use gst_allocators::FdMemory;
use tempfile::TempDir;
use videostream_testing::skip;

use support::{WATCHDOG, client, init, name, until};

const CAPS: &str = "video/x-raw,format=GRAY8,width=64,height=48,framerate=50/1";
/// A picture that is white: GRAY8 has the range of video.
const WHITE: u8 = 235;

/// A pipeline that plays; stopped when dropped.
struct Playing(gst::Element);

impl Playing {
    fn new(words: &str) -> Self {
        let pipeline = gst::parse::launch(words).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        Self(pipeline)
    }

    /// The buffers that reach its element named `end`.
    fn buffers(&self) -> Receiver<gst::Buffer> {
        let (sender, receiver) = channel();
        let bin = self.0.downcast_ref::<gst::Bin>().unwrap();
        let end = bin.by_name("end").unwrap();
        let pad = end.static_pad("sink").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let buffer = info.buffer().unwrap();
            let _ = sender.send(buffer.clone());
            gst::PadProbeReturn::Ok
        });
        receiver
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// A folder for a socket, and its path; skips the test with an older GStreamer.
fn socket(test: &str) -> Option<(TempDir, String)> {
    init();
    if gst::ElementFactory::find("unixfdsink").is_none() {
        let version = gst::version_string();
        skip(test, &format!("{version} has no unixfdsink"));
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket").display().to_string();
    Some((folder, path))
}

#[test]
fn frames_go_on_to_readers_of_unixfdsink() {
    go_on("frames_go_on_to_readers_of_unixfdsink", "hold=8");
}

/// It takes memory with a descriptor only, and keeps one frame at least.
#[test]
fn copies_go_on_to_readers_of_unixfdsink() {
    go_on("copies_go_on_to_readers_of_unixfdsink", "hold=1");
}

fn go_on(test: &str, hold: &str) {
    let Some((_folder, path)) = socket(test) else {
        return;
    };
    let name = name(test);
    let _sharing = Playing::new(&format!(
        "videotestsrc is-live=true pattern=white ! {CAPS} ! vslsink path={name}"
    ));
    let _relay = Playing::new(&format!(
        "vslsrc path={name} {hold} ! unixfdsink socket-path={path}"
    ));
    until("unixfdsink listens", || Path::new(&path).exists());
    let reading = Playing::new(&format!("unixfdsrc socket-path={path} ! fakesink name=end"));
    let buffers = reading.buffers();
    for _ in 0..10 {
        let buffer = buffers.recv_timeout(WATCHDOG).unwrap();
        let memory = buffer.peek_memory(0);
        assert!(memory.is_memory_type::<FdMemory>());
        let map = buffer.map_readable().unwrap();
        assert!(map.len() >= 64 * 48);
        assert_eq!(map[0], WHITE);
    }
}

#[test]
fn frames_of_unixfdsrc_are_shared() {
    let test = "frames_of_unixfdsrc_are_shared";
    let Some((_folder, path)) = socket(test) else {
        return;
    };
    let _source = Playing::new(&format!(
        "videotestsrc is-live=true pattern=white ! {CAPS} ! unixfdsink socket-path={path}"
    ));
    until("unixfdsink listens", || Path::new(&path).exists());
    let name = name(test);
    let _sharing = Playing::new(&format!(
        "unixfdsrc socket-path={path} ! vslsink path={name}"
    ));
    let mut client = client(&name);
    for _ in 0..10 {
        let frame = client.next(WATCHDOG).unwrap();
        assert_eq!((frame.width(), frame.height()), (64, 48));
        assert_eq!(frame.pixels().unwrap().plane(0)[0], WHITE);
    }
}
