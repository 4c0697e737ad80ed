//! For comparison: a socket message with a file descriptor for every frame and client, a common way
//! to share frames.

use std::mem::MaybeUninit;

use rustix::cmsg_space;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept, bind,
    connect, listen, recvmsg, sendmsg, socket_with,
};
use videostream::hal::time::now_ns;

use crate::board::{Board, PEERS};
use crate::peer;
use std::sync::atomic::Ordering;

fn seqpacket() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
}

fn address(name: &str) -> SocketAddrUnix {
    SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap()
}

/// The sending side.
pub(crate) struct Sender {
    clients: Vec<OwnedFd>,
    memory: OwnedFd,
    serial: u64,
}

impl Sender {
    /// Listens under `name`, calls `start` to start the clients, and waits for `count` of them.
    pub(crate) fn new(name: &str, count: usize, start: impl FnOnce()) -> Self {
        let listener = seqpacket();
        bind(&listener, &address(name)).unwrap();
        listen(&listener, PEERS as i32).unwrap();
        start();
        let memory = videostream::hal::memory::memfd::create(c"bench-frame", 4096).unwrap();
        Self {
            clients: (0..count).map(|_| accept(&listener).unwrap()).collect(),
            memory,
            serial: 0,
        }
    }

    /// Sends a frame to every client; returns its serial and the time taken.
    pub(crate) fn publish(&mut self) -> (u64, u64) {
        let begin = now_ns();
        self.serial += 1;
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&self.serial.to_ne_bytes());
        bytes[8..16].copy_from_slice(&begin.to_ne_bytes());
        let fds = [self.memory.as_fd()];
        for client in &self.clients {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&fds));
            let flags = SendFlags::NOSIGNAL;
            sendmsg(client, &[IoSlice::new(&bytes)], &mut control, flags).unwrap();
        }
        (self.serial, now_ns() - begin)
    }
}

/// Runs the receiving side, in its own process.
pub(crate) fn receive(board: &Board, number: usize, name: &str) {
    let socket = seqpacket();
    connect(&socket, &address(name)).unwrap();
    peer::ready(board, number);
    loop {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 64];
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        if recvmsg(&socket, &mut parts, &mut control, flags)
            .unwrap()
            .bytes
            == 0
        {
            return;
        }
        let now = now_ns();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                fds.for_each(drop);
            }
        }
        let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
        let seen = &board.seen[number].0;
        seen.latency_ns.store(now - word(8), Ordering::Relaxed);
        seen.serial.store(word(0), Ordering::Release);
    }
}
