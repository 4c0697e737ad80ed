//! Signals: the first Ctrl-C stops gracefully, a second one or a kill ends a blocked command, and
//! ignored signals stay ignored.

mod support;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::Signal;
use tempfile::{TempDir, tempdir};

use support::{
    Process, place, program, run, share_pattern, start, start_command, wait_for_more, wait_until,
};

fn fifo(folder: &TempDir, name: &str) -> String {
    let path = folder.path().join(name).display().to_string();
    mknodat(CWD, &*path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    path
}

/// Returns the command, run by a shell after `setup`.
fn after(setup: &str, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup}; exec \"$0\" \"$@\"")]);
    command.arg(program()).args(words);
    command
}

/// Waits until the command sleeps in this system call.
fn wait_until_in(process: &mut Process, call: &str) {
    let path = format!("/proc/{}/wchan", process.id());
    let what = format!("it waits in {call}");
    wait_until(&what, || {
        assert!(process.is_running(), "{}", process.stderr());
        fs::read_to_string(&path).unwrap().contains(call)
    });
}

/// A command that writes raw video into a FIFO which is full, and whose reader does not read.
fn blocked(folder: &TempDir) -> (Process, File) {
    let path = fifo(folder, "film.y4m");
    let words = ["record", "--pattern", "-r", "640x480", &*path];
    let mut process = start(words);
    let reader = File::open(&path).unwrap();
    wait_until_in(&mut process, "pipe_write");
    (process, reader)
}

#[test]
fn ctrl_c_before_the_first_picture_is_told() {
    for (from, begin, to) in [
        (
            "a.y4m",
            &b"YUV4MPEG2 W64 H48 F30:1\nFRAME\nhalf"[..],
            "a.h264",
        ),
        ("b.y4m", b"YUV4MP", "b.mp4"),
        ("c.h264", b"", "c.mp4"),
        ("d.h264", b"\0\0\0\x01", "d.y4m"),
        ("e.hevc", b"\0\0", "e.mp4"),
    ] {
        let folder = tempdir().unwrap();
        let from = fifo(&folder, from);
        let to = folder.path().join(to).display().to_string();
        let process = start(["convert", &from, &to]);
        // It reads by then, and listens to Ctrl-C.
        let mut pipe = File::options().write(true).open(&from).unwrap();
        pipe.write_all(begin).unwrap();
        let ended = process.interrupt();
        ended.assert_error(1, &["stopped before the end", &to, "is not written"]);
        assert!(!Path::new(&to).exists());
    }
}

#[test]
fn ctrl_c_while_nobody_is_there_yet_is_told() {
    let (folder, socket) = place();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let fifo = fifo(&folder, "in.y4m");
    let interrupted = |words: &[&str]| {
        let mut process = start(words);
        process.wait_for_signals();
        process.interrupt()
    };
    let (h264, png) = (file("out.h264"), file("out.png"));
    let ended = interrupted(&["convert", &fifo, &h264]);
    ended.assert_error(1, &["stopped before the end", &h264, "is not written"]);
    let ended = interrupted(&["snapshot", "--ipc", &socket, &png]);
    ended.assert_error(1, &["stopped before the first picture", &png]);
    // These normally end by Ctrl-C.
    let record = ["record", "--ipc", &*socket, &*h264];
    let ended = interrupted(&record);
    assert!(ended.stdout.contains("nothing recorded"), "{ended:?}");
    assert!(ended.status.success(), "{ended:?}");
    let json = interrupted(&[&record[..], &["--json"]].concat()).json();
    assert_eq!(json["frames"], 0);
    let json = interrupted(&["receive", "--reconnect", "--json", &socket]).json();
    assert_eq!(json["frames_processed"], 0);
    let missing = file("video");
    let ended = interrupted(&["stream", "--reconnect", "-d", &missing, &socket]);
    assert!(ended.stderr.contains("nothing was shared"), "{ended:?}");
    assert!(ended.status.success(), "{ended:?}");
    assert!(!Path::new(&h264).exists() && !Path::new(&png).exists());
}

#[test]
fn ctrl_c_ends_the_wait_for_a_reader() {
    let (folder, socket) = place();
    let _host = share_pattern(&socket, &[]);
    let fifo = |name| fifo(&folder, name);
    let clip = folder.path().join("clip.y4m").display().to_string();
    assert!(
        run(["record", "--ipc", &socket, "-f", "2", &clip])
            .status
            .success()
    );
    for (words, code) in [
        (vec!["record", "--ipc", &*socket, &*fifo("a.h264")], 0),
        (vec!["record", "--ipc", &*socket, &*fifo("a.y4m")], 0),
        (vec!["record", "--pattern", &*fifo("b.h264")], 0),
        (vec!["receive", "--raw", &*fifo("c"), &*socket], 0),
        (vec!["convert", &*clip, &*fifo("d.h264")], 1),
    ] {
        let mut process = start(&words);
        process.wait_for_signals();
        let ended = process.interrupt();
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    }
    // With a reader it goes on.
    let path = fifo("e.h264");
    let process = start(["convert", &*clip, &*path]);
    let mut bytes = Vec::new();
    File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
    assert!(process.finish().status.success());
    assert!(bytes.starts_with(&[0, 0, 0, 1]));
}

