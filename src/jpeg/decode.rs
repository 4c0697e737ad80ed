//! Decoding JPEG.

use videostream_hal::format::FourCc;
use zune_jpeg::JpegDecoder as Zune;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{PictureError, whole_with};
use crate::picture::{PictureMut, PlaneMut};

/// 64 one bits as coded data. No Huffman code consists of ones only (T.81, annex C).
const ONES: [u8; 16] = [
    0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0,
];
/// The chroma of a grey picture.
const NEUTRAL: u8 = 128;

/// Decodes the JPEG frames of a camera to YU12 in full range
/// ([`Colorimetry::JPEG`](crate::Colorimetry::JPEG)).
///
/// It keeps its memory for reuse. Visible damage, or another size than the target's, is an error.
#[derive(Debug, Default)]
pub struct JpegDecoder {
    file: Vec<u8>,
    /// Luma and chroma of each pixel, interleaved.
    pixels: Vec<u8>,
}

impl JpegDecoder {
    /// Creates a decoder. It allocates memory with the first picture.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the image at the start of `bytes` into `target`, a picture of YU12.
    ///
    /// # Errors
    /// [`PictureError`]; the content of `target` is then undefined.
    ///
    /// # Panics
    /// If `target` is of another format.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        target: &mut PictureMut<'_>,
    ) -> Result<(), PictureError> {
        assert_eq!(target.fourcc(), FourCc::YU12, "the target's format");
        whole_with(bytes, &mut self.file, add_marked)?;
        let wants = (target.width(), target.height());
        let (_, grey) = read(&self.file, wants, None, &mut self.pixels)?;
        let [luma, cb, cr, ..] = target.planes() else {
            unreachable!("a checked picture of YU12 has three planes");
        };
        let (width, bytes) = (wants.0 as usize, if grey { 1 } else { 3 });
        let rows: Vec<_> = self.pixels.chunks_exact(width * bytes).collect();
        for (pair, rows) in rows.chunks(2).enumerate() {
            for (at, row) in rows.iter().enumerate() {
                let to = line(luma, 2 * pair + at, width);
                for (to, pixel) in to.iter_mut().zip(row.chunks_exact(bytes)) {
                    *to = pixel[0];
                }
            }
            let to = [&mut *cb, &mut *cr].map(|plane| line(plane, pair, width.div_ceil(2)));
            if grey {
                to.into_iter().for_each(|line| line.fill(NEUTRAL));
            } else {
                average(rows[0], rows.last().unwrap_or(&rows[0]), to);
            }
        }
        Ok(())
    }
}

/// Returns the samples of a line of a plane.
fn line<'a>(plane: &'a mut PlaneMut<'_>, row: usize, len: usize) -> &'a mut [u8] {
    let start = row * plane.stride;
    &mut plane.data[start..start + len]
}

/// Averages the chroma of two rows of pixels, of three bytes each: one sample for four pixels.
fn average(one: &[u8], two: &[u8], [cb, cr]: [&mut [u8]; 2]) {
    let pairs = one.chunks(6).zip(two.chunks(6));
    for (((one, two), cb), cr) in pairs.zip(cb).zip(cr) {
        let mean = |at: usize| {
            // The last pixel of an odd row has no neighbour.
            let right = if one.len() == 6 { at + 3 } else { at };
            let sum = [one[at], one[right], two[at], two[right]].map(u16::from);
            ((sum.iter().sum::<u16>() + 2) / 4) as u8
        };
        (*cb, *cr) = (mean(1), mean(2));
    }
}

/// Adds `scans` of an image to a file, with one bits before its end and before each restart. The
/// decoder reads them only if the image lacks a part. Otherwise it would continue with zeros, and
/// the missing part would be grey.
fn add_marked(file: &mut Vec<u8>, scans: &[u8], segments: usize) {
    let mut from = 0;
    for (at, pair) in scans.windows(2).enumerate() {
        let is_end = match pair {
            // Segments other than a scan's coded data may contain any bytes.
            [0xff, 0xd0..=0xd7] => segments == 1,
            _ => at + 2 == scans.len(),
        };
        if is_end {
            file.extend_from_slice(&scans[from..at]);
            file.extend_from_slice(&ONES);
            from = at;
        }
    }
    file.extend_from_slice(&scans[from..]);
}

