//! The order in which the memory of a camera is given back. Drivers of older kernels refuse to free
//! buffers that are still mapped or exported (`V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS`), and the next
//! start then finds the camera busy.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and without
//! strace, it says that it was skipped.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeSet;

use videostream::hal::time::deadline_in;
use videostream::source::Reader;
use videostream::{Camera, CameraSource};
use videostream_testing::{TIMEOUT, on_the_rig};
use vivid::traced;

const NAME: &str = "buffers_are_unmapped_before_they_are_freed";
const BUFFERS: u32 = 4;

#[test]
fn buffers_are_unmapped_before_they_are_freed() {
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    // Descriptors with the files behind them: those of exports are named `/dmabuf:`.
    let Some(trace) = traced(NAME, &["-y", "-e", "signal=none"], capture) else {
        return;
    };
    let (before, after) = trace
        .rsplit_once("VIDIOC_REQBUFS")
        .expect("buffers are freed");
    let (request, after) = after.split_once('\n').unwrap_or((after, ""));
    assert!(
        request.contains("count=0") && request.ends_with("= 0"),
        "{request}"
    );
    assert!(!after.contains("/dmabuf:"), "{after}");

    let (mut open, mut exports) = (BTreeSet::new(), 0);
    let (mut mapped, mut mappings) = (BTreeSet::new(), 0);
    for line in before.lines() {
        if let Some(address) = argument(line, "munmap(") {
            mapped.remove(address);
        } else if let Some(fd) = argument(line, "close(") {
            open.remove(fd);
        } else if line.contains("mmap(") && line.contains("</dmabuf:") {
            mapped.extend(line.rsplit_once(" = ").map(|(_, address)| address));
            mappings += 1;
        } else if line.contains("VIDIOC_EXPBUF") {
            exports += 1;
        }
        let (call, _) = line.split_once("</dmabuf:").unwrap_or_default();
        if !call.contains("close(") {
            open.extend(call.rsplit(|c: char| !c.is_ascii_digit()).next());
        }
    }
    println!("{exports} exports, {mappings} mappings");
    assert!(exports >= BUFFERS && mappings > 0, "{trace}");
    open.remove("");
    assert_eq!(
        (open, mapped),
        (BTreeSet::new(), BTreeSet::new()),
        "{trace}"
    );
}

/// The first argument of a call in a line of a trace, without the file behind a descriptor.
fn argument<'l>(line: &'l str, call: &str) -> Option<&'l str> {
    let (_, arguments) = line.split_once(call)?;
    arguments.split([',', ')', '<']).next()
}

/// Reads frames of every buffer, and drops the camera.
fn capture(path: &str) {
    let camera = Camera::open(path).unwrap();
    let camera = camera.size(320, 180).fps(60).buffers(BUFFERS);
    let source = CameraSource::new(camera.start().unwrap());
    let mut reader = Reader::new(source).unwrap();
    for _ in 0..2 * BUFFERS {
        let deadline = deadline_in(TIMEOUT.as_nanos() as u64);
        let seen = reader.next(deadline, |_, picture| picture.rows(0).len());
        assert_eq!(seen.unwrap(), Some(180));
    }
}
