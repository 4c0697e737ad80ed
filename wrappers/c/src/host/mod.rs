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
mod shares;
mod sockets;
mod stats;
mod table;
mod turn;
mod wait;

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::rand::{GetRandomFlags, getrandom};
use videostream::hal::ring::MAX_SLOTS;
use videostream::hal::ring::cells::SlotId;
use videostream::hal::time::now_ns;
use videostream::ipc::address::Address;
use videostream::ipc::{Error, host as ipc};

use self::describe::Describer;
use self::shares::{NoPlace, Place, Shares};
pub use self::stats::HostStats;
use self::table::{Entry, Table};
use self::turn::{Taken, Turn};
use crate::error::errno_of;
use crate::frame::Frame;

/// How long a call waits for another thread's.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often what clients send is looked for in one call.
const ROUNDS: u32 = 8;

/// `VSLHost`.
#[derive(Debug)]
pub struct Host {
    me: Weak<Self>,
    path: CString,
    /// Readable when there is something to process.
    events: OwnedFd,
    turn: Turn,
    /// Waits that are over and not ended yet.
    over: AtomicU32,
    /// Borrowed by whoever has the turn, and never during a callback.
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    /// `None` once the host is released.
    ipc: Option<Box<ipc::Host>>,
    table: Table,
    shares: Shares,
    describer: Describer,
    /// Somebody has connected and not said what it wants.
    is_expecting: bool,
    /// What clients had locked and let go of when the host was last processed.
    moves: u64,
    /// The program polls the sockets itself.
    has_own_loop: bool,
    counts: Counts,
}

// SAFETY: everything but `state` may be used by any thread, and `state` is touched by the thread
// that has the turn; the frames it points to are the host's alone, whichever thread that is.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// What a host has counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    posted: u64,
    copied: u64,
    pushed_out: u64,
    ended: u64,
}

/// What a posted frame knows of its host.
#[derive(Debug)]
pub(crate) struct Posting {
    host: Weak<Host>,
    slot: SlotId,
}

/// The times of a frame that the program says.
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
            lend: MAX_SLOTS - 1,
            policy: ipc::Policy::UntilExpiry,
            mode: 0o777 & !sockets::umask(),
            // The file's permissions decide, as they always have; a name that is none has none.
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
            turn: Turn::default(),
            over: AtomicU32::new(0),
            state: RefCell::new(State {
                ipc: Some(host),
                table: Table::new(),
                shares: Shares::new(),
                describer: Describer::default(),
                is_expecting: false,
                moves: 0,
                has_own_loop: false,
                counts: Counts::default(),
            }),
        }))
    }

    pub(crate) fn path(&self) -> &CStr {
        &self.path
    }

    fn take_turn(&self) -> Result<Taken<'_>, Errno> {
        self.turn.take(Some(PATIENCE)).ok_or(Errno::TIMEDOUT)
    }

    /// Shares a frame, which is the host's from then on.
    ///
    /// # Safety
    /// `frame` is a frame that was not released, used by nobody else meanwhile.
    pub(crate) unsafe fn post(&self, frame: *mut Frame, timing: Timing) -> Result<(), Errno> {
        let _turn = self.take_turn()?;
        let posted = {
            let state = &mut *self.state.borrow_mut();
            if state.is_expecting {
                // What clients have done is left for `poll` to tell of.
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
        self.end_frames();
        posted
    }

    /// Gives a frame back to the program.
    ///
    /// # Safety
    /// That of [`Host::post`].
    pub(crate) unsafe fn drop_frame(&self, frame: *mut Frame) -> Result<(), Errno> {
        let _turn = self.take_turn()?;
        // SAFETY: valid and used by nobody else, as the caller says.
        let frame = unsafe { &mut *frame };
        match &frame.posting {
            Some(posting) if Weak::ptr_eq(&posting.host, &self.me) => {}
            _ => return Err(Errno::NOENT),
        }
        if let Some(posting) = frame.posting.take() {
            self.state.borrow_mut().remove(posting.slot, frame);
            frame.keep_memory_out();
        }
        Ok(())
    }

    /// Ends the frames that are due. Callbacks of the program run here and may call the host.
    fn end_frames(&self) {
        loop {
            let (frame, is_closed) = {
                let mut state = self.state.borrow_mut();
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
                    frame.keep_memory_out();
                }
            }
            // SAFETY: as above; it is in no table any more.
            let ended = unsafe { Frame::release(frame) };
            if ended.is_ok() {
                self.state.borrow_mut().counts.ended += 1;
            }
        }
    }

    /// Ends the host: its sockets, then all its frames.
    pub(crate) fn close(&self) {
        let _turn = self.turn.take(None);
        let ipc = {
            let mut state = self.state.borrow_mut();
            state.table.finish_all();
            state.shares = Shares::new();
            state.ipc.take()
        };
        drop(ipc);
        self.end_frames();
    }
}

