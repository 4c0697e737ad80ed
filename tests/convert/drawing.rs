//! Blocks of colour, and the expected results.

use videostream::colorimetry::{Colorimetry, Range};
use videostream::convert::Options;
use videostream::hal::format::FourCc;

use crate::model::{ALPHA, Image, Meaning, meaning};

const COLOURS: [[f64; 3]; 8] = [
    [255.0, 255.0, 255.0],
    [255.0, 0.0, 0.0],
    [0.0, 255.0, 0.0],
    [0.0, 0.0, 255.0],
    [0.0, 255.0, 255.0],
    [255.0, 255.0, 0.0],
    [96.0, 64.0, 160.0],
    [0.0, 0.0, 0.0],
];

pub(crate) const HD: Colorimetry = Colorimetry {
    range: Range::Full,
    ..Colorimetry::BT709
};

/// Blocks of 4 x 2 pixels in primary colours.
pub(crate) fn draw(image: &mut Image, colours: Colorimetry) {
    for y in 0..image.height {
        for x in 0..image.width {
            let colour = COLOURS[(x / 4 + 3 * (y / 2)) % COLOURS.len()];
            let components = image.components(colour, colours);
            image.set(x, y, &components);
        }
    }
}

/// Compares every component of every pixel with what the source says exactly.
pub(crate) fn check(
    source: &Image,
    target: &Image,
    options: &Options,
    at: (usize, usize),
    what: &str,
) {
    let same = match (meaning(source.fourcc), meaning(target.fourcc)) {
        (Meaning::Rgb, Meaning::Rgb) => true,
        (Meaning::Rgb, _) | (_, Meaning::Rgb) => false,
        _ => options.from == options.to,
    };
    for y in 0..target.height {
        for x in 0..target.width {
            let (sx, sy) = (x + at.0, y + at.1);
            let expected: Vec<f64> = if same {
                let mut has: Vec<f64> = source.get(sx, sy).into_iter().map(f64::from).collect();
                has.resize(3, 128.0);
                has
            } else {
                target.components(source.colour(sx, sy, options.from), options.to)
            };
            let tolerance = if same { 0.0 } else { 2.0 };
            for (has, expected) in target.get(x, y).into_iter().zip(expected) {
                let far = (f64::from(has) - expected).abs();
                assert!(
                    far <= tolerance + 0.5,
                    "{what}: pixel ({x}, {y}) is {:?}, from {:?}",
                    target.get(x, y),
                    source.get(sx, sy)
                );
            }
            let alpha =
                |fourcc| [FourCc::AB24, FourCc::AR24, FourCc::BA24, FourCc::RA24].contains(&fourcc);
            if let Some(fourth) = target.fourth(x, y) {
                let kept = alpha(source.fourcc) && alpha(target.fourcc);
                assert_eq!(
                    fourth,
                    if kept { ALPHA } else { 255 },
                    "{what}: fourth byte"
                );
            }
        }
    }
    assert!(target.padding_is_intact(), "{what}: padding was written");
}
