//! Offsets in the two kinds of shared memory: the control segment and the lease page.
//!
//! Control segment, read-only for clients (offsets in bytes, `N` slots):
//!
//! ```text
//!    0  Header            64
//!   64  head    u64       own cache line: serial × 1024 + slot of the newest frame
//!  128  wake    u32       own cache line
//!  192  status  u32       own cache line: 0 live, 1 closed
//!  196  waits   u32       same line: not 0 while the host waits for its clients
//!  256  index   u32 × 2N
//!       slots   320 × N   state u64 (own line), descriptor 256
//! ```
//!
//! Lease page, one per client, written by that client:
//!
//! ```text
//!    0  waiting u32       own cache line
//!   64  stats   u64 × 5   acquired, missed, last serial, ended, moves
//!  128  refs    u32 × N
//! ```
//!
//! Fixed-width fields, the same on 32- and 64-bit machines; both ends run on one machine and so
//! share its byte order.

use core::mem::{align_of, offset_of, size_of};

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::descriptor::FrameDescriptor;
use super::error::RingError;

/// First bytes of a control segment.
pub const MAGIC: u64 = u64::from_le_bytes(*b"VSLRING\x03");
/// Version of everything in this file; peers of another version refuse each other.
pub const LAYOUT_VERSION: u32 = 1;
/// Minimum number of slots of a ring.
pub const MIN_SLOTS: u32 = 2;
/// Maximum number of slots of a ring.
pub const MAX_SLOTS: u32 = 1024;

/// Bytes of a cache line; also suits lines of 32 bytes and, in effect, pairs of 64.
pub const LINE: usize = 64;
/// Offset of the newest frame's serial and slot.
pub const HEAD: usize = LINE;
/// Offset of the futex word.
pub const WAKE: usize = 2 * LINE;
/// Offset of the host's status word.
pub const STATUS: usize = 3 * LINE;
/// Offset of the word that a host sets while it waits for its clients.
pub const WAITS: usize = STATUS + 4;
/// Offset of the serial-to-slot table.
pub const INDEX: usize = 4 * LINE;
/// Bytes from one slot to the next: the state's line, then the descriptor.
pub const SLOT_STRIDE: usize = LINE + size_of::<FrameDescriptor>();
/// 64-bit words of a descriptor.
pub const DESCRIPTOR_WORDS: usize = size_of::<FrameDescriptor>() / 8;

/// Offset of a lease's counts of held frames.
pub const LEASE_REFS: usize = 2 * LINE;
/// Offset of a lease's statistics.
pub const LEASE_STATS: usize = LINE;

/// Status word of a running host.
pub const STATUS_LIVE: u32 = 0;
/// Status word of a host that has closed the ring.
pub const STATUS_CLOSED: u32 = 1;

/// The first line of the control segment, written once before any client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: u64,
    /// Random number that tells a restarted host from its predecessor.
    pub epoch: u64,
    /// Bytes of the segment.
    pub total_size: u64,
    /// [`LAYOUT_VERSION`].
    pub version: u32,
    /// Number of slots.
    pub slots: u32,
    /// [`SLOT_STRIDE`] of the writer.
    pub slot_stride: u32,
    /// Process of the host, for messages only.
    pub host_pid: u32,
    /// Zero.
    pub reserved: [u64; 3],
}

const_assert_eq!(size_of::<Header>(), LINE);
const_assert_eq!(align_of::<Header>(), 8);
const_assert_eq!(offset_of!(Header, epoch), 8);
const_assert_eq!(offset_of!(Header, total_size), 16);
const_assert_eq!(offset_of!(Header, version), 24);
const_assert_eq!(offset_of!(Header, slots), 28);
const_assert_eq!(offset_of!(Header, slot_stride), 32);
const_assert_eq!(offset_of!(Header, host_pid), 36);
const_assert_eq!(offset_of!(Header, reserved), 40);
const_assert_eq!(SLOT_STRIDE % LINE, 0);

/// The layout of a ring with a checked number of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLayout {
    slots: u32,
}

impl RingLayout {
    /// Returns the layout for `slots` slots, a power of two in [`MIN_SLOTS`]`..=`[`MAX_SLOTS`].
    pub const fn new(slots: u32) -> Result<Self, RingError> {
        if slots < MIN_SLOTS || slots > MAX_SLOTS || !slots.is_power_of_two() {
            return Err(RingError::Slots { count: slots });
        }
        Ok(Self { slots })
    }

