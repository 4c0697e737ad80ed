//! What can't be converted, and what is said of it.

use videostream::Rect;
use videostream::convert::{Convert, ConvertError, Options, formats, is_known};
use videostream::hal::format::FourCc;
use videostream::picture::extents;

use crate::model::Image;

fn converted(from: FourCc, to: FourCc, crop: Option<Rect>) -> Result<(), ConvertError> {
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
        assert_eq!(error, ConvertError::Source(fourcc));
        assert!(error.to_string().contains(&fourcc.to_string()), "{error}");
        let error = converted(FourCc::NV12, fourcc, None).unwrap_err();
        assert_eq!(error, ConvertError::Target(fourcc));
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
fn rectangles_outside_and_inside_a_chroma_sample_are_refused() {
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
            matches!(error, ConvertError::Crop { .. }),
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
