//! A host: shares the program's frames on a ring, and gives each back when it has expired and no
//! client holds it.
//!
//! A frame is in one of these places, from which its end or the program takes it:
//!
//! ```text
//! posted --> readable --expired, dropped, released--> held by clients --> over
//!               |                                            ^
//!               +--room is needed--> held --> aside --expired+
//! ```

#![expect(unsafe_code, reason = "frames of C are read and ended")]

mod copies;
mod describe;
mod memory_pool;
mod sockets;
mod stats;
mod table;
mod wait;

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{ReentrantMutex, ReentrantMutexGuard};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::rand::{GetRandomFlags, getrandom};
use videostream::hal::ring::MAX_SLOTS;
use videostream::hal::ring::cells::SlotId;
use videostream::hal::time::now_ns;
use videostream::ipc::address::Address;
use videostream::ipc::{Error, host as ipc};

use self::describe::Describer;
use self::memory_pool::{LocateError, Location, MemoryPool};
pub use self::stats::HostStats;
use self::table::{Entry, Table};
use crate::error::errno_of;
use crate::frame::{Frame, Owner, Posting};

/// How long a call waits while another thread is in the host.
const LOCK_TIMEOUT: Duration = Duration::from_millis(250);
/// Most rounds of reading client messages in one call.
const ROUNDS: u32 = 8;

/// `VSLHost`.
#[derive(Debug)]
pub struct Host {
    me: Weak<Self>,
    path: CString,
    /// Readable when there is something to process.
    events: OwnedFd,
    /// Waits that are over, but not ended at the ring.
    over: AtomicU32,
    /// Reentrant, because callbacks of the program call the host; never borrowed during a callback.
    state: ReentrantMutex<RefCell<State>>,
}

#[derive(Debug)]
struct State {
    /// `None` once the host is released.
    ipc: Option<Box<ipc::Host>>,
    table: Table,
    memory: MemoryPool,
    describer: Describer,
    /// A client has connected, but its Hello has not come.
    is_expecting: bool,
    /// Count of the clients' locks and releases when the host was last processed.
    moves: u64,
    /// The program polls the sockets itself.
    has_own_loop: bool,
    counts: Counts,
}

// SAFETY: the frames that it points to are the host's alone, whichever thread has the state.
unsafe impl Send for State {}

/// Exclusive access to a host's state for this thread.
type Locked<'a> = ReentrantMutexGuard<'a, RefCell<State>>;

/// Counters of a host.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    posted: u64,
    copied: u64,
    pushed_out: u64,
    ended: u64,
}

/// Times of a frame, set by the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) expires: i64,
    pub(crate) duration: i64,
    pub(crate) pts: i64,
    pub(crate) dts: i64,
}

impl Host {
    /// Listens at `path`.
    pub(crate) fn new(path: &CStr) -> Result<Arc<Self>, Errno> {
        let address = Address::new(path.to_bytes()).map_err(errno_of)?;
        let config = ipc::Config {
            slots: MAX_SLOTS,
            max_outstanding: MAX_SLOTS - 1,
            policy: ipc::Policy::UntilExpiry,
            mode: 0o777 & !sockets::umask(),
            // The file's permissions decide, as in 2.x; an abstract name has none.
            access: match address.is_file() {
                true => ipc::Access::Anyone,
                false => ipc::Access::SameUser,
            },
            // Clients have always been able to write.
            exports: ipc::Exports::Writable,
            ..ipc::Config::default()
        };
        let mut epoch = [0; 8];
        getrandom(&mut epoch, GetRandomFlags::empty())?;
        let host = bind(address, config, u64::from_ne_bytes(epoch))?;
        let events = fcntl_dupfd_cloexec(host.as_fd(), 0)?;
        Ok(Arc::new_cyclic(|me| Self {
            me: me.clone(),
            path: path.to_owned(),
            events,
            over: AtomicU32::new(0),
            state: ReentrantMutex::new(RefCell::new(State {
                ipc: Some(host),
                table: Table::new(),
                memory: MemoryPool::new(),
                describer: Describer::default(),
                is_expecting: false,
                moves: 0,
                has_own_loop: false,
                counts: Counts::default(),
            })),
        }))
    }

