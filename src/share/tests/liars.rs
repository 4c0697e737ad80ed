//! Evicted clients, and hosts that break the protocol.

use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen, socket_with,
    socketpair,
};
use videostream_hal::ring::RingLayout;
use videostream_hal::ring::segment::{HostControl, LeaseMap};
use videostream_hal::time::{deadline_in, now_ns};
use videostream_ipc::socket::{self, Sent};
use videostream_ipc::wire::{Exports, Message};
use videostream_ipc::{Error as Ipc, MAX_BUFFERS};
use videostream_testing::TIMEOUT_NS;

use super::super::{Client, Host};
use super::{WATCHDOG, connect, frame, memory, name};

#[test]
fn a_client_that_lies_about_holds_is_evicted() {
    use videostream_hal::ring::reader;
    let path = name("liar");
    let mut host = Host::builder(&path).max_outstanding(4).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let liar = connect(&mut host, Client::builder(&path)).unwrap();
    let mut honest = connect(&mut host, Client::builder(&path)).unwrap();
    for _ in 0..3 {
        host.publish(&frame(id)).unwrap();
    }
    // Straight into the lease, around the library's own limit.
    let (control, lease) = liar.ipc().ring();
    for serial in 1..=3 {
        reader::try_hold(control, lease, serial).unwrap();
    }
    assert_eq!(host.reclaim(1, |_| ()), 3, "all are held");
    assert_eq!(host.evict_over_limit(), 1);
    assert_eq!(host.status().evicted, 1);
    host.publish(&frame(id)).unwrap();
    assert_eq!(honest.next(WATCHDOG).unwrap().serial(), 4);
    assert_eq!(host.reclaim(1, |_| ()), 1);
}

/// A connected client of a ring without a host, and the other end of its socket.
pub(super) fn inside(test: &str) -> (Client, HostControl, OwnedFd) {
    let path = name(test);
    let flags = SocketFlags::CLOEXEC;
    let (unix, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let door = socket_with(unix, kind, flags, None).unwrap();
    let address = SocketAddrUnix::new_abstract_name(path.as_bytes()).unwrap();
    bind(&door, &address).unwrap();
    listen(&door, 8).unwrap();
    let builder = Client::builder(&path).connect_timeout(WATCHDOG);
    let connecting = std::thread::spawn(move || builder.connect());
    let peer = accept(&door).unwrap();
    let layout = RingLayout::new(4).unwrap();
    let control = HostControl::create(layout, 7, 1).unwrap();
    let (_, lease) = LeaseMap::create(layout).unwrap();
    let (_, event) = socketpair(unix, kind, flags, None).unwrap();
    let welcome = Message::Welcome {
        client: 0,
        host_pid: 1,
        exports: Exports::ReadOnly,
        epoch: 7,
    };
    let fds = [control.as_fd(), lease.as_fd(), event.as_fd()];
    assert_eq!(socket::send(&peer, &welcome, &fds), Ok(Sent::Yes));
    (connecting.join().unwrap().unwrap(), control, peer)
}

#[test]
fn a_host_cannot_exceed_the_buffer_limit() {
    let (mut client, _control, peer) = inside("buffers");
    let fd = memory();
    let deadline = deadline_in(TIMEOUT_NS);
    let mut error = None;
    for id in 1..=MAX_BUFFERS as u32 + 1 {
        let message = Message::Buffer { id, size: 4096 };
        assert!(error.is_none(), "{error:?} before the last");
        // The client reads them one by one, since the kernel limits descriptors in flight.
        while socket::send(&peer, &message, &[fd.as_fd()]) != Ok(Sent::Yes) {
            assert!(now_ns() < deadline, "the client does not read");
        }
        error = client.parameters().err();
    }
    let error = error.expect("one more is refused");
    assert_eq!(
        error.share(),
        Some(&Ipc::TooManyBuffers { count: MAX_BUFFERS })
    );
    assert!(client.try_next().unwrap().is_none());
}
