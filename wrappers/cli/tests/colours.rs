//! Eight greys and six colours, sent along every path, and read back by ffmpeg.

mod source;
mod support;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use source::{Shared, share};
use support::{encoded_by_ffmpeg, has_ffmpeg, place, run};
use tempfile::tempdir;
use videostream::colorimetry::{ChromaSite, Matrix, Range};
use videostream::convert::{Convert, Options};
use videostream::hal::format::{FourCc, Layout};
use videostream::y4m::Y4mWriter;
use videostream::{Appearance, Colorimetry, FrameRate, Picture, PictureMut};

/// A block of each colour, so large that neighbours do not matter in its middle.
const BLOCK: u32 = 32;
const COLOURS: [[u8; 3]; 14] = [
    [0; 3],
    [36; 3],
    [73; 3],
    [109; 3],
    [146; 3],
    [182; 3],
    [219; 3],
    [255; 3],
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [0, 255, 255],
    [255, 0, 255],
    [255, 255, 0],
];
const GREYS: usize = 8;
const SIZE: (u32, u32) = (BLOCK * 7, BLOCK * 2);
/// What two conversions and a coarse encoder may change of 255.
const TOLERANCE: i32 = 8;

const FULL_601: Colorimetry = Colorimetry::JPEG;
const FULL_709: Colorimetry = Colorimetry {
    range: Range::Full,
    ..Colorimetry::BT709
};
const UNSPECIFIED: Colorimetry = Colorimetry {
    matrix: Matrix::UNSPECIFIED,
    range: Range::Unspecified,
    ..DEFAULT
};
const DEFAULT: Colorimetry = Colorimetry {
    primaries: videostream::colorimetry::Primaries::UNSPECIFIED,
    transfer: videostream::colorimetry::Transfer::UNSPECIFIED,
    ..Colorimetry::BT601
};

/// The picture in a format.
fn picture(fourcc: FourCc, colours: Colorimetry) -> (Layout, Vec<u8>) {
    let rgb = Layout::new(FourCc::RGB3, SIZE.0, SIZE.1).unwrap();
    let mut pixels = Vec::new();
    for y in 0..SIZE.1 {
        for x in 0..SIZE.0 {
            pixels.extend(COLOURS[(y / BLOCK * 7 + x / BLOCK) as usize]);
        }
    }
    let layout = Layout::new(fourcc, SIZE.0, SIZE.1).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    let mut target = PictureMut::new(&mut bytes, &layout).unwrap();
    let options = Options {
        to: colours,
        ..Options::default()
    };
    let source = Picture::new(&pixels, &rgb).unwrap();
    Convert::new()
        .convert(&source, &mut target, &options)
        .unwrap();
    (layout, bytes)
}

/// Asserts that ffmpeg shows the colours of the picture in a file.
fn assert_colours(file: &Path, count: usize, what: &str) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i", file.to_str().unwrap()])
        .args([
            "-frames:v",
            "1",
            "-sws_flags",
            "accurate_rnd+full_chroma_int",
        ])
        .args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{what}: {output:?}");
    for (at, colour) in COLOURS.iter().enumerate().take(count) {
        let (column, row) = (at as u32 % 7, at as u32 / 7);
        let middle = (row * BLOCK + BLOCK / 2) * SIZE.0 + column * BLOCK + BLOCK / 2;
        let found = &output.stdout[middle as usize * 3..][..3];
        let far = found
            .iter()
            .zip(colour)
            .any(|(found, said)| (i32::from(*found) - i32::from(*said)).abs() > TOLERANCE);
        assert!(!far, "{what}: {found:?} for {colour:?}");
    }
}

/// Range, matrix, transfer function, primaries and the shape of samples, as ffprobe calls them.
fn probe(file: &Path) -> Vec<(String, String)> {
    let fields = "color_range,color_space,color_transfer,color_primaries,sample_aspect_ratio";
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "flat"])
        .args(["-show_entries", &format!("stream={fields}")])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.rsplit_once('=')?;
        let name = name.rsplit('.').next()?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    });
    lines.collect()
}

/// Asserts that a file says these colours.
fn assert_says(file: &Path, colours: Colorimetry, what: &str) {
    let said = probe(file);
    let is = |name: &str| {
        let found = said.iter().find(|(said, _)| said == name);
        found.map_or("unknown", |(_, value)| value)
    };
    let range = match colours.range {
        Range::Unspecified => "unknown",
        Range::Limited => "tv",
        Range::Full => "pc",
    };
    let matrix = match colours.matrix {
        Matrix::BT709 => "bt709",
        Matrix::BT601 => "smpte170m",
        Matrix::BT601_625 => "bt470bg",
        Matrix::BT2020 => "bt2020nc",
        _ => "unknown",
    };
    assert_eq!(
        (is("color_range"), is("color_space")),
        (range, matrix),
        "{what}"
    );
    let transfer = match colours.transfer.0 {
        1 => "bt709",
        6 => "smpte170m",
        13 => "iec61966-2-1",
        14 => "bt2020-10",
        _ => "unknown",
    };
    let primaries = match colours.primaries.0 {
        1 => "bt709",
        6 => "smpte170m",
        9 => "bt2020",
        _ => "unknown",
    };
    assert_eq!(is("color_transfer"), transfer, "{what}");
    assert_eq!(is("color_primaries"), primaries, "{what}");
}

