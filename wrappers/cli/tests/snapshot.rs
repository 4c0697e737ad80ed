//! Snapshots of shared streams: packets, and the JPEG of cameras.

mod support;

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;
use videostream::{Host, Picture, pattern};

use support::{Ended, has_h265, number, place, run, start};

/// Reads an image as NV12 by ffmpeg. Without ffmpeg returns `None` and prints a note.
fn pixels(test: &str, path: &Path) -> Option<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "rawvideo", "-pix_fmt", "nv12", "-"])
        .output();
    match output {
        Ok(output) => {
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "{output:?}"
            );
            assert_eq!(output.stdout.len(), 320 * 240 * 3 / 2);
            Some(output.stdout)
        }
        Err(error) => {
            videostream_testing::skip(test, &format!("needs ffmpeg: {error}"));
            None
        }
    }
}

fn pattern_number(bytes: &[u8]) -> u64 {
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    pattern::read_number(&Picture::new(bytes, &layout).unwrap()).unwrap()
}

#[test]
fn a_picture_is_taken_from_shared_packets_of_h264() {
    taken_from_packets(
        "a_picture_is_taken_from_shared_packets_of_h264",
        "h264",
        "H264",
    );
}

#[test]
fn a_picture_is_taken_from_shared_packets_of_h265() {
    let test = "a_picture_is_taken_from_shared_packets_of_h265";
    if has_h265(test) {
        taken_from_packets(test, "h265", "HEVC");
    }
}

fn taken_from_packets(test: &str, codec: &str, format: &str) {
    let (folder, socket) = place();
    let words = ["stream", "--pattern", "-r", "320x240", "--buffers", "32"];
    let rest = ["--gop", "0", "--encode", codec, "--", &socket];
    let mut host = start(words.iter().chain(&rest));
    host.wait_for("sharing");
    let mut last = None;
    for name in ["one.png", "two.jpg", "three.png"] {
        let path = folder.path().join(name);
        let ended = run([
            "snapshot",
            "--json",
            "--timeout",
            "60",
            "--ipc",
            &socket,
            path.to_str().unwrap(),
        ]);
        let saved = ended.json();
        assert_eq!(saved["format"], format);
        assert_eq!(
            (number(&saved, "width"), number(&saved, "height")),
            (320, 240)
        );
        let Some(bytes) = pixels(test, &path) else {
            return;
        };
        let found = pattern_number(&bytes);
        assert_eq!(found, number(&saved, "sequence"), "{name}");
        // The frame that the one before got may still be there.
        assert!(Some(found) >= last, "{name}");
        last = Some(found);
    }
    host.interrupt();
}

/// Shares one frame of these bytes while `during` runs.
fn share(
    fourcc: FourCc,
    bytes: &[u8],
    socket: &str,
    during: impl FnOnce() -> Ended + Send,
) -> Ended {
    let len = bytes.len() + 5000;
    let fd = Allocator::memfd_only().allocate(len as u64).unwrap().fd;
    let file = File::from(fd.as_fd().try_clone_to_owned().unwrap());
    file.write_all_at(bytes, 0).unwrap();
    // What an earlier, larger frame has left behind.
    file.write_all_at(&[0xff, 0xd8, 0xff, 0x5a, 0xa5], bytes.len() as u64)
        .unwrap();
    let mut host = Host::builder(socket).bind().unwrap();
    let buffer = host.register(fd, len as u64).unwrap();
    let mut frame = FrameDescriptor {
        sequence: 7,
        timestamp_ns: now_ns(),
        fourcc: fourcc.0,
        width: 320,
        height: 240,
        bytes_used: bytes.len() as u32,
        plane_count: 1,
        ..Default::default()
    };
    frame.planes[0] = PlaneDescriptor {
        buffer,
        size: len as u32,
        ..Default::default()
    };
    host.publish(&frame).unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(during);
        while !running.is_finished() {
            host.process().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        running.join().unwrap()
    })
}

/// The segments of a JPEG file but for its Huffman tables, and those.
fn without_tables(file: &[u8]) -> (Vec<u8>, usize) {
    let mut rest = file[..2].to_vec();
    let (mut at, mut tables) = (2, 0);
    while file[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        if file[at + 1] == 0xc4 {
            tables += end - at;
        } else {
            rest.extend_from_slice(&file[at..end]);
        }
        at = end;
    }
    rest.extend_from_slice(&file[at..]);
    (rest, tables)
}

#[test]
fn camera_jpeg_is_saved_with_missing_tables_added() {
    let test = "camera_jpeg_is_saved_with_missing_tables_added";
    let (folder, socket) = place();
    let file = |name: &str| folder.path().join(name);
    let made = file("made.jpg");
    run([
        "snapshot",
        "--pattern",
        "-r",
        "320x240",
        made.to_str().unwrap(),
    ]);
    let made = fs::read(made).unwrap();
    let (bare, tables) = without_tables(&made);
    assert!(tables > 400);
    for (name, bytes) in [
        ("whole.jpg", &made),
        ("bare.jpg", &bare),
        ("bare.png", &bare),
    ] {
        let path = file(name);
        let words = ["snapshot", "--json", "--timeout", "60", "--ipc"];
        let ended = share(FourCc::MJPG, bytes, &socket, || {
            run(words
                .iter()
                .chain(&[socket.as_str(), path.to_str().unwrap()]))
        });
        let saved = ended.json();
        assert_eq!(
            (saved["format"].as_str(), number(&saved, "sequence")),
            (Some("MJPG"), 7)
        );
        let found = fs::read(&path).unwrap();
        match name {
            "whole.jpg" => assert!(found == made),
            "bare.jpg" => assert!(without_tables(&found).0 == bare && found.len() > bare.len()),
            _ => assert!(found.starts_with(b"\x89PNG")),
        }
        let (Some(expected), Some(found)) = (pixels(test, &file("made.jpg")), pixels(test, &path))
        else {
            return;
        };
        assert_eq!(pattern_number(&found), pattern_number(&expected));
        // The colours of a PNG go through RGB.
        let far = expected
            .iter()
            .zip(&found)
            .filter(|(a, b)| a.abs_diff(**b) > 8)
            .count();
        assert!(far * 50 < expected.len(), "{name}: {far}");
    }
}

#[test]
fn frames_that_hold_no_picture_leave_no_file() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.png");
    let slice = &[0, 0, 0, 1, 0x41, 0x9a, 0, 0];
    for (fourcc, bytes, timeout, code, says) in [
        (FourCc::MJPG, &b"not a JPEG image"[..], "1", 6, "no JPEG"),
        (FourCc::H264, &slice[..], "1", 6, "waited 1 s"),
    ] {
        let (_folder, socket) = place();
        let words = [
            "snapshot",
            "--timeout",
            timeout,
            "--ipc",
            &socket,
            path.to_str().unwrap(),
        ];
        let ended = share(fourcc, bytes, &socket, || run(words));
        ended.assert_error(code, &[says]);
        assert!(!path.exists());
    }
}
