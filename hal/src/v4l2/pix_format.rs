//! The format of a queue's pictures.

use videostream_sys::v4l2 as sys;

use crate::format::{FormatError, FourCc, Layout, MAX_PLANES};

/// Maximum number of memory planes of a buffer.
#[doc(alias = "VIDEO_MAX_PLANES")]
pub const MAX_MEMORY_PLANES: usize = sys::VIDEO_MAX_PLANES as usize;

/// `enum v4l2_field`: which lines of the picture a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_field")]
pub enum Field {
    /// The driver chooses; only in requests.
    Any,
    /// Progressive: all lines, captured at once.
    None,
    /// Only the odd lines (first, third, ...).
    Top,
    /// Only the even lines.
    Bottom,
    /// Both fields, line by line.
    Interlaced,
    /// Both fields, the top one first in memory and time.
    SeqTb,
    /// Both fields, the bottom one first in memory and time.
    SeqBt,
    /// One field per buffer, alternating; each buffer reports which.
    Alternate,
    /// Interlaced line by line; the top field is older.
    InterlacedTb,
    /// Interlaced line by line; the bottom field is older.
    InterlacedBt,
    /// A value unknown to this library.
    Other(u32),
}

impl Field {
    /// Converts from the kernel's number.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            sys::V4L2_FIELD_ANY => Self::Any,
            sys::V4L2_FIELD_NONE => Self::None,
            sys::V4L2_FIELD_TOP => Self::Top,
            sys::V4L2_FIELD_BOTTOM => Self::Bottom,
            sys::V4L2_FIELD_INTERLACED => Self::Interlaced,
            sys::V4L2_FIELD_SEQ_TB => Self::SeqTb,
            sys::V4L2_FIELD_SEQ_BT => Self::SeqBt,
            sys::V4L2_FIELD_ALTERNATE => Self::Alternate,
            sys::V4L2_FIELD_INTERLACED_TB => Self::InterlacedTb,
            sys::V4L2_FIELD_INTERLACED_BT => Self::InterlacedBt,
            other => Self::Other(other),
        }
    }

    /// Returns the kernel's number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        match self {
            Self::Any => sys::V4L2_FIELD_ANY,
            Self::None => sys::V4L2_FIELD_NONE,
            Self::Top => sys::V4L2_FIELD_TOP,
            Self::Bottom => sys::V4L2_FIELD_BOTTOM,
            Self::Interlaced => sys::V4L2_FIELD_INTERLACED,
            Self::SeqTb => sys::V4L2_FIELD_SEQ_TB,
            Self::SeqBt => sys::V4L2_FIELD_SEQ_BT,
            Self::Alternate => sys::V4L2_FIELD_ALTERNATE,
            Self::InterlacedTb => sys::V4L2_FIELD_INTERLACED_TB,
            Self::InterlacedBt => sys::V4L2_FIELD_INTERLACED_BT,
            Self::Other(raw) => raw,
        }
    }
}

/// How to interpret sample values as colours: the kernel's numbers, with 0 for "default".
///
/// Source: kernel page `userspace-api/media/v4l/colorspaces-defs.html`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Colorimetry {
    /// `enum v4l2_colorspace`: primaries and white point.
    pub colorspace: u32,
    /// `enum v4l2_xfer_func`: transfer function.
    pub xfer_func: u32,
    /// `enum v4l2_ycbcr_encoding`, or `enum v4l2_hsv_encoding` for HSV formats.
    pub ycbcr_enc: u32,
    /// `enum v4l2_quantization`: full or limited range.
    pub quantization: u32,
}

impl Colorimetry {
    /// Leaves everything to the driver: each value is the kernel's `*_DEFAULT`.
    pub const DEFAULT: Self = Self {
        colorspace: 0,
        xfer_func: 0,
        ycbcr_enc: 0,
        quantization: 0,
    };
}

/// One memory plane of a [`PixFormat`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_plane_pix_format")]
pub struct PlaneFormat {
    /// Stride in bytes; 0 for compressed formats.
    #[doc(alias = "bytesperline")]
    pub bytes_per_line: u32,
    /// Minimum bytes of this plane in a buffer.
    #[doc(alias = "sizeimage")]
    pub size_image: u32,
}

/// The format of a queue's pictures: `struct v4l2_pix_format` and `v4l2_pix_format_mplane` in one.
///
/// # Shape
/// `planes[..plane_count]` are **memory** planes. NV12 has one, even in the multi-planar API; NV12M
/// has two. [`PixFormat::layout`] returns where the picture's planes are in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_pix_format")]
#[doc(alias = "v4l2_pix_format_mplane")]
pub struct PixFormat {
    /// Width in pixels.
    pub width: u32,
    /// Height in lines; of one field with [`Field::Alternate`].
    pub height: u32,
    /// Pixel format.
    pub fourcc: FourCc,
    /// Which lines the buffers hold.
    pub field: Field,
    /// Colorimetry.
    pub colorimetry: Colorimetry,
    /// `V4L2_PIX_FMT_FLAG_*`.
    pub flags: u32,
    /// Memory planes; entries past `plane_count` are zero.
    pub planes: [PlaneFormat; MAX_MEMORY_PLANES],
    /// Valid entries of `planes`.
    pub plane_count: usize,
}

