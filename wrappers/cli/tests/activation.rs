//! Streams on a socket of a service manager, which the tests play.

mod support;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
use rustix::process::Signal;
use tempfile::tempdir;

use support::{LIMIT, Process, place, program, run, start, start_with, wait_until};

const STREAM: [&str; 4] = ["stream", "--pattern", "-r", "320x240"];

/// Creates a socket like a service manager: a blocking one.
fn bound(name: &str, kind: SocketType) -> OwnedFd {
    let made = socket(AddressFamily::UNIX, kind, None).unwrap();
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
        None => SocketAddrUnix::new(name),
    };
    bind(&made, &address.unwrap()).unwrap();
    made
}

fn listening(name: &str) -> OwnedFd {
    let made = bound(name, SocketType::SEQPACKET);
    listen(&made, 16).unwrap();
    made
}

/// Starts the command like a service manager, with `given` as `count` descriptors from 3 on, and
/// `pid` as LISTEN_PID (`$$` for the command's own).
fn activate(given: &OwnedFd, count: u32, pid: &str, words: &[&str], notify: &Path) -> Process {
    let script = format!(
        "export LISTEN_PID={pid} LISTEN_FDS={count} LISTEN_FDNAMES=camera:second; \
         exec \"$0\" \"$@\" 3<&0 4<&0 </dev/null"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program());
    command.args(words).env("NOTIFY_SOCKET", notify);
    start_with(given.try_clone().unwrap(), &mut command)
}

/// Receives a service's notifications.
struct Told(UnixDatagram);

impl Told {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self(socket)
    }

    /// Waits for a message with this line, and gives it.
    fn wait_for(&self, line: &str) -> String {
        loop {
            let mut bytes = [0; 4096];
            let len = self.0.recv(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..len]).into_owned();
            if text.lines().any(|l| l == line) {
                return text;
            }
        }
    }
}

/// Starts a client whose connection no host has accepted yet.
fn connect(name: &str, listener: &OwnedFd) -> Process {
    let words = ["receive", "--frames", "3", "--timeout", "60", name];
    let mut client = start(words);
    wait_until("it knocks", || {
        assert!(client.is_running(), "{}", client.stderr());
        let mut fds = [PollFd::new(listener, PollFlags::IN)];
        poll(&mut fds, Some(&Default::default())).unwrap() == 1
    });
    client
}

#[test]
fn a_given_socket_is_served_over_restarts() {
    let (folder, path) = place();
    let unique = format!("videostream-activation-{}", std::process::id());
    for (name, shown) in [(&path, &path), (&format!("@{unique}"), &unique)] {
        let listener = listening(name);
        let notify = folder.path().join(format!("notify{}", shown.len()));
        let told = Told::new(&notify);
        for end in [Signal::TERM, Signal::KILL, Signal::INT] {
            let client = connect(shown, &listener);
            let host = activate(&listener, 1, "$$", &STREAM, &notify);
            let ready = told.wait_for("READY=1");
            assert!(ready.contains("STATUS=sharing "), "{ready}");
            assert!(client.finish().status.success());
            // Later clients are served as well.
            let later = run(["receive", "--frames", "3", shown]);
            assert!(later.status.success(), "{later:?}");
            host.signal(end);
            if end != Signal::KILL {
                told.wait_for("STOPPING=1");
            }
            assert_eq!(host.finish().status.success(), end != Signal::KILL);
            // The file belongs to the service manager.
            assert_eq!(Path::new(name).exists(), name == &path);
        }
    }
}

#[test]
fn a_given_socket_may_be_named() {
    let (folder, name) = place();
    let listener = listening(&name);
    let notify = folder.path().join("notify");
    let told = Told::new(&notify);
    let words = [&STREAM[..], &[&name]].concat();
    let host = activate(&listener, 1, "$$", &words, &notify);
    told.wait_for("READY=1");
    assert!(host.interrupt().status.success());
    let words = [&STREAM[..], &["/another"]].concat();
    let ended = activate(&listener, 1, "$$", &words, &notify).finish();
    ended.assert_error(2, &["/another", &name]);
}

#[test]
fn what_cannot_be_served_is_named() {
    let (folder, name) = place();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let good = listening(&name);
    let stream = bound(&file("stream"), SocketType::STREAM);
    listen(&stream, 1).unwrap();
    let deaf = bound(&file("deaf"), SocketType::SEQPACKET);
    let inet = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let plain = OwnedFd::from(File::create(file("plain")).unwrap());
    for (given, count, pid, code, says) in [
        (&good, 2, "$$", 5, &["2 sockets", "camera, second"][..]),
        (&good, 1, "1", 2, &["process 1", "no SOCKET"]),
        (&good, 0, "$$", 2, &["no SOCKET"]),
        (&good, 1, "$$x", 5, &["LISTEN_PID"]),
        (
            &stream,
            1,
            "$$",
            5,
            &["SOCK_SEQPACKET", "ListenSequentialPacket"],
        ),
        (&deaf, 1, "$$", 5, &["does not listen", "Accept=yes"]),
        (&inet, 1, "$$", 5, &["not a Unix socket"]),
        (&plain, 1, "$$", 5, &["not a Unix socket"]),
    ] {
        let notify = folder.path().join("nobody");
        let ended = activate(given, count, pid, &STREAM, &notify).finish();
        ended.assert_error(code, says);
    }
    // And without any service manager.
    run(STREAM).assert_error(2, &["no SOCKET", "systemd"]);
}

#[test]
fn the_unit_files_of_the_guide_are_right() {
    let test = "the_unit_files_of_the_guide_are_right";
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/systemd.md");
    let Ok(guide) = fs::read_to_string(&guide) else {
        videostream_testing::skip(test, "needs the folder docs of the sources");
        return;
    };
    let folder = tempdir().unwrap();
    let units = ["videostream.socket", "videostream.service"];
    let blocks = guide.split("```ini\n").skip(1);
    let blocks: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), units.len());
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]);
    for (unit, block) in units.into_iter().zip(blocks) {
        assert!(guide.contains(&format!("`/etc/systemd/system/{unit}`:")));
        let program = program().display().to_string();
        let block = block.replace("/usr/local/bin/videostream", &program);
        let path = folder.path().join(unit);
        fs::write(&path, block).unwrap();
        command.arg(path);
    }
    match command.output() {
        Err(error) => videostream_testing::skip(test, &format!("needs systemd-analyze: {error}")),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{said}");
        }
    }
}
