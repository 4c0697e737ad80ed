//! Raw recordings, read by other programs, also after a cut or on a full disk.

#![cfg(feature = "record")]

mod media;

use std::fs;
use std::path::Path;

use videostream::colorimetry::Range;
use videostream::hal::format::{FourCc, Layout};
use videostream::record::{RawRecorder, RecordError};
use videostream::{FrameRate, Picture, PictureMut, TestPattern};

use media::{decode, fps, has_ffmpeg, numbers, probe};

const SIZE: (u32, u32) = (160, 120);

/// Draws pattern frames from 0 on.
fn pictures(fourcc: FourCc, frames: u64, mut each: impl FnMut(&Picture<'_>)) {
    let pattern = TestPattern::new(fourcc, SIZE.0, SIZE.1, fps(30)).unwrap();
    let layout = Layout::new(fourcc, SIZE.0, SIZE.1).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    for number in 0..frames {
        let mut target = PictureMut::new(&mut bytes, &layout).unwrap();
        pattern.draw(number, &mut target).unwrap();
        each(&Picture::new(&bytes, &layout).unwrap());
    }
}

fn create(path: &Path, fourcc: FourCc, rate: FrameRate, range: Range) -> RawRecorder {
    RawRecorder::create(path, (fourcc, SIZE.0, SIZE.1), rate, range).unwrap()
}

#[test]
fn other_programs_read_format_rate_and_range() {
    if !has_ffmpeg("other_programs_read_format_rate_and_range") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.y4m");
    let ntsc = FrameRate::new(30_000, 1_001).unwrap();
    for (fourcc, rate, range, format) in [
        (FourCc::NV12, fps(25), Range::Limited, "yuv420p"),
        (FourCc::YU12, ntsc, Range::Full, "yuv420p"),
        (FourCc::YUYV, ntsc, Range::Full, "yuv422p"),
        (FourCc::YUYV, ntsc, Range::Unspecified, "yuv422p"),
    ] {
        let mut recorder = create(&path, fourcc, rate, range);
        pictures(fourcc, 10, |picture| recorder.write(picture).unwrap());
        let recorded = recorder.finish().unwrap();
        assert_eq!(
            (recorded.frames, recorded.duration_ns),
            (10, rate.time_ns(10))
        );
        assert_eq!(recorded.bytes, fs::metadata(&path).unwrap().len());
        let stream = probe(&path);
        let range = match range {
            Range::Full => "pc",
            Range::Limited => "tv",
            Range::Unspecified => "unknown",
        };
        for (key, value) in [
            ("width", "160"),
            ("height", "120"),
            ("pix_fmt", format),
            ("color_range", range),
            ("r_frame_rate", &rate.to_string()),
            ("nb_read_frames", "10"),
        ] {
            assert_eq!(stream[key], value, "{key} of {fourcc}");
        }
        assert_eq!(
            numbers(&decode(&path, SIZE.0, SIZE.1), SIZE.0, SIZE.1),
            (0..10).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_cut_keeps_the_pixels_before_it() {
    let test = "a_cut_keeps_the_pixels_before_it";
    if !has_ffmpeg(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.y4m");
    let mut sources = Vec::new();
    let mut recorder = create(&path, FourCc::NV12, fps(30), Range::Limited);
    pictures(FourCc::NV12, 8, |picture| {
        recorder.write(picture).unwrap();
        let rows = (0..2).flat_map(|plane| picture.rows(plane));
        sources.push(rows.flatten().copied().collect::<Vec<u8>>());
    });
    // A killed recorder has written as much.
    std::mem::forget(recorder);
    let whole = fs::read(&path).unwrap();
    let picture = (160 * 120 * 3 / 2) + "FRAME\n".len();
    let header = whole.len() - 8 * picture;
    let inside =
        |number: usize| [1, 3, 6, 7, picture / 2, picture - 1].map(|at| number * picture + at);
    let cuts = (1..8).flat_map(inside).chain([picture, 8 * picture]);
    for cut in cuts {
        let file = folder.path().join("cut.y4m");
        fs::write(&file, &whole[..header + cut]).unwrap();
        assert!(decode(&file, 160, 120) == sources[..cut / picture], "{cut}");
    }
}

#[test]
fn a_full_disk_names_the_file_and_leaves_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.y4m");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let like = (FourCc::NV12, SIZE.0, SIZE.1);
    let error = RawRecorder::create(&path, like, fps(30), Range::Limited).unwrap_err();
    assert!(matches!(error, RecordError::Write { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("full.y4m") && text.contains("No space left"),
        "{text}"
    );
}

#[test]
fn refused_pictures_leave_the_file_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.y4m");
    fs::write(&path, "precious").unwrap();
    let rgb = (FourCc::RGB3, 64, 48);
    let error = RawRecorder::create(&path, rgb, fps(30), Range::Limited).unwrap_err();
    assert!(matches!(error, RecordError::Format(_)), "{error}");
    assert!(error.to_string().contains("RGB3"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let other = folder.path().join("x.mp4");
    let nv12 = (FourCc::NV12, 64, 48);
    let error = RawRecorder::create(&other, nv12, fps(30), Range::Limited).unwrap_err();
    assert!(matches!(error, RecordError::Extension { .. }), "{error}");

    // A picture of another size is refused, and those after it are not.
    let mut recorder = create(&path, FourCc::NV12, fps(30), Range::Limited);
    let layout = Layout::new(FourCc::NV12, 64, 48).unwrap();
    let bytes = vec![0; layout.size as usize];
    let error = recorder.write(&Picture::new(&bytes, &layout).unwrap());
    assert!(matches!(error.unwrap_err(), RecordError::Format(_)));
    pictures(FourCc::NV12, 2, |picture| recorder.write(picture).unwrap());
    assert_eq!(recorder.finish().unwrap().frames, 2);
}
