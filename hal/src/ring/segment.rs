//! The ring in memfds: the segments that a host creates and its clients map.
//!
//! The host creates both kinds of memory, so that it never maps a file whose size another process
//! controls. The control segment is sealed so that only the host's own mapping, made before the
//! seal, can write. A lease page is written by its client and read by the host. The host also marks
//! it as ended, so both map it writable.

#![expect(unsafe_code, reason = "atomics at checked offsets of a mapping")]

use core::num::NonZeroU32;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::thread::futex;

use super::cells::{Control, ControlMut, Lease, SlotId};
use super::error::RingError;
use super::layout::{
    DESCRIPTOR_WORDS, HEAD, Header, LEASE_STATS, RingLayout, STATUS, STATUS_CLOSED, WAITS, WAKE,
};
use crate::Call;
use crate::memory::mapping::file_size;
use crate::memory::{Access, Mapping, MemoryError, memfd};
use crate::sync::{AtomicU32, AtomicU64, Ordering, ReadOnly};

const fn create(errno: Errno) -> RingError {
    RingError::Create { errno }
}

/// Atomics inside a mapping.
#[derive(Debug)]
struct Words(Mapping);

impl Words {
    #[inline]
    fn u32(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset.is_multiple_of(4) && offset + 4 <= self.0.len());
        // SAFETY: `offset` comes from `RingLayout`, whose whole size is mapped.
        let ptr = unsafe { self.0.as_ptr().add(offset) };
        // SAFETY: in bounds and aligned as above, mapped as long as `self`; all access by any
        // process goes through atomics. Those of a read-only mapping stay in `ControlMap`, which
        // gives out loads only.
        unsafe { AtomicU32::from_ptr(ptr.cast()) }
    }

    #[inline]
    fn u64(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8) && offset + 8 <= self.0.len());
        // SAFETY: as in `u32`.
        let ptr = unsafe { self.0.as_ptr().add(offset) };
        // SAFETY: as in `u32`.
        unsafe { AtomicU64::from_ptr(ptr.cast()) }
    }
}

/// The words of a mapped control segment.
#[derive(Debug)]
struct Cells {
    words: Words,
    layout: RingLayout,
}

impl Cells {
    #[inline]
    fn slots(&self) -> u32 {
        self.layout.slots()
    }
    #[inline]
    fn head(&self) -> &AtomicU64 {
        self.words.u64(HEAD)
    }
    #[inline]
    fn wake(&self) -> &AtomicU32 {
        self.words.u32(WAKE)
    }
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        self.words.u32(WAITS)
    }
    #[inline]
    fn index(&self, at: u32) -> &AtomicU32 {
        let at = at & (2 * self.layout.slots() - 1);
        self.words.u32(self.layout.index_offset(at))
    }
    #[inline]
    fn state(&self, slot: SlotId) -> &AtomicU64 {
        self.words.u64(self.layout.state_offset(slot.index()))
    }
    #[inline]
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64 {
        let at = at % DESCRIPTOR_WORDS;
        self.words
            .u64(self.layout.descriptor_offset(slot.index()) + 8 * at)
    }
    fn status(&self) -> &AtomicU32 {
        self.words.u32(STATUS)
    }
    fn header(&self) -> Header {
        read_header(&self.words)
    }
}

fn read_header(words: &Words) -> Header {
    let mut copy = [0u64; size_of::<Header>() / 8];
    for (at, word) in copy.iter_mut().enumerate() {
        *word = words.u64(8 * at).load(Ordering::Relaxed);
    }
    zerocopy::transmute!(copy)
}

/// A client's control segment, mapped read-only. This type gives out no atomics, which could be
/// stored to.
#[derive(Debug)]
pub struct ControlMap(Cells);

