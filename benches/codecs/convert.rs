//! Converting and scaling 1080p, compared with a copy of as many bytes.

use std::hint::black_box;

use criterion::Criterion;
use videostream::convert::{Convert, Options};
use videostream::hal::format::{FourCc, Layout};
use videostream::{Picture, PictureMut};
use videostream_testing::figures::{Goal, Table, in_turns, repeat};

const FULL: (u32, u32) = (1920, 1080);
const SMALL: (u32, u32) = (640, 360);

pub(crate) fn bench(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("convert 1080p");
    for (from, to, size) in [
        (FourCc::NV12, FourCc::YU12, FULL),
        (FourCc::YUYV, FourCc::YU12, FULL),
        (FourCc::YUYV, FourCc::NV12, FULL),
        (FourCc::NV12, FourCc::RGB3, FULL),
        (FourCc::NV12, FourCc::XR24, FULL),
        (FourCc::RGB3, FourCc::NV12, FULL),
        (FourCc::NV12, FourCc::NV12, SMALL),
        (FourCc::NV12, FourCc::RGB3, SMALL),
        (FourCc::RGB3, FourCc::RGB3, SMALL),
    ] {
        let from = Layout::new(from, FULL.0, FULL.1).unwrap();
        let to = Layout::new(to, size.0, size.1).unwrap();
        let source: Vec<u8> = (0..from.size).map(|at| ((at * 31) >> 5) as u8).collect();
        let mut target = vec![0; to.size as usize];
        let mut convert = Convert::new();
        let mut converting = |count| {
            repeat(count, || {
                let picture = Picture::new(black_box(&source), &from).unwrap();
                let mut target = PictureMut::new(&mut target, &to).unwrap();
                convert
                    .convert(&picture, &mut target, &Options::default())
                    .unwrap();
                black_box(&mut target);
            })
        };
        let bytes = from.size.max(to.size) as usize;
        let (memory, mut copied) = (vec![1; bytes], vec![0u8; bytes]);
        let mut copying = |count| {
            repeat(count, || {
                copied.copy_from_slice(black_box(&memory));
                black_box(&mut copied);
            })
        };
        let scaled = match size {
            FULL => String::new(),
            (width, height) => format!(" {width}x{height}"),
        };
        let name = format!("{} to {}{scaled}", from.fourcc, to.fourcc);
        let (figure, floors) = in_turns(&mut group, &name, 4, &mut converting, &mut [&mut copying]);
        table.add(
            format!("1080p {name}"),
            &figure,
            ("memcpy of the larger", &floors[0]),
            Goal::Compare,
        );
    }
    group.finish();
}
