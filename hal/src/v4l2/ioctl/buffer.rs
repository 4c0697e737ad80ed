//! `struct v4l2_buffer`, in one type for single- and multi-planar queues.
#![expect(
    unsafe_code,
    reason = "where a plane's memory is, is a union whose member the memory type selects"
)]

use bitflags::bitflags;
use rustix::fd::{AsRawFd, BorrowedFd};
use videostream_sys::v4l2 as sys;

use crate::memory::mapping::Mapping;
use crate::v4l2::{BufType, Field, MAX_MEMORY_PLANES, Memory};
use crate::{Call, Error};

bitflags! {
    /// `V4L2_BUF_FLAG_*`: the state of a buffer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct BufferFlags: u32 {
        /// Mapped into a process.
        const MAPPED = sys::V4L2_BUF_FLAG_MAPPED;
        /// Queued with the driver.
        const QUEUED = sys::V4L2_BUF_FLAG_QUEUED;
        /// Ready to be dequeued.
        const DONE = sys::V4L2_BUF_FLAG_DONE;
        /// A key frame.
        const KEYFRAME = sys::V4L2_BUF_FLAG_KEYFRAME;
        /// A P-frame, predicted from earlier pictures.
        const PFRAME = sys::V4L2_BUF_FLAG_PFRAME;
        /// A B-frame, predicted from earlier and later pictures.
        const BFRAME = sys::V4L2_BUF_FLAG_BFRAME;
        /// Dequeued as usual, but the content is corrupted.
        const ERROR = sys::V4L2_BUF_FLAG_ERROR;
        /// Has a time code.
        const TIMECODE = sys::V4L2_BUF_FLAG_TIMECODE;
        /// The decoded buffer is to be held for the second field.
        const M2M_HOLD_CAPTURE_BUF = sys::V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF;
        /// Prepared for the hardware.
        const PREPARED = sys::V4L2_BUF_FLAG_PREPARED;
        /// The cache need not be invalidated.
        const NO_CACHE_INVALIDATE = sys::V4L2_BUF_FLAG_NO_CACHE_INVALIDATE;
        /// The cache need not be cleaned.
        const NO_CACHE_CLEAN = sys::V4L2_BUF_FLAG_NO_CACHE_CLEAN;
        /// The last buffer of a stream or before a format change.
        const LAST = sys::V4L2_BUF_FLAG_LAST;
        /// Bits unknown to this library, and those of clock and source.
        const _ = !0;
    }
}

/// The clock of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampClock {
    /// The driver does not report it.
    Unknown,
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// Copied from the input buffer (codecs).
    Copy,
}

/// The moment in a frame that a timestamp refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampSource {
    /// The end of the last line's reception.
    EndOfFrame,
    /// The start of exposure.
    StartOfExposure,
    /// A moment unknown to this library.
    Other,
}

impl BufferFlags {
    /// Returns the clock of the timestamp.
    #[must_use]
    pub const fn clock(self) -> TimestampClock {
        match self.bits() & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK {
            sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC => TimestampClock::Monotonic,
            sys::V4L2_BUF_FLAG_TIMESTAMP_COPY => TimestampClock::Copy,
            _ => TimestampClock::Unknown,
        }
    }

    /// Returns the moment of the timestamp.
    #[must_use]
    pub const fn source(self) -> TimestampSource {
        match self.bits() & sys::V4L2_BUF_FLAG_TSTAMP_SRC_MASK {
            sys::V4L2_BUF_FLAG_TSTAMP_SRC_EOF => TimestampSource::EndOfFrame,
            sys::V4L2_BUF_FLAG_TSTAMP_SRC_SOE => TimestampSource::StartOfExposure,
            _ => TimestampSource::Other,
        }
    }
}

/// One memory plane of a [`Buffer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "v4l2_plane")]
pub struct BufferPlane {
    /// Valid bytes, **including** `data_offset`; at most `length`.
    #[doc(alias = "bytesused")]
    pub bytes_used: u32,
    /// Length of the plane in bytes.
    pub length: u32,
    /// Bytes before the picture starts; 0 in the single-planar API.
    pub data_offset: u32,
    /// Offset for `mmap`; for [`Memory::Mmap`] after [`querybuf`](super::querybuf).
    pub mem_offset: u32,
}