impl ControlMap {
    /// Maps a host's control segment after checking its seals, its size and its header.
    pub fn open(fd: BorrowedFd<'_>) -> Result<Self, RingError> {
        if !memfd::cannot_shrink(fd) {
            return Err(RingError::NotSealed);
        }
        let size = file_size(fd).map_err(MemoryError::of(Call::Fstat))?;
        let smallest = RingLayout::new(super::MIN_SLOTS)?;
        let want = smallest.control_size() as u64;
        let largest = RingLayout::new(super::MAX_SLOTS)?;
        if size < want || size > (largest.control_size() as u64).next_multiple_of(65536) {
            return Err(RingError::Size {
                found: size,
                expected: want,
            });
        }
        let map = Mapping::new(fd, size as usize, Access::Read)?;
        let words = Words(map);
        let layout = RingLayout::from_header(&read_header(&words), size)?;
        Ok(Self(Cells { words, layout }))
    }

    /// Returns the ring's layout.
    pub fn layout(&self) -> RingLayout {
        self.0.layout
    }

    /// Returns the host's epoch, a random number.
    pub fn epoch(&self) -> u64 {
        self.0.header().epoch
    }

    /// Returns whether the host has closed the ring.
    pub fn is_closed(&self) -> bool {
        self.0.status().load(Ordering::Acquire) == STATUS_CLOSED
    }

    /// Sleeps while the wake word is `value`, until [`ControlMap::wake_sleepers`], a publish, or
    /// `deadline_ns` of `CLOCK_MONOTONIC`.
    ///
    /// # Errors
    /// `EAGAIN` if the word has already changed, `EINTR`, `ETIMEDOUT`.
    #[doc(alias = "FUTEX_WAIT_BITSET")]
    pub fn sleep_while(&self, value: u32, deadline_ns: u64) -> Result<(), Errno> {
        let deadline = crate::time::timespec(deadline_ns);
        let (flags, all) = (futex::Flags::empty(), NonZeroU32::MAX);
        // Unlike that of FUTEX_WAIT, this deadline is absolute, on the monotonic clock.
        futex::wait_bitset(self.0.wake(), flags, value, Some(&deadline), all)
    }

    /// Wakes all threads that sleep on the wake word, in every process, and returns how many.
    ///
    /// # Errors
    /// None in practice: the kernel refuses bad addresses only.
    #[doc(alias = "FUTEX_WAKE")]
    pub fn wake_sleepers(&self) -> Result<usize, Errno> {
        futex::wake(self.0.wake(), futex::Flags::empty(), i32::MAX as u32)
    }
}

impl Control for ControlMap {
    #[inline]
    fn slots(&self) -> u32 {
        self.0.slots()
    }
    #[inline]
    fn head(&self) -> ReadOnly<'_, AtomicU64> {
        ReadOnly::new(self.0.head())
    }
    #[inline]
    fn wake(&self) -> ReadOnly<'_, AtomicU32> {
        ReadOnly::new(self.0.wake())
    }
    #[inline]
    fn waits(&self) -> ReadOnly<'_, AtomicU32> {
        ReadOnly::new(self.0.waits())
    }
    #[inline]
    fn index(&self, at: u32) -> ReadOnly<'_, AtomicU32> {
        ReadOnly::new(self.0.index(at))
    }
    #[inline]
    fn state(&self, slot: SlotId) -> ReadOnly<'_, AtomicU64> {
        ReadOnly::new(self.0.state(slot))
    }
    #[inline]
    fn word(&self, slot: SlotId, at: usize) -> ReadOnly<'_, AtomicU64> {
        ReadOnly::new(self.0.word(slot, at))
    }
}

/// The host's control segment: the only writable mapping, and the fd for clients.
#[derive(Debug)]
pub struct HostControl {
    cells: Cells,
    fd: OwnedFd,
}

