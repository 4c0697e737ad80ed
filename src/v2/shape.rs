//! Size and format of a picture in terms of the 2.x interface, and its number of bytes.

use std::ffi::c_int;

use rustix::io::Errno;
use videostream_hal::format::{FormatError, FourCc, Layout};
use videostream_hal::ring::{MAX_PLANES, PlaneDescriptor};

/// Arrangement of a format's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// One plane; the number is the bytes of a pixel.
    Packed(u64),
    /// A plane of luma, and chroma with half as many bytes.
    Half,
    /// A plane of luma, and chroma with as many bytes.
    Full,
}

impl Rows {
    /// Returns the arrangement; `None` for formats without a default stride. Case matters.
    fn of(fourcc: u32) -> Option<Self> {
        Some(match &fourcc.to_le_bytes() {
            b"RGBA" | b"RGBX" | b"BGRA" | b"BGRX" => Self::Packed(4),
            b"RGB3" | b"BGR3" => Self::Packed(3),
            b"YUYV" | b"YUY2" | b"YVYU" | b"UYVY" | b"VYUY" => Self::Packed(2),
            b"NV12" | b"NV21" | b"I420" | b"YV12" => Self::Half,
            b"NV16" | b"NV61" => Self::Full,
            _ => return None,
        })
    }

    /// Returns the stride of the interface: that of all planes together, not of the luma plane.
    const fn default_stride(self, width: u64) -> u64 {
        match self {
            Self::Packed(bytes) => bytes * width,
            // Too little for 4:2:2, but 2.x has always returned this.
            Self::Half | Self::Full => width + width / 2,
        }
    }

    /// Returns the bytes of a picture with the default stride.
    const fn default_size(self, width: u64, height: u64) -> u64 {
        match self {
            Self::Full => 2 * width * height,
            rows => rows.default_stride(width) * height,
        }
    }

    /// Returns the bytes of a picture whose luma plane has this stride.
    fn size(self, stride: u64, width: u64, height: u64) -> u64 {
        match self {
            Self::Packed(_) => stride * height,
            Self::Half if stride >= width => stride * height + stride * height.div_ceil(2),
            Self::Full if stride >= width => 2 * stride * height,
            Self::Half | Self::Full => 0,
        }
    }
}

/// Returns the kernel's code of a format for which the interface has its own: "AB24" for "RGBA".
#[must_use]
pub fn kernel_format(fourcc: u32) -> FourCc {
    match &fourcc.to_le_bytes() {
        b"RGBA" => FourCc::new(*b"AB24"),
        b"RGBX" => FourCc::new(*b"XB24"),
        b"BGRA" | b"ARGB" => FourCc::new(*b"AR24"),
        b"BGRX" => FourCc::new(*b"XR24"),
        b"I420" => FourCc::YU12,
        b"YUY2" => FourCc::YUYV,
        _ => FourCc(fourcc),
    }
}

/// Size and format of a picture.
///
/// # Invariants
/// Width, height and format are not 0, except in frames of a host, and width and height fit an int.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    width: u32,
    height: u32,
    stride: c_int,
    fourcc: u32,
}

impl Shape {
    /// Returns the kernel's code of the format.
    #[must_use]
    pub fn kernel_format(&self) -> FourCc {
        kernel_format(self.fourcc)
    }

    /// Creates a shape from checked values. `stride` 0 stands for the format's default; others are
    /// not changed.
    ///
    /// # Errors
    /// EINVAL for zeroes and for values that do not fit an int; ENOTSUP for stride 0 of a format
    /// without a default.
    pub fn new(width: u32, height: u32, stride: u32, fourcc: u32) -> Result<Self, Errno> {
        let fits = |side: u32| side != 0 && c_int::try_from(side).is_ok();
        if !fits(width) || !fits(height) || fourcc == 0 {
            return Err(Errno::INVAL);
        }
        let stride = match stride {
            0 => {
                let rows = Rows::of(fourcc).ok_or(Errno::NOTSUP)?;
                let stride = rows.default_stride(u64::from(width));
                c_int::try_from(stride).map_err(|_| Errno::INVAL)?
            }
            stride => stride.cast_signed(),
        };
        Ok(Self {
            width,
            height,
            stride,
            fourcc,
        })
    }

    /// Creates the shape of a received frame.
    ///
    /// # Errors
    /// EBADMSG for values that do not fit an int.
    pub fn received(width: u32, height: u32, stride: c_int, fourcc: u32) -> Result<Self, Errno> {
        if c_int::try_from(width).is_err() || c_int::try_from(height).is_err() {
            return Err(Errno::BADMSG);
        }
        Ok(Self {
            width,
            height,
            stride,
            fourcc,
        })
    }

