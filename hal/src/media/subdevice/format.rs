//! The format of pictures between two pads.
#![expect(unsafe_code, reason = "two encodings lie in a union of plain integers")]

use core::fmt;

use videostream_sys::v4l2 as sys;

use crate::media::MbusCode;
use crate::v4l2::{Colorimetry, Field};

/// `struct v4l2_mbus_framefmt`: the format of pictures on the bus between two pads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_mbus_framefmt")]
pub struct MbusFormat {
    /// Width in pixels.
    pub width: u32,
    /// Height in lines; of one field with [`Field::Alternate`].
    pub height: u32,
    /// Bus format of the pixels.
    pub code: MbusCode,
    /// Field order.
    pub field: Field,
    /// Colorimetry.
    pub colorimetry: Colorimetry,
}

impl MbusFormat {
    /// Creates a format to request: this code and size, with everything else left to the driver.
    #[must_use]
    pub const fn new(code: MbusCode, width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            code,
            field: Field::Any,
            colorimetry: Colorimetry::DEFAULT,
        }
    }

    /// Returns whether a link may connect pads with these formats: equal size and code, and equal
    /// field order unless the sink accepts any.
    #[must_use]
    pub fn fits(&self, sink: &Self) -> bool {
        (self.width, self.height, self.code) == (sink.width, sink.height, sink.code)
            && (self.field == sink.field || matches!(sink.field, Field::None | Field::Any))
    }

    pub(super) fn from_raw(raw: &sys::v4l2_mbus_framefmt) -> Self {
        // SAFETY: both members are `u16`, and all bytes are initialised.
        let ycbcr_enc = unsafe { raw.__bindgen_anon_1.ycbcr_enc };
        Self {
            width: raw.width,
            height: raw.height,
            code: MbusCode(raw.code),
            field: Field::from_raw(raw.field),
            colorimetry: Colorimetry {
                colorspace: raw.colorspace,
                xfer_func: raw.xfer_func.into(),
                ycbcr_enc: ycbcr_enc.into(),
                quantization: raw.quantization.into(),
            },
        }
    }

    pub(super) fn to_raw(self) -> sys::v4l2_mbus_framefmt {
        let Colorimetry {
            colorspace,
            xfer_func,
            ycbcr_enc,
            quantization,
        } = self.colorimetry;
        // The kernel's own numbers are small; larger values become 0, "default".
        let narrow = |value: u32| u16::try_from(value).unwrap_or(0);
        sys::v4l2_mbus_framefmt {
            width: self.width,
            height: self.height,
            code: self.code.0,
            field: self.field.raw(),
            colorspace,
            __bindgen_anon_1: sys::v4l2_mbus_framefmt__bindgen_ty_1 {
                ycbcr_enc: narrow(ycbcr_enc),
            },
            quantization: narrow(quantization),
            xfer_func: narrow(xfer_func),
            ..Default::default()
        }
    }
}

impl fmt::Display for MbusFormat {
    /// Writes the format as users type it: `SBGGR10_1X10/1920x1080`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}x{}", self.code, self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn the_kernels_struct_comes_back_as_it_went() {
        let mut format = MbusFormat::new(MbusCode::from_name("SBGGR8_1X8").unwrap(), 640, 480);
        format.field = Field::None;
        format.colorimetry = Colorimetry {
            colorspace: 11,
            xfer_func: 1,
            ycbcr_enc: 2,
            quantization: 1,
        };
        assert_eq!(MbusFormat::from_raw(&format.to_raw()), format);
        assert_eq!(format.to_string(), "SBGGR8_1X8/640x480");
    }

    #[test]
    fn pads_fit_when_size_code_and_field_do() {
        let code = MbusCode::from_name("RGB888_1X24").unwrap();
        let mut source = MbusFormat::new(code, 640, 480);
        source.field = Field::None;
        assert!(source.fits(&source));
        assert!(!source.fits(&MbusFormat {
            width: 641,
            ..source
        }));
        assert!(!source.fits(&MbusFormat {
            code: MbusCode(1),
            ..source
        }));
        let tops = MbusFormat {
            field: Field::Top,
            ..source
        };
        assert!(!source.fits(&tops) && tops.fits(&source));
    }
}