impl HostControl {
    /// Creates, maps and seals a control segment with an empty ring.
    ///
    /// `epoch` should be random; `pid` is for messages.
    pub fn create(layout: RingLayout, epoch: u64, pid: u32) -> Result<Self, RingError> {
        let size = layout.control_size();
        let fd = memfd::create(c"videostream-ring", size).map_err(create)?;
        let map = Mapping::new(&fd, size, Access::ReadWrite)?;
        let words = Words(map);
        let header: [u64; size_of::<Header>() / 8] =
            zerocopy::transmute!(layout.header(epoch, pid));
        for (at, word) in header.into_iter().enumerate() {
            words.u64(8 * at).store(word, Ordering::Relaxed);
        }
        memfd::seal(&fd, memfd::FIXED_SIZE_READ_ONLY).map_err(create)?;
        let cells = Cells { words, layout };
        Ok(Self { cells, fd })
    }

    /// Returns the ring's layout.
    pub fn layout(&self) -> RingLayout {
        self.cells.layout
    }

    /// Returns the epoch given at creation.
    pub fn epoch(&self) -> u64 {
        self.cells.header().epoch
    }

    /// Marks the ring as closed: once woken, no client waits for another frame.
    pub fn close(&self) {
        let status = self.cells.status();
        status.store(STATUS_CLOSED, Ordering::Release);
        self.cells.wake().fetch_add(1, Ordering::Release);
    }
}

impl AsFd for HostControl {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl ControlMut for HostControl {
    const WORDS: usize = DESCRIPTOR_WORDS;

    #[inline]
    fn slots(&self) -> u32 {
        self.cells.slots()
    }
    #[inline]
    fn head(&self) -> &AtomicU64 {
        self.cells.head()
    }
    #[inline]
    fn wake(&self) -> &AtomicU32 {
        self.cells.wake()
    }
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        self.cells.waits()
    }
    #[inline]
    fn index(&self, at: u32) -> &AtomicU32 {
        self.cells.index(at)
    }
    #[inline]
    fn state(&self, slot: SlotId) -> &AtomicU64 {
        self.cells.state(slot)
    }
    #[inline]
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64 {
        self.cells.word(slot, at)
    }
}

/// A statistic that a client keeps in its lease page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    /// Frames held so far.
    Acquired = 0,
    /// Frames that were retired before the client could hold them.
    Missed = 1,
    /// Serial of the last frame held.
    LastSerial = 2,
    /// Not 0 once the host no longer honours this lease; see [`LeaseMap::end`].
    Ended = 3,
    /// Holds and releases so far: a change tells the host that the client was active.
    Moves = 4,
}

/// A mapped lease page, writable on either side.
#[derive(Debug)]
pub struct LeaseMap {
    words: Words,
    layout: RingLayout,
}

impl LeaseMap {
    /// Host: creates, maps and seals a lease page; the fd goes to the client.
    pub fn create(layout: RingLayout) -> Result<(Self, OwnedFd), RingError> {
        let size = layout.lease_size();
        let fd = memfd::create(c"videostream-lease", size).map_err(create)?;
        memfd::seal(&fd, memfd::FIXED_SIZE).map_err(create)?;
        Ok((Self::map(fd.as_fd(), layout)?, fd))
    }

    /// Client: maps the page that the host made for it.
    pub fn open(fd: BorrowedFd<'_>, layout: RingLayout) -> Result<Self, RingError> {
        if !memfd::cannot_shrink(fd) {
            return Err(RingError::NotSealed);
        }
        Self::map(fd, layout)
    }

    fn map(fd: BorrowedFd<'_>, layout: RingLayout) -> Result<Self, RingError> {
        let map = Mapping::new(fd, layout.lease_size(), Access::ReadWrite);
        let words = Words(map?);
        Ok(Self { words, layout })
    }

    /// Returns the word of a statistic; see [`Stat`].
    #[inline]
    pub fn stat(&self, which: Stat) -> &AtomicU64 {
        self.words.u64(LEASE_STATS + 8 * which as usize)
    }

    /// Host: marks the lease as ended before ceasing to honour it. A client that keeps finding
    /// frames does not read its socket, so it learns of its eviction from this mark.
    pub fn end(&self) {
        // Ordered before the first slot that is freed in spite of this lease by the reclaim
        // fence; the client's look comes behind its hold fence.
        self.stat(Stat::Ended).store(1, Ordering::Relaxed);
    }

