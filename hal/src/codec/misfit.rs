//! Checks whether a picture in memory fits a device, before the driver sees it.

use core::fmt;

use crate::format::{FormatError, FourCc, Layout};
use crate::v4l2::PixFormat;

/// Why a picture must be copied before a device can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It has another format.
    Format {
        /// The picture's format.
        has: FourCc,
        /// The device's format.
        wants: FourCc,
    },
    /// It is larger than the device's format.
    Size {
        /// Width and height of the picture.
        has: (u32, u32),
        /// Width and height of the device's format.
        wants: (u32, u32),
    },
    /// Its stride differs.
    Stride {
        /// Index of the plane.
        plane: usize,
        /// Stride of the picture in bytes.
        has: u32,
        /// Stride of the device in bytes.
        wants: u32,
    },
    /// A plane begins at another offset.
    Offset {
        /// Index of the plane.
        plane: usize,
        /// Offset of the picture's plane in bytes.
        has: u32,
        /// Offset of the device's plane in bytes.
        wants: u32,
    },
    /// The device's own strides and sizes are inconsistent.
    Device(FormatError),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Format { has, wants } => {
                write!(
                    f,
                    "the picture has format {has}, the device expects {wants}"
                )
            }
            Self::Size {
                has: (width, height),
                wants: (most_wide, most_high),
            } => write!(
                f,
                "the picture is {width}x{height}, the device takes at most {most_wide}x{most_high}"
            ),
            Self::Stride { plane, has, wants } => write!(
                f,
                "plane {plane} has a stride of {has} bytes, the device expects {wants}"
            ),
            Self::Offset { plane, has, wants } => write!(
                f,
                "plane {plane} begins at byte {has} of its memory, the device expects {wants}"
            ),
            Self::Device(error) => write!(f, "the device's format: {error}"),
        }
    }
}

impl core::error::Error for Misfit {}

/// Checks whether a device with `format` can read a picture with `layout` without a copy.
///
/// The kernel checks that the memory is long enough and that the device can access it.
///
/// # Errors
/// [`Misfit`]: the first difference.
pub fn fit(format: &PixFormat, layout: &Layout) -> Result<(), Misfit> {
    if layout.fourcc != format.fourcc {
        return Err(Misfit::Format {
            has: layout.fourcc,
            wants: format.fourcc,
        });
    }
    if layout.width > format.width || layout.height > format.height {
        return Err(Misfit::Size {
            has: (layout.width, layout.height),
            wants: (format.width, format.height),
        });
    }
    let wanted = format.layout().map_err(Misfit::Device)?;
    let planes = layout.planes.iter().zip(&wanted.planes);
    for (plane, (has, wants)) in planes.take(wanted.plane_count).enumerate() {
        if has.stride != wants.stride {
            return Err(Misfit::Stride {
                plane,
                has: has.stride,
                wants: wants.stride,
            });
        }
        if has.offset != wants.offset || has.memory != wants.memory {
            return Err(Misfit::Offset {
                plane,
                has: has.offset,
                wants: wants.offset,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4l2::PlaneFormat;

    fn device(stride: u32, height: u32) -> PixFormat {
        let mut format = PixFormat::new(FourCc::NV12, 640, height);
        format.planes[0] = PlaneFormat {
            bytes_per_line: stride,
            size_image: stride * height * 3 / 2,
        };
        format
    }

    #[test]
    fn a_picture_that_lies_alike_fits() {
        let layout = Layout::new(FourCc::NV12, 640, 368).unwrap();
        assert_eq!(fit(&device(640, 368), &layout), Ok(()));
    }

    #[test]
    fn padding_at_lines_or_between_planes_is_told() {
        let layout = Layout::new(FourCc::NV12, 640, 368).unwrap();
        let stride = Misfit::Stride {
            plane: 0,
            has: 640,
            wants: 704,
        };
        assert_eq!(fit(&device(704, 368), &layout), Err(stride));
        // The device rounds heights up, so its chroma plane begins later.
        let layout = Layout::new(FourCc::NV12, 640, 360).unwrap();
        let offset = Misfit::Offset {
            plane: 1,
            has: 640 * 360,
            wants: 640 * 368,
        };
        assert_eq!(fit(&device(640, 368), &layout), Err(offset));
    }

    #[test]
    fn other_formats_and_larger_pictures_do_not_fit() {
        let layout = Layout::new(FourCc::NV21, 640, 368).unwrap();
        assert!(matches!(
            fit(&device(640, 368), &layout),
            Err(Misfit::Format { .. })
        ));
        let layout = Layout::new(FourCc::NV12, 1280, 720).unwrap();
        assert!(matches!(
            fit(&device(640, 368), &layout),
            Err(Misfit::Size { .. })
        ));
    }
}