/// `struct v4l2_buffer`: the driver's description of a buffer.
///
/// `planes[..plane_count]` are valid, one entry in the single-planar API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_buffer")]
pub struct Buffer {
    /// Index of the buffer in the queue.
    pub index: u32,
    /// State and picture type.
    pub flags: BufferFlags,
    /// Field order.
    pub field: Field,
    /// Frame number: counts lost frames, too; wraps, and starts at 0 with the stream.
    pub sequence: u32,
    /// Nanoseconds on the clock given by `flags`.
    pub timestamp_ns: u64,
    /// Memory planes.
    pub planes: [BufferPlane; MAX_MEMORY_PLANES],
    /// Valid entries of `planes`.
    pub plane_count: usize,
}

impl Buffer {
    /// Returns the valid memory planes.
    #[must_use]
    pub fn planes(&self) -> &[BufferPlane] {
        &self.planes[..self.plane_count.min(MAX_MEMORY_PLANES)]
    }
}

/// The location of a plane's memory.
#[derive(Clone, Copy, Debug)]
pub enum PlaneMemory<'a> {
    /// In the driver.
    Mmap,
    /// In a dma-buf.
    DmaBuf(BorrowedFd<'a>),
    /// In a mapping of this process.
    UserPtr {
        /// The mapping, writable.
        pages: &'a Mapping,
        /// Offset of the plane in bytes.
        offset: usize,
    },
}

impl PlaneMemory<'_> {
    /// Returns the memory type of a queue with such planes.
    #[must_use]
    pub const fn memory(&self) -> Memory {
        match self {
            Self::Mmap => Memory::Mmap,
            Self::DmaBuf(_) => Memory::DmaBuf,
            Self::UserPtr { .. } => Memory::UserPtr,
        }
    }

    /// Returns whether the driver may use `length` bytes. It knows the size of its own memory and
    /// of dma-bufs.
    pub(super) fn holds(&self, length: u32) -> bool {
        match self {
            Self::Mmap | Self::DmaBuf(_) => true,
            Self::UserPtr { pages, offset } => {
                let end = offset.checked_add(length as usize);
                pages.is_writable() && length > 0 && end.is_some_and(|end| end <= pages.len())
            }
        }
    }

    /// Returns the value of the union `m`, in the member that the memory type selects.
    fn raw(self) -> RawMemory {
        match self {
            Self::Mmap => RawMemory::Fd(0),
            Self::DmaBuf(fd) => RawMemory::Fd(fd.as_raw_fd()),
            Self::UserPtr { pages, offset } => {
                // The kernel writes to it, so the address is exposed.
                RawMemory::Address((pages.as_ptr().expose_provenance() + offset) as _)
            }
        }
    }
}

/// A descriptor or an address, as the kernel expects it.
enum RawMemory {
    Fd(i32),
    Address(core::ffi::c_ulong),
}

/// The kernel's structs for one call: the buffer and the planes that it points to.
///
/// # Invariants
/// `planes` outlives the call because both are one value on the caller's stack; the pointer
/// to it is set by [`RawBuffer::with`] only, which lends both for one call.
pub(super) struct RawBuffer {
    buffer: sys::v4l2_buffer,
    planes: [sys::v4l2_plane; MAX_MEMORY_PLANES],
    mplane: bool,
}

impl RawBuffer {
    pub(super) fn new(buf_type: BufType, memory: Memory, index: u32) -> Self {
        let mut buffer = sys::v4l2_buffer {
            index,
            type_: buf_type.raw(),
            memory: memory.raw(),
            ..Default::default()
        };
        if buf_type.is_mplane() {
            buffer.length = MAX_MEMORY_PLANES as u32;
        }
        Self {
            buffer,
            planes: Default::default(),
            mplane: buf_type.is_mplane(),
        }
    }

    pub(super) fn set_header(&mut self, flags: BufferFlags, field: Field, timestamp_ns: u64) {
        self.buffer.flags = flags.bits();
        self.buffer.field = field.raw();
        self.buffer.timestamp = sys::timeval {
            tv_sec: (timestamp_ns / 1_000_000_000) as i64,
            tv_usec: (timestamp_ns % 1_000_000_000 / 1000) as i64,
        };
    }

    /// Sets the number of planes that the call passes.
    pub(super) fn set_plane_count(&mut self, count: usize) {
        if self.mplane {
            self.buffer.length = count.min(MAX_MEMORY_PLANES) as u32;
        }
    }

