//! Formats on the bus between two pads.

use core::fmt;

use videostream_sys::v4l2 as sys;

/// `MEDIA_BUS_FMT_*`: the format of pixels on the bus between two pads.
///
/// `SBGGR10_1X10` reads: Bayer, the first line begins blue and green, 10 bits, one sample of 10
/// bits for each pixel. Numbers that are not in the table are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "MEDIA_BUS_FMT")]
pub struct MbusCode(pub u32);

/// The kernel's names without `MEDIA_BUS_FMT_`, with their numbers.
const TABLE: &[(&str, u32)] = &[
    ("FIXED", sys::MEDIA_BUS_FMT_FIXED),
    ("RGB444_1X12", sys::MEDIA_BUS_FMT_RGB444_1X12),
    (
        "RGB444_2X8_PADHI_BE",
        sys::MEDIA_BUS_FMT_RGB444_2X8_PADHI_BE,
    ),
    (
        "RGB444_2X8_PADHI_LE",
        sys::MEDIA_BUS_FMT_RGB444_2X8_PADHI_LE,
    ),
    (
        "RGB555_2X8_PADHI_BE",
        sys::MEDIA_BUS_FMT_RGB555_2X8_PADHI_BE,
    ),
    (
        "RGB555_2X8_PADHI_LE",
        sys::MEDIA_BUS_FMT_RGB555_2X8_PADHI_LE,
    ),
    ("RGB565_1X16", sys::MEDIA_BUS_FMT_RGB565_1X16),
    ("BGR565_2X8_BE", sys::MEDIA_BUS_FMT_BGR565_2X8_BE),
    ("BGR565_2X8_LE", sys::MEDIA_BUS_FMT_BGR565_2X8_LE),
    ("RGB565_2X8_BE", sys::MEDIA_BUS_FMT_RGB565_2X8_BE),
    ("RGB565_2X8_LE", sys::MEDIA_BUS_FMT_RGB565_2X8_LE),
    ("RGB666_1X18", sys::MEDIA_BUS_FMT_RGB666_1X18),
    ("RGB666_2X9_BE", sys::MEDIA_BUS_FMT_RGB666_2X9_BE),
    ("BGR666_1X18", sys::MEDIA_BUS_FMT_BGR666_1X18),
    ("RBG888_1X24", sys::MEDIA_BUS_FMT_RBG888_1X24),
    ("RGB666_1X24_CPADHI", sys::MEDIA_BUS_FMT_RGB666_1X24_CPADHI),
    ("BGR666_1X24_CPADHI", sys::MEDIA_BUS_FMT_BGR666_1X24_CPADHI),
    ("RGB565_1X24_CPADHI", sys::MEDIA_BUS_FMT_RGB565_1X24_CPADHI),
    ("RGB666_1X7X3_SPWG", sys::MEDIA_BUS_FMT_RGB666_1X7X3_SPWG),
    ("BGR888_1X24", sys::MEDIA_BUS_FMT_BGR888_1X24),
    ("BGR888_3X8", sys::MEDIA_BUS_FMT_BGR888_3X8),
    ("GBR888_1X24", sys::MEDIA_BUS_FMT_GBR888_1X24),
    ("RGB888_1X24", sys::MEDIA_BUS_FMT_RGB888_1X24),
    ("RGB888_2X12_BE", sys::MEDIA_BUS_FMT_RGB888_2X12_BE),
    ("RGB888_2X12_LE", sys::MEDIA_BUS_FMT_RGB888_2X12_LE),
    ("RGB888_3X8", sys::MEDIA_BUS_FMT_RGB888_3X8),
    ("RGB888_3X8_DELTA", sys::MEDIA_BUS_FMT_RGB888_3X8_DELTA),
    ("RGB888_1X7X4_SPWG", sys::MEDIA_BUS_FMT_RGB888_1X7X4_SPWG),
    ("RGB888_1X7X4_JEIDA", sys::MEDIA_BUS_FMT_RGB888_1X7X4_JEIDA),
    ("RGB666_1X30_CPADLO", sys::MEDIA_BUS_FMT_RGB666_1X30_CPADLO),
    ("RGB888_1X30_CPADLO", sys::MEDIA_BUS_FMT_RGB888_1X30_CPADLO),
    ("ARGB8888_1X32", sys::MEDIA_BUS_FMT_ARGB8888_1X32),
    ("RGB888_1X32_PADHI", sys::MEDIA_BUS_FMT_RGB888_1X32_PADHI),
    ("RGB101010_1X30", sys::MEDIA_BUS_FMT_RGB101010_1X30),
    ("RGB666_1X36_CPADLO", sys::MEDIA_BUS_FMT_RGB666_1X36_CPADLO),
    ("RGB888_1X36_CPADLO", sys::MEDIA_BUS_FMT_RGB888_1X36_CPADLO),
    ("RGB121212_1X36", sys::MEDIA_BUS_FMT_RGB121212_1X36),
    ("RGB161616_1X48", sys::MEDIA_BUS_FMT_RGB161616_1X48),
    ("Y8_1X8", sys::MEDIA_BUS_FMT_Y8_1X8),
    ("UV8_1X8", sys::MEDIA_BUS_FMT_UV8_1X8),
    ("UYVY8_1_5X8", sys::MEDIA_BUS_FMT_UYVY8_1_5X8),
    ("VYUY8_1_5X8", sys::MEDIA_BUS_FMT_VYUY8_1_5X8),
    ("YUYV8_1_5X8", sys::MEDIA_BUS_FMT_YUYV8_1_5X8),
    ("YVYU8_1_5X8", sys::MEDIA_BUS_FMT_YVYU8_1_5X8),
    ("UYVY8_2X8", sys::MEDIA_BUS_FMT_UYVY8_2X8),
    ("VYUY8_2X8", sys::MEDIA_BUS_FMT_VYUY8_2X8),
    ("YUYV8_2X8", sys::MEDIA_BUS_FMT_YUYV8_2X8),
    ("YVYU8_2X8", sys::MEDIA_BUS_FMT_YVYU8_2X8),
    ("Y10_1X10", sys::MEDIA_BUS_FMT_Y10_1X10),
    ("Y10_2X8_PADHI_LE", sys::MEDIA_BUS_FMT_Y10_2X8_PADHI_LE),
    ("UYVY10_2X10", sys::MEDIA_BUS_FMT_UYVY10_2X10),
    ("VYUY10_2X10", sys::MEDIA_BUS_FMT_VYUY10_2X10),
    ("YUYV10_2X10", sys::MEDIA_BUS_FMT_YUYV10_2X10),
    ("YVYU10_2X10", sys::MEDIA_BUS_FMT_YVYU10_2X10),
    ("Y12_1X12", sys::MEDIA_BUS_FMT_Y12_1X12),
    ("UYVY12_2X12", sys::MEDIA_BUS_FMT_UYVY12_2X12),
    ("VYUY12_2X12", sys::MEDIA_BUS_FMT_VYUY12_2X12),
    ("YUYV12_2X12", sys::MEDIA_BUS_FMT_YUYV12_2X12),
    ("YVYU12_2X12", sys::MEDIA_BUS_FMT_YVYU12_2X12),
    ("Y14_1X14", sys::MEDIA_BUS_FMT_Y14_1X14),
    ("Y16_1X16", sys::MEDIA_BUS_FMT_Y16_1X16),
    ("UYVY8_1X16", sys::MEDIA_BUS_FMT_UYVY8_1X16),
    ("VYUY8_1X16", sys::MEDIA_BUS_FMT_VYUY8_1X16),
    ("YUYV8_1X16", sys::MEDIA_BUS_FMT_YUYV8_1X16),
    ("YVYU8_1X16", sys::MEDIA_BUS_FMT_YVYU8_1X16),
    ("YDYUYDYV8_1X16", sys::MEDIA_BUS_FMT_YDYUYDYV8_1X16),
    ("UYVY10_1X20", sys::MEDIA_BUS_FMT_UYVY10_1X20),
    ("VYUY10_1X20", sys::MEDIA_BUS_FMT_VYUY10_1X20),
    ("YUYV10_1X20", sys::MEDIA_BUS_FMT_YUYV10_1X20),
    ("YVYU10_1X20", sys::MEDIA_BUS_FMT_YVYU10_1X20),
    ("VUY8_1X24", sys::MEDIA_BUS_FMT_VUY8_1X24),
    ("YUV8_1X24", sys::MEDIA_BUS_FMT_YUV8_1X24),
    ("UYYVYY8_0_5X24", sys::MEDIA_BUS_FMT_UYYVYY8_0_5X24),
    ("UYVY12_1X24", sys::MEDIA_BUS_FMT_UYVY12_1X24),
    ("VYUY12_1X24", sys::MEDIA_BUS_FMT_VYUY12_1X24),
    ("YUYV12_1X24", sys::MEDIA_BUS_FMT_YUYV12_1X24),
    ("YVYU12_1X24", sys::MEDIA_BUS_FMT_YVYU12_1X24),
    ("YUV10_1X30", sys::MEDIA_BUS_FMT_YUV10_1X30),
    ("UYYVYY10_0_5X30", sys::MEDIA_BUS_FMT_UYYVYY10_0_5X30),
    ("AYUV8_1X32", sys::MEDIA_BUS_FMT_AYUV8_1X32),
    ("UYYVYY12_0_5X36", sys::MEDIA_BUS_FMT_UYYVYY12_0_5X36),
    ("YUV12_1X36", sys::MEDIA_BUS_FMT_YUV12_1X36),
    ("YUV16_1X48", sys::MEDIA_BUS_FMT_YUV16_1X48),
    ("UYYVYY16_0_5X48", sys::MEDIA_BUS_FMT_UYYVYY16_0_5X48),
    ("SBGGR8_1X8", sys::MEDIA_BUS_FMT_SBGGR8_1X8),
    ("SGBRG8_1X8", sys::MEDIA_BUS_FMT_SGBRG8_1X8),
    ("SGRBG8_1X8", sys::MEDIA_BUS_FMT_SGRBG8_1X8),
    ("SRGGB8_1X8", sys::MEDIA_BUS_FMT_SRGGB8_1X8),
    ("SBGGR10_ALAW8_1X8", sys::MEDIA_BUS_FMT_SBGGR10_ALAW8_1X8),
    ("SGBRG10_ALAW8_1X8", sys::MEDIA_BUS_FMT_SGBRG10_ALAW8_1X8),
    ("SGRBG10_ALAW8_1X8", sys::MEDIA_BUS_FMT_SGRBG10_ALAW8_1X8),
    ("SRGGB10_ALAW8_1X8", sys::MEDIA_BUS_FMT_SRGGB10_ALAW8_1X8),
    ("SBGGR10_DPCM8_1X8", sys::MEDIA_BUS_FMT_SBGGR10_DPCM8_1X8),
    ("SGBRG10_DPCM8_1X8", sys::MEDIA_BUS_FMT_SGBRG10_DPCM8_1X8),
    ("SGRBG10_DPCM8_1X8", sys::MEDIA_BUS_FMT_SGRBG10_DPCM8_1X8),
    ("SRGGB10_DPCM8_1X8", sys::MEDIA_BUS_FMT_SRGGB10_DPCM8_1X8),
    (
        "SBGGR10_2X8_PADHI_BE",
        sys::MEDIA_BUS_FMT_SBGGR10_2X8_PADHI_BE,
    ),
    (
        "SBGGR10_2X8_PADHI_LE",
        sys::MEDIA_BUS_FMT_SBGGR10_2X8_PADHI_LE,
    ),
    (
        "SBGGR10_2X8_PADLO_BE",
        sys::MEDIA_BUS_FMT_SBGGR10_2X8_PADLO_BE,
    ),
    (
        "SBGGR10_2X8_PADLO_LE",
        sys::MEDIA_BUS_FMT_SBGGR10_2X8_PADLO_LE,
    ),
    ("SBGGR10_1X10", sys::MEDIA_BUS_FMT_SBGGR10_1X10),
    ("SGBRG10_1X10", sys::MEDIA_BUS_FMT_SGBRG10_1X10),
    ("SGRBG10_1X10", sys::MEDIA_BUS_FMT_SGRBG10_1X10),
    ("SRGGB10_1X10", sys::MEDIA_BUS_FMT_SRGGB10_1X10),
    ("SBGGR12_1X12", sys::MEDIA_BUS_FMT_SBGGR12_1X12),
    ("SGBRG12_1X12", sys::MEDIA_BUS_FMT_SGBRG12_1X12),
    ("SGRBG12_1X12", sys::MEDIA_BUS_FMT_SGRBG12_1X12),
    ("SRGGB12_1X12", sys::MEDIA_BUS_FMT_SRGGB12_1X12),
    ("SBGGR14_1X14", sys::MEDIA_BUS_FMT_SBGGR14_1X14),
    ("SGBRG14_1X14", sys::MEDIA_BUS_FMT_SGBRG14_1X14),
    ("SGRBG14_1X14", sys::MEDIA_BUS_FMT_SGRBG14_1X14),
    ("SRGGB14_1X14", sys::MEDIA_BUS_FMT_SRGGB14_1X14),
    ("SBGGR16_1X16", sys::MEDIA_BUS_FMT_SBGGR16_1X16),
    ("SGBRG16_1X16", sys::MEDIA_BUS_FMT_SGBRG16_1X16),
    ("SGRBG16_1X16", sys::MEDIA_BUS_FMT_SGRBG16_1X16),
    ("SRGGB16_1X16", sys::MEDIA_BUS_FMT_SRGGB16_1X16),
    ("JPEG_1X8", sys::MEDIA_BUS_FMT_JPEG_1X8),
    ("S5C_UYVY_JPEG_1X8", sys::MEDIA_BUS_FMT_S5C_UYVY_JPEG_1X8),
    ("AHSV8888_1X32", sys::MEDIA_BUS_FMT_AHSV8888_1X32),
    ("METADATA_FIXED", sys::MEDIA_BUS_FMT_METADATA_FIXED),
    ("META_8", sys::MEDIA_BUS_FMT_META_8),
    ("META_10", sys::MEDIA_BUS_FMT_META_10),
    ("META_12", sys::MEDIA_BUS_FMT_META_12),
    ("META_14", sys::MEDIA_BUS_FMT_META_14),
    ("META_16", sys::MEDIA_BUS_FMT_META_16),
    ("META_20", sys::MEDIA_BUS_FMT_META_20),
    ("META_24", sys::MEDIA_BUS_FMT_META_24),
];

