//! The host's side of the socket: who comes, what they ask, who leaves.

use core::mem::MaybeUninit;

use rustix::event::epoll;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use rustix::time::Timespec;
use videostream_hal::time::now_ns;

use super::event::Event;
use super::peer::{Peer, Step};
use super::{Access, Host};
use crate::socket::{self, Sent};
use crate::wire::{Goodbye, Message, Mode, Refusal};
use crate::{Error, MAX_CLIENTS};

/// Epoll key of the listening socket; a peer's key is its place.
pub(super) const LISTENER: u64 = u64::MAX;
/// Events taken in one call of [`Host::process`]: bounds its time, the rest stays pending.
const EVENTS: usize = 32;
/// How long a client may take to say hello.
const HELLO_NS: u64 = 2_000_000_000;

impl Host {
    /// Serves the socket: accepts clients, answers them, notices who left. Call it when
    /// [`Host::as_fd`] is readable; it never blocks and takes a bounded time.
    pub fn process(&mut self) -> Result<(), Error> {
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let events = match epoll::wait(&self.epoll, &mut space, Some(&now)) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(Error::Os("epoll_wait", errno)),
        };
        for event in events.iter() {
            match event.data.u64() {
                LISTENER => self.accept()?,
                // Whatever it still has in its queue: nobody is there for the answer.
                place if has_hung_up(event) => self.leave(place as usize),
                place => self.serve(place as usize),
            }
        }
        self.drop_silent();
        self.send_lacking();
        Ok(())
    }

    fn accept(&mut self) -> Result<(), Error> {
        for _ in 0..EVENTS {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = match rustix::net::accept_with(&self.listener, flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return Ok(()),
                // Out of descriptors or memory: served clients go on, the knocker waits.
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => return Ok(()),
                Err(errno) => return Err(Error::Os("accept", errno)),
            };
            let Ok(credentials) = rustix::net::sockopt::socket_peercred(&socket) else {
                continue;
            };
            let (uid, gid) = (credentials.uid.as_raw(), credentials.gid.as_raw());
            if !self.allows(uid, gid) {
                self.refuse(&socket, Refusal::Permission(uid));
                continue;
            }
            let Some(place) = self.peers.vacant() else {
                self.refuse(&socket, Refusal::Full(MAX_CLIENTS as u32));
                continue;
            };
            if self.watch(socket.as_fd(), place as u64).is_err() {
                continue;
            }
            let pid = credentials.pid.as_raw_nonzero().get() as u32;
            self.peers.put(place, Peer::new(socket, pid, uid, now_ns()));
        }
        Ok(())
    }

    fn allows(&self, uid: u32, gid: u32) -> bool {
        let own = rustix::process::geteuid().as_raw();
        match &self.config.access {
            Access::Anyone => true,
            _ if uid == own || uid == 0 => true,
            Access::SameUser => false,
            Access::Listed { uids, gids } => uids.contains(&uid) || gids.contains(&gid),
        }
    }

    fn refuse(&mut self, socket: &OwnedFd, why: Refusal) {
        self.stats.refused += 1;
        let _ = socket::send(socket, &Message::Refused(why), &[]);
    }

    fn serve(&mut self, place: usize) {
        let Some(peer) = self.peers.get_mut(place) else {
            return;
        };
        match peer.receive() {
            Step::Nothing => {}
            Step::Hello { mode, hold } => {
                let lent: u32 = self.peers.iter().map(Peer::hold).sum();
                // One frame more than is held must be out: the newest.
                let left = self
                    .config
                    .lend
                    .min(self.config.slots - 1)
                    .saturating_sub(1 + lent);
                let answer = if hold > left {
                    Err(Refusal::Hold(hold, left))
                } else {
                    self.admit(place, mode, hold)
                };
                if let Err(why) = answer {
                    self.stats.refused += 1;
                    self.drop_peer(place, Some(Message::Refused(why)));
                }
            }
            Step::Look => self.answer(place),
            Step::Refuse(why) => {
                self.stats.refused += 1;
                self.drop_peer(place, Some(Message::Refused(why)));
            }
            Step::Gone => self.leave(place),
        }
    }

    /// Notes that a client has hung up or died.
    fn leave(&mut self, place: usize) {
        if self.peers.get(place).is_some() {
            self.stats.left += 1;
            self.drop_peer(place, None);
        }
    }

    fn admit(&mut self, place: usize, mode: Mode, hold: u32) -> Result<(), Refusal> {
        let resources = |errno: Errno| Refusal::Resources(errno.raw_os_error() as u32);
        let event = Event::new().map_err(resources)?;
        let control = self.publisher.control();
        let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
        let welcome = Message::Welcome {
            client: place as u32,
            host_pid: pid,
            exports: self.config.exports,
            epoch: control.epoch(),
        };
        match self.peers.get_mut(place) {
            Some(peer) => peer.attach(
                control,
                self.publisher.head(),
                (&self.buffers, self.parameters.as_ref()),
                welcome,
                event,
                (mode, hold),
            ),
            None => Ok(()),
        }
    }

    /// Tells a client how everybody does. What its queue does not take is left out.
    fn answer(&self, place: usize) {
        let Some(asker) = self.peers.get(place) else {
            return;
        };
        for client in self.clients() {
            asker.send(&Message::Client(client));
        }
        asker.send(&Message::Status(self.status()));
    }

    /// Sends every client the buffers and parameter sets that it does not have yet. A client
    /// that has left a whole queue unread is thrown out: the descriptors in it count against
    /// all clients. What can't be sent for that reason goes with the next call, at the latest
    /// before the next frame.
    pub(super) fn send_lacking(&mut self) {
        self.behind = false;
        for place in self.peers.places() {
            let Some(peer) = self.peers.get_mut(place) else {
                continue;
            };
            match peer.send_lacking(&self.buffers, self.parameters.as_ref()) {
                Ok(Sent::Yes) => {}
                Ok(Sent::TooManyInFlight | Sent::Later) => self.behind = true,
                Ok(Sent::QueueFull) => self.evict(place, Goodbye::NotReading),
                Err(_) => self.leave(place),
            }
        }
    }

    fn drop_silent(&mut self) {
        let now = now_ns();
        for place in self.peers.places() {
            if let Some(peer) = self.peers.get(place)
                && peer.is_silent_since(now.saturating_sub(HELLO_NS))
            {
                self.stats.refused += 1;
                self.drop_peer(place, Some(Message::Refused(Refusal::Malformed)));
            }
        }
    }

    /// Throws a client out and tells it why; the references of its lease are gone.
    pub(super) fn evict(&mut self, place: usize, why: Goodbye) {
        self.stats.evicted += 1;
        self.drop_peer(place, Some(Message::Goodbye(why)));
    }

    fn drop_peer(&mut self, place: usize, last: Option<Message>) {
        if let Some(peer) = self.peers.take(place) {
            if let Some(message) = last {
                peer.send(&message);
            }
            // After the message: who finds this looks for the message.
            if let Some(lease) = peer.lease() {
                lease.end();
            }
            let _ = epoll::delete(&self.epoll, peer.socket());
        }
    }

    pub(super) fn watch(&self, fd: BorrowedFd<'_>, key: u64) -> Result<(), Error> {
        let data = epoll::EventData::new_u64(key);
        epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)
            .map_err(|e| Error::Os("epoll_ctl", e))
    }
}

/// Whether both directions have ended: the other end is closed, by its process or by its death.
fn has_hung_up(event: &epoll::Event) -> bool {
    // The struct is packed: a copy, no reference.
    let flags = event.flags;
    flags.contains(epoll::EventFlags::HUP)
}
