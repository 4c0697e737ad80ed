//! Conversion between byte orders of RGB pixels.

use yuv::YuvError;

use super::arrange::small;
use super::shape::Rgb;
use super::view::{View, ViewMut};

/// Reorders the bytes of RGB pixels. An unused fourth byte becomes 255.
pub(super) fn reorder(
    s: &View<'_>,
    from: Rgb,
    t: &mut ViewMut<'_>,
    to: Rgb,
    memory: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let width = small(s.width)?;
    if from.first && memory.len() < 4 * s.width {
        memory.resize(4 * s.width, 0);
    }
    for row in 0..s.height {
        let mut pixels = s.row(0, row);
        if from.first {
            let turned = &mut memory[..4 * s.width];
            turn_left(pixels, turned);
            pixels = turned;
        }
        let target = t.row(0, row);
        match shuffle(from, to) {
            Some(shuffle) => {
                let (stride, to_stride) = (small(pixels.len())?, small(target.len())?);
                shuffle(pixels, stride, target, to_stride, width, 1)
                    .map_err(|_| "reordering a row")?;
            }
            None => target.copy_from_slice(pixels),
        }
        if to.bytes == 4 && from.bytes == 4 && !(from.alpha && to.alpha) {
            target.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
        }
        if to.first {
            turn_right(target);
        }
    }
    Ok(())
}

type Shuffle = fn(&[u8], u32, &mut [u8], u32, u32, u32) -> Result<(), YuvError>;

/// Returns the routine that reorders pixels whose fourth byte is last; `None` for the same order.
fn shuffle(from: Rgb, to: Rgb) -> Option<Shuffle> {
    Some(match (from.bytes, from.bgr, to.bytes, to.bgr) {
        (3, false, 3, true) => yuv::rgb_to_bgr,
        (3, true, 3, false) => yuv::bgr_to_rgb,
        (3, false, 4, false) => yuv::rgb_to_rgba,
        (3, false, 4, true) => yuv::rgb_to_bgra,
        (3, true, 4, false) => yuv::bgr_to_rgba,
        (3, true, 4, true) => yuv::bgr_to_bgra,
        (4, false, 3, false) => yuv::rgba_to_rgb,
        (4, false, 3, true) => yuv::rgba_to_bgr,
        (4, true, 3, false) => yuv::bgra_to_rgb,
        (4, true, 3, true) => yuv::bgra_to_bgr,
        (4, false, 4, true) => yuv::rgba_to_bgra,
        (4, true, 4, false) => yuv::bgra_to_rgba,
        _ => return None,
    })
}

/// Moves the last byte of each pixel to the front.
pub(super) fn turn_right(pixels: &mut [u8]) {
    for pixel in pixels.chunks_exact_mut(4) {
        let [a, b, c, d] = [pixel[0], pixel[1], pixel[2], pixel[3]];
        pixel.copy_from_slice(&[d, a, b, c]);
    }
}

/// Moves the first byte of each pixel to the end.
pub(super) fn turn_left(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.chunks_exact_mut(4).zip(from.chunks_exact(4)) {
        to.copy_from_slice(&[from[1], from[2], from[3], from[0]]);
    }
}
