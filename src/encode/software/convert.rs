//! Pictures as the three planes that OpenH264 and x265 read.

use videostream_hal::format::FourCc;

use crate::colorimetry::Colorimetry;
use crate::convert::{self, Convert, ConvertError, Options};
use crate::encode::EncodeError;
use crate::picture::{Picture, Plane};

const TAKES: &str =
    "8-bit YUV, RGB and grey, such as NV12, YU12, YUYV and RGB3 (all of convert::formats())";

/// Memory for what has to be converted.
#[derive(Debug)]
pub(super) struct Planar {
    convert: Convert,
    colorimetry: Colorimetry,
}

impl Planar {
    pub(super) fn new(fourcc: FourCc, colorimetry: Colorimetry) -> Result<Self, EncodeError> {
        if !convert::is_known(fourcc) {
            return Err(refused(fourcc));
        }
        Ok(Self {
            convert: Convert::new(),
            colorimetry,
        })
    }

    /// The planes of `picture` in 4:2:0.
    pub(super) fn planes<'a>(
        &'a mut self,
        picture: &Picture<'a>,
    ) -> Result<[Plane<'a>; 3], EncodeError> {
        let options = Options {
            from: self.colorimetry,
            to: self.colorimetry,
            ..Options::default()
        };
        let planar = self.convert.to_yu12(picture, &options);
        let planar = planar.map_err(|error| match error {
            ConvertError::Refused { call, .. } => EncodeError::Backend { call, code: -1 },
            _ => refused(picture.fourcc()),
        })?;
        let planes = planar.planes();
        Ok([planes[0], planes[1], planes[2]])
    }
}

fn refused(fourcc: FourCc) -> EncodeError {
    EncodeError::Format {
        fourcc,
        takes: TAKES,
    }
}
