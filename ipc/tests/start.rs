//! Hosts that start at the same time, in one folder and over the file of a killed host; and hosts
//! that are killed while they start.
//!
//! `VIDEOSTREAM_START_ROUNDS` sets how often each race is run.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::BufRead as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use support::*;
use videostream_hal::time::{now_ns, poll_until};
use videostream_ipc::Error;
use videostream_ipc::host::{Config, Host};
use videostream_testing::TIMEOUT_NS;
use videostream_testing::process::{Process, command, role, say, succeeds, under};
use videostream_testing::{skip, strace};

fn rounds() -> usize {
    let rounds = std::env::var("VIDEOSTREAM_START_ROUNDS");
    rounds.map_or(100, |rounds| rounds.parse().expect("a number"))
}

/// A temporary folder, removed with its contents.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(name(test));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bind(path: &str) -> Result<Host, Error> {
    Host::bind(address(path), Config::default(), 7)
}

/// Creates a stale socket file, as a killed host leaves it.
fn leave_stale(path: &str) {
    let _ = fs::remove_file(path);
    drop(UnixListener::bind(path).unwrap());
    assert!(Path::new(path).exists());
}

/// Returns whether a client that connects to `path` reaches `host`.
fn leads_to(path: &str, host: &Host) -> bool {
    let Ok(_knocker) = raw_connect(path) else {
        return false;
    };
    let mut fds = [PollFd::new(host, PollFlags::IN)];
    poll_until(&mut fds, now_ns() + TIMEOUT_NS).unwrap()
}

fn raw_connect(path: &str) -> rustix::io::Result<std::os::fd::OwnedFd> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
    let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

#[test]
fn threads_start_hosts_in_one_folder() {
    let folder = Folder::new("start-threads");
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        for name in ["a", "b"] {
            let (path, barrier) = (folder.path(name), &barrier);
            scope.spawn(move || {
                for round in 0..rounds() {
                    barrier.wait();
                    let host = bind(&path).unwrap_or_else(|e| panic!("round {round}: {e}"));
                    assert!(leads_to(&path, &host), "round {round}");
                }
            });
        }
    });
    assert!(folder.is_empty());
}

#[test]
fn one_of_two_threads_takes_a_stale_name() {
    let folder = Folder::new("start-stale");
    let path = folder.path("stale");
    for round in 0..rounds() {
        leave_stale(&path);
        let barrier = Barrier::new(2);
        let try_it = || {
            barrier.wait();
            bind(&path)
        };
        let (a, b) = thread::scope(|scope| {
            let other = scope.spawn(try_it);
            (try_it(), other.join().unwrap())
        });
        match (a, b) {
            (Ok(host), Err(Error::AddressInUse)) | (Err(Error::AddressInUse), Ok(host)) => {
                assert!(leads_to(&path, &host), "round {round}");
            }
            (a, b) => panic!("round {round}: {:?}, {:?}", a.map(drop), b.map(drop)),
        }
        assert!(folder.is_empty(), "round {round}");
    }
}

/// Starts hosts on command: each line of its input has a path and a time.
fn starter() {
    say("here");
    let mut host = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let Some((at, path)) = line.split_once(' ') else {
            host = None;
            say("ended");
            continue;
        };
        while now_ns() < at.parse().unwrap() {}
        match bind(path) {
            Ok(new) => {
                host = Some(new);
                say("serves");
            }
            Err(e) => say(format!("{e:?}")),
        }
    }
    drop(host);
}

/// Lets two processes start hosts at the same time, over a stale file and in one folder.
fn race(folder: &Folder, mut starters: [Process; 2]) {
    for starter in &starters {
        starter.expect("here", || ());
    }
    for round in 0..rounds() {
        let at = now_ns() + 1_000_000;
        let stale = folder.path("stale");
        leave_stale(&stale);
        for starter in &mut starters {
            starter.tell(&format!("{at} {stale}"));
        }
        let mut answers = [starters[0].next(), starters[1].next()];
        answers.sort();
        assert_eq!(answers, ["AddressInUse", "serves"], "round {round}");
        assert!(raw_connect(&stale).is_ok(), "round {round}");
        end(&mut starters);
        let at = now_ns() + 1_000_000;
        for (starter, name) in starters.iter_mut().zip(["a", "b"]) {
            starter.tell(&format!("{at} {}", folder.path(name)));
        }
        for starter in &starters {
            assert_eq!(starter.next(), "serves", "round {round}");
        }
        for name in ["a", "b"] {
            assert!(raw_connect(&folder.path(name)).is_ok(), "round {round}");
        }
        end(&mut starters);
        assert!(folder.is_empty(), "round {round}");
    }
}

