//! No allocation per picture.

use videostream::convert::{Convert, Filter, Options};
use videostream::hal::format::FourCc;
use videostream_testing::counting::{Counting, calls};

use crate::drawing::{HD, draw};
use crate::model::Image;

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn after_the_first_picture_of_a_kind_nothing_is_allocated() {
    let mut convert = Convert::new();
    let pairs = [
        (FourCc::NV12, FourCc::YU12, (64, 48)),
        (FourCc::YUYV, FourCc::NV12, (64, 48)),
        (FourCc::NV12, FourCc::RGB3, (40, 30)),
        (FourCc::YUYV, FourCc::XR24, (100, 70)),
        (FourCc::BX24, FourCc::NV16, (64, 48)),
        (FourCc::RA24, FourCc::RGB3, (32, 24)),
    ];
    for (from, to, (width, height)) in pairs {
        let mut source = Image::new(from, 64, 48, true, |_| 5);
        draw(&mut source, HD);
        let mut target = Image::new(to, width, height, true, |_| 7);
        for filter in [Filter::Bilinear, Filter::Cubic, Filter::Lanczos] {
            let options = Options {
                from: HD,
                filter,
                ..Options::default()
            };
            let picture = source.picture();
            let mut target = target.picture_mut();
            convert.convert(&picture, &mut target, &options).unwrap();
            let counted = calls(|| {
                for _ in 0..10 {
                    convert.convert(&picture, &mut target, &options).unwrap();
                }
            });
            assert_eq!(counted, 0, "{from} to {to}, {filter:?}");
        }
    }
}

#[test]
fn planes_for_an_encoder_are_read_where_they_lie() {
    let mut convert = Convert::new();
    for (fourcc, borrowed) in [
        (FourCc::YU12, 3),
        (FourCc::YV12, 3),
        (FourCc::NV12, 1),
        (FourCc::NV21, 1),
        (FourCc::YUYV, 0),
    ] {
        let mut image = Image::new(fourcc, 63, 47, true, |_| 9);
        draw(&mut image, HD);
        let picture = image.picture();
        let inside = |data: &[u8]| {
            let ranges = picture
                .planes()
                .iter()
                .map(|plane| plane.data.as_ptr_range());
            ranges
                .into_iter()
                .any(|range| range.contains(&data.as_ptr()))
        };
        let planar = convert.to_yu12(&picture, &Options::default()).unwrap();
        let lying = planar.planes().iter().filter(|plane| inside(plane.data));
        assert_eq!(lying.count(), borrowed, "{fourcc}");
        let mut by_copy = Image::new(FourCc::YU12, 63, 47, false, |_| 0);
        Convert::new()
            .convert(&picture, &mut by_copy.picture_mut(), &Options::default())
            .unwrap();
        for plane in 0..3 {
            assert!(
                planar.rows(plane).eq(by_copy.picture().rows(plane)),
                "{fourcc}, plane {plane}"
            );
        }
    }
}
