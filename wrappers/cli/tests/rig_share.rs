//! The kernel's virtual camera, shared between processes of the command.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped. rig: timeout=600

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use tempfile::{TempDir, tempdir};
use videostream::Camera;
use videostream::camera::devices;
use videostream::hal::v4l2::NodeKind;
use videostream_testing::{on_the_rig, skip};

use support::{
    Process, assert_accounts, frames, number, numbers, place, run, start, wait_for_more, wait_until,
};

/// A size that every guest has time for.
const SIZE: (u32, u32) = (320, 180);
/// Bytes of such a picture in NV12.
const BYTES: usize = 320 * 180 * 3 / 2;

/// The path of a node of the virtual camera's driver.
fn node(kind: NodeKind) -> String {
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == kind);
    let found = found.unwrap_or_else(|| panic!("{list:?}"));
    found.path.display().to_string()
}

/// The camera, shared.
fn host(socket: &str) -> Process {
    let camera = node(NodeKind::Camera);
    let mut host = start([
        "stream", "-d", &camera, "-r", "320x180", "--format", "NV12", "-F", "30", "--json", socket,
    ]);
    host.wait_for("sharing");
    host
}

/// Inodes of the dma-bufs that a process has mapped, as the kernel tells.
fn mapped(pid: u32) -> BTreeSet<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let of_dma_bufs = maps.lines().filter(|line| line.contains("/dmabuf"));
    let inode = |line: &str| line.split_whitespace().nth(4)?.parse().ok();
    of_dma_bufs.filter_map(inode).collect()
}

/// Makes the camera's picture one that stands still.
fn hold_still() {
    let camera = Camera::open(node(NodeKind::Camera)).unwrap();
    let device = camera.device();
    for (name, value) in [("OSD Text Mode", 2), ("Horizontal Movement", 3)] {
        let control = device.node().control_by_name(name).unwrap().unwrap();
        assert_eq!(device.node().set_control(&control, value).unwrap(), value);
    }
}

#[test]
fn three_processes_read_the_cameras_buffers() {
    let Some(_turn) = on_the_rig("three_processes_read_the_cameras_buffers") else {
        return;
    };
    let (folder, socket) = place();
    let host = host(&socket);
    let receive = [
        "receive", "--every", "--json", "-v", "-f", "0", "-t", "60", &socket,
    ];
    let mut receivers = [(); 3].map(|()| start(receive));
    let file = folder.path().join("out.mp4");
    let record = [
        "record",
        "--ipc",
        &socket,
        "--timeout",
        "60",
        "-f",
        "20",
        "--json",
    ];
    let recorder = start(record.iter().chain(&[file.to_str().unwrap()])).finish();
    if cfg!(feature = "software") {
        assert_eq!(number(&recorder.json(), "frames"), 20);
    } else {
        recorder.assert_error(4, &["no encoder for H.264"]);
    }
    let mut maps = Vec::new();
    for receiver in &mut receivers {
        let words = "a receiver has mapped memory";
        wait_until(words, || !mapped(receiver.id()).is_empty());
        assert!(receiver.is_running());
        maps.push(mapped(receiver.id()));
    }
    // Enough for an order to be seen.
    for receiver in &receivers {
        wait_until("30 frames have come", || frames(receiver) >= 30);
    }
    let received = receivers.map(|receiver| receiver.interrupt().json());
    let shared = host.interrupt().json();
    let exported: BTreeSet<_> = numbers(&shared, "inodes").into_iter().collect();
    assert!(exported.len() >= 3, "{shared}");
    for (received, mapped) in received.iter().zip(maps) {
        assert!(number(received, "frames_processed") >= 30, "{received}");
        assert_accounts(received);
        let told: BTreeSet<_> = numbers(received, "inodes").into_iter().collect();
        assert!(told.is_subset(&exported), "{told:?} of {exported:?}");
        assert!(mapped.is_subset(&exported), "{mapped:?} of {exported:?}");
    }
}

/// What every client reads, and the host is gone.
fn pictures_of_clients() -> [Vec<u8>; 3] {
    let (folder, socket) = place();
    let host = host(&socket);
    let receivers = [0, 1, 2].map(|number| {
        let file = folder.path().join(format!("{number}.raw"));
        let words = ["receive", "-f", "2", "-t", "60", "--raw"];
        let process = start(words.iter().chain(&[file.to_str().unwrap(), &socket]));
        (process, file)
    });
    let pictures = receivers.map(|(receiver, file)| {
        let ended = receiver.finish();
        assert!(ended.status.success(), "{ended:?}");
        fs::read(file).unwrap()
    });
    host.interrupt().json();
    pictures
}

fn assert_same(ours: &[u8], theirs: &[u8], what: &str) {
    assert_eq!((ours.len(), theirs.len()), (BYTES, BYTES), "{what}");
    let differ = ours.iter().zip(theirs).filter(|(a, b)| a != b).count();
    assert_eq!(differ, 0, "bytes that differ from {what}");
    // Bars: a picture that is all the same would prove little.
    let values: BTreeSet<_> = ours[..320].iter().collect();
    assert!(values.len() >= 8, "{values:?}");
}

#[test]
fn pixels_are_those_that_read_delivers() {
    let Some(_turn) = on_the_rig("pixels_are_those_that_read_delivers") else {
        return;
    };
    hold_still();
    let pictures = pictures_of_clients();
    // The driver keeps the format; read(2) is another way through the kernel, and none of ours.
    let mut camera = File::open(node(NodeKind::Camera)).unwrap();
    let mut theirs = vec![0; BYTES];
    camera.read_exact(&mut theirs).unwrap();
    for ours in &pictures {
        assert_same(ours, &theirs, "read");
    }
}