/// Decodes an image into `pixels`. Returns its size, and whether it is grey, with one byte per
/// pixel. Otherwise each pixel has three bytes: luma and chroma, from an image of exactly this
/// size; or `colours`, from an image of at most this size.
fn read(
    file: &[u8],
    wants: (u32, u32),
    colours: Option<ColorSpace>,
    pixels: &mut Vec<u8>,
) -> Result<((u32, u32), bool), PictureError> {
    let damaged = |reason: String| PictureError::JpegDamaged { reason };
    // Without strict mode, much of the damage would be decoded to grey.
    let options = DecoderOptions::default()
        .set_max_width(u16::MAX.into())
        .set_max_height(u16::MAX.into())
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(colours.unwrap_or(ColorSpace::YCbCr));
    let mut decoder = Zune::new_with_options(ZCursor::new(file), options);
    decoder
        .decode_headers()
        .map_err(|error| damaged(error.to_string()))?;
    let no_header = || damaged("no header".to_owned());
    let info = decoder.info().ok_or_else(no_header)?;
    let has = (u32::from(info.width), u32::from(info.height));
    let fits = match colours {
        None => has == wants,
        Some(_) => has.0 <= wants.0 && has.1 <= wants.1,
    };
    if !fits {
        return Err(PictureError::JpegSize { has, wants });
    }
    let grey = colours.is_none() && decoder.input_colorspace() == Some(ColorSpace::Luma);
    if grey {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let bytes = has.0 as usize * has.1 as usize * if grey { 1 } else { 3 };
    if decoder.output_buffer_size() != Some(bytes) {
        return Err(damaged(format!(
            "colour space {:?}",
            decoder.input_colorspace()
        )));
    }
    pixels.resize(bytes, 0);
    decoder
        .decode_into(pixels)
        .map_err(|error| damaged(error.to_string()))?;
    Ok((has, grey))
}

/// Decodes an image of at most `width` x `height` to RGB: three bytes per pixel, rows without
/// padding. Also returns its size.
#[cfg(feature = "snapshot")]
pub(crate) fn to_rgb(
    file: &[u8],
    width: u32,
    height: u32,
) -> Result<(Vec<u8>, u32, u32), PictureError> {
    let mut rgb = Vec::new();
    let colours = Some(ColorSpace::RGB);
    let mut marked = Vec::new();
    whole_with(file, &mut marked, add_marked)?;
    let ((width, height), _) = read(&marked, (width, height), colours, &mut rgb)?;
    Ok((rgb, width, height))
}

#[cfg(all(test, feature = "snapshot"))]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    use videostream_hal::format::Layout;

    use super::*;

    /// An image of one colour, given in luma and chroma.
    fn plain(colour: [u8; 3], width: u16, height: u16, sampling: SamplingFactor) -> Vec<u8> {
        let pixels = colour.repeat(usize::from(width) * usize::from(height));
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 100);
        encoder.set_sampling_factor(sampling);
        encoder
            .encode(&pixels, width, height, ColorType::Ycbcr)
            .unwrap();
        file
    }

    fn decode(file: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PictureError> {
        let layout = Layout::new(FourCc::YU12, width, height).unwrap();
        let mut bytes = vec![0; layout.size as usize];
        let mut target = PictureMut::new(&mut bytes, &layout).unwrap();
        JpegDecoder::new().decode(file, &mut target)?;
        Ok(bytes)
    }

    #[test]
    fn luma_and_chroma_stay_what_they_are() {
        for colour in [
            [0, 128, 128],
            [255, 128, 128],
            [76, 84, 255],
            [29, 255, 107],
        ] {
            for sampling in [
                SamplingFactor::R_4_2_0,
                SamplingFactor::R_4_2_2,
                SamplingFactor::R_4_4_4,
            ] {
                for (width, height) in [(64, 48), (33, 17)] {
                    let file = plain(colour, width, height, sampling);
                    let (width, height) = (u32::from(width), u32::from(height));
                    let bytes = decode(&file, width, height).unwrap();
                    let pixels = (width * height) as usize;
                    let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
                    let (luma, rest) = bytes.split_at(pixels);
                    for (plane, value) in
                        [luma, &rest[..chroma], &rest[chroma..]].iter().zip(colour)
                    {
                        assert!(
                            plane.iter().all(|v| v.abs_diff(value) <= 1),
                            "{colour:?} {plane:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn grey_images_have_neutral_chroma() {
        let mut file = Vec::new();
        Encoder::new(&mut file, 100)
            .encode(&[200; 32 * 16], 32, 16, ColorType::Luma)
            .unwrap();
        let bytes = decode(&file, 32, 16).unwrap();
        assert!(bytes[..512].iter().all(|v| v.abs_diff(200) <= 1));
        assert!(bytes[512..].iter().all(|v| *v == NEUTRAL));
    }

    /// Returns an image of 320x240 with edges and gradients.
    fn drawn(sampling: SamplingFactor, restarts: u16) -> Vec<u8> {
        let pixels = (0..320 * 240_u32).flat_map(|at| {
            let (x, y) = (at % 320, at / 320);
            let ring = if (x * x + y * y) / 900 % 2 == 0 {
                60
            } else {
                0
            };
            [x / 2 + ring, y, (x + y) / 3].map(|value| value as u8)
        });
        let pixels: Vec<_> = pixels.collect();
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 80);
        encoder.set_sampling_factor(sampling);
        encoder.set_restart_interval(restarts);
        encoder.encode(&pixels, 320, 240, ColorType::Rgb).unwrap();
        file
    }

    #[test]
    fn an_image_without_its_middle_is_refused() {
        for sampling in [
            SamplingFactor::R_4_2_0,
            SamplingFactor::R_4_2_2,
            SamplingFactor::R_4_4_4,
        ] {
            for restarts in [0, 20] {
                let file = drawn(sampling, restarts);
                let whole = decode(&file, 320, 240).unwrap();
                let scan = file.windows(2).position(|pair| pair == [0xff, 0xda]);
                let (begin, end) = (scan.unwrap() + 14, file.len() - 2);
                for percent in [10, 20, 30] {
                    let len = (end - begin) * percent / 100;
                    let middle = (begin + end - len) / 2;
                    let cut = [&file[..middle], &file[middle + len..]].concat();
                    let result = decode(&cut, 320, 240);
                    assert!(result.is_err(), "{sampling:?}, {restarts}: {percent} %");
                }
                // As cameras do.
                for more in [&[0xff][..], &[0; 7], &[0xff, 0, 0xff, 0], &[0x5a; 90]] {
                    let padded = [&file[..end], more, &file[end..]].concat();
                    let same = decode(&padded, 320, 240).unwrap() == whole;
                    assert!(same, "{sampling:?}, {restarts}: {more:x?}");
                }
                // A comment before the end, with bytes that are not markers.
                let comment = [0xff, 0xfe, 0, 6, 0xff, 0xd0, 0xff, 0xd7];
                let said = [&file[..end], &comment, &file[end..]].concat();
                assert!(decode(&said, 320, 240).unwrap() == whole);
            }
        }
    }

    #[test]
    fn images_that_lack_a_part_are_refused() {
        let file = super::super::tests::image();
        assert!(decode(&file, 64, 48).is_ok());
        assert_eq!(
            decode(&file, 64, 50),
            Err(PictureError::JpegSize {
                has: (64, 48),
                wants: (64, 50)
            })
        );
        for cut in [2, file.len() / 2] {
            let error = decode(&file[..file.len() - cut], 64, 48).unwrap_err();
            assert!(matches!(error, PictureError::JpegCut { .. }), "{error}");
        }
        let mut damaged = file.clone();
        // Arithmetic coding, which no camera uses.
        let kind = file.windows(2).position(|pair| pair == [0xff, 0xc0]);
        damaged[kind.unwrap() + 1] = 0xc9;
        let error = decode(&damaged, 64, 48).unwrap_err();
        assert!(matches!(error, PictureError::JpegDamaged { .. }), "{error}");
    }
}