#[test]
fn a_second_ctrl_c_ends_what_is_blocked() {
    let folder = tempdir().unwrap();
    let (mut process, _reader) = blocked(&folder);
    process.signal(Signal::INT);
    process.wait_for("Ctrl-C again");
    process.signal(Signal::INT);
    let ended = process.finish();
    assert_eq!(ended.status.signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn a_kill_ends_what_is_blocked() {
    for signal in [Signal::TERM, Signal::HUP] {
        let folder = tempdir().unwrap();
        let (process, _reader) = blocked(&folder);
        process.signal(signal);
        let ended = process.finish();
        assert_eq!(ended.status.signal(), Some(signal.as_raw()));
    }
}

#[test]
fn a_blocked_standard_output_is_no_trap() {
    let (folder, socket) = place();
    let _host = share_pattern(&socket, &[]);
    let path = fifo(&folder, "out");
    let reader = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(&path)
        .unwrap();
    // As little as the kernel allows.
    rustix::pipe::fcntl_setpipe_size(&reader, 1).unwrap();
    for words in [
        "top --json -i 0.05 \"$SOCKET\"",
        "receive -v -f 0 \"$SOCKET\" 2>&1",
    ] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" >\"$FIFO\" {words}")]);
        command.arg(program()).env("SOCKET", &socket);
        let mut process = start_command(command.env("FIFO", &path));
        wait_until_in(&mut process, "pipe_write");
        process.signal(Signal::TERM);
        let ended = process.finish();
        assert_eq!(ended.status.signal(), Some(Signal::TERM.as_raw()));
    }
}

#[test]
fn signals_of_one_moment_are_one_request() {
    let folder = tempdir().unwrap();
    let clip = folder.path().join("clip.mp4").display().to_string();
    let words = ["record", "--pattern", "-r", "320x240", "--json", &*clip];
    let mut process = start(words);
    process.wait_for_signals();
    wait_until("it records", || {
        fs::metadata(&clip).is_ok_and(|about| about.len() > 0)
    });
    // `timeout` kills its child, and then the group that the child is in.
    process.signal(Signal::STOP);
    process.signal(Signal::INT);
    process.signal(Signal::TERM);
    process.signal(Signal::CONT);
    let json = process.finish().json();
    assert!(json["frames"].as_u64() > Some(0), "{json}");
}

#[test]
fn ignored_signals_stay_ignored() {
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let (_folder, socket) = place();
        let words = ["stream", "--pattern", "-r", "320x240", &*socket];
        let mut host = start_command(&mut after(&format!("trap '' {name}"), &words));
        host.wait_for("sharing");
        let client = start(["receive", "-v", "-f", "0", &socket]);
        wait_for_more(&client);
        host.signal(signal);
        // Longer than the time between checks for signals.
        for _ in 0..10 {
            wait_for_more(&client);
        }
        assert!(host.is_running(), "{name}");
        host.signal(Signal::TERM);
        assert!(host.finish().status.success(), "{name}");
    }
}

#[test]
fn a_demo_under_a_parent_that_ignores_signals() {
    let test = "a_demo_under_a_parent_that_ignores_signals";
    // Some shells do not pass on that SIGCHLD is ignored.
    let can = ["--ignore-signal=CHLD", "true"];
    if !Command::new("env").args(can).status().unwrap().success() {
        videostream_testing::skip(test, "needs env --ignore-signal (GNU coreutils 8.31)");
        return;
    }
    for ignored in ["CHLD", "TERM"] {
        let folder = tempdir().unwrap();
        let mut command = Command::new("env");
        command.arg(format!("--ignore-signal={ignored}"));
        command.arg(program()).current_dir(&folder);
        command.args(["demo", "--pattern", "--frames", "20", "--json"]);
        let ended = start_command(&mut command).finish();
        assert!(ended.json()["host"].is_object(), "{ended:?}");
        assert!(folder.path().join("demo.mp4").exists());
    }
}

#[test]
fn a_limit_for_files_is_an_error() {
    let (folder, socket) = place();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let _host = share_pattern(&socket, &[]);
    let clip = file("clip.y4m");
    let record = ["record", "--pattern", "-r", "320x240", "-f", "2", &*clip];
    assert!(run(record).status.success());
    for words in [
        ["record", "--ipc", &*socket, "-f", "20", &*file("a.y4m")],
        ["record", "--ipc", &*socket, "-f", "600", &*file("a.h264")],
        ["record", "--ipc", &*socket, "-f", "600", &*file("a.mp4")],
        ["receive", "--raw", &*file("raw"), "-f", "1", &*socket],
        [
            "snapshot",
            "--ipc",
            &*socket,
            "--timeout",
            "5",
            &*file("a.png"),
        ],
        ["convert", "-b", "50Mbps", "-F25", &*clip, &*file("b.h264")],
    ] {
        let mut command = after("ulimit -f 1", &words);
        start_command(&mut command)
            .finish()
            .assert_error(1, &["File too large"]);
    }
    // Memory for frames is a file to the kernel, too.
    let words = ["stream", "--pattern", "-r", "1280x720", "-f5", &socket];
    let ended = start_command(&mut after("ulimit -f 64", &words)).finish();
    assert!(
        ended.status.code().is_some_and(|code| code != 0),
        "{ended:?}"
    );
    assert_eq!(ended.stderr.matches("error: ").count(), 1, "{ended:?}");
}
