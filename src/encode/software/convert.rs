//! Pictures as the three planes that OpenH264 and x265 read.

use videostream_hal::format::FourCc;

use crate::codec::CodecError;
use crate::colorimetry::Colorimetry;
use crate::convert::{self, Convert, Options, PictureError};
use crate::picture::{Picture, Plane, extents};

const TAKES: &str = "8-bit YUV, RGB and grey, such as NV12, YU12, YUYV and RGB3";

/// Memory for converted planes.
#[derive(Debug)]
pub(super) struct Planar {
    convert: Convert,
    colorimetry: Colorimetry,
}

impl Planar {
    pub(super) fn new(fourcc: FourCc, colorimetry: Colorimetry) -> Result<Self, CodecError> {
        if !convert::is_known(fourcc) {
            return Err(refused(fourcc));
        }
        Ok(Self {
            convert: Convert::new(),
            colorimetry,
        })
    }

    /// Returns the planes of `picture` in 4:2:0, and the number of bytes written for those that are
    /// not in the picture as such.
    pub(super) fn planes<'a>(
        &'a mut self,
        picture: &Picture<'a>,
    ) -> Result<([Plane<'a>; 3], u64), CodecError> {
        let options = Options {
            from: self.colorimetry,
            to: self.colorimetry,
            ..Options::default()
        };
        let planar = self.convert.to_yu12(picture, &options);
        let planar = planar.map_err(|error| match error {
            PictureError::Convert { call, .. } => CodecError::Backend { call, code: -1 },
            _ => refused(picture.fourcc()),
        })?;
        let planes = [0, 1, 2].map(|plane| planar.planes()[plane]);
        let (extents, _) = extents(planar.fourcc(), planar.width(), planar.height())
            .ok_or_else(|| refused(picture.fourcc()))?;
        let written = planes.iter().zip(extents);
        let written = written.filter(|(plane, _)| !lies_in(picture, plane));
        let bytes = written.map(|(_, extent)| extent.row_bytes as u64 * extent.rows as u64);
        Ok((planes, bytes.sum()))
    }
}

/// Returns whether a plane points into the picture's memory.
fn lies_in(picture: &Picture<'_>, plane: &Plane<'_>) -> bool {
    let at = plane.data.as_ptr();
    let mut planes = picture.planes().iter();
    planes.any(|source| source.data.as_ptr_range().contains(&at))
}

fn refused(fourcc: FourCc) -> CodecError {
    CodecError::Format {
        fourcc,
        takes: TAKES,
    }
}
