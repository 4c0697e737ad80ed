//! The description of a frame in its slot: plain data, 256 bytes, no padding.

use core::mem::{align_of, offset_of, size_of};

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::error::RingError;

/// Maximum number of planes of a frame.
pub const MAX_PLANES: usize = 4;
/// Bytes of a descriptor that belong to the application.
pub const APP_BYTES: usize = 64;
/// An unknown time.
pub const NO_TIME: i64 = i64::MIN;

bitflags::bitflags! {
    /// Properties of a frame.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// Decoding can start here.
        const KEY_FRAME = 1;
        /// The driver reports damaged content.
        const CORRUPTED = 1 << 1;
        /// Frames are missing before this one, or the source was restarted.
        const DISCONTINUITY = 1 << 2;
        /// The timestamp is that of the start of exposure; without this flag, of the end of the
        /// frame.
        const TIMESTAMP_START = 1 << 3;
    }
}

/// One plane of a frame: a range of a registered buffer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PlaneDescriptor {
    /// Id of the buffer that contains the plane.
    pub buffer: u32,
    /// Byte offset of the plane in the buffer.
    pub offset: u32,
    /// Bytes from one line to the next; 0 for compressed data.
    pub stride: u32,
    /// Bytes of the plane.
    pub size: u32,
}

/// A frame's description in its slot. Times are nanoseconds of `CLOCK_MONOTONIC` unless stated
/// otherwise, 0 where unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FrameDescriptor {
    /// The ring's number of this frame, from 1, without gaps.
    pub serial: u64,
    /// The source's own count, including frames that it dropped.
    pub sequence: u64,
    /// When the sensor or driver captured the frame.
    pub timestamp_ns: u64,
    /// When the host dequeued it.
    pub dequeued_ns: u64,
    /// When the host published it.
    pub published_ns: u64,
    /// When it is retired even if no newer frame comes; 0 for never.
    pub expires_ns: u64,
    /// How long it is displayed.
    pub duration_ns: u64,
    /// Presentation time in the stream's own clock, or [`NO_TIME`].
    pub pts_ns: i64,
    /// Decoding time in the stream's own clock, or [`NO_TIME`].
    pub dts_ns: i64,
    /// DRM format modifier; 0 is linear.
    pub modifier: u64,
    /// V4L2 pixel format.
    pub fourcc: u32,
    /// Visible width in pixels.
    pub width: u32,
    /// Visible height in lines.
    pub height: u32,
    /// Bytes used over all planes.
    pub bytes_used: u32,
    /// [`Flags`].
    pub flags: u32,
    /// Number of valid entries in `planes`.
    pub plane_count: u32,
    /// The planes.
    pub planes: [PlaneDescriptor; MAX_PLANES],
    /// V4L2 colorspace, transfer function, Y'CbCr encoding and quantization, one byte each from the
    /// lowest.
    pub colorimetry: u32,
    /// V4L2 field order.
    pub field: u32,
    /// Id of a registered fence of this frame alone: the contents are complete once it has
    /// signalled. 0 for none.
    pub fence: u32,
    /// Width of a sample in the low half, height in the high half; 0 if unknown.
    pub sample_aspect: u32,
    /// Application data.
    pub app: [u8; APP_BYTES],
    /// Zero.
    pub reserved2: u64,
}

const_assert_eq!(size_of::<FrameDescriptor>(), 256);
const_assert_eq!(align_of::<FrameDescriptor>(), 8);
const_assert_eq!(size_of::<PlaneDescriptor>(), 16);
const_assert_eq!(offset_of!(FrameDescriptor, sequence), 8);
const_assert_eq!(offset_of!(FrameDescriptor, timestamp_ns), 16);
const_assert_eq!(offset_of!(FrameDescriptor, dequeued_ns), 24);
const_assert_eq!(offset_of!(FrameDescriptor, published_ns), 32);
const_assert_eq!(offset_of!(FrameDescriptor, expires_ns), 40);
const_assert_eq!(offset_of!(FrameDescriptor, duration_ns), 48);
const_assert_eq!(offset_of!(FrameDescriptor, pts_ns), 56);
const_assert_eq!(offset_of!(FrameDescriptor, dts_ns), 64);
const_assert_eq!(offset_of!(FrameDescriptor, modifier), 72);
const_assert_eq!(offset_of!(FrameDescriptor, fourcc), 80);
const_assert_eq!(offset_of!(FrameDescriptor, width), 84);
const_assert_eq!(offset_of!(FrameDescriptor, height), 88);
const_assert_eq!(offset_of!(FrameDescriptor, bytes_used), 92);
const_assert_eq!(offset_of!(FrameDescriptor, flags), 96);
const_assert_eq!(offset_of!(FrameDescriptor, plane_count), 100);
const_assert_eq!(offset_of!(FrameDescriptor, planes), 104);
const_assert_eq!(offset_of!(FrameDescriptor, colorimetry), 168);
const_assert_eq!(offset_of!(FrameDescriptor, field), 172);
const_assert_eq!(offset_of!(FrameDescriptor, fence), 176);
const_assert_eq!(offset_of!(FrameDescriptor, sample_aspect), 180);
const_assert_eq!(offset_of!(FrameDescriptor, app), 184);
const_assert_eq!(offset_of!(FrameDescriptor, reserved2), 248);

