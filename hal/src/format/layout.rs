//! The layout of a picture in memory.

use super::error::FormatError;
use super::fourcc::FourCc;
use super::info::{FormatInfo, PlaneRule};

/// Maximum number of planes of any format.
pub const MAX_PLANES: usize = 4;

/// One plane of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PlaneLayout {
    /// First byte of the plane, counted from the start of its memory part.
    pub offset: u32,
    /// Bytes from one line to the next; 0 for compressed data.
    ///
    /// For tiled formats, as in the kernel: bytes of one line of pixels.
    #[doc(alias = "bytesperline")]
    pub stride: u32,
    /// Bytes of the plane: stride times lines, without the driver's padding at the end.
    pub size: u32,
    /// Which memory part (descriptor) holds the plane: 0 unless the format has separate planes.
    pub memory: u32,
}

/// A picture's size and format, and the layout of each plane.
///
/// # Shape
/// `planes[..plane_count]` are valid. In contiguous formats (NV12) all lie in memory part 0 one
/// after the other; in `M` formats (NV12M) plane *i* starts at byte 0 of memory part *i*.
/// `size` is the sum over the planes. A driver may ask for more (padding, extra lines):
/// allocate what it says, but find the planes through this layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Pixel format.
    pub fourcc: FourCc,
    /// Pixels per line.
    pub width: u32,
    /// Lines of the whole picture (of one field, for formats that alternate fields).
    pub height: u32,
    /// Planes; entries past `plane_count` are zero.
    pub planes: [PlaneLayout; MAX_PLANES],
    /// Valid entries of `planes`; 1 for compressed and unknown formats.
    pub plane_count: usize,
    /// Bytes of all planes.
    pub size: u32,
}

impl Layout {
    /// Returns the layout without padding between lines.
    ///
    /// ```
    /// use videostream_hal::format::{FourCc, Layout};
    /// let layout = Layout::new(FourCc::YUYV, 640, 480)?;
    /// assert_eq!((layout.planes[0].stride, layout.size), (1280, 614_400));
    /// # Ok::<(), videostream_hal::format::FormatError>(())
    /// ```
    ///
    /// # Errors
    /// - [`FormatError::Unknown`]: the table has no such format; use [`Layout::opaque`].
    /// - [`FormatError::Compressed`]: no planes; use [`Layout::opaque`] with the driver's size.
    /// - [`FormatError::EmptyPicture`]: width or height is 0.
    /// - [`FormatError::TooLarge`]: a size does not fit 32 bits.
    pub fn new(fourcc: FourCc, width: u32, height: u32) -> Result<Self, FormatError> {
        Self::build(fourcc, width, height, Strides::Tight)
    }

    /// Returns the layout for a given stride of the first plane.
    ///
    /// `luma_stride` is V4L2's `bytesperline`. The strides of the other planes follow in
    /// proportion: the same for NV12, half for YUV 4:2:0 in three planes, double for NV24.
    ///
    /// # Errors
    /// Those of [`Layout::new`], and [`FormatError::StrideTooSmall`] when a line does not fit.
    pub fn with_stride(
        fourcc: FourCc,
        width: u32,
        height: u32,
        luma_stride: u32,
    ) -> Result<Self, FormatError> {
        Self::build(fourcc, width, height, Strides::First(luma_stride))
    }

    /// Returns the layout with a stride for each plane, as the multi-planar API states them.
    ///
    /// # Errors
    /// Those of [`Layout::with_stride`]; a plane without an entry in `strides` has stride 0.
    pub fn with_strides(
        fourcc: FourCc,
        width: u32,
        height: u32,
        strides: &[u32],
    ) -> Result<Self, FormatError> {
        Self::build(fourcc, width, height, Strides::Each(strides))
    }

    /// Returns one plane of `size` bytes with contents that only the driver knows: for compressed
    /// data, and formats that the table does not know.
    #[must_use]
    pub fn opaque(fourcc: FourCc, width: u32, height: u32, stride: u32, size: u32) -> Self {
        let mut planes = [PlaneLayout::default(); MAX_PLANES];
        planes[0] = PlaneLayout {
            offset: 0,
            stride,
            size,
            memory: 0,
        };
        Self {
            fourcc,
            width,
            height,
            planes,
            plane_count: 1,
            size,
        }
    }

    /// Returns the valid planes.
    #[must_use]
    pub fn planes(&self) -> &[PlaneLayout] {
        &self.planes[..self.plane_count.min(MAX_PLANES)]
    }

    /// Returns the number of memory parts (file descriptors) that contain the planes.
    #[must_use]
    pub fn memory_planes(&self) -> usize {
        self.planes()
            .iter()
            .map(|plane| plane.memory as usize + 1)
            .max()
            .unwrap_or(0)
    }

