//! Every format to every other.

use videostream::colorimetry::Colorimetry;
use videostream::convert::{Convert, Options, formats};

use crate::drawing::{HD, check, draw};
use crate::model::{Image, Numbers};

#[test]
fn every_format_pair_converts_with_equal_colours() {
    let mut convert = Convert::new();
    let mut numbers = Numbers(1);
    for from in formats() {
        for to in formats() {
            for (from_colours, to_colours) in [
                (Colorimetry::BT601, Colorimetry::BT601),
                (Colorimetry::BT601, HD),
            ] {
                let short = numbers.below(2) == 0;
                let padding = numbers.below(40);
                let mut source = Image::new(from, 71, 5, short, |plane| padding * (plane + 1));
                draw(&mut source, from_colours);
                let mut target = Image::new(to, 71, 5, !short, |plane| padding / 2 + 3 * plane);
                let options = Options {
                    from: from_colours,
                    to: to_colours,
                    ..Options::default()
                };
                convert
                    .convert(&source.picture(), &mut target.picture_mut(), &options)
                    .unwrap();
                let what = format!("{from} to {to}, {from_colours:?} to {to_colours:?}");
                check(&source, &target, &options, (0, 0), &what);
            }
        }
    }
}