/// What it says of samples that are wider than high.
fn aspect() -> (String, String) {
    ("sample_aspect_ratio".to_owned(), "4:3".to_owned())
}

fn convert(words: &[&str], from: &Path, to: &Path) {
    let files = [from, to].map(|file| file.to_str().unwrap());
    let ended = run(["convert", "-q"].iter().chain(words).chain(&files));
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn files_keep_colours_on_every_way() {
    if !has_ffmpeg("files_keep_colours_on_every_way") {
        return;
    }
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for colours in [
        UNSPECIFIED,
        Colorimetry::BT601,
        Colorimetry::BT709,
        Colorimetry::BT2020,
        FULL_601,
        FULL_709,
    ] {
        let (layout, bytes) = picture(FourCc::YU12, colours);
        let appearance = Appearance {
            colorimetry: colours,
            sample_aspect: Some((4, 3)),
            chroma: Some(ChromaSite::Left),
        };
        let like = (layout.fourcc, layout.width, layout.height);
        let raw = File::create(file("a.y4m")).unwrap();
        let rate = FrameRate::fps(25).unwrap();
        let mut writer = Y4mWriter::new(raw, like, rate, appearance).unwrap();
        for _ in 0..3 {
            writer
                .write(&Picture::new(&bytes, &layout).unwrap())
                .unwrap();
        }
        drop(writer);
        convert(&["-b", "8Mbps"], &file("a.y4m"), &file("b.h264"));
        convert(&["-b", "8Mbps"], &file("a.y4m"), &file("c.mp4"));
        convert(&[], &file("b.h264"), &file("d.mp4"));
        convert(&[], &file("b.h264"), &file("e.y4m"));
        convert(&["-b", "8Mbps"], &file("e.y4m"), &file("f.h264"));
        for name in ["b.h264", "c.mp4", "d.mp4", "f.h264"] {
            let what = format!("{name} of {colours:?}");
            assert_says(&file(name), colours, &what);
            assert_colours(&file(name), COLOURS.len(), &what);
            assert!(probe(&file(name)).contains(&aspect()), "{what}");
        }
        // Y4M has words for range and aspect that others know.
        let says = fs::read(file("e.y4m")).unwrap();
        let end = says.iter().position(|byte| *byte == b'\n').unwrap();
        let says = String::from_utf8(says[..end].to_vec()).unwrap();
        let words: Vec<_> = says.split(' ').collect();
        assert!(words.contains(&"A4:3"), "{says}");
        assert!(words.contains(&"C420mpeg2"), "{says}");
        let range = |word| words.contains(&word);
        let found = (range("XCOLORRANGE=FULL"), range("XCOLORRANGE=LIMITED"));
        let (full, limited) = (Range::Full, Range::Limited);
        assert_eq!(
            found,
            (colours.range == full, colours.range == limited),
            "{says}"
        );
    }
}

#[test]
fn raw_video_says_where_chroma_lies() {
    let test = "raw_video_says_where_chroma_lies";
    let folder = tempdir().unwrap();
    let [from, to] = ["a.h264", "b.y4m"].map(|name| folder.path().join(name));
    for (parameters, word) in [
        ("bframes=0", "C420mpeg2"),
        ("bframes=0:chromaloc=0", "C420mpeg2"),
        ("bframes=0:chromaloc=1", "C420jpeg"),
        ("bframes=0:chromaloc=2", "C420paldv"),
    ] {
        let _ = fs::remove_file(&from);
        if !encoded_by_ffmpeg("libx264", parameters, &from) {
            return videostream_testing::skip(test, "needs ffmpeg with libx264");
        }
        convert(&[], &from, &to);
        let file = fs::read(&to).unwrap();
        let header = file.split(|byte| *byte == b'\n').next().unwrap();
        let header = str::from_utf8(header).unwrap();
        assert!(header.split(' ').any(|said| said == word), "{header}");
    }
}

#[test]
fn raw_video_of_each_sampling_keeps_colours() {
    if !has_ffmpeg("raw_video_of_each_sampling_keeps_colours") {
        return;
    }
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let full = Colorimetry {
        range: Range::Full,
        ..UNSPECIFIED
    };
    let limited = Colorimetry {
        range: Range::Limited,
        ..UNSPECIFIED
    };
    for (fourcc, drawn, says, becomes, count) in [
        (
            FourCc::YUYV,
            Colorimetry::BT709,
            Colorimetry::BT709,
            Colorimetry::BT709,
            14,
        ),
        (FourCc::YUYV, UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, 14),
        (FourCc::NV24, FULL_601, FULL_601, FULL_601, 14),
        // Grey is in full range unless the file says otherwise.
        (FourCc::GREY, FULL_601, UNSPECIFIED, full, GREYS - 1),
        (
            FourCc::GREY,
            Colorimetry::BT601,
            limited,
            limited,
            GREYS - 1,
        ),
    ] {
        let what = format!("{fourcc} {says:?}");
        let (layout, bytes) = picture(fourcc, drawn);
        let like = (fourcc, layout.width, layout.height);
        let raw = File::create(file("a.y4m")).unwrap();
        let rate = FrameRate::fps(25).unwrap();
        let mut writer = Y4mWriter::new(raw, like, rate, says).unwrap();
        let source = Picture::new(&bytes, &layout).unwrap();
        (0..3).for_each(|_| writer.write(&source).unwrap());
        drop(writer);
        for name in ["b.h264", "c.mp4"] {
            convert(&["-b", "8Mbps"], &file("a.y4m"), &file(name));
            assert_says(&file(name), becomes, &what);
            assert_colours(&file(name), count, &what);
        }
    }
}

#[test]
fn shared_frames_keep_their_colours() {
    if !has_ffmpeg("shared_frames_keep_their_colours") {
        return;
    }
    let packed = |colours: Colorimetry| colours.to_v4l2();
    // V4L2_COLORSPACE_SRGB, and nothing else: what webcams say.
    let webcam = 8;
    for (fourcc, drawn, says, becomes, count) in [
        (
            FourCc::NV12,
            Colorimetry::BT709,
            packed(Colorimetry::BT709),
            Colorimetry::BT709,
            14,
        ),
        (FourCc::YUYV, FULL_601, packed(FULL_601), FULL_601, 14),
        (
            FourCc::YUYV,
            Colorimetry::BT601,
            webcam,
            srgb(Range::Limited),
            14,
        ),
        (FourCc::RGB3, FULL_601, webcam, srgb(Range::Limited), 14),
        // The first row is grey, which is not marked as limited range.
        (FourCc::GREY, FULL_601, webcam, srgb(Range::Full), GREYS - 1),
        (FourCc::NV12, UNSPECIFIED, 0, UNSPECIFIED, 14),
    ] {
        let what = format!("{fourcc} {drawn:?}");
        let (layout, bytes) = picture(fourcc, drawn);
        let (folder, socket) = place();
        let frame = |n: u64| {
            let frame = Shared::picture(layout, &bytes, (1 + n) * 40_000_000);
            frame.shown(says, 4 | 3 << 16)
        };
        let frames: Vec<_> = (0..10).map(frame).collect();
        let file = |name: &str| folder.path().join(name);
        for name in ["a.mp4", "b.y4m", "c.png"] {
            // Y4M holds no RGB.
            if fourcc == FourCc::RGB3 && name == "b.y4m" {
                continue;
            }
            let to = file(name).to_str().unwrap().to_owned();
            let words = match name {
                "a.mp4" => vec!["record", "-f", "5", "-b", "8Mbps"],
                "b.y4m" => vec!["record", "-f", "5"],
                _ => vec!["snapshot"],
            };
            let fixed = ["-q", "--timeout", "60", "--ipc", &socket, &to];
            let ended = share(&socket, &frames, || run(words.iter().chain(&fixed)));
            assert!(ended.status.success(), "{what}: {ended:?}");
            // ffmpeg has no word for the matrix of a Y4M, and takes BT.601.
            if name == "b.y4m" && drawn.matrix == Matrix::BT709 {
                convert(&["-b", "8Mbps"], &file("b.y4m"), &file("d.mp4"));
                assert_says(&file("d.mp4"), becomes, &what);
                continue;
            }
            assert_colours(&file(name), count, &format!("{name} of {what}"));
            if name == "a.mp4" {
                assert_says(&file(name), becomes, &what);
            }
            if name != "c.png" {
                assert!(probe(&file(name)).contains(&aspect()), "{name} of {what}");
            }
        }
    }
}

#[test]
fn shared_packets_say_the_colours_of_their_source() {
    if !has_ffmpeg("shared_packets_say_the_colours_of_their_source") {
        return;
    }
    let (folder, socket) = place();
    let _host = support::share_pattern(&socket, &["--encode", "h264", "--buffers", "16"]);
    let file = folder.path().join("x.mp4");
    let to = file.to_str().unwrap();
    let ended = run([
        "record",
        "-q",
        "--timeout",
        "60",
        "-f",
        "5",
        "--ipc",
        &socket,
        to,
    ]);
    assert!(ended.status.success(), "{ended:?}");
    assert_says(&file, Colorimetry::BT601, "packets of the pattern");
}

/// What V4L2 calls sRGB, in YUV.
fn srgb(range: Range) -> Colorimetry {
    Colorimetry {
        range,
        ..Colorimetry::BT709.with_codes([1, 13, 6])
    }
}
