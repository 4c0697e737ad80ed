//! The test pattern in every format: whole frames pass, damaged, torn and foreign ones don't.

use videostream::hal::format::{FourCc, Layout};
use videostream::pattern::{self, PictureError, TestPattern};
use videostream::picture::extents;
use videostream::{FrameRate, PatternSource, Picture, PictureMut};

const FORMATS: [FourCc; 4] = [FourCc::NV12, FourCc::YU12, FourCc::YUYV, FourCc::RGB3];
const SIZES: [(u32, u32); 5] = [(128, 96), (176, 144), (322, 242), (642, 362), (1280, 720)];

/// A layout whose strides are longer than the rows, by an odd number of bytes where the format
/// allows.
fn padded(fourcc: FourCc, width: u32, height: u32) -> Layout {
    let tight = Layout::new(fourcc, width, height).unwrap();
    let pad = if fourcc == FourCc::YU12 { 26 } else { 13 };
    Layout::with_stride(fourcc, width, height, tight.planes[0].stride + pad).unwrap()
}

fn pattern(layout: &Layout) -> TestPattern {
    let rate = FrameRate::fps(30).unwrap();
    TestPattern::new(layout.fourcc, layout.width, layout.height, rate).unwrap()
}

fn drawn(pattern: &TestPattern, layout: &Layout, number: u64) -> Vec<u8> {
    let mut bytes = vec![0xa5; layout.size as usize];
    pattern
        .draw(number, &mut PictureMut::new(&mut bytes, layout).unwrap())
        .unwrap();
    bytes
}

fn verify(bytes: &[u8], layout: &Layout) -> Result<u64, PictureError> {
    pattern::verify(&Picture::new(bytes, layout).unwrap())
}

/// A small generator, so that failures can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[test]
fn every_format_and_size_reads_back_its_number() {
    let mut random = Random(1);
    for fourcc in FORMATS {
        for (width, height) in SIZES {
            for layout in [
                Layout::new(fourcc, width, height).unwrap(),
                padded(fourcc, width, height),
            ] {
                let pattern = pattern(&layout);
                for number in [
                    0,
                    1,
                    2,
                    639,
                    1 << 33,
                    u64::MAX,
                    random.next(),
                    random.next(),
                ] {
                    let bytes = drawn(&pattern, &layout, number);
                    assert_eq!(
                        verify(&bytes, &layout),
                        Ok(number),
                        "{fourcc} {width}x{height}"
                    );
                    let picture = Picture::new(&bytes, &layout).unwrap();
                    assert_eq!(pattern::read_number(&picture), Ok(number));
                }
            }
        }
    }
}

#[test]
fn drawing_leaves_the_padding_alone() {
    for fourcc in FORMATS {
        let layout = padded(fourcc, 322, 242);
        let bytes = drawn(&pattern(&layout), &layout, 5);
        let (extents, count) = extents(fourcc, 322, 242).unwrap();
        for (plane, extent) in layout.planes().iter().zip(&extents[..count]) {
            for row in 0..extent.rows {
                let row = plane.offset as usize + row * plane.stride as usize;
                let padding = &bytes[row + extent.row_bytes..row + plane.stride as usize];
                assert!(padding.iter().all(|byte| *byte == 0xa5), "{fourcc}");
            }
        }
    }
}

#[test]
fn any_flipped_bit_in_a_row_is_found() {
    let mut random = Random(2);
    for fourcc in FORMATS {
        for layout in [
            Layout::new(fourcc, 322, 242).unwrap(),
            padded(fourcc, 322, 242),
        ] {
            let (extents, count) = extents(fourcc, 322, 242).unwrap();
            let mut bytes = drawn(&pattern(&layout), &layout, 77);
            for _ in 0..400 {
                let plane = random.below(count);
                let row = random.below(extents[plane].rows);
                let column = random.below(extents[plane].row_bytes);
                let stride = layout.planes[plane].stride as usize;
                let at = layout.planes[plane].offset as usize + row * stride + column;
                let bit = 1 << random.below(8);
                bytes[at] ^= bit;
                assert!(
                    verify(&bytes, &layout).is_err(),
                    "{fourcc} plane {plane} row {row} byte {column}"
                );
                bytes[at] ^= bit;
            }
            assert_eq!(verify(&bytes, &layout), Ok(77));
        }
    }
}