    /// Checks a header from the other side and the size of its segment, and returns the layout.
    pub const fn from_header(header: &Header, segment_size: u64) -> Result<Self, RingError> {
        if header.magic != MAGIC {
            return Err(RingError::Magic {
                found: header.magic,
            });
        }
        if header.version != LAYOUT_VERSION {
            return Err(RingError::Version {
                found: header.version,
            });
        }
        let layout = match Self::new(header.slots) {
            Ok(layout) => layout,
            Err(e) => return Err(e),
        };
        if header.slot_stride as usize != SLOT_STRIDE {
            return Err(RingError::Size {
                found: header.slot_stride as u64,
                expected: SLOT_STRIDE as u64,
            });
        }
        let want = layout.control_size() as u64;
        if header.total_size != want {
            return Err(RingError::Size {
                found: header.total_size,
                expected: want,
            });
        }
        if segment_size < want {
            return Err(RingError::Size {
                found: segment_size,
                expected: want,
            });
        }
        Ok(layout)
    }

    /// Returns the header that a host writes.
    pub const fn header(&self, epoch: u64, host_pid: u32) -> Header {
        Header {
            magic: MAGIC,
            epoch,
            total_size: self.control_size() as u64,
            version: LAYOUT_VERSION,
            slots: self.slots,
            slot_stride: SLOT_STRIDE as u32,
            host_pid,
            reserved: [0; 3],
        }
    }

    /// Returns the number of slots.
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// Returns the offset of entry `at` of the serial-to-slot table; the table has `2 * slots`
    /// entries.
    pub const fn index_offset(&self, at: u32) -> usize {
        INDEX + 4 * at as usize
    }

    /// Returns the offset of slot `slot`'s state word.
    pub const fn state_offset(&self, slot: usize) -> usize {
        self.slots_offset() + slot * SLOT_STRIDE
    }

    /// Returns the offset of slot `slot`'s descriptor.
    pub const fn descriptor_offset(&self, slot: usize) -> usize {
        self.state_offset(slot) + LINE
    }

    /// Returns the size of the control segment, in bytes.
    pub const fn control_size(&self) -> usize {
        self.slots_offset() + self.slots as usize * SLOT_STRIDE
    }

    /// Returns the offset of a lease's reference count for `slot`.
    pub const fn refs_offset(&self, slot: usize) -> usize {
        LEASE_REFS + 4 * slot
    }

    /// Returns the size of a lease page, in bytes.
    pub const fn lease_size(&self) -> usize {
        LEASE_REFS + 4 * self.slots as usize
    }

    const fn slots_offset(&self) -> usize {
        (INDEX + 8 * self.slots as usize).next_multiple_of(LINE)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn slot_counts_are_powers_of_two_within_limits() {
        for good in [2, 4, 64, 1024] {
            assert_eq!(RingLayout::new(good).unwrap().slots(), good);
        }
        for bad in [0, 1, 3, 6, 1000, 2048, u32::MAX] {
            assert_eq!(RingLayout::new(bad), Err(RingError::Slots { count: bad }));
        }
    }

    #[test]
    fn parts_do_not_overlap_and_slots_start_on_lines() {
        for slots in [2, 4, 8, 1024] {
            let l = RingLayout::new(slots).unwrap();
            assert!(l.index_offset(2 * slots - 1) + 4 <= l.state_offset(0));
            assert_eq!(l.state_offset(0) % LINE, 0);
            let last = slots as usize - 1;
            let end = l.descriptor_offset(last) + size_of::<FrameDescriptor>();
            assert_eq!(end, l.control_size());
            assert_eq!(l.refs_offset(last) + 4, l.lease_size());
        }
    }

    #[test]
    fn only_valid_headers_pass_the_check() {
        let l = RingLayout::new(8).unwrap();
        let good = l.header(7, 1);
        let size = l.control_size() as u64;
        let wrong_size = |found, expected| RingError::Size { found, expected };
        assert_eq!(RingLayout::from_header(&good, size), Ok(l));
        assert_eq!(
            RingLayout::from_header(&good, size - 1),
            Err(wrong_size(size - 1, size))
        );
        for (bad, error) in [
            (Header { magic: 5, ..good }, RingError::Magic { found: 5 }),
            (
                Header { version: 9, ..good },
                RingError::Version { found: 9 },
            ),
            (Header { slots: 7, ..good }, RingError::Slots { count: 7 }),
            (
                Header {
                    total_size: 1,
                    ..good
                },
                wrong_size(1, size),
            ),
            (
                Header {
                    slot_stride: 8,
                    ..good
                },
                wrong_size(8, SLOT_STRIDE as u64),
            ),
        ] {
            assert_eq!(RingLayout::from_header(&bad, size), Err(error));
        }
    }
}
