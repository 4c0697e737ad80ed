//! Wrong input gives one line of error and a specific exit status.

mod support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::tempdir;

use support::{program, run, start, start_command};

#[test]
fn a_camera_that_is_none() {
    let missing = ["stream", "-d", "/dev/video250", "nobody-will-bind-this"];
    run(missing).assert_error(3, &["/dev/video250", "no such device"]);
    let other = ["stream", "-d", "/dev/null", "nobody-will-bind-this"];
    run(other).assert_error(1, &["/dev/null", "is not a video device"]);
    let record = ["record", "-d", "/dev/null", "/nowhere/x.mp4"];
    run(record).assert_error(1, &["/dev/null"]);
    run(["snapshot", "-d", "/dev/video250", "/nowhere/x.png"]).assert_error(3, &["/dev/video250"]);
    run(["demo", "-d", "/dev/video250"]).assert_error(3, &["/dev/video250"]);
    run(["record", "-d", "/tmp", "/nowhere/x.mp4"]).assert_error(1, &["/tmp", "a directory"]);
}

#[test]
fn a_pattern_that_cannot_be() {
    let format = ["stream", "--pattern", "--format", "MJPG", "x"];
    run(format).assert_error(2, &["MJPG", "NV12, YU12, YUYV or RGB3"]);
    let size = ["stream", "--pattern", "--size", "31x7", "x"];
    run(size).assert_error(2, &["31x7", "even"]);
    let convert = ["stream", "--pattern", "--convert", "RGGB", "x"];
    run(convert).assert_error(2, &["RGGB", "can't convert", "NV12"]);
}

#[test]
fn arguments_that_make_no_sense() {
    for words in [
        &["stream"][..],
        &["stream", "--pattern", "-d", "/dev/video0", "x"],
        &["stream", "--size", "big", "x"],
        &["stream", "--format", "NV121", "x"],
        &["stream", "--fps", "0", "x"],
        &["stream", "--mode", "999", "x"],
        &["receive", "--hold", "0", "x"],
        &["receive", "-f", "-1", "x"],
        &["receive", "--timeout", "never", "x"],
        &["record", "--codec", "vp9", "x.mp4"],
        &["record", "--bitrate", "fast", "x.mp4"],
        &["record"],
        &["demo", "--frames", "0"],
        &["no-such-command"],
        &[],
        // Options without effect.
        &["stream", "--pattern", "--bitrate", "800", "x"],
        &["stream", "--pattern", "--gop", "30", "x"],
        &["record", "--ipc", "x", "--size", "640x480", "x.mp4"],
        &["record", "--ipc", "x", "--fps", "30", "x.mp4"],
        &["record", "--ipc", "x", "--buffers", "4", "x.mp4"],
        &["snapshot", "--ipc", "x", "--format", "NV12", "x.png"],
    ] {
        let ended = run(words);
        assert_eq!(ended.status.code(), Some(2), "{words:?}: {ended:?}");
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty());
    }
}

#[test]
fn bad_number_errors_say_what_was_expected() {
    for (words, says) in [
        (
            &["stream", "--fps", "-1", "x"][..],
            &["'-1'", "--fps", "30000/1001"][..],
        ),
        (&["stream", "-F", "29,97", "x"], &["'29,97'", "30000/1001"]),
        (&["stream", "-F", "1/0", "x"], &["'1/0'", "between 1 and"]),
        (&["record", "-f", "-5", "x.mp4"], &["'-5'", "--frames"]),
        (&["record", "-t", "-5", "x.mp4"], &["'-5'", "above 0"]),
        (&["stream", "--buffers", "-1", "x"], &["'-1'", "1..=32"]),
    ] {
        let ended = run(words);
        assert_eq!(ended.status.code(), Some(2), "{words:?}: {ended:?}");
        for word in says {
            assert!(ended.stderr.contains(word), "{words:?}: {ended:?}");
        }
    }
}

#[test]
fn a_name_that_contradicts_the_codec() {
    let other = ["record", "--pattern", "--codec", "h264", "x.hevc"];
    run(other).assert_error(2, &["x.hevc", "H.265"]);
    run(["convert", file!(), "x.mp4"]).assert_error(2, &["--codec"]);
}

#[test]
fn a_file_that_can_not_be_converted_is_named() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let [odd, clip, cut, to] = ["odd.y4m", "clip.h264", "cut.h264", "to.mp4"].map(file);
    let picture = vec![128; 161 * 121 + 2 * 81 * 61];
    let head = &b"YUV4MPEG2 W161 H121 F25:1 C420jpeg\nFRAME\n"[..];
    fs::write(&odd, [head, &picture].concat()).unwrap();
    run(["convert", &odd, &to]).assert_error(1, &[&odd, "161x121", "even"]);
    let size = ["-r", "320x240", "-f", "2"];
    let recorded = run(["record", "--pattern"]
        .into_iter()
        .chain(size)
        .chain([&*clip]));
    assert!(recorded.status.success(), "{recorded:?}");
    // Without the sequence parameter set, the first unit.
    let clip = fs::read(&clip).unwrap();
    let next = clip.windows(4).skip(1).position(|at| at == [0, 0, 1, 0x68]);
    fs::write(&cut, &clip[next.unwrap()..]).unwrap();
    run(["convert", &cut, &to]).assert_error(1, &[&cut, "SPS", "from its beginning"]);
}

#[test]
fn a_socket_name_that_is_too_long() {
    let name = format!("/tmp/{}", "x".repeat(200));
    run(["stream", "--pattern", &name]).assert_error(2, &["205 bytes", "108"]);
    run(["receive", &name]).assert_error(2, &["205 bytes", "108"]);
}

