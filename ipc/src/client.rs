//! The client: connects, holds frames, waits for them.
//!
//! Holding, reading and releasing touch shared memory only, from any number of threads.
//! Messages of the host (new buffers, goodbye) are read by [`Client::pump`], which is due
//! when [`Client::wait`] says so or a frame names an unknown buffer.

use heapless::Vec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::thread::futex;
use videostream_hal::memory::{mapping, memfd};
use videostream_hal::ring::cells::{Control, SlotId};
use videostream_hal::ring::layout::DESCRIPTOR_WORDS;
use videostream_hal::ring::reader::{self, Held};
use videostream_hal::ring::segment::{ControlMap, LeaseMap, Stat};
use videostream_hal::ring::{FrameDescriptor, wake};
use videostream_hal::sync::{AtomicU32, Ordering};
use videostream_hal::time::{now_ns, until};

use crate::address::Address;
use crate::wire::{MAX_FDS, Message, Mode};
use crate::{Error, socket};

/// How long a wait stays in the futex, which a host that is killed does not wake. After
/// that it polls the socket, which tells at once, and the eventfd.
const FUTEX_SLICE_NS: u64 = 50_000_000;

/// What a client wants of its host.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Which frames.
    pub mode: Mode,
    /// Frames held at once, at most; the host may refuse.
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

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A newer frame is there.
    Frame,
    /// The host has sent something: call [`Client::pump`].
    Message,
}

/// What the host has sent.
#[derive(Debug)]
pub enum Event {
    /// A buffer that frames may lie in from now on: id, bytes, descriptor.
    Buffer(u32, u64, OwnedFd),
    /// A buffer that is gone: its id.
    Retire(u32),
}

