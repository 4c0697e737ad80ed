//! Accepting connections: clients are welcomed, refused with a reason, or left waiting.

use heapless::Vec;
use rustix::event::{PollFd, PollFlags, epoll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{SocketFlags, accept_with};
use videostream_hal::Call;
use videostream_hal::time::{now_ns, poll_until};

use super::Host;
use super::peer::Peer;
use super::serve::{EVENTS, LISTENER};
use crate::credentials::Credentials;
use crate::socket;
use crate::wire::{Message, Refusal};
use crate::{Error, MAX_CLIENTS, trust};

/// How long a client may take to send Hello, and how long a host that is short of resources leaves
/// it waiting before it refuses.
pub(super) const HELLO_NS: u64 = 2_000_000_000;
/// How long accepting pauses after descriptors or memory have run out.
const PAUSE_NS: u64 = 100_000_000;
/// How soon to retry a welcome for which there was no room.
const AGAIN_NS: u64 = 10_000_000;

/// The listening socket, and what keeps it from waking the host while descriptors are short.
#[derive(Debug)]
pub(super) struct Acceptor {
    /// `None` once the host has closed.
    pub(super) listener: Option<OwnedFd>,
    /// A spare descriptor, closed when no other is left, to accept and refuse a client instead of
    /// letting it wait in vain.
    reserve: Option<OwnedFd>,
    /// Until when the listener is not polled; 0 while it is.
    shut_until_ns: u64,
    /// Since when there has been no descriptor for new connections; 0 while there is one.
    short_since_ns: u64,
}

impl Acceptor {
    pub(super) fn new(listener: OwnedFd) -> Self {
        let mut acceptor = Self {
            listener: Some(listener),
            reserve: None,
            shut_until_ns: 0,
            short_since_ns: 0,
        };
        acceptor.keep_reserve();
        acceptor
    }

    fn keep_reserve(&mut self) {
        if let (None, Some(listener)) = (&self.reserve, &self.listener) {
            self.reserve = fcntl_dupfd_cloexec(listener, 0).ok();
        }
    }

    /// Notes that there is no descriptor. Returns whether that has been so for [`HELLO_NS`].
    fn is_short_for_long(&mut self, now_ns: u64) -> bool {
        if self.short_since_ns == 0 {
            self.short_since_ns = now_ns;
        }
        now_ns - self.short_since_ns >= HELLO_NS
    }

    fn accept(&self) -> Result<OwnedFd, Errno> {
        let listener = self.listener.as_ref().ok_or(Errno::AGAIN)?;
        accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
    }

    /// Stops listening. The socket's name is free once its file is removed as well.
    pub(super) fn close(&mut self) {
        self.listener = None;
        self.reserve = None;
        self.shut_until_ns = 0;
    }
}

impl Host {
    pub(super) fn accept(&mut self) -> Result<(), Error> {
        for _ in 0..EVENTS {
            match self.acceptor.accept() {
                Ok(socket) => {
                    self.acceptor.short_since_ns = 0;
                    self.let_in(socket);
                }
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => break,
                Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    if !self.acceptor.is_short_for_long(now_ns()) || !self.turn_away(errno) {
                        self.shut();
                        return Ok(());
                    }
                }
                Err(errno) => return Err(Error::os(Call::Accept, errno)),
            }
        }
        self.acceptor.keep_reserve();
        Ok(())
    }

    fn let_in(&mut self, socket: OwnedFd) {
        let peer = match Credentials::of(socket.as_fd()) {
            Ok(peer) => peer,
            Err(errno) => return self.refuse(&socket, resources(errno)),
        };
        let access = &self.config.access;
        if !access.allows(peer, self.overflow_uid, socket.as_fd()) {
            return self.refuse(&socket, Refusal::Permission { uid: peer.uid });
        }
        let Some(index) = self.peers.vacant().or_else(|| self.index_of_silent_peer()) else {
            return self.refuse(
                &socket,
                Refusal::Full {
                    clients: MAX_CLIENTS as u32,
                },
            );
        };
        match self.watch(socket.as_fd(), index as u64) {
            Ok(()) => {
                let is_own = trust::is_own(peer.uid, self.overflow_uid);
                self.peers
                    .put(index, Peer::new(socket, peer, is_own, now_ns()));
            }
            Err(errno) => self.refuse(&socket, resources(errno)),
        }
    }

    fn refuse(&mut self, socket: &OwnedFd, why: Refusal) {
        self.stats.refused += 1;
        let _ = socket::send(socket, &Message::Refused(why), &[]);
    }

    /// Refuses one connection by means of the spare descriptor. Returns `false` if that fails, too.
    fn turn_away(&mut self, errno: Errno) -> bool {
        if self.acceptor.reserve.take().is_none() {
            return false;
        }
        match self.acceptor.accept() {
            Ok(socket) => self.refuse(&socket, resources(errno)),
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
            Err(_) => return false,
        }
        self.acceptor.keep_reserve();
        true
    }

    /// Pauses polling the listener, which would stay readable while it can't be served.
    fn shut(&mut self) {
        if self.watch_listener(epoll::EventFlags::empty()).is_ok() {
            self.acceptor.shut_until_ns = now_ns() + PAUSE_NS;
        }
    }

    /// Resumes polling the listener once the pause is over.
    pub(super) fn open_again(&mut self, now_ns: u64) {
        if self.acceptor.shut_until_ns != 0
            && self.acceptor.shut_until_ns <= now_ns
            && self.watch_listener(epoll::EventFlags::IN).is_ok()
        {
            self.acceptor.shut_until_ns = 0;
            self.acceptor.keep_reserve();
        }
    }

    fn watch_listener(&self, events: epoll::EventFlags) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(LISTENER);
        match &self.acceptor.listener {
            Some(listener) => epoll::modify(&self.epoll, listener, data, events),
            None => Ok(()),
        }
    }

    /// Drops the peer that has been silent for longest, and returns its index for another.
    fn index_of_silent_peer(&mut self) -> Option<usize> {
        let index = self.longest_silent()?;
        self.drop_silent_peer(index);
        Some(index)
    }

    fn longest_silent(&self) -> Option<usize> {
        let mut silent = Vec::<(u64, usize), MAX_CLIENTS>::new();
        let mut fds = Vec::<PollFd<'_>, MAX_CLIENTS>::new();
        for index in self.peers.indices() {
            if let Some(peer) = self.peers.get(index)
                && let Some(until) = peer.silent_until()
            {
                // Can't fail: there is room for all clients.
                let _ = silent.push((until, index));
                let _ = fds.push(PollFd::from_borrowed_fd(peer.socket(), PollFlags::IN));
            }
        }
        // Peers that have sent something in the meantime are not silent: they are served next.
        poll_until(&mut fds, 0).ok()?;
        let silent = silent.iter().zip(&fds);
        let still = silent.filter(|(_, fd)| fd.revents().is_empty());
        let &(_, index) = still.map(|(silent, _)| silent).min()?;
        Some(index)
    }

    /// Refuses peers that have been silent for too long.
    pub(super) fn drop_silent(&mut self, now_ns: u64) {
        for index in self.peers.indices() {
            let peer = self.peers.get(index);
            if peer
                .and_then(Peer::silent_until)
                .is_some_and(|until| until <= now_ns)
            {
                self.drop_silent_peer(index);
            }
        }
    }

    fn drop_silent_peer(&mut self, index: usize) {
        self.stats.refused += 1;
        let why = Refusal::Silent {
            ms: (HELLO_NS / 1_000_000) as u32,
        };
        self.drop_peer(index, Some(Message::Refused(why)));
    }

    /// Sets the timer to the next event that no descriptor announces: a retry of a welcome, the end
    /// of a peer's time for Hello, or of the pause in accepting.
    pub(super) fn set_alarm(&mut self, now_ns: u64) {
        let again = now_ns + AGAIN_NS;
        let peers = self.peers.iter();
        let peers = peers.filter_map(|peer| {
            let again = peer.asked().map(|_| again);
            again.or_else(|| peer.silent_until())
        });
        let shut = self.acceptor.shut_until_ns;
        let due = peers.chain((shut != 0).then_some(shut)).min();
        self.alarm.set(due);
    }
}

pub(super) fn resources(errno: Errno) -> Refusal {
    Refusal::Resources {
        errno: errno.raw_os_error() as u32,
    }
}
