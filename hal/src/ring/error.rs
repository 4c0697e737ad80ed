//! Why a ring, its memory or one of its frames can't be used.

#[cfg(all(target_os = "linux", not(loom)))]
use rustix::io::Errno;

use super::descriptor::MAX_PLANES;
use super::layout::{LAYOUT_VERSION, MAX_SLOTS, MIN_SLOTS};
#[cfg(all(target_os = "linux", not(loom)))]
use crate::memory::MemoryError;

/// Why a ring, its memory or one of its frames can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// The number of slots is not a power of two, or not in [`MIN_SLOTS`]`..=`[`MAX_SLOTS`].
    #[error("{count} slots: expected a power of two from {MIN_SLOTS} to {MAX_SLOTS}")]
    Slots {
        /// That number.
        count: u32,
    },
    /// The memory is not a control segment.
    #[error("not a frame ring: it starts with {found:#018x}")]
    Magic {
        /// Its first word.
        found: u64,
    },
    /// The other side's layout has another version.
    #[error(
        "the ring has layout version {found}, this library knows {LAYOUT_VERSION}: \
         use the same library release on both sides"
    )]
    Version {
        /// That version.
        found: u32,
    },
    /// A size disagrees with this layout.
    #[error("the ring reports {found} bytes, expected {expected}")]
    Size {
        /// The other side's size in bytes.
        found: u64,
        /// The size by this layout in bytes.
        expected: u64,
    },
    /// The file's size is not sealed: the other side could truncate it.
    #[error("the ring's memory is not sealed against shrinking")]
    NotSealed,
    /// The memory could not be created.
    #[cfg(all(target_os = "linux", not(loom)))]
    #[error("cannot create shared memory: {errno}")]
    Create {
        /// The kernel's error.
        errno: Errno,
    },
    /// The memory could not be mapped.
    #[cfg(all(target_os = "linux", not(loom)))]
    #[error(transparent)]
    Map(#[from] MemoryError),
    /// A frame has more than [`MAX_PLANES`] planes, or none.
    #[error("frame has {count} planes, expected 1 to {MAX_PLANES}")]
    Planes {
        /// The number of planes.
        count: u32,
    },
    /// A slot's serial differs from that of its descriptor.
    #[error("frame has serial {found}, expected {expected}")]
    Serial {
        /// Serial of the slot.
        expected: u64,
        /// Serial in the descriptor.
        found: u64,
    },
    /// A plane reaches past the end of its buffer.
    #[error("plane {plane} ends at byte {end} of a buffer of {size} bytes")]
    PlaneEnd {
        /// Index of the plane, from 0.
        plane: u8,
        /// Its end, in bytes from the buffer's beginning.
        end: u64,
        /// Size of the buffer, in bytes.
        size: u64,
    },
}