    /// Sets the memory and content of plane `at`; ignored past the array.
    pub(super) fn set_plane(
        &mut self,
        at: usize,
        memory: PlaneMemory<'_>,
        length: u32,
        bytes_used: u32,
        data_offset: u32,
    ) {
        if !self.mplane {
            if at == 0 {
                self.buffer.bytesused = bytes_used;
                self.buffer.length = length;
                match memory.raw() {
                    RawMemory::Fd(fd) => self.buffer.m.fd = fd,
                    RawMemory::Address(address) => self.buffer.m.userptr = address,
                }
            }
        } else if let Some(plane) = self.planes.get_mut(at) {
            plane.bytesused = bytes_used;
            plane.length = length;
            plane.data_offset = data_offset;
            match memory.raw() {
                RawMemory::Fd(fd) => plane.m.fd = fd,
                RawMemory::Address(address) => plane.m.userptr = address,
            }
        }
    }

    /// Lends the kernel's struct, with its pointer to the planes set, for one call.
    pub(super) fn with<T>(&mut self, call: impl FnOnce(&mut sys::v4l2_buffer) -> T) -> T {
        if self.mplane {
            self.buffer.m.planes = self.planes.as_mut_ptr();
        }
        call(&mut self.buffer)
    }

    /// Converts the driver's answer.
    pub(super) fn answer(&self, call: Call) -> Result<Buffer, Error> {
        let raw = &self.buffer;
        let mut planes = [BufferPlane::default(); MAX_MEMORY_PLANES];
        let plane_count = if self.mplane {
            let count = raw.length as usize;
            if !(1..=MAX_MEMORY_PLANES).contains(&count) {
                return Err(Error::Answer {
                    call,
                    field: "length",
                    value: raw.length.into(),
                });
            }
            for (plane, raw) in planes.iter_mut().zip(&self.planes[..count]) {
                *plane = BufferPlane {
                    bytes_used: raw.bytesused.min(raw.length),
                    length: raw.length,
                    data_offset: raw.data_offset.min(raw.length),
                    // SAFETY: every member is at least 32 bits of initialised integer.
                    mem_offset: unsafe { raw.m.mem_offset },
                };
            }
            count
        } else {
            planes[0] = BufferPlane {
                bytes_used: raw.bytesused.min(raw.length),
                length: raw.length,
                data_offset: 0,
                // SAFETY: every member is at least 32 bits of initialised integer.
                mem_offset: unsafe { raw.m.offset },
            };
            1
        };
        let seconds = u64::try_from(raw.timestamp.tv_sec).unwrap_or(0);
        let micros = u64::try_from(raw.timestamp.tv_usec).unwrap_or(0);
        Ok(Buffer {
            index: raw.index,
            flags: BufferFlags::from_bits_retain(raw.flags),
            field: Field::from_raw(raw.field),
            sequence: raw.sequence,
            timestamp_ns: seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(micros.saturating_mul(1000)),
            planes,
            plane_count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_used_never_exceed_the_plane() {
        let mut raw = RawBuffer::new(BufType::VideoCapture, Memory::Mmap, 0);
        raw.with(|buffer| {
            buffer.bytesused = 5000;
            buffer.length = 4096;
            buffer.timestamp.tv_sec = 2;
            buffer.timestamp.tv_usec = 3;
        });
        let buffer = raw.answer(Call::DqBuf).unwrap();
        assert_eq!(buffer.planes()[0].bytes_used, 4096);
        assert_eq!(buffer.timestamp_ns, 2_000_003_000);
    }

    #[test]
    fn a_plane_count_past_the_array_is_refused() {
        let mut raw = RawBuffer::new(BufType::VideoCaptureMplane, Memory::Mmap, 0);
        raw.with(|buffer| buffer.length = 9);
        assert!(matches!(
            raw.answer(Call::DqBuf),
            Err(Error::Answer {
                field: "length",
                value: 9,
                ..
            })
        ));
    }

    #[test]
    fn flags_tell_clock_and_moment() {
        let flags = BufferFlags::from_bits_retain(0x0001_2040);
        assert!(flags.contains(BufferFlags::ERROR));
        assert_eq!(flags.clock(), TimestampClock::Monotonic);
        assert_eq!(flags.source(), TimestampSource::StartOfExposure);
        assert_eq!(BufferFlags::empty().clock(), TimestampClock::Unknown);
    }
}