    /// Returns the bytes that memory part `memory` needs for its planes; 0 if it contains none.
    #[must_use]
    pub fn memory_size(&self, memory: u32) -> u32 {
        self.planes()
            .iter()
            .filter(|plane| plane.memory == memory)
            .map(|plane| plane.offset.saturating_add(plane.size))
            .max()
            .unwrap_or(0)
    }

    fn build(
        fourcc: FourCc,
        width: u32,
        height: u32,
        strides: Strides<'_>,
    ) -> Result<Self, FormatError> {
        let info = fourcc.info().ok_or(FormatError::Unknown { fourcc })?;
        if info.is_compressed() {
            return Err(FormatError::Compressed { fourcc });
        }
        if width == 0 || height == 0 {
            return Err(FormatError::EmptyPicture { width, height });
        }
        let too_large = FormatError::TooLarge {
            fourcc,
            width,
            height,
            stride: strides.first(),
        };
        let mut planes = [PlaneLayout::default(); MAX_PLANES];
        let mut total = 0_u32;
        for (index, (rule, plane)) in info.planes.iter().zip(&mut planes).enumerate() {
            let least = line_bytes(info, rule, width).ok_or(too_large)?;
            let stride = match strides {
                Strides::Tight => least,
                Strides::First(luma) => {
                    plane_stride(&info.planes[0], rule, luma).ok_or(too_large)?
                }
                Strides::Each(strides) => strides.get(index).copied().unwrap_or(0),
            };
            if stride < least {
                return Err(FormatError::StrideTooSmall {
                    fourcc,
                    width,
                    stride,
                    plane: index as u32,
                });
            }
            let lines = plane_lines(info, rule, height).ok_or(too_large)?;
            let size = stride.checked_mul(lines).ok_or(too_large)?;
            *plane = PlaneLayout {
                offset: if info.separate { 0 } else { total },
                stride,
                size,
                memory: if info.separate { index as u32 } else { 0 },
            };
            total = total.checked_add(size).ok_or(too_large)?;
        }
        Ok(Self {
            fourcc,
            width,
            height,
            planes,
            plane_count: info.planes.len(),
            size: total,
        })
    }
}

/// The strides given to [`Layout::build`].
#[derive(Clone, Copy)]
enum Strides<'a> {
    /// No padding.
    Tight,
    /// That of the first plane; the others follow in proportion.
    First(u32),
    /// One for each plane.
    Each(&'a [u32]),
}

impl Strides<'_> {
    /// Returns the first plane's stride, 0 if none is given.
    fn first(self) -> u32 {
        match self {
            Self::Tight => 0,
            Self::First(luma) => luma,
            Self::Each(strides) => strides.first().copied().unwrap_or(0),
        }
    }
}

/// Returns the bytes of one line of the plane without padding.
fn line_bytes(info: &FormatInfo, rule: &PlaneRule, width: u32) -> Option<u32> {
    let width = width.checked_next_multiple_of(u32::from(info.tile.0))?;
    width
        .div_ceil(u32::from(rule.block_pixels))
        .checked_mul(u32::from(rule.block_bytes))
}

/// Returns the number of lines of the plane.
fn plane_lines(info: &FormatInfo, rule: &PlaneRule, height: u32) -> Option<u32> {
    let height = height.checked_next_multiple_of(u32::from(info.tile.1))?;
    Some(height.div_ceil(u32::from(rule.line_step)))
}

