use std::cell::RefCell;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen, socket_with,
    socketpair,
};
use videostream::Host;
use videostream::hal::ring::RingLayout;
use videostream::hal::ring::segment::{HostControl, LeaseMap};
use videostream::ipc::socket::{self, Sent};
use videostream::ipc::wire::{Exports, Message};

use super::Client;
use super::retry::PAUSES_NS;

/// A test that gets there has failed.
const WATCHDOG: Duration = Duration::from_secs(60);
/// A client that listens so often does so without end.
const ENDLESS: u32 = 1000;

#[test]
fn a_fruitless_host_is_asked_with_pauses() {
    let name = format!("videostream-c-fruitless-{}", std::process::id());
    let path = CString::new(name.clone()).unwrap();
    let (let_in, is_over) = (&AtomicU32::new(0), &AtomicBool::new(false));
    let begin = Instant::now();
    let client = OnceLock::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                // In use for a moment while another test starts a process.
                let Ok(mut host) = Host::builder(&name).bind() else {
                    thread::yield_now();
                    continue;
                };
                while host.clients().count() == 0 && !is_over.load(Ordering::Relaxed) {
                    host.process().unwrap();
                    thread::yield_now();
                }
                let_in.fetch_add(host.clients().count() as u32, Ordering::Relaxed);
            }
        });
        let client = client.get_or_init(|| Client::new(&path, std::ptr::null_mut(), true).unwrap());
        scope.spawn(move || {
            let is_enough = || {
                let time = begin.elapsed();
                let twice = let_in.load(Ordering::Relaxed) > 1;
                time > WATCHDOG || (twice && time > Duration::from_millis(500))
            };
            while !is_enough() {
                thread::sleep(Duration::from_millis(5));
            }
            client.disconnect();
        });
        assert_eq!(client.wait(0), Err(Errno::SHUTDOWN));
        is_over.store(true, Ordering::Relaxed);
    });
    // Pauses are never shorter than they are to be; the first follows the second connection.
    let mut left = begin.elapsed();
    let pauses = PAUSES_NS.into_iter().chain(std::iter::repeat(PAUSES_NS[4]));
    let most = 3 + pauses
        .take_while(|pause| {
            let fits = left.checked_sub(Duration::from_nanos(*pause));
            left = fits.unwrap_or_default();
            fits.is_some()
        })
        .count();
    let let_in = let_in.load(Ordering::Relaxed);
    assert!(
        (2..=most as u32).contains(&let_in),
        "{let_in} times, at most {most}"
    );
}

/// Lets the next client into a ring without a host; the other end of its socket.
fn let_in(door: &OwnedFd) -> (HostControl, OwnedFd) {
    let peer = accept(door).unwrap();
    let layout = RingLayout::new(4).unwrap();
    let control = HostControl::create(layout, 7, 1).unwrap();
    let (_, lease) = LeaseMap::create(layout).unwrap();
    let (unix, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let (_, event) = socketpair(unix, kind, SocketFlags::CLOEXEC, None).unwrap();
    let welcome = Message::Welcome {
        client: 0,
        host_pid: 1,
        exports: Exports::ReadOnly,
        epoch: 7,
    };
    let fds = [control.as_fd(), lease.as_fd(), event.as_fd()];
    socket::send(&peer, &welcome, &fds).unwrap();
    (control, peer)
}

thread_local! {
    /// The other end of this thread's client, if it talks without end, and how often it has.
    static TALKER: RefCell<Option<(OwnedFd, u32)>> = const { RefCell::new(None) };
}

/// Called by a client that has read all messages.
pub(super) fn go_on() {
    TALKER.with_borrow_mut(|talker| {
        if let Some((peer, times)) = talker {
            *times += 1;
            assert!(*times < ENDLESS, "the client listens on");
            talk(peer);
        }
    });
}

/// Says something of no interest.
fn talk(peer: &OwnedFd) {
    let sent = socket::send(peer, &Message::Unregister { id: 1 }, &[]);
    assert_eq!(sent, Ok(Sent::Yes));
}

#[test]
fn endless_messages_do_not_delay_the_timeout() {
    let name = format!("videostream-c-talks-{}", std::process::id());
    let (unix, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let door = socket_with(unix, kind, SocketFlags::CLOEXEC, None).unwrap();
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    bind(&door, &address).unwrap();
    listen(&door, 8).unwrap();
    let path = CString::new(name).unwrap();
    let client = Client::new(&path, std::ptr::null_mut(), false).unwrap();
    client.set_timeout(0.0);
    let (_control, peer) = let_in(&door);
    talk(&peer);
    TALKER.set(Some((peer, 0)));
    let error = client.wait(0).unwrap_err();
    let (_peer, times) = TALKER.take().unwrap();
    assert_eq!(error, Errno::TIMEDOUT);
    assert!(times > 0, "nobody has listened");
}
