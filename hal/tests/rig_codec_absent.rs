//! Codecs that exist but cannot be opened: their daemon is missing, or all instances are taken.
//!
//! No driver of the guest reports this when opened. A node implemented by this program does (CUSE),
//! with a number that the search comes across.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere the test says
//! that it was skipped.

#![cfg(target_os = "linux")]

mod cuse;

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{io, thread};

use cuse::{Device as Node, Event};
use rustix::io::Errno;
use videostream_hal::codec::find;
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{Device, ErrorKind, NodeKind, nodes};
use videostream_testing::on_the_rig;

const NAME: &str = "video63";

/// Refuses every open with `errno` while `work` goes on. The number of opens is the result.
fn refusing(errno: Errno, work: impl FnOnce()) -> usize {
    let mut node = Node::create(NAME);
    let (reader, mut writer) = io::pipe().unwrap();
    let stop = File::from(OwnedFd::from(reader));
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let opens = scope.spawn(|| {
            let mut opens = 0;
            while !stopped.load(Ordering::Relaxed) {
                match node.next(&stop, Some(Duration::from_secs(60))) {
                    Some(Event::Open { id }) => {
                        opens += 1;
                        node.fail(id, errno);
                    }
                    Some(_) => panic!("nobody has it open"),
                    None => {}
                }
            }
            opens
        });
        work();
        stopped.store(true, Ordering::Relaxed);
        writer.write_all(b"x").unwrap();
        opens.join().unwrap()
    })
}

#[test]
fn a_codec_that_cannot_be_had_counts_as_absent() {
    let Some(_turn) = on_the_rig("a_codec_that_cannot_be_had_counts_as_absent") else {
        return;
    };
    let path = format!("/dev/{NAME}");
    for (errno, kind) in [
        (Errno::BUSY, ErrorKind::Busy),
        (Errno::NODEV, ErrorKind::NotFound),
    ] {
        let opens = refusing(errno, || {
            while !Path::new(&path).exists() {
                thread::sleep(Duration::from_millis(10));
            }
            assert!(nodes().unwrap().any(|node| node.as_str() == path));
            let error = Device::open(path.as_str()).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            // Nobody else has it, and that is no error.
            let none = find(NodeKind::Decoder, FourCc::H264, &mut |_| true).unwrap();
            assert!(none.is_none());
            // The codecs that are there are found.
            let codec = find(NodeKind::Decoder, FourCc::FWHT, &mut |_| true).unwrap();
            assert_eq!(codec.unwrap().capabilities().driver(), "vicodec");
        });
        assert!(opens >= 2, "{opens}");
        while Path::new(&path).exists() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
