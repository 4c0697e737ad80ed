//! `--io`: the kernel's virtual camera fills every kind of memory with the same picture, and each
//! is shared.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped.

mod support;

use std::fs;

use support::{number, run, start};
use tempfile::tempdir;
use videostream::camera::devices;
use videostream::hal::v4l2::NodeKind;
use videostream_testing::on_the_rig;

#[test]
fn every_io_method_shares_the_same_picture() {
    let Some(_turn) = on_the_rig("every_io_method_shares_the_same_picture") else {
        return;
    };
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera);
    let camera = found.unwrap().path.display().to_string();
    let folder = tempdir().unwrap();
    let still = [
        "--control",
        "osd_text_mode=none",
        "--control",
        "horizontal_movement=no movement",
    ];
    let source = ["-d", &camera, "-r", "320x180", "--format", "NV12"];
    let mut pictures = Vec::new();
    for io in ["mmap", "userptr", "dmabuf"] {
        let file = folder.path().join(format!("{io}.png"));
        let file = file.to_str().unwrap();
        let words = [&["snapshot", "--io", io][..], &source, &still, &[file]].concat();
        let taken = run(&words);
        assert!(taken.status.success(), "{io}: {taken:?}");
        pictures.push(fs::read(file).unwrap());

        let socket = format!("io-{io}-{}", std::process::id());
        let words = ["stream", "--json", "--io", io, &socket];
        let mut host = start(words.iter().chain(&source));
        host.wait_for("sharing");
        let received = run(["receive", "--json", "-f", "10", "-t", "60", &socket]).json();
        assert_eq!(number(&received, "frames_processed"), 10, "{io}");
        let shared = host.interrupt().json();
        let memory = shared["memory"].as_str().unwrap();
        let word = match io {
            "mmap" => "driver",
            "userptr" => "memfds",
            _ => "imported",
        };
        assert!(memory.contains(word), "{io}: {memory}");
    }
    assert!(pictures.iter().all(|picture| *picture == pictures[0]));
    let wrong = run(["stream", "--io", "read", "x"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(run(["controls", &camera, "--reset"]).status.success());
}
