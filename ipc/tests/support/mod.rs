//! Peers that violate the protocol.

#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod liar;

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::IoSlice;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, accept, bind, connect, listen, sendmsg, socket_with, socketpair,
};
use videostream_hal::memory::memfd;
use videostream_hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream_hal::time::{deadline_in, now_ns};
use videostream_ipc::address::Address;
use videostream_ipc::client::{Client, Config};
use videostream_ipc::host::{self, Host};
use videostream_ipc::wire::Message;
use videostream_ipc::{Error, socket};
use videostream_testing::TIMEOUT_NS;

/// Returns a unique name.
pub(crate) fn name(test: &str) -> String {
    format!("videostream-ipc-{}-{test}", std::process::id())
}

pub(crate) fn address(name: &str) -> Address {
    Address::new(name.as_bytes()).unwrap()
}

fn seqpacket() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
}

/// Returns two connected sockets.
pub(crate) fn seqpacket_pair() -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC;
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
}

/// Connects a raw socket to a host.
pub(crate) fn raw_client(name: &str) -> OwnedFd {
    let socket = seqpacket();
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    connect(&socket, &address).unwrap();
    socket
}

/// Binds a raw socket that clients can connect to.
pub(crate) fn raw_host(name: &str) -> OwnedFd {
    let socket = seqpacket();
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    bind(&socket, &address).unwrap();
    listen(&socket, 8).unwrap();
    socket
}

/// Accepts the next client.
pub(crate) fn raw_accept(host: &OwnedFd) -> OwnedFd {
    accept(host).unwrap()
}

/// Sends any bytes with any descriptors.
pub(crate) fn send_raw(socket: &OwnedFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
    }
    let flags = SendFlags::NOSIGNAL;
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags).unwrap();
}

/// Sends a valid message.
pub(crate) fn send(socket: &OwnedFd, message: Message, fds: &[BorrowedFd<'_>]) {
    send_raw(socket, &message.encode(), fds);
}

/// Receives the peer's next message; `None` after a hang-up.
pub(crate) fn next_message(socket: &OwnedFd) -> Option<Message> {
    let deadline = deadline_in(TIMEOUT_NS);
    loop {
        match socket::receive(socket) {
            Ok(Some((message, _))) => return Some(message),
            Ok(None) => assert!(now_ns() < deadline, "nothing came"),
            Err(Error::HostGone) => return None,
            Err(e) => panic!("{e}"),
        }
        std::thread::yield_now();
    }
}

/// Returns a host with one buffer, and the buffer's id.
pub(crate) fn host(name: &str, lend: u32) -> (Host, u32) {
    let config = host::Config {
        max_outstanding: lend,
        ..host::Config::default()
    };
    let mut host = Host::bind(address(name), config, 7).unwrap();
    let id = host.register(buffer(4096), 4096).unwrap();
    (host, id)
}

/// Returns a frame that is one page of a buffer.
pub(crate) fn frame(buffer: u32) -> FrameDescriptor {
    let mut frame = FrameDescriptor {
        plane_count: 1,
        ..Default::default()
    };
    frame.planes[0] = PlaneDescriptor {
        buffer,
        size: 4096,
        ..Default::default()
    };
    frame
}

/// Returns valid memory.
pub(crate) fn buffer(len: usize) -> OwnedFd {
    let fd = memfd::create(c"test", len).unwrap();
    memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
    fd
}

/// Serves the host until `done`.
pub(crate) fn serve_until(host: &mut Host, mut done: impl FnMut(&mut Host) -> bool) {
    let deadline = deadline_in(TIMEOUT_NS);
    while !done(host) {
        assert!(now_ns() < deadline, "it never came to that");
        host.process().unwrap();
        std::thread::yield_now();
    }
}

/// Connects an honest client to a host that this thread serves.
pub(crate) fn honest(host: &mut Host, name: &str) -> Client {
    let address = address(name);
    let deadline = deadline_in(TIMEOUT_NS);
    let connecting = std::thread::spawn(move || {
        Client::connect(&address, Config::default(), deadline, |_| Ok(()))
    });
    serve_until(host, |_| connecting.is_finished());
    connecting.join().unwrap().unwrap()
}

/// Starts a client's attempt to connect to a fake host.
pub(crate) fn attempt(name: &str) -> std::thread::JoinHandle<Result<Client, Error>> {
    let address = address(name);
    std::thread::spawn(move || {
        let deadline = deadline_in(TIMEOUT_NS);
        Client::connect(&address, Config::default(), deadline, |_| Ok(()))
    })
}

/// Returns `n` copies of `fd`.
pub(crate) fn times(fd: &OwnedFd, n: usize) -> Vec<BorrowedFd<'_>> {
    vec![fd.as_fd(); n]
}
