//! A fake host, and a client that connects to it.

use std::os::fd::{AsFd, OwnedFd};

use videostream_hal::ring::RingLayout;
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::{HostControl, LeaseMap};
use videostream_ipc::Error;
use videostream_ipc::client::Client;
use videostream_ipc::wire::{Exports, Message};

use super::{attempt, name, raw_accept, raw_host, send, seqpacket_pair};

/// The epoch of these rings.
pub(crate) const EPOCH: u64 = 7;
/// The welcome of such a host.
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

/// Returns the error of a client whose host does `act` after the connect.
pub(crate) fn error_of(test: &str, act: impl FnOnce(&OwnedFd)) -> Error {
    let name = name(test);
    let host = raw_host(&name);
    let client = attempt(&name);
    let peer = raw_accept(&host);
    act(&peer);
    client.join().unwrap().map(drop).unwrap_err()
}

/// Connects a client to a ring that the test can tamper with.
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