/// Returns the stride of a plane if that of the first is `luma`: in proportion to bytes per pixel.
fn plane_stride(first: &PlaneRule, rule: &PlaneRule, luma: u32) -> Option<u32> {
    let numerator = u64::from(rule.block_bytes) * u64::from(first.block_pixels);
    let denominator = u64::from(rule.block_pixels) * u64::from(first.block_bytes);
    u32::try_from((u64::from(luma) * numerator).div_ceil(denominator)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(fourcc: FourCc, width: u32, height: u32) -> ([(u32, u32, u32); 4], usize) {
        let layout = Layout::new(fourcc, width, height).unwrap();
        (
            layout.planes.map(|p| (p.offset, p.stride, p.size)),
            layout.plane_count,
        )
    }

    #[test]
    fn contiguous_planes_follow_each_other() {
        let (nv12, count) = planes(FourCc::NV12, 64, 32);
        assert_eq!(count, 2);
        assert_eq!(nv12[..2], [(0, 64, 2048), (2048, 64, 1024)]);
        let (i420, count) = planes(FourCc::YU12, 64, 32);
        assert_eq!(count, 3);
        assert_eq!(i420[..3], [(0, 64, 2048), (2048, 32, 512), (2560, 32, 512)]);
        let (rgb, count) = planes(FourCc::RGB3, 5, 3);
        assert_eq!((rgb[0], count), ((0, 15, 45), 1));
    }

    #[test]
    fn separate_planes_start_at_zero_of_their_own_memory() {
        let layout = Layout::new(FourCc::NM12, 64, 32).unwrap();
        assert_eq!(layout.memory_planes(), 2);
        assert_eq!(layout.planes[1].offset, 0);
        assert_eq!(layout.planes[1].memory, 1);
        assert_eq!(layout.memory_size(0), 2048);
        assert_eq!(layout.memory_size(1), 1024);
        assert_eq!(layout.memory_size(2), 0);
        assert_eq!(layout.size, 3072);
    }

    #[test]
    fn padding_of_plane_0_scales_to_the_others() {
        let strides = |fourcc| {
            let layout = Layout::with_stride(fourcc, 60, 16, 128).unwrap();
            layout.planes.map(|p| p.stride)
        };
        assert_eq!(strides(FourCc::NV12), [128, 128, 0, 0]);
        assert_eq!(strides(FourCc::NV24), [128, 256, 0, 0]);
        assert_eq!(strides(FourCc::YU12), [128, 64, 64, 0]);
        assert_eq!(strides(FourCc::YUV9), [128, 32, 32, 0]);
        assert_eq!(strides(FourCc::P010).map(|s| s >> 7), [1, 1, 0, 0]);
    }

    #[test]
    fn odd_sizes_round_colour_up() {
        let (i420, _) = planes(FourCc::YU12, 5, 3);
        assert_eq!(i420[..3], [(0, 5, 15), (15, 3, 6), (21, 3, 6)]);
        let (yuyv, _) = planes(FourCc::YUYV, 5, 1);
        assert_eq!(yuyv[0], (0, 12, 12));
    }

    #[test]
    fn packed_bits_round_up_to_whole_groups() {
        // Five bytes hold four pixels of 10 bits.
        assert_eq!(planes(FourCc::SRGGB10P, 6, 1).0[0], (0, 10, 10));
        assert_eq!(planes(FourCc::SRGGB12P, 6, 2).0[0], (0, 9, 18));
    }

    #[test]
    fn tiled_pictures_take_whole_tiles() {
        let layout = Layout::new(FourCc::ST12, 33, 33).unwrap();
        assert_eq!(layout.planes[0].size, 64 * 64);
        assert_eq!(layout.planes[1].size, 64 * 32);
    }

    #[test]
    fn sizes_past_32_bits_are_refused_with_the_numbers() {
        let error = Layout::new(FourCc::XR24, 65_536, 65_536).unwrap_err();
        assert!(matches!(error, FormatError::TooLarge { width: 65_536, .. }));
        for fourcc in super::super::formats().map(|info| info.fourcc) {
            assert!(Layout::new(fourcc, u32::MAX, u32::MAX).is_err(), "{fourcc}");
            assert!(
                Layout::with_stride(fourcc, 2, 2, u32::MAX).is_err(),
                "{fourcc}"
            );
        }
    }

    #[test]
    fn a_stride_below_the_line_names_the_plane() {
        let error = Layout::with_stride(FourCc::YUYV, 640, 480, 1279).unwrap_err();
        assert!(matches!(
            error,
            FormatError::StrideTooSmall {
                stride: 1279,
                plane: 0,
                ..
            }
        ));
    }

    #[test]
    fn pictures_without_pixels_and_planes_are_refused() {
        assert!(matches!(
            Layout::new(FourCc::NV12, 0, 8),
            Err(FormatError::EmptyPicture { .. })
        ));
        assert!(matches!(
            Layout::new(FourCc::MJPG, 8, 8),
            Err(FormatError::Compressed { .. })
        ));
        assert!(matches!(
            Layout::new(FourCc(1), 8, 8),
            Err(FormatError::Unknown { .. })
        ));
    }

    #[test]
    fn planes_of_raw_formats_do_not_overlap() {
        for info in super::super::formats().filter(|info| !info.is_compressed()) {
            let layout = Layout::new(info.fourcc, 1280, 720).unwrap();
            let same = Layout::with_stride(info.fourcc, 1280, 720, layout.planes[0].stride);
            assert_eq!(same, Ok(layout), "{}", info.fourcc);
            let mut end = [0; MAX_PLANES];
            for plane in layout.planes() {
                assert!(
                    plane.offset >= end[plane.memory as usize],
                    "{}",
                    info.fourcc
                );
                end[plane.memory as usize] = plane.offset + plane.size;
            }
            assert_eq!(end.iter().sum::<u32>(), layout.size, "{}", info.fourcc);
            assert_eq!(layout.memory_planes(), info.memory_planes());
        }
    }
}