    /// Returns the stride of the first plane in bytes, if known.
    #[must_use]
    pub fn luma_stride(&self) -> Option<u32> {
        let stride = u32::try_from(self.stride)
            .ok()
            .filter(|&stride| stride > 0)?;
        match Rows::of(self.fourcc)? {
            Rows::Packed(_) => Some(stride),
            rows if u64::from(stride) == rows.default_stride(u64::from(self.width)) => {
                Some(self.width)
            }
            _ => (stride >= self.width).then_some(stride),
        }
    }

    /// Returns the width in pixels.
    #[must_use]
    pub const fn width(&self) -> c_int {
        self.width.cast_signed()
    }

    /// Returns the height in rows.
    #[must_use]
    pub const fn height(&self) -> c_int {
        self.height.cast_signed()
    }

    /// Returns the stride in bytes; negative if the program passed a negative one.
    #[must_use]
    pub const fn stride(&self) -> c_int {
        self.stride
    }

    /// Returns the pixel format.
    #[must_use]
    pub const fn fourcc(&self) -> u32 {
        self.fourcc
    }

    /// Returns the layout of the pixels.
    ///
    /// The stride is that of the first plane, unless it is the interface's default for several
    /// planes.
    ///
    /// # Errors
    /// EINVAL for a stride that is negative or too short; ENOTSUP for formats without a layout.
    pub fn layout(&self) -> Result<Layout, Errno> {
        let fourcc = kernel_format(self.fourcc);
        let stride = u32::try_from(self.stride).map_err(|_| Errno::INVAL)?;
        let planes = Rows::of(self.fourcc).filter(|rows| !matches!(rows, Rows::Packed(_)));
        let is_default =
            planes.is_some_and(|rows| rows.default_stride(self.width.into()) == u64::from(stride));
        let layout = if is_default {
            Layout::new(fourcc, self.width, self.height)
        } else {
            Layout::with_stride(fourcc, self.width, self.height, stride)
        };
        layout.map_err(|error| match error {
            FormatError::Unknown { .. } | FormatError::Compressed { .. } => Errno::NOTSUP,
            _ => Errno::INVAL,
        })
    }

    /// Returns the planes of the picture in `size` bytes, and their number; one plane of all bytes
    /// if they are not a whole picture of a known format.
    #[must_use]
    pub fn planes(&self, size: u32) -> ([PlaneDescriptor; MAX_PLANES], u32) {
        let mut planes = [PlaneDescriptor::default(); MAX_PLANES];
        if let Some(layout) = self.described_layout()
            && layout.size <= size
            && layout.memory_planes() == 1
        {
            for (plane, from) in planes.iter_mut().zip(layout.planes()) {
                plane.offset = from.offset;
                plane.stride = from.stride;
                plane.size = from.size;
            }
            return (planes, layout.planes().len() as u32);
        }
        planes[0].size = size;
        planes[0].stride = u32::try_from(self.stride).unwrap_or(0);
        (planes, 1)
    }

    fn described_layout(&self) -> Option<Layout> {
        let stride = self.luma_stride()?;
        let fourcc = match &self.fourcc.to_le_bytes() {
            // The same format under another name.
            b"I420" => FourCc::YU12,
            b"YUY2" => FourCc::YUYV,
            _ => FourCc(self.fourcc),
        };
        Layout::with_stride(fourcc, self.width, self.height, stride).ok()
    }

