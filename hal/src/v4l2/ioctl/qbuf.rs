//! `VIDIOC_QBUF`.
#![expect(
    unsafe_code,
    reason = "the buffer points to an array of planes that the kernel reads and fills"
)]

use rustix::fd::BorrowedFd;

use super::buffer::{BufferFlags, PlaneMemory, RawBuffer};
use super::request::{QBuf, call_with_pointers};
use crate::Error;
use crate::v4l2::{BufType, Field, MAX_MEMORY_PLANES, Memory};

/// One memory plane to queue.
#[derive(Clone, Copy, Debug)]
pub struct QueuePlane<'a> {
    /// Location of its memory.
    pub memory: PlaneMemory<'a>,
    /// Length of the memory in bytes; 0 for the whole dma-buf.
    pub length: u32,
    /// Bytes of content including `data_offset`; output queues only.
    pub bytes_used: u32,
    /// Bytes before the content; multi-planar output queues only.
    pub data_offset: u32,
}

impl QueuePlane<'_> {
    /// A plane in the driver's memory, to be filled.
    pub const MMAP: QueuePlane<'static> = QueuePlane {
        memory: PlaneMemory::Mmap,
        length: 0,
        bytes_used: 0,
        data_offset: 0,
    };
}

/// A buffer to queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueBuffer<'a> {
    /// Index of the buffer in the queue.
    pub index: u32,
    /// Its memory planes.
    pub planes: &'a [QueuePlane<'a>],
    /// Flags, such as cache hints.
    pub flags: BufferFlags,
    /// Field order of the content; output queues only.
    pub field: Field,
    /// Timestamp; output queues only. Codecs copy it to the result.
    pub timestamp_ns: u64,
}

/// `VIDIOC_QBUF`: queues a buffer.
///
/// The kernel takes its own reference to dma-bufs: their descriptors may be closed after the call.
///
/// # Errors
/// - `EINVAL`: no such buffer, it is already queued, a plane is too small, or not a dma-buf.
/// - `EFAULT`: the memory is not contiguous, and the device has no IOMMU.
/// - `EBUSY`: another handle owns the queue.
/// - `EIO`: the driver failed.
/// - `ENODEV`: the device was unplugged.
/// - [`Error::Argument`]: no planes or too many, or pages that do not hold `length` bytes.
pub fn qbuf(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    memory: Memory,
    buffer: &QueueBuffer<'_>,
) -> Result<(), Error> {
    let count = buffer.planes.len();
    let most = if buf_type.is_mplane() {
        MAX_MEMORY_PLANES
    } else {
        1
    };
    if !(1..=most).contains(&count) {
        return Err(Error::Argument {
            name: "planes",
            value: count as u64,
        });
    }
    let mut raw = RawBuffer::new(buf_type, memory, buffer.index);
    raw.set_header(buffer.flags, buffer.field, buffer.timestamp_ns);
    raw.set_plane_count(count);
    for (at, plane) in buffer.planes.iter().enumerate() {
        if plane.memory.memory() != memory {
            return Err(Error::Argument {
                name: "memory type of a plane",
                value: plane.memory.memory().raw().into(),
            });
        }
        if !plane.memory.holds(plane.length) {
            return Err(Error::Argument {
                name: "length of a plane",
                value: plane.length.into(),
            });
        }
        raw.set_plane(
            at,
            plane.memory,
            plane.length,
            plane.bytes_used,
            plane.data_offset,
        );
    }
    // SAFETY: `with` points the buffer at its own array, whose length it states. An address is
    // that of pages of a `Mapping` which hold `length` bytes, as checked above: shared memory that
    // nobody has plain references to. The kernel holds the pages itself until it is done.
    raw.with(|raw| unsafe { call_with_pointers::<QBuf>(fd, raw) })
}
