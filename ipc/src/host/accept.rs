//! Who knocks: let in, refused with the reason, or left to wait.

use heapless::Vec;
use rustix::event::{PollFd, PollFlags, epoll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{SocketFlags, accept_with};
use videostream_hal::time::{now_ns, poll_until};

use super::Host;
use super::peer::Peer;
use super::serve::{EVENTS, LISTENER};
use crate::credentials::Credentials;
use crate::socket;
use crate::wire::{Message, Refusal};
use crate::{Error, MAX_CLIENTS, trust};

/// How long a client may take to say hello, and how long a host that is short of something leaves it
/// waiting before it says so.
pub(super) const HELLO_NS: u64 = 2_000_000_000;
/// How long nobody is let in after descriptors or memory have run out.
const PAUSE_NS: u64 = 100_000_000;
/// How soon a welcome is tried again for which there was no room.
const AGAIN_NS: u64 = 10_000_000;

/// The listening socket, and what keeps it from being readable for ever.
#[derive(Debug)]
pub(super) struct Door {
    /// `None` once the host has closed.
    pub(super) listener: Option<OwnedFd>,
    /// A descriptor to give up when there is no other: whoever knocks is told, and waits for nothing.
    reserve: Option<OwnedFd>,
    /// Until when the listener is not looked at; 0 while it is.
    shut_until_ns: u64,
    /// Since when there has been no descriptor for those who knock; 0 while there is.
    short_since_ns: u64,
}

impl Door {
    pub(super) fn new(listener: OwnedFd) -> Self {
        let mut door = Self {
            listener: Some(listener),
            reserve: None,
            shut_until_ns: 0,
            short_since_ns: 0,
        };
        door.keep_reserve();
        door
    }

    fn keep_reserve(&mut self) {
        if let (None, Some(listener)) = (&self.reserve, &self.listener) {
            self.reserve = fcntl_dupfd_cloexec(listener, 0).ok();
        }
    }

    /// Whether it is more than a moment that there is no descriptor, now that there is none.
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

    /// Listens no more. The socket's name is free once its file is gone, too.
    pub(super) fn close(&mut self) {
        self.listener = None;
        self.reserve = None;
        self.shut_until_ns = 0;
    }
}

impl Host {
    pub(super) fn accept(&mut self) -> Result<(), Error> {
        for _ in 0..EVENTS {
            match self.door.accept() {
                Ok(socket) => {
                    self.door.short_since_ns = 0;
                    self.let_in(socket);
                }
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => break,
                Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    if !self.door.is_short_for_long(now_ns()) || !self.turn_away(errno) {
                        self.shut();
                        return Ok(());
                    }
                }
                Err(errno) => return Err(Error::Os("accept", errno)),
            }
        }
        self.door.keep_reserve();
        Ok(())
    }

    fn let_in(&mut self, socket: OwnedFd) {
        let peer = match Credentials::of(socket.as_fd()) {
            Ok(peer) => peer,
            Err(errno) => return self.refuse(&socket, resources(errno)),
        };
        let access = &self.config.access;
        if !access.allows(peer, self.overflow_uid, socket.as_fd()) {
            return self.refuse(&socket, Refusal::Permission(peer.uid));
        }
        let Some(place) = self.peers.vacant().or_else(|| self.place_of_a_silent_one()) else {
            return self.refuse(&socket, Refusal::Full(MAX_CLIENTS as u32));
        };
        match self.watch(socket.as_fd(), place as u64) {
            Ok(()) => {
                let is_own = trust::is_own(peer.uid, self.overflow_uid);
                self.peers
                    .put(place, Peer::new(socket, peer, is_own, now_ns()));
            }
            Err(errno) => self.refuse(&socket, resources(errno)),
        }
    }

    fn refuse(&mut self, socket: &OwnedFd, why: Refusal) {
        self.stats.refused += 1;
        let _ = socket::send(socket, &Message::Refused(why), &[]);
    }

    /// Refuses whoever knocks by the descriptor in reserve; `false` if that does not help either.
    fn turn_away(&mut self, errno: Errno) -> bool {
        if self.door.reserve.take().is_none() {
            return false;
        }
        match self.door.accept() {
            Ok(socket) => self.refuse(&socket, resources(errno)),
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
            Err(_) => return false,
        }
        self.door.keep_reserve();
        true
    }

    /// Leaves everybody waiting for a while: a listener that can't be served stays readable.
    fn shut(&mut self) {
        if self.watch_listener(epoll::EventFlags::empty()).is_ok() {
            self.door.shut_until_ns = now_ns() + PAUSE_NS;
        }
    }

    /// Looks at the listener again once the pause is over.
    pub(super) fn open_again(&mut self, now_ns: u64) {
        if self.door.shut_until_ns != 0
            && self.door.shut_until_ns <= now_ns
            && self.watch_listener(epoll::EventFlags::IN).is_ok()
        {
            self.door.shut_until_ns = 0;
            self.door.keep_reserve();
        }
    }

    fn watch_listener(&self, events: epoll::EventFlags) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(LISTENER);
        match &self.door.listener {
            Some(listener) => epoll::modify(&self.epoll, listener, data, events),
            None => Ok(()),
        }
    }

    /// Gives the place of the one who has been silent for longest, and still is, to another.
    fn place_of_a_silent_one(&mut self) -> Option<usize> {
        let place = self.longest_silent()?;
        self.drop_silent_one(place);
        Some(place)
    }

    fn longest_silent(&self) -> Option<usize> {
        let mut silent = Vec::<(u64, usize), MAX_CLIENTS>::new();
        let mut fds = Vec::<PollFd<'_>, MAX_CLIENTS>::new();
        for place in self.peers.places() {
            if let Some(peer) = self.peers.get(place)
                && let Some(until) = peer.silent_until()
            {
                // As many as there are places.
                let _ = silent.push((until, place));
                let _ = fds.push(PollFd::from_borrowed_fd(peer.socket(), PollFlags::IN));
            }
        }
        // A look: who has said something is served next.
        poll_until(&mut fds, 0).ok()?;
        let silent = silent.iter().zip(&fds);
        let still = silent.filter(|(_, fd)| fd.revents().is_empty());
        let &(_, place) = still.map(|(silent, _)| silent).min()?;
        Some(place)
    }

    /// Refuses those who have been silent for too long.
    pub(super) fn drop_silent(&mut self, now_ns: u64) {
        for place in self.peers.places() {
            let peer = self.peers.get(place);
            if peer
                .and_then(Peer::silent_until)
                .is_some_and(|until| until <= now_ns)
            {
                self.drop_silent_one(place);
            }
        }
    }

    fn drop_silent_one(&mut self, place: usize) {
        self.stats.refused += 1;
        let why = Refusal::Silent((HELLO_NS / 1_000_000) as u32);
        self.drop_peer(place, Some(Message::Refused(why)));
    }

    /// Sets the timer to what is due next of that which no descriptor tells of.
    pub(super) fn set_alarm(&mut self, now_ns: u64) {
        let again = now_ns + AGAIN_NS;
        let peers = self.peers.iter();
        let peers = peers.filter_map(|peer| {
            let again = peer.asked().map(|_| again);
            again.or_else(|| peer.silent_until())
        });
        let shut = self.door.shut_until_ns;
        let due = peers.chain((shut != 0).then_some(shut)).min();
        self.alarm.set(due);
    }
}

pub(super) fn resources(errno: Errno) -> Refusal {
    Refusal::Resources(errno.raw_os_error() as u32)
}
