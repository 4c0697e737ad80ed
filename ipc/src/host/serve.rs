//! The host's side of the socket: who comes, what they ask, who leaves.

use core::mem::MaybeUninit;

use rustix::event::epoll;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::time::Timespec;
use videostream_hal::time::now_ns;

use super::Host;
use super::accept::{HELLO_NS, resources};
use super::peer::{Peer, Step};
use crate::Error;
use crate::socket::Sent;
use crate::wire::{Goodbye, Message, Mode, Refusal};

/// Epoll key of the listening socket; a peer's key is its place.
pub(super) const LISTENER: u64 = u64::MAX;
/// Epoll key of the timer.
pub(super) const ALARM: u64 = u64::MAX - 1;
/// Events taken in one call of [`Host::process`]: bounds its time, the rest stays pending.
pub(super) const EVENTS: usize = 32;

impl Host {
    /// Serves the socket: accepts clients, answers them, notices who left. Call it when
    /// [`Host::as_fd`](rustix::fd::AsFd::as_fd) is readable; it never blocks and takes a bounded time.
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
                // Not readable any more; set again below.
                ALARM => self.alarm.set(None),
                // Whatever it still has in its queue: nobody is there for the answer.
                place if has_hung_up(event) => self.leave(place as usize),
                place => self.serve(place as usize),
            }
        }
        let now = now_ns();
        self.open_again(now);
        self.welcome_those_who_wait();
        self.drop_silent(now);
        self.send_lacking();
        self.set_alarm(now);
        Ok(())
    }

    fn serve(&mut self, place: usize) {
        let Some(peer) = self.peers.get_mut(place) else {
            return;
        };
        match peer.receive() {
            // Told to whoever waits: the socket was readable.
            Step::Nothing | Step::Moved => {}
            Step::Hello { mode, hold } => {
                peer.ask(mode, hold, now_ns());
                self.welcome(place);
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

    /// Welcomes a client that has said hello. Where the host has no descriptor or memory for it, or too many
    /// descriptors are on their way, it waits for its turn: for as long as a client may take.
    fn welcome(&mut self, place: usize) {
        let Some((mode, hold, asked_ns)) = self.peers.get(place).and_then(Peer::asked) else {
            return;
        };
        let lent: u32 = self.peers.iter().map(Peer::hold).sum();
        // One frame more than is held must be out: the newest.
        let most = self.config.lend.min(self.config.slots - 1);
        let left = most.saturating_sub(1 + lent);
        let answer = if hold > left {
            Err(Refusal::Hold(hold, left))
        } else {
            self.admit(place, mode, hold)
        };
        let why = match answer {
            Ok(true) => return,
            Ok(false) => resources(Errno::TOOMANYREFS),
            Err(why) => why,
        };
        // Perhaps for a moment only: those who leave give descriptors back.
        if matches!(why, Refusal::Resources(_)) && now_ns() < asked_ns + HELLO_NS {
            return;
        }
        self.stats.refused += 1;
        self.drop_peer(place, Some(Message::Refused(why)));
    }

    fn welcome_those_who_wait(&mut self) {
        for place in self.peers.places() {
            self.welcome(place);
        }
    }

    /// Whether there was room for all that the client has to have.
    fn admit(&mut self, place: usize, mode: Mode, hold: u32) -> Result<bool, Refusal> {
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
                (mode, hold),
            ),
            None => Ok(true),
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

    /// Throws a client out and tells it why; the references of its lease are gone.
    pub(super) fn evict(&mut self, place: usize, why: Goodbye) {
        self.stats.evicted += 1;
        self.drop_peer(place, Some(Message::Goodbye(why)));
    }

    pub(super) fn drop_peer(&mut self, place: usize, last: Option<Message>) {
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

    pub(super) fn watch(&self, fd: BorrowedFd<'_>, key: u64) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(key);
        epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)
    }
}

/// Whether both directions have ended: the other end is closed, by its process or by its death.
fn has_hung_up(event: &epoll::Event) -> bool {
    // The struct is packed: a copy, no reference.
    let flags = event.flags;
    flags.contains(epoll::EventFlags::HUP)
}
