//! The client: connects, holds frames, waits for them.
//!
//! Holding, reading and releasing touch shared memory only, from any number of threads.
//! Messages of the host (new buffers, goodbye) are read by [`Client::pump`], which is due
//! when [`Client::wait`] says so or a frame names an unknown buffer.

mod event;
mod knock;
mod peek;
mod quiet;
mod tell;
mod wait;
mod wakes;

use rustix::event::PollFd;
use rustix::fd::OwnedFd;
use videostream_hal::ring::FrameDescriptor;
use videostream_hal::ring::cells::SlotId;
use videostream_hal::ring::layout::DESCRIPTOR_WORDS;
use videostream_hal::ring::reader::{self, Held};
use videostream_hal::ring::segment::{ControlMap, LeaseMap, Stat};
use videostream_hal::sync::{AtomicU32, Ordering};
use videostream_hal::time;

pub use self::event::Event;
pub use self::knock::{Knock, Welcome};
pub use self::quiet::Quiet;
pub use self::wait::Woken;
use self::wakes::Wakes;
use crate::Error;
use crate::address::Address;
use crate::socket::{self, Sent};
use crate::wire::{Exports, Message, Mode};

/// What a client wants of its host.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Which frames.
    pub mode: Mode,
    /// Frames held at once, at most: up to [`MAX_HOLD`](crate::wire::MAX_HOLD); the host may refuse.
    pub hold: u32,
    /// How long to look at the ring before sleeping, in nanoseconds. It costs a core and
    /// saves a wake-up.
    pub spin_ns: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Newest,
            hold: 1,
            spin_ns: 0,
        }
    }
}

/// A frame held by this client. Give it back with [`Client::release`].
#[derive(Debug)]
#[must_use = "a held frame keeps its slot from the host until it is released"]
pub struct HeldFrame {
    /// Its slot.
    pub slot: SlotId,
    /// What the host says about it; checked but for the buffers' sizes.
    pub descriptor: FrameDescriptor,
    /// Frames between the last one and this that the client did not get.
    pub missed: u64,
}

/// A connection to a host.
#[derive(Debug)]
pub struct Client {
    control: ControlMap,
    lease: LeaseMap,
    wakes: Wakes,
    socket: OwnedFd,
    config: Config,
    /// Frames that this client's threads hold, so that they stay within the limit together.
    held: AtomicU32,
    /// The last mark of the host that it was told of.
    told: AtomicU32,
    /// Threads in a futex wait, or about to be.
    sleepers: AtomicU32,
    /// Whether waits are to end: 0 or 1.
    cancelled: AtomicU32,
    host_pid: u32,
    exports: Exports,
    /// Memory that can be cut short is taken from this host.
    trusts: bool,
}

impl Client {
    /// Connects and waits for the host's welcome until `deadline_ns`. The buffers that the
    /// host has come before it and go to `buffers`.
    ///
    /// # Errors
    /// [`Error::NoHost`], [`Error::Refused`] with the host's reason, [`Error::TimedOut`],
    /// [`Error::Segment`] or [`Error::Wire`] for a host that can't be trusted.
    pub fn connect(
        address: &Address,
        config: Config,
        deadline_ns: u64,
        buffers: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        Knock::new(address, config)?.finish(deadline_ns, buffers)
    }

    /// The random number of the host's ring: another one after a restart of the host.
    pub fn epoch(&self) -> u64 {
        self.control.epoch()
    }

    /// The host's process, as it says.
    pub fn host_pid(&self) -> u32 {
        self.host_pid
    }

    /// What the host lets its clients do with the buffers.
    pub fn exports(&self) -> Exports {
        self.exports
    }