impl PixFormat {
    /// Creates a format to request: this code and size, with everything else left to the driver.
    #[must_use]
    pub const fn new(fourcc: FourCc, width: u32, height: u32) -> Self {
        let plane = PlaneFormat {
            bytes_per_line: 0,
            size_image: 0,
        };
        Self {
            width,
            height,
            fourcc,
            field: Field::Any,
            colorimetry: Colorimetry::DEFAULT,
            flags: 0,
            planes: [plane; MAX_MEMORY_PLANES],
            plane_count: 1,
        }
    }

    /// Returns the valid memory planes.
    #[must_use]
    pub fn planes(&self) -> &[PlaneFormat] {
        &self.planes[..self.plane_count.min(MAX_MEMORY_PLANES)]
    }

    /// Returns the total bytes of all memory planes.
    #[must_use]
    pub fn size_image(&self) -> u64 {
        self.planes().iter().map(|p| u64::from(p.size_image)).sum()
    }

    /// Returns where the planes of the picture are in the memory planes.
    ///
    /// Compressed formats and those unknown to the table are one opaque plane of the driver's size.
    /// If the driver reports no stride, lines are assumed to have no padding.
    ///
    /// # Errors
    /// [`FormatError`] when the driver's values cannot hold a picture of this format: a stride
    /// shorter than a line, or a size too small for the lines.
    pub fn layout(&self) -> Result<Layout, FormatError> {
        let first = self.planes[0];
        let opaque = || {
            let size = u32::try_from(self.size_image()).unwrap_or(u32::MAX);
            Layout::opaque(
                self.fourcc,
                self.width,
                self.height,
                first.bytes_per_line,
                size,
            )
        };
        let Some(info) = self.fourcc.info().filter(|info| !info.is_compressed()) else {
            return Ok(opaque());
        };
        if info.memory_planes() != self.plane_count {
            return Ok(opaque());
        }
        let mut strides = [0; MAX_PLANES];
        for (stride, plane) in strides.iter_mut().zip(self.planes()) {
            *stride = plane.bytes_per_line;
        }
        let layout = if first.bytes_per_line == 0 {
            Layout::new(self.fourcc, self.width, self.height)
        } else if info.separate {
            Layout::with_strides(
                self.fourcc,
                self.width,
                self.height,
                &strides[..info.planes.len()],
            )
        } else {
            Layout::with_stride(self.fourcc, self.width, self.height, first.bytes_per_line)
        }?;
        for (memory, plane) in self.planes().iter().enumerate() {
            let need = layout.memory_size(memory as u32);
            if plane.size_image < need {
                return Err(FormatError::BufferTooSmall {
                    fourcc: self.fourcc,
                    size: plane.size_image,
                    need,
                });
            }
        }
        Ok(layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_padding_reaches_the_layout() {
        let mut format = PixFormat::new(FourCc::NV12, 60, 16);
        format.planes[0] = PlaneFormat {
            bytes_per_line: 64,
            size_image: 64 * 24 + 100,
        };
        let layout = format.layout().unwrap();
        assert_eq!(layout.planes[1].offset, 64 * 16);
        assert_eq!(layout.size, 64 * 24);
    }

    #[test]
    fn each_separate_plane_has_the_drivers_stride() {
        let mut format = PixFormat::new(FourCc::NM12, 60, 16);
        format.plane_count = 2;
        format.planes[0] = PlaneFormat {
            bytes_per_line: 64,
            size_image: 64 * 16,
        };
        format.planes[1] = PlaneFormat {
            bytes_per_line: 128,
            size_image: 128 * 8,
        };
        let layout = format.layout().unwrap();
        assert_eq!(layout.planes[1].stride, 128);
        assert_eq!(layout.planes[1].memory, 1);
        format.planes[1].size_image -= 1;
        assert!(matches!(
            format.layout(),
            Err(FormatError::BufferTooSmall { need: 1024, .. })
        ));
    }

    #[test]
    fn unknown_and_compressed_formats_are_one_opaque_plane() {
        for fourcc in [FourCc::MJPG, FourCc::new(*b"?!?!")] {
            let mut format = PixFormat::new(fourcc, 640, 480);
            format.planes[0].size_image = 12_345;
            let layout = format.layout().unwrap();
            assert_eq!((layout.plane_count, layout.size), (1, 12_345));
        }
    }
}