    pub(crate) fn path(&self) -> &CStr {
        &self.path
    }

    /// Locks the host, also where this thread has locked it already.
    fn lock(&self) -> Result<Locked<'_>, Errno> {
        self.state.try_lock_for(LOCK_TIMEOUT).ok_or(Errno::TIMEDOUT)
    }

    /// Shares a frame, which is the host's from then on.
    ///
    /// # Safety
    /// `frame` is a frame that was not released, and no other thread uses it meanwhile.
    pub(crate) unsafe fn post(&self, frame: *mut Frame, timing: Timing) -> Result<(), Errno> {
        let host = self.lock()?;
        let posted = {
            let state = &mut *host.borrow_mut();
            if state.is_expecting {
                // Leaves the clients' locks and releases for `poll` to report.
                let moves = state.moves;
                state.serve()?;
                state.moves = moves;
            }
            let now = now_ns();
            state.expire(now);
            // SAFETY: valid and used by nobody else, as the caller says; given up before callbacks.
            let frame = unsafe { &mut *frame };
            state.post(frame, timing, now, &self.me)
        };
        end_frames(&host);
        posted
    }

    /// Gives a frame back to the program.
    ///
    /// # Safety
    /// That of [`Host::post`].
    pub(crate) unsafe fn drop_frame(&self, frame: *mut Frame) -> Result<(), Errno> {
        let host = self.lock()?;
        // SAFETY: valid and used by nobody else, as the caller says.
        let frame = unsafe { &mut *frame };
        match &frame.posting {
            Some(posting) if posting.is_at(self) => {}
            _ => return Err(Errno::NOENT),
        }
        if let Some(posting) = frame.posting.take() {
            host.borrow_mut().remove(posting.slot(), frame);
            frame.detach_from_pool();
        }
        Ok(())
    }

    /// Closes the sockets, then ends all frames.
    pub(crate) fn close(&self) {
        let host = self.state.lock();
        let ipc = {
            let mut state = host.borrow_mut();
            state.table.finish_all();
            state.memory = MemoryPool::new();
            state.ipc.take()
        };
        drop(ipc);
        end_frames(&host);
    }
}

/// Ends the frames that are due. The program's callbacks run here and may call the host, so the
/// state is not borrowed meanwhile.
fn end_frames(host: &Locked<'_>) {
    loop {
        let (frame, is_closed) = {
            let mut state = host.borrow_mut();
            (state.table.next_finished(), state.ipc.is_none())
        };
        let Some(frame) = frame else { return };
        {
            // SAFETY: posted and not given back: valid, and the host's alone; given up before
            // the callback.
            let frame = unsafe { &mut *frame };
            frame.posting = None;
            if is_closed {
                // Clients may hold it beyond the host's end.
                frame.detach_from_pool();
            }
        }
        // SAFETY: as above; it is in no table any more.
        let ended = unsafe { Frame::release(frame) };
        if ended.is_ok() {
            host.borrow_mut().counts.ended += 1;
        }
    }
}

/// Binds on a thread with a large stack: the client table passes through it by value, 30 KiB and
/// more, for which small threads have no room.
fn bind(address: Address, config: ipc::Config, epoch: u64) -> Result<Box<ipc::Host>, Errno> {
    const STACK: usize = 512 << 10;
    let bind = {
        let config = config.clone();
        move || ipc::Host::bind(address, config, epoch).map(Box::new)
    };
    let bound = match std::thread::Builder::new().stack_size(STACK).spawn(bind) {
        Ok(thread) => thread.join().map_err(|_| Errno::NOTRECOVERABLE)?,
        // As many threads as there may be: the caller's own is mostly large enough.
        Err(_) => ipc::Host::bind(address, config, epoch).map(Box::new),
    };
    bound.map_err(errno_of)
}