#[test]
fn pixels_are_those_that_v4l2_ctl_captures() {
    let test = "pixels_are_those_that_v4l2_ctl_captures";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    hold_still();
    let pictures = pictures_of_clients();
    let folder = tempdir().unwrap();
    let file = folder.path().join("theirs.raw");
    let (width, height) = SIZE;
    let mut command = Command::new("v4l2-ctl");
    command
        .args(["-d", &node(NodeKind::Camera)])
        .arg(format!(
            "--set-fmt-video=width={width},height={height},pixelformat=NV12"
        ))
        .args(["--stream-mmap=3", "--stream-count=1"])
        .arg(format!("--stream-to={}", file.display()));
    match command.output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => return skip(test, &format!("needs v4l2-ctl: {error}")),
    }
    let theirs = fs::read(&file).unwrap();
    for ours in &pictures {
        assert_same(ours, &theirs, "v4l2-ctl");
    }
}

#[test]
fn wrong_cameras_are_named_with_what_would_be_right() {
    let Some(_turn) = on_the_rig("wrong_cameras_are_named_with_what_would_be_right") else {
        return;
    };
    let camera = node(NodeKind::Camera);
    let missing = run(["stream", "-d", "/dev/video250", "x"]);
    missing.assert_error(3, &["/dev/video250: no such device", &camera]);
    let output = node(NodeKind::Output);
    let wrong = run(["stream", "-d", &output, "x"]);
    wrong.assert_error(1, &[&output, "is a video output, not a camera", &camera]);
    let format = run(["stream", "-d", &camera, "--format", "HEVC", "x"]);
    format.assert_error(1, &[&camera, "has no format HEVC; it offers", "YUYV"]);
    let size = run(["stream", "-d", &camera, "--size", "333x111", "x"]);
    size.assert_error(1, &["has no 333x111 in NV12; the nearest is"]);

    let (_folder, socket) = place();
    let host = host(&socket);
    let holder = format!("(process {})", host.id());
    for words in [
        &["stream", "-d", &camera, "x"][..],
        &["snapshot", "-d", &camera, "/tmp/x.png"],
        &["demo", "-d", &camera],
    ] {
        run(words).assert_error(1, &[&camera, "busy; open in videostream", &holder]);
    }
}

#[test]
fn a_killed_host_gives_the_camera_to_the_next() {
    let Some(_turn) = on_the_rig("a_killed_host_gives_the_camera_to_the_next") else {
        return;
    };
    let (_folder, socket) = place();
    let first = host(&socket);
    // Without a limit: the number of frames before the kill is arbitrary.
    let receive = [
        "receive",
        "--every",
        "--reconnect",
        "--json",
        "-v",
        "-f",
        "0",
        "-t",
        "60",
        &socket,
    ];
    let mut receiver = start(receive);
    receiver.wait_for("connected");
    wait_until("a frame has come", || frames(&receiver) > 0);
    first.signal(Signal::KILL);
    first.finish();
    let _second = host(&socket);
    receiver.wait_for("another host has taken over");
    wait_for_more(&receiver);
    let received = receiver.interrupt().json();
    assert_eq!(number(&received, "restarts"), 1, "{received}");
    assert_eq!(received["in_order"], true, "{received}");
}

#[test]
fn the_demo_takes_the_camera() {
    let test = "the_demo_takes_the_camera";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let folder = tempdir().unwrap();
    let words = ["demo", "--json", "--frames", "30", "--size", "320x180"];
    let folder_words = ["--output-dir", folder.path().to_str().unwrap()];
    let summary = run(words.iter().chain(&folder_words)).json();
    let source = summary["source"].as_str().unwrap();
    assert!(source.starts_with(&node(NodeKind::Camera)), "{source}");
    assert_eq!(summary["why"], "the first camera that works");
    assert_eq!(number(&summary["checker"], "frames_processed"), 30);
    assert_accounts(&summary["checker"]);
    if summary["encoder"].is_null() {
        assert!(summary["files"].as_array().unwrap().is_empty());
        return;
    }
    let frames = number(&summary["recorder"], "frames");
    if let Some(found) = support::probe(test, &folder.path().join("demo.mp4")) {
        assert_eq!(found[..3], ["h264", "320", "180"]);
        assert_eq!(found[4], frames.to_string());
    }
}

/// A file system that is full after some kilobytes.
struct Small(TempDir);

impl Small {
    fn new(kilobytes: u32) -> Self {
        let folder = tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success());
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The guest ends soon anyway.
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn what_was_recorded_before_the_disk_was_full_plays() {
    let test = "what_was_recorded_before_the_disk_was_full_plays";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    // A bare stream grows slowly.
    for (name, kilobytes) in [("full.y4m", 256), ("full.mp4", 256), ("full.h264", 64)] {
        let disk = Small::new(kilobytes);
        if !name.ends_with("y4m") && !cfg!(feature = "software") {
            skip(test, &format!("{name}: this build has no encoder"));
            continue;
        }
        let file = disk.path().join(name);
        let words = ["record", "--json", "--pattern", "-r", "320x240", "-F", "30"];
        let ended = run(words.iter().chain(&[file.to_str().unwrap()]));
        ended.assert_error(1, &[name, "No space left", "stay playable"]);
        let frames = number(&ended.json_anyway(), "frames");
        assert!(frames > 0, "{ended:?}");
        if let Some(found) = support::probe(test, &file) {
            assert_eq!(found[4], frames.to_string());
        }
    }
}
