//! The client: connects, waits for frames, holds and releases them.
//!
//! Holding, reading and releasing touch shared memory only, from any number of threads. Messages of
//! the host (new buffers, goodbye) are read by [`Client::pump`]: call it when [`Client::wait`]
//! returns [`Woken::Message`] or a frame names an unknown buffer.

mod connect;
mod event;
mod peek;
mod quiet;
mod tell;
mod wait;
mod wakes;

use rustix::event::PollFd;
use rustix::fd::OwnedFd;
use videostream_hal::Call;
use videostream_hal::ring::FrameDescriptor;
use videostream_hal::ring::cells::SlotId;
use videostream_hal::ring::layout::DESCRIPTOR_WORDS;
use videostream_hal::ring::reader::{self, Held};
use videostream_hal::ring::segment::{ControlMap, LeaseMap, Stat};
use videostream_hal::sync::{AtomicU32, Ordering};
use videostream_hal::time;

pub use self::connect::{PendingClient, Welcome};
pub use self::event::Event;
pub use self::quiet::Quiet;
pub use self::wait::Woken;
use self::wakes::Wakes;
use crate::Error;
use crate::address::Address;
use crate::socket::{self, Sent};
use crate::wire::{Exports, Message, Mode};

/// Configuration of a client.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Which frames it wants.
    pub mode: Mode,
    /// Maximum frames held at once, up to [`MAX_HOLD`](crate::wire::MAX_HOLD). The host may refuse.
    pub hold: u32,
    /// How long to spin on the ring before sleeping, in nanoseconds; 0 by default. Spinning
    /// occupies a core and saves the wake-up.
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

/// A frame held by this client. Release it with [`Client::release`].
#[derive(Debug)]
#[must_use = "a held frame keeps its slot from the host until it is released"]
pub struct HeldFrame {
    /// Its slot.
    pub slot: SlotId,
    /// Its description by the host, checked except for the buffers' sizes.
    pub descriptor: FrameDescriptor,
    /// Frames between the previous one and this one that the client did not get.
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
    /// Frames that all threads of this client hold together; limited by `config.hold`.
    held: AtomicU32,
    /// The host's mark that was last answered with a message.
    told: AtomicU32,
    /// Threads in a futex wait, or about to enter one.
    sleepers: AtomicU32,
    /// 1 while waits are cancelled, else 0.
    cancelled: AtomicU32,
    host_pid: u32,
    exports: Exports,
    /// Whether memory that can shrink is accepted from this host.
    trusts: bool,
}

impl Client {
    /// Connects and waits for the host's welcome until `deadline_ns`. The host's buffers come
    /// before the welcome and are passed to `buffers`.
    ///
    /// # Errors
    /// [`Error::NoHost`], [`Error::Refused`] with the host's reason, [`Error::TimedOut`],
    /// [`Error::Ring`] or [`Error::Wire`] for an invalid ring or message.
    pub fn connect(
        address: &Address,
        config: Config,
        deadline_ns: u64,
        buffers: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        PendingClient::new(address, config)?.finish(deadline_ns, buffers)
    }

    /// Returns the host's process id, as stated by the host.
    pub fn host_pid(&self) -> u32 {
        self.host_pid
    }

    /// Returns what clients may do with the buffers.
    pub fn exports(&self) -> Exports {
        self.exports
    }

    /// Returns the configuration that was sent to the host.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        reader::newest(&self.control)
    }

    /// Returns the number of frames held now.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// Holds a frame newer than serial `after`: the newest, or the next that the ring still has, by
    /// the client's mode. Returns `Ok(None)` if there is no newer frame yet. Makes no system call
    /// unless the host is waiting for clients. A host that has died is not noticed here: a client
    /// that never waits uses [`Quiet`] to check the socket.
    ///
    /// # Errors
    /// [`Error::HoldLimit`] when there is a frame but this client already holds its maximum;
    /// [`Error::Evicted`] when the host has evicted this client and may reuse what it holds;
    /// [`Error::Ring`] for a frame whose description is wrong.
    #[inline]
    pub fn hold(&self, after: u64) -> Result<Option<HeldFrame>, Error> {
        self.hold_by(self.config.mode, after)
    }

    /// Holds a frame like [`Client::hold`], but by `mode` instead of the configured mode.
    ///
    /// # Errors
    /// Those of [`Client::hold`].
    #[inline]
    pub fn hold_by(&self, mode: Mode, after: u64) -> Result<Option<HeldFrame>, Error> {
        if self.head() <= after {
            return Ok(None);
        }
        // SYNC(limit): acquires the references that other threads have released.
        if self.held.fetch_add(1, Ordering::Acquire) >= self.config.hold {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::HoldLimit {
                limit: self.config.hold,
            });
        }
        let held = match mode {
            Mode::Newest => reader::hold_newest(&self.control, &self.lease, after),
            Mode::Every => reader::hold_next(&self.control, &self.lease, after),
        };
        // After the hold's fence: a thread that finds its frame overwritten also sees this.
        if self.lease.has_ended() {
            match held {
                Some(held) => self.release(held.slot),
                None => drop(self.held.fetch_sub(1, Ordering::Release)),
            }
            return Err(Error::Evicted);
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

    /// Updates the counters in the lease, which are for status only: concurrent threads may
    /// overwrite each other's updates.
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

    /// Releases a held frame. Makes no system call unless the host is waiting for releases.
    #[inline]
    pub fn release(&self, slot: SlotId) {
        self.count_move();
        reader::release(&self.lease, slot);
        // SYNC(limit): releases the reference to the thread that holds the next frame instead.
        self.held.fetch_sub(1, Ordering::Release);
        self.tell_of_release();
    }

    /// Returns the ring's words, read-only, and this client's lease. Writing to the lease
    /// directly can harm only this client.
    ///
    /// ```compile_fail,E0599
    /// use videostream_hal::ring::cells::Control;
    /// use videostream_hal::sync::Ordering;
    ///
    /// fn set_head(client: &videostream_ipc::client::Client) {
    ///     client.ring().0.head().store(1, Ordering::Release);
    /// }
    /// ```
    pub fn ring(&self) -> (&ControlMap, &LeaseMap) {
        (&self.control, &self.lease)
    }

    /// Returns whether the memory still holds that frame, for a client that was evicted while it
    /// read.
    pub fn is_intact(&self, slot: SlotId, serial: u64) -> bool {
        reader::is_intact(&self.control, slot, serial)
    }

    /// Asks the host for its state and that of its clients. The answer comes as events.
    pub fn look(&self) -> Result<(), Error> {
        match socket::send(&self.socket, &Message::StatusRequest, &[])? {
            Sent::Yes => Ok(()),
            _ => Err(Error::TimedOut),
        }
    }

    /// Reads one message from the host without blocking. Returns `Ok(None)` if its queue is empty.
    /// Call this from one thread at a time, which applies the events in order.
    ///
    /// # Errors
    /// [`Error::HostGone`], [`Error::Goodbye`] with the reason, [`Error::BadBuffer`] for memory
    /// that the host could truncate, [`Error::Wire`].
    pub fn pump(&self) -> Result<Option<Event>, Error> {
        let Some((message, fds)) = socket::receive(&self.socket)? else {
            return Ok(None);
        };
        Event::new(message, fds, self.trusts).map(Some)
    }
}

/// Polls until a descriptor is ready; interrupted calls are retried.
fn poll_until(fds: &mut [PollFd<'_>], deadline_ns: u64) -> Result<(), Error> {
    match time::poll_until(fds, deadline_ns) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::TimedOut),
        Err(errno) => Err(Error::os(Call::Poll, errno)),
    }
}