    /// Client: returns whether the host has ended this lease.
    #[inline]
    pub fn has_ended(&self) -> bool {
        self.stat(Stat::Ended).load(Ordering::Relaxed) != 0
    }

    /// Returns the sum of the references to all slots, saturating: what an honest client holds.
    ///
    /// The slots are read one by one while the client runs, so a frame that it releases and the
    /// next one may both be counted. This is for display; limits use
    /// [`Publisher::held_unreadable`](super::publisher::Publisher::held_unreadable).
    pub fn held(&self) -> u32 {
        (0..self.layout.slots()).fold(0u32, |sum, slot| {
            let refs = self.words.u32(self.layout.refs_offset(slot as usize));
            sum.saturating_add(refs.load(Ordering::Relaxed))
        })
    }
}

impl Lease for LeaseMap {
    #[inline]
    fn refs(&self, slot: SlotId) -> &AtomicU32 {
        self.words.u32(self.layout.refs_offset(slot.index()))
    }
    #[inline]
    fn waiting(&self) -> &AtomicU32 {
        self.words.u32(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::descriptor::FrameDescriptor;
    use super::super::publisher::Publisher;
    use super::super::reader;
    use super::*;

    fn layout(slots: u32) -> RingLayout {
        RingLayout::new(slots).unwrap()
    }

    #[test]
    fn a_frame_published_in_one_mapping_is_held_in_another() {
        let host = HostControl::create(layout(4), 99, 1).unwrap();
        let view = ControlMap::open(host.as_fd()).unwrap();
        let (host_lease, fd) = LeaseMap::create(layout(4)).unwrap();
        let lease = LeaseMap::open(fd.as_fd(), view.layout()).unwrap();
        assert_eq!(view.epoch(), 99);

        let mut p = Publisher::new(host);
        let claim = p.claim().unwrap();
        p.publish(claim, |serial| {
            FrameDescriptor {
                serial,
                width: 640,
                ..Default::default()
            }
            .to_words()
        });
        let held = reader::hold_newest(&view, &lease, 0).unwrap();
        let words = core::array::from_fn(|at| reader::word(&view, held.slot, at));
        assert_eq!(FrameDescriptor::from_words(words).width, 640);
        assert_eq!(host_lease.held(), 1);
        reader::release(&lease, held.slot);
        assert_eq!(host_lease.held(), 0);
    }

    #[test]
    fn clients_cannot_write_or_cut_the_control_segment() {
        let host = HostControl::create(layout(2), 1, 1).unwrap();
        let size = layout(2).control_size();
        let writable = Mapping::new(&host, size, Access::ReadWrite);
        assert_eq!(writable.unwrap_err().errno(), Errno::PERM);
        assert_eq!(rustix::fs::ftruncate(&host, 0), Err(Errno::PERM));
    }

    #[test]
    fn files_that_are_no_ring_are_refused() {
        let fd = memfd::create(c"test", 65536).unwrap();
        let unsealed = ControlMap::open(fd.as_fd()).unwrap_err();
        assert_eq!(unsealed, RingError::NotSealed);
        memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
        let zeros = ControlMap::open(fd.as_fd()).unwrap_err();
        assert_eq!(zeros, RingError::Magic { found: 0 });
        let short = memfd::create(c"test", 64).unwrap();
        memfd::seal(&short, memfd::FIXED_SIZE).unwrap();
        let size = layout(2).control_size() as u64;
        assert_eq!(
            ControlMap::open(short.as_fd()).unwrap_err(),
            RingError::Size {
                found: 64,
                expected: size
            }
        );
    }

    #[test]
    fn a_closed_host_is_seen_as_closed() {
        let host = HostControl::create(layout(2), 1, 1).unwrap();
        let view = ControlMap::open(host.as_fd()).unwrap();
        assert!(!view.is_closed());
        host.close();
        assert!(view.is_closed());
    }
}