impl Default for FrameDescriptor {
    fn default() -> Self {
        Self {
            pts_ns: NO_TIME,
            dts_ns: NO_TIME,
            ..zerocopy::FromZeros::new_zeroed()
        }
    }
}

impl FrameDescriptor {
    /// Returns the valid planes.
    pub fn planes(&self) -> &[PlaneDescriptor] {
        let count = (self.plane_count as usize).min(MAX_PLANES);
        &self.planes[..count]
    }

    /// Returns the ids of the frame's buffers and of its fence; ids may repeat.
    pub fn buffers(&self) -> impl Iterator<Item = u32> {
        let planes = self.planes().iter().map(|plane| plane.buffer);
        planes.chain((self.fence != 0).then_some(self.fence))
    }

    /// Returns the flags, without bits that this version does not know.
    pub fn flags(&self) -> Flags {
        Flags::from_bits_truncate(self.flags)
    }

    /// Returns the words for shared memory.
    pub fn to_words(&self) -> [u64; size_of::<Self>() / 8] {
        zerocopy::transmute!(*self)
    }

    /// Makes a descriptor from the words of shared memory.
    pub fn from_words(words: [u64; size_of::<Self>() / 8]) -> Self {
        zerocopy::transmute!(words)
    }

    /// Checks what needs no buffers: the serial and the plane count.
    pub fn check(&self, serial: u64) -> Result<(), RingError> {
        if self.serial != serial {
            return Err(RingError::Serial {
                expected: serial,
                found: self.serial,
            });
        }
        if self.plane_count == 0 || self.plane_count as usize > MAX_PLANES {
            return Err(RingError::Planes {
                count: self.plane_count,
            });
        }
        Ok(())
    }

    /// Returns the byte range of plane `at`, if it ends within a buffer of `buffer_size` bytes.
    pub fn plane_range(
        &self,
        at: usize,
        buffer_size: u64,
    ) -> Result<core::ops::Range<usize>, RingError> {
        let plane = self.planes().get(at).ok_or(RingError::Planes {
            count: self.plane_count,
        })?;
        let end = u64::from(plane.offset) + u64::from(plane.size);
        if end > buffer_size {
            return Err(RingError::PlaneEnd {
                plane: at as u8,
                end,
                size: buffer_size,
            });
        }
        Ok(plane.offset as usize..end as usize)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn words_carry_every_field_there_and_back() {
        let mut d = FrameDescriptor {
            serial: 3,
            fourcc: 0x3231_564e,
            plane_count: 2,
            ..Default::default()
        };
        d.planes[1] = PlaneDescriptor {
            buffer: 4,
            offset: 5,
            stride: 6,
            size: 7,
        };
        d.app[63] = 9;
        assert_eq!(FrameDescriptor::from_words(d.to_words()), d);
    }

    #[test]
    fn hostile_plane_counts_and_serials_are_refused() {
        let d = FrameDescriptor {
            serial: 3,
            plane_count: 5,
            ..Default::default()
        };
        assert_eq!(d.check(3), Err(RingError::Planes { count: 5 }));
        assert_eq!(
            d.check(4),
            Err(RingError::Serial {
                expected: 4,
                found: 3
            })
        );
        assert_eq!(d.planes().len(), MAX_PLANES);
    }

    #[test]
    fn planes_beyond_their_buffer_are_refused() {
        let mut d = FrameDescriptor {
            plane_count: 1,
            ..Default::default()
        };
        d.planes[0] = PlaneDescriptor {
            offset: u32::MAX,
            size: u32::MAX,
            ..Default::default()
        };
        let end = 2 * u64::from(u32::MAX);
        assert_eq!(
            d.plane_range(0, 100),
            Err(RingError::PlaneEnd {
                plane: 0,
                end,
                size: 100
            })
        );
        d.planes[0] = PlaneDescriptor {
            offset: 10,
            size: 90,
            ..Default::default()
        };
        assert_eq!(d.plane_range(0, 100), Ok(10..100));
        assert_eq!(d.plane_range(1, 100), Err(RingError::Planes { count: 1 }));
    }
}