    /// Returns the bytes of the picture: with the format's default stride, or with the given one if
    /// that needs more.
    ///
    /// # Errors
    /// ENOTSUP if the format has no default stride and the given one is negative; ENOMEM for more
    /// than memory can hold.
    pub fn size(&self) -> Result<usize, Errno> {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let given = u64::try_from(self.stride).ok().filter(|&stride| stride > 0);
        let bytes = match (Rows::of(self.fourcc), given) {
            (None, given) => given.ok_or(Errno::NOTSUP)? * height,
            (Some(rows), Some(stride)) if stride != rows.default_stride(width) => {
                let own = rows.default_size(width, height);
                own.max(rows.size(stride, width, height))
            }
            (Some(rows), _) => rows.default_size(width, height),
        };
        match isize::try_from(bytes) {
            Ok(bytes) => Ok(bytes.cast_unsigned()),
            Err(_) => Err(Errno::NOMEM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(width: u32, height: u32, stride: u32, fourcc: &[u8; 4]) -> Result<Shape, Errno> {
        Shape::new(width, height, stride, u32::from_le_bytes(*fourcc))
    }

    /// Returns stride and size.
    fn bytes(
        width: u32,
        height: u32,
        stride: u32,
        fourcc: &[u8; 4],
    ) -> (c_int, Result<usize, Errno>) {
        let shape = shape(width, height, stride, fourcc).unwrap();
        (shape.stride(), shape.size())
    }

    #[test]
    fn formats_have_the_strides_of_the_interface() {
        for fourcc in [b"RGBA", b"RGBX", b"BGRA", b"BGRX"] {
            assert_eq!(bytes(641, 480, 0, fourcc), (2564, Ok(2564 * 480)));
        }
        for fourcc in [b"RGB3", b"BGR3"] {
            assert_eq!(bytes(641, 480, 0, fourcc), (1923, Ok(1923 * 480)));
        }
        for fourcc in [b"YUYV", b"YUY2", b"YVYU", b"UYVY", b"VYUY"] {
            assert_eq!(bytes(640, 480, 0, fourcc), (1280, Ok(1280 * 480)));
        }
        for fourcc in [b"NV12", b"NV21", b"I420", b"YV12"] {
            assert_eq!(bytes(641, 480, 0, fourcc), (961, Ok(961 * 480)));
        }
        for fourcc in [b"NV16", b"NV61"] {
            assert_eq!(bytes(640, 480, 0, fourcc), (960, Ok(1280 * 480)));
        }
    }

    #[test]
    fn a_given_stride_never_shrinks_the_memory() {
        assert_eq!(bytes(640, 480, 700, b"NV12"), (700, Ok(700 * 480 * 3 / 2)));
        assert_eq!(bytes(640, 480, 960, b"NV12"), (960, Ok(460_800)));
        assert_eq!(bytes(640, 480, 640, b"NV12"), (640, Ok(460_800)));
        assert_eq!(bytes(640, 480, 8, b"NV12"), (8, Ok(460_800)));
        assert_eq!(bytes(640, 480, 3000, b"RGBA"), (3000, Ok(3000 * 480)));
        assert_eq!(bytes(640, 480, 100, b"RGBA"), (100, Ok(2560 * 480)));
        assert_eq!(bytes(640, 480, u32::MAX, b"YUYV"), (-1, Ok(1280 * 480)));
    }

    #[test]
    fn other_formats_go_by_the_stride_alone() {
        assert_eq!(shape(640, 480, 0, b"H264"), Err(Errno::NOTSUP));
        assert_eq!(shape(640, 480, 0, b"RGBx"), Err(Errno::NOTSUP));
        assert_eq!(bytes(640, 480, 640, b"H264"), (640, Ok(640 * 480)));
        assert_eq!(bytes(640, 480, u32::MAX, b"H264"), (-1, Err(Errno::NOTSUP)));
    }

    #[test]
    fn what_no_picture_has_is_refused() {
        assert_eq!(shape(0, 480, 0, b"NV12"), Err(Errno::INVAL));
        assert_eq!(shape(640, 0, 0, b"NV12"), Err(Errno::INVAL));
        assert_eq!(shape(640, 480, 0, b"\0\0\0\0"), Err(Errno::INVAL));
        assert_eq!(shape(u32::MAX, 480, 0, b"NV12"), Err(Errno::INVAL));
        assert_eq!(shape(640, u32::MAX, 0, b"NV12"), Err(Errno::INVAL));
        assert_eq!(shape(i32::MAX as u32, 1, 0, b"RGBA"), Err(Errno::INVAL));
    }

    #[test]
    fn the_largest_shapes_do_not_overflow() {
        let most = i32::MAX as u32;
        assert_eq!(bytes(most, most, most, b"RGBA").1, Err(Errno::NOMEM));
        for fourcc in [b"RGBA", b"NV12", b"NV16", b"H264"] {
            let _ = shape(most, most, most, fourcc).unwrap().size();
        }
    }

    fn planes_of(fourcc: &[u8; 4], stride: u32, size: u32) -> ([PlaneDescriptor; MAX_PLANES], u32) {
        shape(64, 32, stride, fourcc).unwrap().planes(size)
    }

    #[test]
    fn pictures_have_their_planes() {
        let (planes, count) = planes_of(b"NV12", 0, 64 * 48);
        assert_eq!(
            (count, planes[0].stride, planes[1].offset),
            (2, 64, 64 * 32)
        );
        let (planes, count) = planes_of(b"I420", 80, 80 * 48);
        assert_eq!((count, planes[0].stride, planes[1].stride), (3, 80, 40));
        let (planes, count) = planes_of(b"YUYV", 0, 128 * 32);
        assert_eq!(
            (count, planes[0].stride, planes[0].size),
            (1, 128, 128 * 32)
        );
    }

    #[test]
    fn what_is_no_whole_picture_is_bytes() {
        for (fourcc, stride) in [(b"NV12", 0), (b"H264", 64), (b"RGBA", u32::MAX)] {
            let (planes, count) = planes_of(fourcc, stride, 100);
            assert_eq!((count, planes[0].offset, planes[0].size), (1, 0, 100));
        }
    }
}
