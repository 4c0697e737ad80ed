//! A host that is not one, and the client that comes to it.

use std::os::fd::{AsFd, OwnedFd};

use videostream_hal::ring::RingLayout;
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::{HostControl, LeaseMap};
use videostream_ipc::Error;
use videostream_ipc::client::Client;
use videostream_ipc::wire::{Exports, Message};

use super::{attempt, name, raw_accept, raw_host, send, seqpacket_pair};

/// The random number of these rings.
pub(crate) const EPOCH: u64 = 7;
/// What a host says to a client that it lets in.
pub(crate) const WELCOME: Message = Message::Welcome {
    client: 0,
    host_pid: 1,
    exports: Exports::ReadOnly,
    epoch: EPOCH,
};

/// A ring of four slots and the descriptor of a lease page.
pub(crate) fn ring() -> (HostControl, OwnedFd) {
    let layout = RingLayout::new(4).unwrap();
    let control = HostControl::create(layout, EPOCH, 1).unwrap();
    let (_, lease) = LeaseMap::create(layout).unwrap();
    (control, lease)
}

/// The error of a client whose host does `act` once it has connected.
pub(crate) fn error_of(test: &str, act: impl FnOnce(&OwnedFd)) -> Error {
    let name = name(test);
    let host = raw_host(&name);
    let client = attempt(&name);
    let peer = raw_accept(&host);
    act(&peer);
    client.join().unwrap().map(drop).unwrap_err()
}

/// A client inside a ring that this test can tamper with.
pub(crate) fn inside(test: &str) -> (Client, Publisher<HostControl>, OwnedFd) {
    let name = name(test);
    let host = raw_host(&name);
    let client = attempt(&name);
    let peer = raw_accept(&host);
    let (control, lease) = ring();
    let (_, event) = seqpacket_pair();
    let fds = [control.as_fd(), lease.as_fd(), event.as_fd()];
    send(&peer, WELCOME, &fds);
    (
        client.join().unwrap().unwrap(),
        Publisher::new(control),
        peer,
    )
}
