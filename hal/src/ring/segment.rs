//! A ring's words in memfds: what the host creates and what a client makes of the fds.
//!
//! The host creates both kinds of memory, so that it never maps a file whose size somebody
//! else controls. The control segment is sealed so that only the host's own mapping, made
//! before, can write; a lease page is written by its client and read by the host.

#![expect(unsafe_code, reason = "atomics at checked offsets of a mapping")]

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

use super::cells::{Control, ControlMut, Lease, SlotId};
use super::layout::{
    DESCRIPTOR_WORDS, HEAD, Header, LEASE_STATS, LayoutError, RingLayout, STATUS, STATUS_CLOSED,
    WAITS, WAKE,
};
use crate::memory::mapping::MapError;
use crate::memory::{Access, Mapping, memfd};
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Why a segment can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentError {
    /// The memory could not be created.
    Create(Errno),
    /// The memory could not be mapped.
    Map(MapError),
    /// What lies in it is not a ring of this version.
    Layout(LayoutError),
    /// The file's size is not sealed: the other side could cut it short.
    NotSealed,
}

impl core::fmt::Display for SegmentError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Create(errno) => write!(f, "cannot create shared memory: {errno}"),
            Self::Map(e) => e.fmt(f),
            Self::Layout(e) => e.fmt(f),
            Self::NotSealed => write!(f, "the ring's memory is not sealed against shrinking"),
        }
    }
}

impl core::error::Error for SegmentError {}

/// Atomics inside a mapping.
#[derive(Debug)]
struct Words(Mapping);

impl Words {
    #[inline]
    fn u32(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset.is_multiple_of(4) && offset + 4 <= self.0.len());
        // SAFETY: `offset` comes from `RingLayout`, whose whole size is mapped.
        let ptr = unsafe { self.0.as_ptr().add(offset) };
        // SAFETY: in bounds and aligned as above, mapped as long as `self`; all access by
        // any process goes through atomics, and through a read-only mapping only by loads.
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

/// A mapped control segment; read-only unless inside [`HostControl`].
#[derive(Debug)]
pub struct ControlMap {
    words: Words,
    layout: RingLayout,
}

impl ControlMap {
    /// Maps a host's control segment, after checking everything that the host claims.
    pub fn open(fd: BorrowedFd<'_>) -> Result<Self, SegmentError> {
        if !memfd::cannot_shrink(fd) {
            return Err(SegmentError::NotSealed);
        }
        let size = crate::memory::mapping::file_size(fd).map_err(SegmentError::Create)?;
        let smallest = RingLayout::new(super::MIN_SLOTS).map_err(SegmentError::Layout)?;
        let want = smallest.control_size() as u64;
        let largest = RingLayout::new(super::MAX_SLOTS).map_err(SegmentError::Layout)?;
        if size < want || size > (largest.control_size() as u64).next_multiple_of(65536) {
            return Err(SegmentError::Layout(LayoutError::Size(size, want)));
        }
        let map = Mapping::new(fd, size as usize, Access::Read).map_err(SegmentError::Map)?;
        let words = Words(map);
        let layout =
            RingLayout::from_header(&read_header(&words), size).map_err(SegmentError::Layout)?;
        Ok(Self { words, layout })
    }

    /// The ring's layout.
    pub fn layout(&self) -> RingLayout {
        self.layout
    }

    /// The host's random number.
    pub fn epoch(&self) -> u64 {
        read_header(&self.words).epoch
    }

    /// Whether the host said goodbye.
    pub fn is_closed(&self) -> bool {
        self.words.u32(STATUS).load(Ordering::Acquire) == STATUS_CLOSED
    }
}

fn read_header(words: &Words) -> Header {
    let mut copy = [0u64; size_of::<Header>() / 8];
    for (at, word) in copy.iter_mut().enumerate() {
        *word = words.u64(8 * at).load(Ordering::Relaxed);
    }
    zerocopy::transmute!(copy)
}

impl Control for ControlMap {
    const WORDS: usize = DESCRIPTOR_WORDS;

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
        self.words
            .u32(self.layout.index_offset(at & (2 * self.layout.slots() - 1)))
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
}

/// The host's control segment: the only writable mapping, and the fd for clients.
#[derive(Debug)]
pub struct HostControl {
    map: ControlMap,
    fd: OwnedFd,
}

impl HostControl {
    /// Creates, maps and seals a control segment with an empty ring.
    ///
    /// `epoch` should be random; `pid` is for messages.
    pub fn create(layout: RingLayout, epoch: u64, pid: u32) -> Result<Self, SegmentError> {
        let size = layout.control_size();
        let fd = memfd::create(c"videostream-ring", size).map_err(SegmentError::Create)?;
        let map = Mapping::new(&fd, size, Access::ReadWrite).map_err(SegmentError::Map)?;
        let words = Words(map);
        let header: [u64; size_of::<Header>() / 8] =
            zerocopy::transmute!(layout.header(epoch, pid));
        for (at, word) in header.into_iter().enumerate() {
            words.u64(8 * at).store(word, Ordering::Relaxed);
        }
        memfd::seal(&fd, memfd::FIXED_SIZE_READ_ONLY).map_err(SegmentError::Create)?;
        let map = ControlMap { words, layout };
        Ok(Self { map, fd })
    }

