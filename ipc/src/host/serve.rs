//! Serving the socket: new clients, their messages, and hang-ups.

use core::mem::MaybeUninit;

use rustix::event::epoll;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::time::Timespec;
use videostream_hal::Call;
use videostream_hal::time::now_ns;

use super::Host;
use super::accept::{HELLO_NS, resources};
use super::peer::{Peer, Step};
use crate::Error;
use crate::socket::Sent;
use crate::wire::{Goodbye, Message, Mode, Refusal};

/// Epoll key of the listening socket; a peer's key is its index.
pub(super) const LISTENER: u64 = u64::MAX;
/// Epoll key of the timer.
pub(super) const ALARM: u64 = u64::MAX - 1;
/// Events handled in one call of [`Host::process`], which bounds its time; the rest stays pending.
pub(super) const EVENTS: usize = 32;

impl Host {
    /// Serves the socket: accepts clients, answers them, and notices hang-ups. Call this when
    /// [`Host::as_fd`](rustix::fd::AsFd::as_fd) is readable. It never blocks and takes a bounded
    /// time.
    pub fn process(&mut self) -> Result<(), Error> {
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let events = match epoll::wait(&self.epoll, &mut space, Some(&now)) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(Error::os(Call::EpollWait, errno)),
        };
        for event in events.iter() {
            match event.data.u64() {
                LISTENER => self.accept()?,
                // No longer readable; set again below.
                ALARM => self.alarm.set(None),
                // Messages left in its queue are ignored: an answer could not be read.
                index if has_hung_up(event) => self.leave(index as usize),
                index => self.serve(index as usize),
            }
        }
        let now = now_ns();
        self.open_again(now);
        self.welcome_waiting();
        self.drop_silent(now);
        self.send_lacking();
        self.set_alarm(now);
        Ok(())
    }

    fn serve(&mut self, index: usize) {
        let Some(peer) = self.peers.get_mut(index) else {
            return;
        };
        match peer.receive() {
            // A message has served its purpose by making the host's descriptor readable.
            Step::Nothing | Step::Moved => {}
            Step::Hello { mode, hold } => {
                peer.ask(mode, hold, now_ns());
                self.welcome(index);
            }
            Step::StatusRequest => self.answer(index),
            Step::Refuse(why) => {
                self.stats.refused += 1;
                self.drop_peer(index, Some(Message::Refused(why)));
            }
            Step::Gone => self.leave(index),
        }
    }

    /// Counts and drops a client that has hung up or died.
    fn leave(&mut self, index: usize) {
        if self.peers.get(index).is_some() {
            self.stats.left += 1;
            self.drop_peer(index, None);
        }
    }

    /// Welcomes or refuses a client that has sent Hello. Without a descriptor or memory for it, or
    /// with too many descriptors in flight, the client waits for up to [`HELLO_NS`].
    fn welcome(&mut self, index: usize) {
        let Some((mode, hold, asked_ns)) = self.peers.get(index).and_then(Peer::asked) else {
            return;
        };
        let lent: u32 = self.peers.iter().map(Peer::hold).sum();
        // One more frame than all clients hold has to fit: the newest.
        let most = self.config.max_outstanding.min(self.config.slots - 1);
        let left = most.saturating_sub(1 + lent);
        let answer = if hold > left {
            Err(Refusal::Hold { asked: hold, left })
        } else {
            self.admit(index, mode, hold)
        };
        let why = match answer {
            Ok(true) => return,
            Ok(false) => resources(Errno::TOOMANYREFS),
            Err(why) => why,
        };
        // Resources may be short only for a moment: clients that leave free descriptors.
        if matches!(why, Refusal::Resources { .. }) && now_ns() < asked_ns + HELLO_NS {
            return;
        }
        self.stats.refused += 1;
        self.drop_peer(index, Some(Message::Refused(why)));
    }

    fn welcome_waiting(&mut self) {
        for index in self.peers.indices() {
            self.welcome(index);
        }
    }

    /// Attaches a client. Returns whether its queue had room for all that it needs.
    fn admit(&mut self, index: usize, mode: Mode, hold: u32) -> Result<bool, Refusal> {
        let control = self.publisher.control();
        let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
        let welcome = Message::Welcome {
            client: index as u32,
            host_pid: pid,
            exports: self.config.exports,
            epoch: control.epoch(),
        };
        match self.peers.get_mut(index) {
            Some(peer) => peer.attach(
                control,
                self.publisher.head(),
                (&self.buffers, self.parameters.as_ref()),
                welcome,
                (mode, hold),
            ),
            None => Ok(true),
        }
    }

    /// Sends a client the state of all clients and of the host, as far as its queue has room.
    fn answer(&self, index: usize) {
        let Some(asker) = self.peers.get(index) else {
            return;
        };
        for client in self.clients() {
            asker.send(&Message::Client(client));
        }
        asker.send(&Message::Status(self.status()));
    }

    /// Sends every client the buffers and parameter sets that it lacks. Evicts a client that has
    /// left a full queue unread, because the unread descriptors count against the limit for all
    /// clients. What that limit delays is sent at the next call, at the latest before the next
    /// frame.
    pub(super) fn send_lacking(&mut self) {
        self.behind = false;
        for index in self.peers.indices() {
            let Some(peer) = self.peers.get_mut(index) else {
                continue;
            };
            match peer.send_lacking(&self.buffers, self.parameters.as_ref()) {
                Ok(Sent::Yes) => {}
                Ok(Sent::TooManyInFlight | Sent::Later) => self.behind = true,
                Ok(Sent::QueueFull) => self.evict(index, Goodbye::NotReading),
                Err(_) => self.leave(index),
            }
        }
    }

    /// Evicts a client and tells it why. The references of its lease no longer count.
    pub(super) fn evict(&mut self, index: usize, why: Goodbye) {
        self.stats.evicted += 1;
        self.drop_peer(index, Some(Message::Goodbye(why)));
    }

    pub(super) fn drop_peer(&mut self, index: usize, last: Option<Message>) {
        if let Some(peer) = self.peers.take(index) {
            if let Some(message) = last {
                peer.send(&message);
            }
            // After the message: a client that sees the lease ended reads the message.
            if let Some(lease) = peer.lease() {
                lease.end();
            }
            let _ = epoll::delete(&self.epoll, peer.socket());
        }
    }

    pub(super) fn watch(&self, fd: BorrowedFd<'_>, key: u64) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(key);
        epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)
    }
}

/// Returns whether both directions have ended: the client has closed its end, or died.
fn has_hung_up(event: &epoll::Event) -> bool {
    // Copied, because the struct is packed: a reference could be unaligned.
    let flags = event.flags;
    flags.contains(epoll::EventFlags::HUP)
}
