//! Pictures only exist over memory that holds all of their rows.

use videostream::hal::format::{FourCc, Layout};
use videostream::picture::{Plane, PlaneMut};
use videostream::{Picture, PictureError, PictureMut, Rect};

#[test]
fn memory_that_is_one_byte_short_is_refused() {
    for fourcc in [FourCc::NV12, FourCc::YU12, FourCc::YUYV, FourCc::RGB3] {
        let layout = Layout::new(fourcc, 66, 34).unwrap();
        let mut bytes = vec![0; layout.size as usize];
        assert!(Picture::new(&bytes, &layout).is_ok());
        assert!(PictureMut::new(&mut bytes, &layout).is_ok());
        bytes.pop();
        let error = Picture::new(&bytes, &layout).unwrap_err();
        assert!(matches!(error, PictureError::TooShort { .. }), "{error}");
        let error = PictureMut::new(&mut bytes, &layout).unwrap_err();
        assert!(
            error.to_string().contains(&layout.size.to_string()),
            "{error}"
        );
    }
}

#[test]
fn layouts_that_lie_are_refused() {
    let bytes = vec![0; 100_000];
    let good = Layout::new(FourCc::NV12, 64, 64).unwrap();
    for change in [
        |layout: &mut Layout| layout.planes[0].stride = 63,
        |layout: &mut Layout| layout.planes[1].offset = u32::MAX,
        |layout: &mut Layout| layout.planes[1].size = 64,
        |layout: &mut Layout| layout.plane_count = 1,
        |layout: &mut Layout| layout.plane_count = 9,
        |layout: &mut Layout| layout.height = u32::MAX,
        |layout: &mut Layout| layout.width = 0,
        |layout: &mut Layout| (layout.width, layout.height) = (u32::MAX, u32::MAX),
    ] {
        let mut layout = good;
        change(&mut layout);
        assert!(Picture::new(&bytes, &layout).is_err(), "{layout:?}");
        assert!(
            PictureMut::new(&mut bytes.clone(), &layout).is_err(),
            "{layout:?}"
        );
    }
}

#[test]
fn planes_that_overlap_cannot_be_drawn_into() {
    let mut layout = Layout::new(FourCc::NV12, 64, 64).unwrap();
    layout.planes[1].offset -= 1;
    let mut bytes = vec![0; layout.size as usize];
    let error = PictureMut::new(&mut bytes, &layout).unwrap_err();
    assert_eq!(error, PictureError::Overlap { plane: 1 });
}

#[test]
fn separate_memory_needs_separate_planes() {
    let layout = Layout::new(FourCc::NM12, 64, 64).unwrap();
    let error = Picture::new(&[0; 6144], &layout).unwrap_err();
    assert!(matches!(error, PictureError::Memories { memories: 2, .. }));
    let planes = [
        Plane {
            data: &[0; 4096],
            stride: 64,
        },
        Plane {
            data: &[0; 2048],
            stride: 64,
        },
    ];
    assert!(Picture::from_planes(FourCc::NM12, 64, 64, &planes).is_ok());
    let mut memory = [vec![0; 4096], vec![0; 2048]];
    let planes = memory.iter_mut().map(|data| PlaneMut { data, stride: 64 });
    assert!(PictureMut::from_planes(FourCc::NM12, 64, 64, planes).is_ok());
}

#[test]
fn the_padding_behind_the_last_row_may_be_missing() {
    let plane = Plane {
        data: &[0; 256 * 63 + 64],
        stride: 256,
    };
    assert!(Picture::from_planes(FourCc::GREY, 64, 64, &[plane]).is_ok());
}

#[test]
fn a_crop_shows_the_pixels_inside_it() {
    for fourcc in [FourCc::NV12, FourCc::YU12, FourCc::YUYV, FourCc::RGB3] {
        let layout = Layout::new(fourcc, 64, 48).unwrap();
        let bytes: Vec<u8> = (0..layout.size).map(|at| (at * 7 % 251) as u8).collect();
        let picture = Picture::new(&bytes, &layout).unwrap();
        let rect = Rect {
            x: 6,
            y: 10,
            width: 20,
            height: 14,
        };
        let cropped = picture.crop(rect).unwrap();
        assert_eq!((cropped.width(), cropped.height()), (20, 14));
        let per_row = cropped.rows(0).len();
        assert_eq!(per_row, 14);
        let bytes_per_pixel = layout.planes[0].stride as usize / 64;
        let first = (10 * 64 + 6) * bytes_per_pixel;
        assert_eq!(
            cropped.rows(0).next().unwrap(),
            &bytes[first..first + 20 * bytes_per_pixel]
        );
        if fourcc == FourCc::NV12 {
            let chroma = 64 * 48 + 5 * 64 + 6;
            assert_eq!(cropped.rows(1).next().unwrap(), &bytes[chroma..chroma + 20]);
        }
    }
}

#[test]
fn crops_that_are_odd_or_outside_are_refused() {
    let layout = Layout::new(FourCc::NV12, 64, 48).unwrap();
    let bytes = vec![0; layout.size as usize];
    let picture = Picture::new(&bytes, &layout).unwrap();
    for (x, y, width, height) in [
        (1, 0, 8, 8),
        (0, 1, 8, 8),
        (60, 0, 8, 8),
        (0, 0, 0, 8),
        (2, 2, u32::MAX, 8),
        (64, 48, 2, 2),
    ] {
        let rect = Rect {
            x,
            y,
            width,
            height,
        };
        assert!(
            matches!(picture.crop(rect), Err(PictureError::Crop { .. })),
            "{rect:?}"
        );
    }
}