#[test]
fn two_mixed_frames_are_found_wherever_they_meet() {
    let mut random = Random(3);
    for fourcc in FORMATS {
        let layout = Layout::new(fourcc, 642, 362).unwrap();
        let pattern = pattern(&layout);
        for _ in 0..100 {
            let number = random.next() >> 32;
            let (old, new) = (
                drawn(&pattern, &layout, number),
                drawn(&pattern, &layout, number + 1),
            );
            let cut = 1 + random.below(old.len() - 1);
            let mixed = [&new[..cut], &old[cut..]].concat();
            assert_ne!(mixed, old);
            // The last bytes of neighbouring frames may be the same: then nothing is torn.
            if mixed != new {
                assert!(
                    verify(&mixed, &layout).is_err(),
                    "{fourcc} {number} cut at {cut}"
                );
            }
        }
    }
}

#[test]
fn neighbouring_frames_differ_in_most_rows() {
    let layout = Layout::new(FourCc::NV12, 1280, 720).unwrap();
    let pattern = pattern(&layout);
    let (one, two) = (drawn(&pattern, &layout, 10), drawn(&pattern, &layout, 11));
    let luma = |bytes: &[u8]| {
        bytes[..1280 * 720]
            .chunks(1280)
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let same = luma(&one)
        .iter()
        .zip(luma(&two))
        .filter(|(a, b)| **a == *b)
        .count();
    assert_eq!(same, 0);
}

#[test]
fn equal_content_under_another_number_is_found() {
    // Frames of so small a pattern repeat; only the strip tells them apart.
    let layout = Layout::new(FourCc::NV12, 128, 96).unwrap();
    let pattern = pattern(&layout);
    let strip = 128 * 64;
    let base = drawn(&pattern, &layout, 0);
    let twin = (1..200_000)
        .map(|number| (number, drawn(&pattern, &layout, number)))
        .find(|(_, bytes)| bytes[strip..] == base[strip..]);
    let (number, twin) = twin.expect("the picture of so small a pattern repeats");
    assert_eq!(verify(&twin, &layout), Ok(number));
    // Cells 0 to 63 are the number: rows of 16 cells of 8 pixels.
    let mixed = [&base[..128 * 32], &twin[128 * 32..]].concat();
    assert_eq!(verify(&mixed, &layout), Err(PictureError::NoPattern));
}

#[test]
fn other_pictures_carry_no_number() {
    let layout = Layout::new(FourCc::NV12, 640, 480).unwrap();
    for value in [0, 16, 128, 235, 255] {
        let bytes = vec![value; layout.size as usize];
        assert_eq!(verify(&bytes, &layout), Err(PictureError::NoPattern));
    }
}

#[test]
fn numbers_survive_noise_and_low_contrast() {
    let mut random = Random(4);
    let layout = Layout::new(FourCc::NV12, 640, 480).unwrap();
    let mut bytes = drawn(&pattern(&layout), &layout, 123_456_789);
    for byte in &mut bytes {
        *byte = (i32::from(*byte) + random.below(81) as i32 - 40).clamp(0, 255) as u8;
    }
    let picture = Picture::new(&bytes, &layout).unwrap();
    assert_eq!(pattern::read_number(&picture), Ok(123_456_789));
    assert!(pattern::verify(&picture).is_err());
}

#[test]
fn sizes_and_formats_without_a_pattern_are_named() {
    let rate = FrameRate::fps(30).unwrap();
    for (width, height) in [
        (127, 96),
        (126, 96),
        (128, 94),
        (642, 361),
        (20_000, 720),
        (0, 0),
    ] {
        let error = TestPattern::new(FourCc::NV12, width, height, rate).unwrap_err();
        assert!(
            error.to_string().contains(&format!("{width}x{height}")),
            "{error}"
        );
    }
    let error = TestPattern::new(FourCc::MJPG, 640, 480, rate).unwrap_err();
    assert!(error.to_string().contains("MJPG"), "{error}");
}

#[test]
fn bad_buffer_count_error_names_valid_counts() {
    let rate = FrameRate::fps(30).unwrap();
    for count in [0, 1025, u32::MAX] {
        let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
        let error = PatternSource::new(pattern, count).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&count.to_string()) && text.contains("1 to 1024"),
            "{text}"
        );
    }
}

#[test]
fn drawing_into_another_size_is_refused() {
    let pattern = pattern(&Layout::new(FourCc::NV12, 640, 480).unwrap());
    let other = Layout::new(FourCc::NV12, 640, 360).unwrap();
    let mut bytes = vec![0; other.size as usize];
    let error = pattern
        .draw(0, &mut PictureMut::new(&mut bytes, &other).unwrap())
        .unwrap_err();
    assert!(matches!(error, PictureError::Target { .. }));
}
