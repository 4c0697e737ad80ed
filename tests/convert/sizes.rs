//! Sizes, strides and rectangles of all kinds.

use videostream::convert::{Convert, Filter, Options, formats};
use videostream::hal::format::FourCc;
use videostream::{Colorimetry, Rect};

use crate::drawing::{HD, check, draw};
use crate::model::{Image, Numbers};

fn any(numbers: &mut Numbers) -> FourCc {
    let all: Vec<_> = formats().collect();
    all[numbers.below(all.len())]
}

#[test]
fn any_size_and_stride_converts_exactly() {
    let (mut convert, mut numbers) = (Convert::new(), Numbers(2));
    for round in 0..200 {
        let (from, to) = (any(&mut numbers), any(&mut numbers));
        let (width, height) = (1 + numbers.below(70), 1 + numbers.below(40));
        let (padding, short) = (numbers.below(50), numbers.below(2) == 0);
        let mut source = Image::new(from, width, height, short, |plane| padding + 5 * plane);
        draw(&mut source, HD);
        // The blocks of colour begin at multiples of this.
        let (x, y) = (numbers.below(width) / 4 * 4, numbers.below(height) / 2 * 2);
        let (width, height) = (1 + numbers.below(width - x), 1 + numbers.below(height - y));
        let mut target = Image::new(to, width, height, !short, |plane| padding / 3 + plane);
        let rect = [x, y, width, height].map(|value| value as u32);
        let options = Options {
            crop: Some(Rect {
                x: rect[0],
                y: rect[1],
                width: rect[2],
                height: rect[3],
            }),
            from: HD,
            to: Colorimetry::BT601,
            ..Options::default()
        };
        convert
            .convert(&source.picture(), &mut target.picture_mut(), &options)
            .unwrap();
        let what = format!("{round}: {from} to {to}, {rect:?}");
        check(&source, &target, &options, (x, y), &what);
    }
}

#[test]
fn any_size_scales_to_any_other() {
    let (mut convert, mut numbers) = (Convert::new(), Numbers(3));
    for round in 0..200 {
        let (from, to) = (any(&mut numbers), any(&mut numbers));
        let mut side = |most| 1 + numbers.below(most);
        let (width, height, to_width, to_height) = (side(90), side(60), side(120), side(60));
        let padding = numbers.below(50);
        let mut source = Image::new(from, width, height, true, |plane| padding + 5 * plane);
        let colour = [200.0, 90.0, 40.0];
        for y in 0..height {
            for x in 0..width {
                let components = source.components(colour, HD);
                source.set(x, y, &components);
            }
        }
        let mut target = Image::new(to, to_width, to_height, true, |plane| padding / 3 + plane);
        let filters = [Filter::Bilinear, Filter::Cubic, Filter::Lanczos];
        let options = Options {
            from: HD,
            to: HD,
            filter: filters[numbers.below(3)],
            ..Options::default()
        };
        convert
            .convert(&source.picture(), &mut target.picture_mut(), &options)
            .unwrap();
        // One colour stays one, whatever the filter.
        let what = format!("{round}: {from} {width}x{height} to {to} {to_width}x{to_height}");
        let expected = target.components(source.colour(0, 0, HD), HD);
        for y in 0..to_height {
            for x in 0..to_width {
                for (has, expected) in target.get(x, y).into_iter().zip(&expected) {
                    let far = (f64::from(has) - expected).abs();
                    assert!(far <= 2.5, "{what}: ({x}, {y}) is {:?}", target.get(x, y));
                }
            }
        }
        assert!(target.padding_is_intact(), "{what}: padding was written");
    }
}