    /// What was asked of the host.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        reader::newest(&self.control)
    }

    /// Frames held now.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// Holds a frame newer than serial `after`: the newest, or the next that is still
    /// there, by the client's mode. `Ok(None)`: nothing newer yet. No system call, unless the host
    /// waits for clients. A host that is gone brings nothing newer: who never waits asks [`Quiet`] when
    /// to look at the socket.
    ///
    /// # Errors
    /// [`Error::HoldLimit`] when there is one but this client holds as many as it may;
    /// [`Error::ThrownOut`] when the host no longer keeps what this client holds;
    /// [`Error::Descriptor`] for a frame whose description is wrong.
    #[inline]
    pub fn hold(&self, after: u64) -> Result<Option<HeldFrame>, Error> {
        self.hold_by(self.config.mode, after)
    }

    /// [`Client::hold`] by another mode than the one that the host was told.
    ///
    /// # Errors
    /// Those of [`Client::hold`].
    #[inline]
    pub fn hold_by(&self, mode: Mode, after: u64) -> Result<Option<HeldFrame>, Error> {
        if self.head() <= after {
            return Ok(None);
        }
        // SYNC(limit): acquires what other threads gave back before.
        if self.held.fetch_add(1, Ordering::Acquire) >= self.config.hold {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::HoldLimit(self.config.hold));
        }
        let held = match mode {
            Mode::Newest => reader::hold_newest(&self.control, &self.lease, after),
            Mode::Every => reader::hold_next(&self.control, &self.lease, after),
        };
        // Behind the hold's fence: whoever has found a frame not intact finds this as well.
        if self.lease.has_ended() {
            match held {
                Some(held) => self.release(held.slot),
                None => drop(self.held.fetch_sub(1, Ordering::Release)),
            }
            return Err(Error::ThrownOut);
        }
        let Some(Held {
            slot,
            serial,
            missed,
        }) = held
        else {
            self.held.fetch_sub(1, Ordering::Release);
            return Ok(None);
        };
        let words: [u64; DESCRIPTOR_WORDS] =
            core::array::from_fn(|at| reader::word(&self.control, slot, at));
        let descriptor = FrameDescriptor::from_words(words);
        if let Err(e) = descriptor.check(serial) {
            self.release(slot);
            return Err(e.into());
        }
        self.count(serial, missed, after);
        self.tell_of_hold();
        Ok(Some(HeldFrame {
            slot,
            descriptor,
            missed,
        }))
    }

    /// For whoever looks at the host: one thread's numbers may overwrite another's.
    fn count(&self, serial: u64, missed: u64, after: u64) {
        let add = |which, n| {
            let stat = self.lease.stat(which);
            stat.store(
                stat.load(Ordering::Relaxed).wrapping_add(n),
                Ordering::Relaxed,
            );
        };
        add(Stat::Acquired, 1);
        if after != 0 {
            add(Stat::Missed, missed);
        }
        let last = self.lease.stat(Stat::LastSerial);
        last.store(serial, Ordering::Relaxed);
    }

    /// Gives a held frame back. No system call, unless the host waits for it.
    #[inline]
    pub fn release(&self, slot: SlotId) {
        self.count_move();
        reader::release(&self.lease, slot);
        // SYNC(limit): after the reference, for who holds the next one in its place.
        self.held.fetch_sub(1, Ordering::Release);
        self.tell_of_release();
    }

    /// The ring's words and this client's lease, as they are. Whoever writes to the lease
    /// around this type can only harm this client.
    pub fn ring(&self) -> (&ControlMap, &LeaseMap) {
        (&self.control, &self.lease)
    }

    /// Whether the memory of a held frame is still that frame's, for a client that was
    /// thrown out while it read.
    pub fn is_intact(&self, slot: SlotId, serial: u64) -> bool {
        reader::is_intact(&self.control, slot, serial)
    }

    /// Asks the host how it and its clients do; the answer comes as events.
    pub fn look(&self) -> Result<(), Error> {
        match socket::send(&self.socket, &Message::Look, &[])? {
            Sent::Yes => Ok(()),
            _ => Err(Error::TimedOut),
        }
    }

    /// Reads one message of the host. `Ok(None)`: there is none. Never blocks. To be
    /// called by one thread at a time, in the order in which its events are to count.
    ///
    /// # Errors
    /// [`Error::HostGone`], [`Error::Goodbye`] with the reason, [`Error::BadBuffer`] for
    /// memory that the host could cut short, [`Error::Wire`].
    pub fn pump(&self) -> Result<Option<Event>, Error> {
        let Some((message, fds)) = socket::receive(&self.socket)? else {
            return Ok(None);
        };
        Event::new(message, fds, self.trusts).map(Some)
    }
}

/// Polls until something is ready; interrupted calls go on.
fn poll_until(fds: &mut [PollFd<'_>], deadline_ns: u64) -> Result<(), Error> {
    match time::poll_until(fds, deadline_ns) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::TimedOut),
        Err(errno) => Err(Error::Os("poll", errno)),
    }
}
