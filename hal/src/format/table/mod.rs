//! The table of formats, one file per family.
//!
//! Each line defines the constant of [`FourCc`] and its [`FormatInfo`] at once, so that the
//! two cannot disagree.
//!
//! Source: `linux/videodev2.h` and the kernel's pages on pixel formats
//! (userspace-api/media/v4l/pixfmt.html).

mod bayer;
mod compressed;
mod grey;
mod rgb;
mod yuv;

use super::fourcc::FourCc;
use super::info::FormatInfo;

/// Defines codes and table entries from lines `NAME = code, "V4L2_NAME", "description" => rule;`.
macro_rules! format_table {
    ($($name:ident = $code:expr, $v4l2:literal, $description:literal => $info:expr;)*) => {
        impl $crate::format::FourCc {
            $(
                #[doc = concat!($description, ".")]
                #[doc(alias = $v4l2)]
                pub const $name: Self = $code;
            )*
        }

        pub(super) const TABLE: &[$crate::format::FormatInfo] = &[
            $($info.named($crate::format::FourCc::$name, $v4l2, $description),)*
        ];
    };
}
use format_table;

/// Returns every known format, YUV first.
pub fn formats() -> impl Iterator<Item = &'static FormatInfo> {
    [
        yuv::TABLE,
        rgb::TABLE,
        grey::TABLE,
        bayer::TABLE,
        compressed::TABLE,
    ]
    .into_iter()
    .flatten()
}

pub(super) fn find(fourcc: FourCc) -> Option<&'static FormatInfo> {
    formats().find(|info| info.fourcc == fourcc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Family, MAX_PLANES};

    #[test]
    fn codes_in_the_table_are_unique() {
        for (at, info) in formats().enumerate() {
            let same = formats()
                .skip(at + 1)
                .find(|other| other.fourcc == info.fourcc || other.v4l2_name == info.v4l2_name);
            assert_eq!(same, None, "{} {}", info.fourcc, info.v4l2_name);
        }
    }

    #[test]
    fn rules_are_within_bounds() {
        for info in formats() {
            assert!(info.planes.len() <= MAX_PLANES, "{}", info.fourcc);
            assert_eq!(
                info.planes.is_empty(),
                info.is_compressed(),
                "{}",
                info.fourcc
            );
            assert_eq!(info.bits == 0, info.is_compressed(), "{}", info.fourcc);
            assert_eq!(
                info.subsampling.is_some(),
                info.family == Family::Yuv,
                "{}",
                info.fourcc
            );
            for rule in info.planes {
                assert!(rule.block_bytes > 0 && rule.block_pixels > 0 && rule.line_step > 0);
            }
        }
    }

    #[test]
    fn separate_and_contiguous_formats_match() {
        for info in formats() {
            let Some(twin) = info.contiguous else {
                continue;
            };
            let twin = find(twin).unwrap();
            assert!(!twin.separate);
            assert_eq!(twin.planes, info.planes, "{}", info.fourcc);
            assert_eq!(twin.drm, info.drm, "{}", info.fourcc);
        }
    }
}