#[test]
fn a_socket_whose_folder_is_not_there() {
    let name = "/no/such/folder/camera";
    run(["stream", "--pattern", name]).assert_error(5, &[name, "folder does not exist"]);
}

#[test]
fn a_socket_that_nobody_serves() {
    for name in ["/tmp/no/such/socket", "no-such-host"] {
        run(["receive", name]).assert_error(5, &[name, "no host serves"]);
    }
    let waiting = ["receive", "--reconnect", "-t", "0.3", "no-such-host"];
    run(waiting).assert_error(6, &["no-such-host", "waited 0.3 s"]);
    let record = [
        "record",
        "--ipc",
        "no-such-host",
        "--timeout",
        "0.3",
        "x.mp4",
    ];
    run(record).assert_error(6, &["no-such-host"]);
}

#[test]
fn a_socket_that_is_taken_or_is_none() {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("socket");
    let socket = socket.to_str().unwrap();
    let mut host = start(["stream", "--pattern", "-r", "320x240", socket]);
    host.wait_for("sharing");
    run(["stream", "--pattern", socket]).assert_error(5, &[socket, "another host"]);
    // A client that wants to hold more than the host can spare.
    run(["receive", "--hold", "60", socket]).assert_error(5, &[socket]);

    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    let name = file.to_str().unwrap();
    run(["stream", "--pattern", name]).assert_error(5, &[name, "not a socket"]);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn a_socket_without_permission() {
    let folder = tempdir().unwrap();
    let public = folder.path().join("public");
    fs::create_dir(&public).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let socket = public.join("socket");
    let socket = socket.to_str().unwrap();
    let mut host = start(["stream", "--pattern", "-r", "320x240", socket]);
    host.wait_for("sharing");

    let mut command = if rustix::process::getuid().is_root() {
        // As a user without permission to connect or create, from a folder that user can read.
        let copy = folder.path().join("videostream");
        // By another process: a program that this one has open for writing cannot be run, and nor
        // can it while a process that another test starts meanwhile has a copy of the descriptor.
        let copied = Command::new("cp").arg(program()).arg(&copy).status();
        assert!(copied.unwrap().success());
        let mut command = Command::new(copy);
        command.uid(65_534).gid(65_534);
        command
    } else {
        fs::set_permissions(&public, Permissions::from_mode(0o000)).unwrap();
        Command::new(program())
    };
    let ended = start_command(command.args(["receive", socket])).finish();
    fs::set_permissions(&public, Permissions::from_mode(0o755)).unwrap();
    ended.assert_error(5, &[socket, "permission"]);

    let new = public.join("new");
    fs::set_permissions(&public, Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(command.get_program());
    if rustix::process::getuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let ended = start_command(command.args(["stream", "--pattern"]).arg(&new)).finish();
    fs::set_permissions(&public, Permissions::from_mode(0o755)).unwrap();
    ended.assert_error(5, &[new.to_str().unwrap(), "permission"]);
}

#[test]
fn a_file_that_cannot_be_written() {
    run(["record", "--pattern", "x.avi"]).assert_error(2, &["x.avi", ".mp4", ".h264"]);
    run(["snapshot", "--pattern", "x.bmp"]).assert_error(2, &["x.bmp", ".png", ".jpg"]);
    let nowhere = ["record", "--pattern", "/no/such/folder/x.mp4"];
    run(nowhere).assert_error(1, &["/no/such/folder/x.mp4", "No such file"]);
    let nowhere = ["snapshot", "--pattern", "/no/such/folder/x.png"];
    run(nowhere).assert_error(1, &["/no/such/folder/x.png"]);
    let folder = ["demo", "--output-dir", "/no/such/folder"];
    run(folder).assert_error(1, &["/no/such/folder"]);
    // The recording is complete, the picture is missing.
    let folder = tempdir().unwrap();
    let file = folder.path().join("x.y4m").display().to_string();
    let picture = folder.path().join("no/x.png").display().to_string();
    let words = ["record", "--pattern", "-r", "320x240", "-f", "2"];
    let ended = run(words.iter().chain(&["--picture", &picture, &file]));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&picture), "{ended:?}");
    assert!(ended.stdout.contains("2 frames"), "{ended:?}");
}

#[test]
fn a_full_disk() {
    let folder = tempdir().unwrap();
    for name in ["full.mp4", "full.h264", "full.y4m"] {
        let file = folder.path().join(name);
        symlink("/dev/full", &file).unwrap();
        let file = file.to_str().unwrap();
        let words = ["record", "--pattern", "-r", "320x240", "-f", "90", file];
        run(words).assert_error(1, &[file, "No space left"]);
    }
}

#[test]
fn a_pipe_that_an_mp4_is_to_go_into() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe.mp4");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    // Opening does not wait for the other end.
    let _both_ends = File::options().read(true).write(true).open(&pipe).unwrap();
    let pipe = pipe.to_str().unwrap();
    let words = ["record", "--pattern", "-r", "320x240", "-f", "5", pipe];
    run(words).assert_error(1, &[pipe, "an MP4 needs a file", ".h264"]);
}

#[test]
fn output_that_nobody_reads() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(program());
    command.args(["devices", "--json"]).stdout(writer);
    let output = command
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn help_and_version_are_no_errors() {
    for words in [&["--help"][..], &["--version"], &["record", "--help"]] {
        let ended = run(words);
        assert!(ended.status.success() && ended.stderr.is_empty());
    }
    let version = run(["--version"]).stdout;
    assert!(version.starts_with("videostream 3."), "{version}");
    assert!(version.contains("linux"), "{version}");
}