    /// The ring's layout.
    pub fn layout(&self) -> RingLayout {
        self.map.layout
    }

    /// The random number given at creation.
    pub fn epoch(&self) -> u64 {
        self.map.epoch()
    }

    /// Says goodbye to all clients: none waits for a frame any more once woken.
    pub fn close(&self) {
        let status = self.map.words.u32(STATUS);
        status.store(STATUS_CLOSED, Ordering::Release);
        self.map.wake().fetch_add(1, Ordering::Release);
    }
}

impl AsFd for HostControl {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Control for HostControl {
    const WORDS: usize = DESCRIPTOR_WORDS;

    #[inline]
    fn slots(&self) -> u32 {
        self.map.slots()
    }
    #[inline]
    fn head(&self) -> &AtomicU64 {
        self.map.head()
    }
    #[inline]
    fn wake(&self) -> &AtomicU32 {
        self.map.wake()
    }
    #[inline]
    fn waits(&self) -> &AtomicU32 {
        self.map.waits()
    }
    #[inline]
    fn index(&self, at: u32) -> &AtomicU32 {
        self.map.index(at)
    }
    #[inline]
    fn state(&self, slot: SlotId) -> &AtomicU64 {
        self.map.state(slot)
    }
    #[inline]
    fn word(&self, slot: SlotId, at: usize) -> &AtomicU64 {
        self.map.word(slot, at)
    }
}

impl ControlMut for HostControl {}

/// What a client counts for whoever looks at the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    /// Frames held so far.
    Acquired = 0,
    /// Frames that were gone before the client came.
    Missed = 1,
    /// Serial of the last frame held.
    LastSerial = 2,
    /// Not 0 once the host no longer looks at this lease; see [`LeaseMap::end`].
    Ended = 3,
    /// Frames held and let go so far: tells a host that something has happened.
    Moves = 4,
}

/// A mapped lease page, on either side.
#[derive(Debug)]
pub struct LeaseMap {
    words: Words,
    layout: RingLayout,
}

impl LeaseMap {
    /// Host: creates, maps and seals a lease page; the fd goes to the client.
    pub fn create(layout: RingLayout) -> Result<(Self, OwnedFd), SegmentError> {
        let size = layout.lease_size();
        let fd = memfd::create(c"videostream-lease", size).map_err(SegmentError::Create)?;
        memfd::seal(&fd, memfd::FIXED_SIZE).map_err(SegmentError::Create)?;
        Ok((Self::map(fd.as_fd(), layout)?, fd))
    }

    /// Client: maps the page that the host made for it.
    pub fn open(fd: BorrowedFd<'_>, layout: RingLayout) -> Result<Self, SegmentError> {
        if !memfd::cannot_shrink(fd) {
            return Err(SegmentError::NotSealed);
        }
        Self::map(fd, layout)
    }

    fn map(fd: BorrowedFd<'_>, layout: RingLayout) -> Result<Self, SegmentError> {
        let map = Mapping::new(fd, layout.lease_size(), Access::ReadWrite);
        let words = Words(map.map_err(SegmentError::Map)?);
        Ok(Self { words, layout })
    }

    /// A statistic; see [`Stat`].
    #[inline]
    pub fn stat(&self, which: Stat) -> &AtomicU64 {
        self.words.u64(LEASE_STATS + 8 * which as usize)
    }

    /// Host: says that this lease protects nothing any more, before that is so. A client that
    /// keeps finding frames does not look at its socket: it finds this instead.
    pub fn end(&self) {
        // Ordered before the first slot that is freed in spite of this lease by the reclaim
        // fence; the client's look comes behind its hold fence.
        self.stat(Stat::Ended).store(1, Ordering::Relaxed);
    }

    /// Client: whether the host has let go of this lease.
    #[inline]
    pub fn has_ended(&self) -> bool {
        self.stat(Stat::Ended).load(Ordering::Relaxed) != 0
    }

    /// References over all slots, saturating: what the client holds, if it tells the truth. Added up
    /// slot by slot while it goes on: a frame that it lets go and the next may both be in it. For
    /// people to see; see [`Publisher::held_unreadable`](super::publisher::Publisher::held_unreadable).
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
    fn clients_can_neither_write_nor_cut_the_control_segment() {
        let host = HostControl::create(layout(2), 1, 1).unwrap();
        let size = layout(2).control_size();
        let writable = Mapping::new(&host, size, Access::ReadWrite);
        assert_eq!(writable.unwrap_err(), MapError::Os(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&host, 0), Err(Errno::PERM));
    }

    #[test]
    fn files_that_are_no_ring_are_refused_by_what_is_wrong() {
        let fd = memfd::create(c"test", 65536).unwrap();
        let unsealed = ControlMap::open(fd.as_fd()).unwrap_err();
        assert_eq!(unsealed, SegmentError::NotSealed);
        memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
        let zeros = ControlMap::open(fd.as_fd()).unwrap_err();
        assert_eq!(zeros, SegmentError::Layout(LayoutError::Magic(0)));
        let short = memfd::create(c"test", 64).unwrap();
        memfd::seal(&short, memfd::FIXED_SIZE).unwrap();
        let size = layout(2).control_size() as u64;
        assert_eq!(
            ControlMap::open(short.as_fd()).unwrap_err(),
            SegmentError::Layout(LayoutError::Size(64, size))
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