fn end(starters: &mut [Process; 2]) {
    for starter in starters {
        starter.tell("end");
        assert_eq!(starter.next(), "ended");
    }
}

#[test]
fn processes_start_hosts_at_once() {
    const TEST: &str = "processes_start_hosts_at_once";
    if role().is_some() {
        return starter();
    }
    let folder = Folder::new("start-processes");
    race(&folder, [(); 2].map(|()| Process::start(TEST, &["start"])));
}

#[test]
fn first_processes_of_two_containers_start_at_once() {
    const TEST: &str = "first_processes_of_two_containers_start_at_once";
    if role().is_some() {
        assert_eq!(std::process::id(), 1);
        return starter();
    }
    let unshare = ["unshare", "--pid", "--fork", "--kill-child"];
    if !succeeds(&mut under(&unshare, &Command::new("true"))) {
        return skip(TEST, "unshare --pid does not work here (root is needed)");
    }
    let folder = Folder::new("start-containers");
    let start = || {
        let starter = under(&unshare, &command(TEST, &["start"]));
        Process::run(starter, "container".into())
    };
    race(&folder, [start(), start()]);
}

#[test]
fn a_locked_folder_takes_new_names_and_other_files_stay() {
    let folder = Folder::new("start-locked");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let lock = open(&folder.0, flags, Mode::empty()).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    // Another host's temporary name.
    let other = folder.path(&format!(".vsl{}", std::process::id()));
    fs::write(&other, "mine").unwrap();
    let (new, stale) = (folder.path("new"), folder.path("stale"));
    let host = bind(&new).unwrap();
    assert!(leads_to(&new, &host));
    leave_stale(&stale);
    let told = bind(&stale).map(drop).unwrap_err();
    assert_eq!(told, Error::FolderLocked);
    flock(&lock, FlockOperation::Unlock).unwrap();
    let _taken = bind(&stale).unwrap();
    assert_eq!(fs::read(&other).unwrap(), b"mine");
}

#[test]
fn a_socket_bears_the_name_that_it_serves() {
    let folder = Folder::new("start-name");
    let path = folder.path("socket");
    for is_stale in [false, true] {
        if is_stale {
            leave_stale(&path);
        }
        let host = bind(&path).unwrap();
        let name = rustix::net::getsockname(host.listener().unwrap()).unwrap();
        let name = rustix::net::SocketAddrUnix::try_from(name).unwrap();
        assert_eq!(
            name.path_bytes(),
            Some(path.as_bytes()),
            "stale: {is_stale}"
        );
    }
}

/// System calls of a start in which the host is killed, which of several, and whether it happens
/// without a stale file.
const STEPS: [(&str, u32, bool); 7] = [
    ("bind", 1, true),
    ("/^f?chmod(at2?)?$", 1, true),
    ("listen", 1, true),
    ("flock", 1, true),
    ("connect", 1, false),
    // Removes the stale file before the next bind.
    ("/^unlink(at)?$", 1, false),
    // Releases the lock.
    ("flock", 2, true),
];

#[test]
fn who_is_killed_while_it_starts_is_in_nobodys_way() {
    const TEST: &str = "who_is_killed_while_it_starts_is_in_nobodys_way";
    if let Some(role) = role() {
        return drop(bind(&role[1]).unwrap());
    }
    if !strace::is_there(TEST) {
        return;
    }
    for (call, number, is_fresh) in STEPS {
        for is_stale in [true, false] {
            if !(is_stale || is_fresh) {
                continue;
            }
            let folder = Folder::new("start-killed");
            let path = folder.path("socket");
            if is_stale {
                leave_stale(&path);
            }
            let kill = format!("{call}:signal=KILL:when={number}");
            let status = strace::inject(&kill, &command(TEST, &["start", &path]));
            assert_eq!(status.signal(), Some(9), "{kill}, stale: {is_stale}");
            let host = bind(&path).unwrap_or_else(|e| panic!("{kill}, stale: {is_stale}: {e}"));
            assert!(leads_to(&path, &host), "{kill}, stale: {is_stale}");
            drop(host);
            // At most a temporary name is left.
            let left = fs::read_dir(&folder.0).unwrap();
            let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
            let is_spare = |name: &std::ffi::OsString| name.to_str().unwrap().starts_with(".vsl");
            assert!(left.len() <= 1 && left.iter().all(is_spare), "{left:?}");
        }
    }
}
