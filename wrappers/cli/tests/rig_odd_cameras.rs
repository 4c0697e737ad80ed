//! Cameras that mark frames as damaged, fail to list an item, or have another rate than requested.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped. rig: timeout=600

mod support;

use std::fs;
use std::process::Command;

use support::{Ended, number, program, run, start_command};
use tempfile::tempdir;
use videostream::camera::devices;
use videostream::hal::v4l2::NodeKind;
use videostream_testing::{on_the_rig, strace};

fn camera() -> String {
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera);
    found.unwrap().path.display().to_string()
}

/// Runs the command under strace with these options.
fn under_strace(options: &[&str], words: &[&str]) -> Ended {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(options).arg("--");
    start_command(command.arg(program()).args(words)).finish()
}

/// Numbers, from 1, of the calls of `request` among the ioctls of a command.
fn calls(request: &str, words: &[&str]) -> Vec<usize> {
    let folder = tempdir().unwrap();
    let log = folder.path().join("log");
    let log = log.to_str().unwrap();
    let ended = under_strace(&["-e", "trace=ioctl", "-o", log], words);
    assert!(ended.status.success(), "{ended:?}");
    let text = fs::read_to_string(log).unwrap();
    let calls = text.lines().filter(|line| line.contains("ioctl("));
    let calls = calls.enumerate().filter(|(_, call)| call.contains(request));
    calls.map(|(at, _)| at + 1).collect()
}

/// Runs the command, whose ioctl of this number fails.
fn failing(errno: &str, number: usize, words: &[&str]) -> Ended {
    let inject = format!("inject=ioctl:error={errno}:when={number}");
    under_strace(&["-o", "/dev/null", "-e", &inject], words)
}

#[test]
fn frames_that_the_driver_marks_are_passed_over() {
    let Some(_turn) = on_the_rig("frames_that_the_driver_marks_are_passed_over") else {
        return;
    };
    let camera = camera();
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let marks = ["--control", "inject_v4l2_buf_flag_error=1", "--json"];
    let source = ["-d", &camera, "-r", "320x180"];
    let picture = file("x.png");
    let saved = run([&["snapshot"][..], &source, &marks, &[&picture]].concat()).json();
    assert!(number(&saved, "sequence") >= 1, "{saved}");
    let video = file("x.y4m");
    let words = [&["record", "-f", "5"][..], &source, &marks, &[&video]].concat();
    let ended = run(&words);
    let recorded = ended.json();
    assert_eq!(number(&recorded, "broken_frames"), 1, "{recorded}");
    assert_eq!(number(&recorded, "frames"), 5, "{recorded}");
    assert!(ended.stderr.contains("damaged"), "{ended:?}");
}

#[test]
fn controls_that_fail_are_named_and_cost_no_other() {
    let test = "controls_that_fail_are_named_and_cost_no_other";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    if !strace::is_there(test) {
        return;
    }
    let camera = camera();
    let list = ["controls", &camera, "--json"];
    let all = run(list).json().as_array().unwrap().len();
    for (request, says) in [
        ("VIDIOC_QUERY_EXT_CTRL", "control"),
        ("VIDIOC_QUERYMENU", "item"),
    ] {
        let number = calls(request, &list)[4];
        for errno in ["EIO", "EPIPE"] {
            let ended = failing(errno, number, &list);
            assert_eq!(ended.json().as_array().unwrap().len(), all, "{ended:?}");
            let note = ended.stderr.lines().find(|line| line.starts_with("note: "));
            let note = note.unwrap_or_else(|| panic!("{ended:?}"));
            assert!(note.contains(says) && note.contains(errno), "{note}");
        }
    }
    let reset = ["controls", &camera, "--reset"];
    let number = calls("VIDIOC_QUERY_EXT_CTRL", &reset)[4];
    assert!(failing("EIO", number, &reset).status.success());
    let set = ["controls", &camera, "contrast=77"];
    let ended = failing("EIO", calls("VIDIOC_QUERY_EXT_CTRL", &set)[1], &set);
    assert_eq!(ended.stdout, "contrast=77\n", "{ended:?}");
    assert!(run(reset).status.success());
}

#[test]
fn a_camera_that_tells_no_rate_gives_pictures() {
    let test = "a_camera_that_tells_no_rate_gives_pictures";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    if !strace::is_there(test) {
        return;
    }
    let camera = camera();
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.png").display().to_string();
    let words = ["snapshot", "-d", &camera, "-r", "320x180", &path];
    // No rate is set without --fps.
    assert!(calls("VIDIOC_S_PARM", &words).is_empty());
    let asked = calls("VIDIOC_G_PARM", &words);
    for errno in ["EIO", "EPIPE", "ENOTTY"] {
        let ended = failing(errno, asked[0], &words);
        assert!(ended.status.success(), "{errno}: {ended:?}");
    }
}

#[test]
fn another_rate_than_asked_for_is_told() {
    let Some(_turn) = on_the_rig("another_rate_than_asked_for_is_told") else {
        return;
    };
    let camera = camera();
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.png").display().to_string();
    let words = ["snapshot", "-d", &camera, "-r", "320x180", "-F"];
    for (rate, is_told) in [("30", false), ("17", true)] {
        let ended = run(words.iter().chain(&[rate, &path]));
        assert!(ended.status.success(), "{ended:?}");
        let told = ended
            .stderr
            .lines()
            .find(|line| line.contains("frames per second"));
        assert_eq!(told.is_some(), is_told, "{rate}: {ended:?}");
        if let Some(told) = told {
            assert!(
                told.contains(&camera) && told.contains(", not 17"),
                "{told}"
            );
        }
    }
}