/// Binds on a stack of its own. The places of all clients pass through it by value, some times 30 KiB,
/// which is more than small threads have.
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

impl Posting {
    /// Takes a frame that is released away from its host.
    pub(crate) fn forget(self, frame: *mut Frame) {
        if let Some(host) = self.host.upgrade() {
            let _turn = host.turn.take(None);
            host.state.borrow_mut().remove(self.slot, frame);
        }
    }
}

impl State {
    /// Takes expired frames away from clients, and notes which have come back.
    #[inline]
    fn expire(&mut self, now: u64) {
        let Some(ipc) = &mut self.ipc else { return };
        self.table.expire(now.cast_signed(), |serial| {
            ipc.withdraw(serial);
        });
        self.collect();
        if let Some(ipc) = &mut self.ipc {
            self.shares.tidy(ipc, now);
        }
    }

    #[inline]
    fn collect(&mut self) {
        let Some(ipc) = &mut self.ipc else { return };
        let (table, shares) = (&mut self.table, &mut self.shares);
        ipc.collect_freed(|slot| {
            if let Some(share) = table.freed(slot) {
                shares.leave(share);
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
        let place = self.place(frame)?;
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
            .describe(frame.shape(), place, &times, colorimetry);
        let (slot, serial) = self.publish()?;
        frame.times = times;
        frame.posting = Some(Posting {
            host: host.clone(),
            slot,
        });
        self.shares.enter(place.share);
        self.table.insert(
            slot,
            Entry {
                serial,
                frame,
                expires: timing.expires,
                share: place.share,
                is_readable: true,
                is_over: false,
            },
        );
        self.counts.posted += 1;
        self.counts.copied += u64::from(place.is_copy);
        Ok(())
    }

    fn place(&mut self, frame: &Frame) -> Result<Place, Errno> {
        let memory = frame.memory()?;
        loop {
            let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
            match self.shares.place(ipc, memory) {
                Ok(place) => return Ok(place),
                Err(NoPlace::Failed(errno)) => return Err(errno),
                Err(NoPlace::Full) => self.make_room()?,
            }
        }
    }

    /// Publishes what was described.
    fn publish(&mut self) -> Result<(SlotId, u64), Errno> {
        loop {
            let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
            match ipc.publish(self.describer.frame()) {
                Ok(published) => return Ok(published),
                Err(Error::WouldBlock(_)) => self.make_room()?,
                Err(error) => return Err(errno_of(error)),
            }
        }
    }

    /// Takes the oldest frame out of the ring, whether it has expired or not. It stays the
    /// host's; clients that have it locked keep it.
    fn make_room(&mut self) -> Result<(), Errno> {
        let ipc = self.ipc.as_mut().ok_or(Errno::SHUTDOWN)?;
        match ipc.oldest() {
            Some(serial) => {
                ipc.withdraw(serial);
                self.table.push_out(serial);
                self.counts.pushed_out += 1;
            }
            // All that is left is held: more than was granted to anybody.
            None if ipc.evict_offenders() > 0 => {}
            None => return Err(Errno::NOBUFS),
        }
        self.collect();
        Ok(())
    }

    fn remove(&mut self, slot: SlotId, frame: *mut Frame) {
        if let Ok(Some(serial)) = self.table.remove(slot, frame)
            && let Some(ipc) = &mut self.ipc
        {
            ipc.withdraw(serial);
        }
        self.collect();
    }
}