impl MbusCode {
    /// Returns the name of the kernel's constant without `MEDIA_BUS_FMT_`.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let found = TABLE.iter().find(|(_, code)| *code == self.0);
        found.map(|(name, _)| *name)
    }

    /// Returns the code of a name as [`MbusCode::name`] returns it, also with the prefix, in any
    /// case, or as a number (`0x3007`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(digits) = name.strip_prefix("0x") {
            return u32::from_str_radix(digits, 16).ok().map(Self);
        }
        let bare = match name.get(..PREFIX.len()) {
            Some(start) if start.eq_ignore_ascii_case(PREFIX) => &name[PREFIX.len()..],
            _ => name,
        };
        let found = TABLE
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(bare));
        found.map(|(_, code)| Self(*code))
    }
}

const PREFIX: &str = "MEDIA_BUS_FMT_";

impl fmt::Display for MbusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn every_code_has_one_name_and_is_found_by_it() {
        for (name, code) in TABLE {
            assert_eq!(MbusCode(*code).name(), Some(*name));
            assert_eq!(MbusCode::from_name(name), Some(MbusCode(*code)));
        }
    }

    #[test]
    fn names_parse_with_prefix_any_case_or_number() {
        let code = Some(MbusCode(sys::MEDIA_BUS_FMT_SBGGR10_1X10));
        for name in [
            "MEDIA_BUS_FMT_SBGGR10_1X10",
            "sbggr10_1x10",
            "media_bus_fmt_sbggr10_1x10",
            "0x3007",
        ] {
            assert_eq!(MbusCode::from_name(name), code, "{name}");
        }
        assert_eq!(MbusCode::from_name("NV12"), None);
        assert_eq!(MbusCode::from_name("0xzz"), None);
        assert_eq!(MbusCode(0x7fff).to_string(), "0x7fff");
    }
}