/// A connection to a host.
#[derive(Debug)]
pub struct Client {
    control: ControlMap,
    lease: LeaseMap,
    eventfd: OwnedFd,
    socket: OwnedFd,
    config: Config,
    /// Frames that this client's threads hold, so that they stay within the limit together.
    held: AtomicU32,
    host_pid: u32,
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
        mut buffers: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let socket = address.connect()?;
        let hello = Message::Hello {
            mode: config.mode,
            hold: config.hold,
        };
        if !socket::send(&socket, &hello, &[])? {
            return Err(Error::TimedOut);
        }
        let (host_pid, epoch, fds) = loop {
            let Some((message, fds)) = socket::receive(&socket)? else {
                poll_until(&mut [PollFd::new(&socket, PollFlags::IN)], deadline_ns)?;
                continue;
            };
            if let Message::Welcome {
                host_pid, epoch, ..
            } = message
            {
                break (host_pid, epoch, fds);
            }
            buffers(event(message, fds)?)?;
        };
        let [control, lease, eventfd] = fds
            .into_array::<3>()
            .map_err(|_| Error::Unexpected("welcome without descriptors"))?;
        let control = ControlMap::open(control.as_fd())?;
        if control.epoch() != epoch {
            return Err(Error::Unexpected("welcome to another ring"));
        }
        let lease = LeaseMap::open(lease.as_fd(), control.layout())?;
        Ok(Self {
            control,
            lease,
            eventfd,
            socket,
            config,
            held: AtomicU32::new(0),
            host_pid,
        })
    }

    /// The random number of the host's ring: another one after a restart of the host.
    pub fn epoch(&self) -> u64 {
        self.control.epoch()
    }

    /// The host's process, as it says.
    pub fn host_pid(&self) -> u32 {
        self.host_pid
    }

    /// What was asked of the host.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        self.control.head().load(Ordering::Acquire)
    }

    /// Frames held now.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// Holds a frame newer than serial `after`: the newest, or the next that is still
    /// there, by the client's mode. `Ok(None)`: nothing newer yet. No system call.
    ///
    /// # Errors
    /// [`Error::HoldLimit`]; [`Error::Descriptor`] for a frame whose description is wrong.
    #[inline]
    pub fn hold(&self, after: u64) -> Result<Option<HeldFrame>, Error> {
        // Relaxed: the count only limits; the ring's own words carry all order.
        if self.held.fetch_add(1, Ordering::Relaxed) >= self.config.hold {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::HoldLimit(self.config.hold));
        }
        let held = match self.config.mode {
            Mode::Newest => reader::hold_newest(&self.control, &self.lease, after),
            Mode::Every => reader::hold_next(&self.control, &self.lease, after),
        };
        let Some(Held {
            slot,
            serial,
            missed,
        }) = held
        else {
            self.held.fetch_sub(1, Ordering::Relaxed);
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

    /// Gives a held frame back. No system call.
    #[inline]
    pub fn release(&self, slot: SlotId) {
        reader::release(&self.lease, slot);
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the memory of a held frame is still that frame's, for a client that was
    /// thrown out while it read.
    pub fn is_intact(&self, slot: SlotId, serial: u64) -> bool {
        reader::is_intact(&self.control, slot, serial)
    }

    /// Waits until a frame newer than `after` is there, the host sends something, or
    /// `deadline_ns` passes. `u64::MAX` waits for ever.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::HostGone`], [`Error::Os`].
    pub fn wait(&self, after: u64, deadline_ns: u64) -> Result<Woken, Error> {
        if self.spin(after, deadline_ns) {
            return Ok(Woken::Frame);
        }
        if self.control.is_closed() {
            return Ok(self.after_close(after));
        }
        let slice = now_ns().saturating_add(FUTEX_SLICE_NS);
        while let Some(value) = wake::begin_sleep(&self.control, &self.lease, after) {
            let result = self.sleep(value, slice.min(deadline_ns));
            wake::end_sleep(&self.lease);
            match result {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::TIMEDOUT) => return self.poll(after, deadline_ns),
                Err(errno) => return Err(Error::Os("futex", errno)),
            }
            if self.control.is_closed() {
                return Ok(self.after_close(after));
            }
        }
        Ok(Woken::Frame)
    }

    /// A host that has closed publishes nothing more; what it has published comes before
    /// its goodbye.
    fn after_close(&self, after: u64) -> Woken {
        if self.head() > after {
            Woken::Frame
        } else {
            Woken::Message
        }
    }

    fn spin(&self, after: u64, deadline_ns: u64) -> bool {
        if self.head() > after {
            return true;
        }
        if self.config.spin_ns == 0 {
            return false;
        }
        let end = now_ns()
            .saturating_add(self.config.spin_ns)
            .min(deadline_ns);
        loop {
            for _ in 0..64 {
                if self.head() > after {
                    return true;
                }
                core::hint::spin_loop();
            }
            if now_ns() >= end {
                return false;
            }
        }
    }

    fn sleep(&self, value: u32, deadline_ns: u64) -> rustix::io::Result<()> {
        let all = core::num::NonZeroU32::MAX;
        let deadline = videostream_hal::time::timespec(deadline_ns);
        let word = self.control.wake();
        // The deadline of wait_bitset is absolute, on the monotonic clock.
        futex::wait_bitset(word, futex::Flags::empty(), value, Some(&deadline), all)
    }

    fn poll(&self, after: u64, deadline_ns: u64) -> Result<Woken, Error> {
        let result = self.poll_armed(after, deadline_ns);
        wake::disarm(&self.lease);
        result
    }

    fn poll_armed(&self, after: u64, deadline_ns: u64) -> Result<Woken, Error> {
        while wake::arm(&self.control, &self.lease, after) {
            let mut fds = [
                PollFd::new(&self.socket, PollFlags::IN),
                PollFd::new(&self.eventfd, PollFlags::IN),
            ];
            poll_until(&mut fds, deadline_ns)?;
            let [socket, event] = fds.map(|fd| fd.revents());
            if !event.is_empty() {
                self.drain();
            }
            if self.head() > after {
                break;
            }
            if !socket.is_empty() {
                return Ok(Woken::Message);
            }
        }
        Ok(Woken::Frame)
    }

    /// For an event loop: arms the eventfd of [`Client::event_fd`] for frames newer than
    /// `after`. `false`: one is there already. It stays armed until [`Client::disarm`].
    pub fn arm(&self, after: u64) -> bool {
        // Drained first, so that what is written from here on is seen.
        self.drain();
        wake::arm(&self.control, &self.lease, after)
    }

    /// No more events: each publish is cheaper for the host.
    pub fn disarm(&self) {
        wake::disarm(&self.lease);
    }

    fn drain(&self) {
        // Nothing to read is as good as read.
        let _ = rustix::io::read(&self.eventfd, &mut [0u8; 8]);
    }

    /// Readable after a publish while armed; see [`Client::arm`].
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }

    /// Readable when [`Client::pump`] is due.
    pub fn socket_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
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
        event(message, fds).map(Some)
    }
}

/// What a message means to a client that is waiting for events.
fn event(message: Message, mut fds: Vec<OwnedFd, MAX_FDS>) -> Result<Event, Error> {
    match message {
        Message::Buffer { id, size } => {
            let fd = fds.pop().ok_or(Error::BadBuffer(id))?;
            let real = mapping::file_size(&fd).map_err(|e| Error::Os("lseek", e))?;
            if size == 0 || real < size || !memfd::cannot_shrink(fd.as_fd()) {
                return Err(Error::BadBuffer(id));
            }
            Ok(Event::Buffer(id, size, fd))
        }
        Message::Retire { id } => Ok(Event::Retire(id)),
        Message::Goodbye(why) => Err(Error::Goodbye(why)),
        Message::Refused(why) => Err(Error::Refused(why)),
        Message::Hello { .. } => Err(Error::Unexpected("hello from a host")),
        Message::Welcome { .. } => Err(Error::Unexpected("second welcome")),
    }
}

/// Polls until something is ready; interrupted calls go on.
fn poll_until(fds: &mut [PollFd<'_>], deadline_ns: u64) -> Result<(), Error> {
    loop {
        let left = until(deadline_ns);
        let timeout = (deadline_ns != u64::MAX).then_some(&left);
        match poll(fds, timeout) {
            Ok(0) => return Err(Error::TimedOut),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::Os("poll", errno)),
        }
    }
}
