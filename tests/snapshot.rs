//! Snapshots, read back, and files after a failure.

use videostream::hal::format::{FourCc, Layout};
use videostream::snapshot::{self, RecordError};
use videostream::{Colorimetry, Picture};

fn grey() -> (Layout, Vec<u8>) {
    let layout = Layout::new(FourCc::NV12, 64, 48).unwrap();
    (layout, vec![128; layout.size as usize])
}

#[test]
fn unknown_extensions_are_refused_with_a_list() {
    let (layout, bytes) = grey();
    let picture = Picture::new(&bytes, &layout).unwrap();
    for name in ["x.gif", "x", ".png"] {
        let error = snapshot::save(name, &picture, Colorimetry::default()).unwrap_err();
        assert!(
            matches!(error, RecordError::ImageExtension { .. }),
            "{name}: {error}"
        );
        assert!(error.to_string().contains(".png"), "{error}");
    }
}

#[cfg(not(feature = "snapshot"))]
#[test]
fn without_image_formats_the_error_names_the_feature() {
    println!("skipped: snapshot: built without the feature `snapshot`");
    let (layout, bytes) = grey();
    let picture = Picture::new(&bytes, &layout).unwrap();
    let error = snapshot::save("x.png", &picture, Colorimetry::default()).unwrap_err();
    assert!(error.to_string().contains("feature `snapshot`"), "{error}");
}

#[cfg(feature = "snapshot")]
mod images {
    use std::fs;

    use videostream::{FrameRate, PictureMut, TestPattern};

    use super::*;

    fn decode(path: &std::path::Path) -> (u32, u32, Vec<u8>) {
        let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgb).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        (info.width, info.height, rgb)
    }

    /// A pattern frame whose rows have padding or not.
    fn pattern(fourcc: FourCc, pad: u32) -> (Layout, Vec<u8>) {
        let stride = Layout::new(fourcc, 642, 362).unwrap().planes[0].stride + pad;
        let layout = Layout::with_stride(fourcc, 642, 362, stride).unwrap();
        let rate = FrameRate::fps(30).unwrap();
        let pattern = TestPattern::new(fourcc, 642, 362, rate).unwrap();
        let mut bytes = vec![0; layout.size as usize];
        pattern
            .draw(9, &mut PictureMut::new(&mut bytes, &layout).unwrap())
            .unwrap();
        (layout, bytes)
    }

    #[test]
    fn every_format_reads_back_as_the_rgb_pattern() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        let (_, expected) = pattern(FourCc::RGB3, 0);
        for fourcc in [FourCc::RGB3, FourCc::NV12, FourCc::YU12, FourCc::YUYV] {
            for pad in [0, 26] {
                let (layout, bytes) = pattern(fourcc, pad);
                let picture = Picture::new(&bytes, &layout).unwrap();
                snapshot::save(&path, &picture, Colorimetry::default()).unwrap();
                let (width, height, rgb) = decode(&path);
                assert_eq!((width, height), (642, 362));
                if fourcc == FourCc::RGB3 {
                    assert!(rgb == expected);
                    continue;
                }
                // Edges share their chroma with the neighbour; the strip's checksum depends on the
                // format.
                let below = 642 * 3 * 128;
                let far = rgb[below..]
                    .iter()
                    .zip(&expected[below..])
                    .filter(|(a, b)| a.abs_diff(**b) > 4)
                    .count();
                let all = expected.len() - below;
                assert!(far * 50 < all, "{fourcc}: {far} of {all} values differ");
            }
        }
    }

    #[test]
    fn jpeg_files_begin_and_end_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jpg");
        let (layout, bytes) = pattern(FourCc::YUYV, 0);
        let picture = Picture::new(&bytes, &layout).unwrap();
        snapshot::save(&path, &picture, Colorimetry::default()).unwrap();
        let file = fs::read(&path).unwrap();
        assert!(file.starts_with(&[0xff, 0xd8, 0xff]) && file.ends_with(&[0xff, 0xd9]));
        // The size stands in the start-of-frame segment behind its length and precision.
        let frame = file
            .windows(2)
            .position(|marker| marker == [0xff, 0xc0])
            .unwrap();
        assert_eq!(
            file[frame + 5..frame + 9],
            [362_u16.to_be_bytes(), 642_u16.to_be_bytes()].concat()
        );
    }

    #[test]
    fn an_image_larger_than_its_frame_says_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (jpg, png) = (folder.path().join("x.jpg"), folder.path().join("x.png"));
        let (layout, bytes) = pattern(FourCc::NV12, 0);
        let picture = Picture::new(&bytes, &layout).unwrap();
        snapshot::save(&jpg, &picture, Colorimetry::default()).unwrap();
        let bytes = fs::read(jpg).unwrap();
        let save = |width, height| {
            let layout = Layout::opaque(FourCc::JPEG, width, height, 0, bytes.len() as u32);
            let picture = Picture::new(&bytes, &layout).unwrap();
            snapshot::save(&png, &picture, Colorimetry::default())
        };
        for (width, height) in [(640, 362), (642, 360)] {
            let error = save(width, height).unwrap_err();
            assert!(error.is_broken_jpeg(), "{error}");
            assert!(!png.exists());
        }
        save(642, 362).unwrap();
        assert_eq!((decode(&png).0, decode(&png).1), (642, 362));
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, bytes) = grey();
        let picture = Picture::new(&bytes, &layout).unwrap();
        // A folder of that name can't be replaced by a file.
        let path = folder.path().join("x.png");
        fs::create_dir(&path).unwrap();
        let error = snapshot::save(&path, &picture, Colorimetry::default()).unwrap_err();
        assert!(error.to_string().contains("x.png"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error =
            snapshot::save("/nonexistent/x.png", &picture, Colorimetry::default()).unwrap_err();
        assert!(matches!(error, RecordError::Write { .. }));
    }

    #[test]
    fn a_saved_file_is_replaced_without_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        let (layout, bytes) = grey();
        let picture = Picture::new(&bytes, &layout).unwrap();
        for _ in 0..2 {
            snapshot::save(&path, &picture, Colorimetry::default()).unwrap();
        }
        assert_eq!(decode(&path).0, 64);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn frames_that_are_no_pictures_are_named() {
        for (fourcc, says) in [(FourCc::H264, "H264"), (FourCc::MJPG, "no JPEG")] {
            let layout = Layout::opaque(fourcc, 64, 48, 0, 100);
            let picture = Picture::new(&[0; 100], &layout).unwrap();
            let error = snapshot::save("x.png", &picture, Colorimetry::default()).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