impl Owner for Host {
    fn remove(&self, slot: SlotId, frame: *mut Frame) {
        self.state.lock().borrow_mut().remove(slot, frame);
    }
}

impl State {
    /// Takes expired frames from the ring, and collects slots that clients have released.
    #[inline]
    fn expire(&mut self, now: u64) {
        let Some(ipc) = &mut self.ipc else { return };
        self.table.expire(now.cast_signed(), |serial| {
            ipc.retire(serial);
        });
        self.collect();
        if let Some(ipc) = &mut self.ipc {
            self.memory.tidy(ipc, now);
        }
    }

    #[inline]
    fn collect(&mut self) {
        let Some(ipc) = &mut self.ipc else { return };
        let (table, memory) = (&mut self.table, &mut self.memory);
        ipc.collect_freed(|slot| {
            if let Some(entry) = table.freed(slot) {
                memory.remove_frame(entry);
            }
        });
    }

    fn post(
        &mut self,
        frame: &mut Frame,
        timing: Timing,
        now: u64,
        host: &Weak<Host>,
    ) -> Result<(), Errno> {
        if !frame.is_alive() {
            return Err(Errno::INVAL);
        }
        if frame.posting.is_some() {
            return Err(Errno::BUSY);
        }
        let location = self.locate(frame)?;
        let next = self.ipc.as_ref().ok_or(Errno::SHUTDOWN)?.head() + 1;
        let mut times = frame.times;
        times.serial = next.cast_signed();
        times.timestamp = now.cast_signed();
        times.duration = timing.duration;
        times.pts = timing.pts;
        times.dts = timing.dts;
        times.expires = timing.expires;
        let colorimetry = frame.packed_colorimetry();
        self.describer
            .describe(frame.shape(), location, &times, colorimetry);
        let (slot, serial) = self.publish()?;
        frame.times = times;
        let owner: Weak<dyn Owner> = host.clone();
        frame.posting = Some(Posting::new(owner, slot));
        self.memory.add_frame(location.entry);
        self.table.insert(
            slot,
            Entry {
                serial,
                frame,
                expires: timing.expires,
                memory: location.entry,
                is_readable: true,
                is_over: false,
            },
        );
        self.counts.posted += 1;
        self.counts.copied += u64::from(location.is_copy);
        Ok(())
    }

    fn locate(&mut self, frame: &Frame) -> Result<Location, Errno> {
        let memory = frame.memory()?;
        loop {
            let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
            match self.memory.locate(ipc, memory) {
                Ok(location) => return Ok(location),
                Err(LocateError::Failed(errno)) => return Err(errno),
                Err(LocateError::Full) => self.make_room()?,
            }
        }
    }

    /// Publishes the described frame.
    fn publish(&mut self) -> Result<(SlotId, u64), Errno> {
        loop {
            let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
            match ipc.publish(self.describer.frame()) {
                Ok(published) => return Ok(published),
                Err(Error::WouldBlock { .. }) => self.make_room()?,
                Err(error) => return Err(errno_of(error)),
            }
        }
    }

    /// Takes the oldest frame from the ring, expired or not. It stays the host's, and clients that
    /// have it locked keep it.
    fn make_room(&mut self) -> Result<(), Errno> {
        let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
        match ipc.oldest() {
            Some(serial) => {
                ipc.retire(serial);
                self.table.push_out(serial);
                self.counts.pushed_out += 1;
            }
            // Clients hold every slot, so that some exceed what they were granted.
            None if ipc.evict_over_limit() > 0 => {}
            None => return Err(Errno::NOBUFS),
        }
        self.collect();
        Ok(())
    }

    fn remove(&mut self, slot: SlotId, frame: *mut Frame) {
        if let Ok(Some(serial)) = self.table.remove(slot, frame)
            && let Some(ipc) = &mut self.ipc
        {
            ipc.retire(serial);
        }
        self.collect();
    }
}
