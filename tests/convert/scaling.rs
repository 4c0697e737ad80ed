//! Gradients stay gradients in every size.

use videostream::Rect;
use videostream::convert::{Convert, Filter, Options};
use videostream::hal::format::FourCc;

use crate::drawing::HD;
use crate::model::{Image, from_rgb};

/// The colour at a point, in pixels of an image of this size.
fn gradient(x: f64, y: f64, (width, height): (usize, usize)) -> [f64; 3] {
    let (x, y) = ((x + 0.5) / width as f64, (y + 0.5) / height as f64);
    [40.0 + 160.0 * x, 200.0 - 120.0 * y, 60.0 + 60.0 * (x + y)]
}

fn drawn(fourcc: FourCc, size: (usize, usize)) -> Image {
    let mut image = Image::new(fourcc, size.0, size.1, false, |_| 0);
    for y in 0..size.1 {
        for x in 0..size.0 {
            let components = image.components(gradient(x as f64, y as f64, size), HD);
            image.set(x, y, &components);
        }
    }
    image
}

#[test]
fn a_gradient_scales_to_the_same_gradient() {
    let size = (96, 64);
    let mut convert = Convert::new();
    for from in [
        FourCc::NV12,
        FourCc::YUYV,
        FourCc::RGB3,
        FourCc::BX24,
        FourCc::YM24,
    ] {
        let source = drawn(from, size);
        for to in [
            FourCc::NV12,
            FourCc::YUYV,
            FourCc::RGB3,
            FourCc::XR24,
            FourCc::YU12,
        ] {
            for to_size in [(33, 21), (96, 32), (131, 97)] {
                for filter in [Filter::Bilinear, Filter::Cubic, Filter::Lanczos] {
                    let mut target = Image::new(to, to_size.0, to_size.1, false, |_| 0);
                    let options = Options {
                        from: HD,
                        to: HD,
                        filter,
                        ..Options::default()
                    };
                    convert
                        .convert(&source.picture(), &mut target.picture_mut(), &options)
                        .unwrap();
                    // Filters lean on pixels outside at the borders; chroma that is shared lies
                    // beside its pixels.
                    for y in 6..to_size.1 - 6 {
                        for x in 6..to_size.0 - 6 {
                            let colour = gradient(x as f64, y as f64, to_size);
                            let (has, wants) = (target.colour(x, y, HD), from_rgb(colour, HD));
                            let has = from_rgb(has, HD);
                            let far = [0, 1, 2].map(|at| (has[at] - wants[at]).abs());
                            assert!(
                                far[0] < 4.0 && far[1] < 6.0 && far[2] < 6.0,
                                "{from} to {to} {to_size:?}, {filter:?}: ({x}, {y}) is {has:?}, \
                                 not {wants:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_part_scales_to_the_gradient_inside_it() {
    let source = drawn(FourCc::NV12, (96, 64));
    let mut target = Image::new(FourCc::RGB3, 80, 60, false, |_| 0);
    let rect = Rect {
        x: 20,
        y: 10,
        width: 40,
        height: 30,
    };
    let options = Options {
        crop: Some(rect),
        from: HD,
        ..Options::default()
    };
    Convert::new()
        .convert(&source.picture(), &mut target.picture_mut(), &options)
        .unwrap();
    for y in 6..54 {
        for x in 6..74 {
            let (x0, y0) = (
                20.0 + (x as f64 + 0.5) / 2.0 - 0.5,
                10.0 + (y as f64 + 0.5) / 2.0 - 0.5,
            );
            let wants = gradient(x0, y0, (96, 64));
            let has = target.colour(x, y, HD);
            for (has, wants) in has.into_iter().zip(wants) {
                assert!(
                    (has - wants).abs() < 6.0,
                    "({x}, {y}) is {has}, not {wants}"
                );
            }
        }
    }
}
