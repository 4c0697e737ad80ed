//! Refused conversions, and their errors.

use videostream::convert::{Convert, Options, PictureError, formats, is_known};
use videostream::hal::format::{Family, FourCc};
use videostream::picture::extents;
use videostream::{Rect, hal};

use crate::model::Image;

fn converted(from: FourCc, to: FourCc, crop: Option<Rect>) -> Result<(), PictureError> {
    let source = Image::new(from, 16, 12, false, |_| 0);
    let mut target = Image::new(to, 16, 12, false, |_| 0);
    let options = Options {
        crop,
        ..Options::default()
    };
    Convert::new().convert(&source.picture(), &mut target.picture_mut(), &options)
}

#[test]
fn other_formats_are_named() {
    for fourcc in [FourCc::SRGGB8, FourCc::P010, FourCc::RGBP] {
        assert!(!is_known(fourcc));
        let error = converted(fourcc, FourCc::NV12, None).unwrap_err();
        assert!(matches!(error, PictureError::ConvertFrom { .. }), "{error}");
        assert!(error.to_string().contains(&fourcc.to_string()), "{error}");
        let error = converted(FourCc::NV12, fourcc, None).unwrap_err();
        assert!(matches!(error, PictureError::ConvertTo { .. }), "{error}");
        assert!(error.to_string().contains(&fourcc.to_string()), "{error}");
    }
}

/// Formats of 8 bits, in lines, that nobody has asked to convert.
const LEFT_OUT: &[FourCc] = &[
    FourCc::YYUV,
    FourCc::Y41P,
    FourCc::YUV411P,
    FourCc::YUV9,
    FourCc::YVU9,
    FourCc::YUV3,
    FourCc::YUV4,
    FourCc::AYUV,
    FourCc::XYUV,
    FourCc::VUYA,
    FourCc::VUYX,
    FourCc::YUVA,
    FourCc::YUVX,
    FourCc::PAL8,
    FourCc::Y8I,
];

/// A format that enters the table of hal enters the list of conversions or this one.
#[test]
fn formats_convert_or_are_left_out() {
    let converts = |family| matches!(family, Family::Yuv | Family::Rgb | Family::Grey);
    for info in hal::format::formats() {
        if info.bits == 8 && info.tile == (1, 1) && converts(info.family) {
            let is_left_out = LEFT_OUT.contains(&info.fourcc);
            assert_ne!(is_known(info.fourcc), is_left_out, "{}", info.fourcc);
        }
    }
}

#[test]
fn every_known_format_has_rows() {
    for fourcc in formats() {
        assert!(is_known(fourcc));
        assert!(extents(fourcc, 1, 1).is_some(), "{fourcc}");
    }
}

#[test]
fn bad_rectangles_are_refused() {
    let rect = |x, y, width, height| {
        Some(Rect {
            x,
            y,
            width,
            height,
        })
    };
    for (fourcc, crop) in [
        (FourCc::NV12, rect(1, 0, 4, 4)),
        (FourCc::NV12, rect(0, 1, 4, 4)),
        (FourCc::YUYV, rect(1, 0, 4, 4)),
        (FourCc::RGB3, rect(0, 0, 0, 4)),
        (FourCc::RGB3, rect(0, 0, 17, 4)),
        (FourCc::RGB3, rect(1, 1, 15, 12)),
        (FourCc::RGB3, rect(u32::MAX, 0, 2, 2)),
    ] {
        let error = converted(fourcc, FourCc::RGB3, crop).unwrap_err();
        assert!(
            matches!(error, PictureError::Crop { .. }),
            "{fourcc}: {error}"
        );
        assert!(error.to_string().contains("16x12"), "{error}");
    }
    assert_eq!(
        converted(FourCc::YUYV, FourCc::RGB3, rect(2, 1, 3, 3)),
        Ok(())
    );
    assert_eq!(
        converted(FourCc::RGB3, FourCc::NV12, rect(1, 1, 3, 3)),
        Ok(())
    );
}
