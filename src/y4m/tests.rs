use videostream_hal::format::{FourCc, Layout};

use super::*;
use crate::colorimetry::{Appearance, ChromaSite, Colorimetry, Range};
use crate::frame_rate::FrameRate;
use crate::picture::{Picture, Plane, extents};

fn rate() -> FrameRate {
    FrameRate::new(30_000, 1_001).unwrap()
}

/// Writes `picture` to a file; returns the header and the samples.
fn written(picture: &Picture<'_>, range: Range) -> (String, Vec<u8>) {
    let like = (picture.fourcc(), picture.width(), picture.height());
    let mut file = Vec::new();
    let mut writer = Y4mWriter::new(&mut file, like, rate(), range).unwrap();
    writer.write(picture).unwrap();
    let bytes = writer.picture_bytes() as usize;
    drop(writer);
    let header = file.len() - bytes;
    let (header, frame) = file.split_at(header);
    let samples = frame.strip_prefix(b"FRAME\n").unwrap();
    (
        String::from_utf8(header.to_vec()).unwrap(),
        samples.to_vec(),
    )
}

#[test]
fn what_is_written_is_read_again() {
    for fourcc in [FourCc::YU12, FourCc::YUV422P, FourCc::YM24, FourCc::GREY] {
        for (width, height) in [(64, 48), (66, 50), (33, 17)] {
            read_again(fourcc, width, height);
        }
    }
}

fn read_again(fourcc: FourCc, width: u32, height: u32) {
    let (extents, count) = extents(fourcc, width, height).unwrap();
    let filled = |seed: usize| {
        let planes = extents[..count].iter().enumerate();
        let sample = move |at: usize| (at * 7 + seed) as u8;
        planes.map(move |(plane, extent)| {
            let samples = 0..extent.row_bytes * extent.rows;
            samples.map(|at| sample(at + plane)).collect::<Vec<u8>>()
        })
    };
    let pictures: Vec<Vec<_>> = (0..3).map(|seed| filled(seed).collect()).collect();
    let mut file = Vec::new();
    let mut writer =
        Y4mWriter::new(&mut file, (fourcc, width, height), rate(), Range::Full).unwrap();
    for picture in &pictures {
        let planes = picture.iter().zip(extents).map(|(data, extent)| Plane {
            data,
            stride: extent.row_bytes,
        });
        let planes: Vec<_> = planes.collect();
        let picture = Picture::from_planes(fourcc, width, height, &planes).unwrap();
        writer.write(&picture).unwrap();
    }
    drop(writer);
    let mut reader = Y4mReader::new(&file[..]).unwrap();
    let layout = reader.layout();
    assert_eq!((layout.fourcc, layout.width), (fourcc, width));
    assert_eq!(reader.rate(), Some(rate()));
    assert_eq!(reader.appearance().colorimetry.range, Range::Full);
    for wrote in &pictures {
        let picture = reader.read().unwrap().unwrap();
        for (at, plane) in wrote.iter().enumerate() {
            let rows: Vec<_> = picture.rows(at).flatten().copied().collect();
            assert!(rows == *plane, "plane {at} of {fourcc} {width}x{height}");
        }
    }
    assert!(reader.read().unwrap().is_none());
}

#[test]
fn words_of_other_programs_are_known() {
    for (words, fourcc, range) in [
        ("", FourCc::YU12, Range::Unspecified),
        ("C420", FourCc::YU12, Range::Unspecified),
        ("C420jpeg XYSCSS=420JPEG", FourCc::YU12, Range::Unspecified),
        (
            "C420mpeg2 XYSCSS=420MPEG2",
            FourCc::YU12,
            Range::Unspecified,
        ),
        (
            "C420paldv XCOLORRANGE=LIMITED",
            FourCc::YU12,
            Range::Limited,
        ),
        (
            "C422 XYSCSS=422 XCOLORRANGE=FULL",
            FourCc::YUV422P,
            Range::Full,
        ),
        ("C444 XYSCSS=444", FourCc::YM24, Range::Unspecified),
        ("Cmono", FourCc::GREY, Range::Full),
        ("Cmono XCOLORRANGE=LIMITED", FourCc::GREY, Range::Limited),
    ] {
        let header = format!("YUV4MPEG2 W4 H4 F25:1 Ip A1:1 {words}\n");
        let reader = Y4mReader::new(header.as_bytes()).unwrap();
        let found = (
            reader.layout().fourcc,
            reader.appearance().colorimetry.range,
        );
        assert_eq!(found, (fourcc, range), "{words}");
    }
    for word in [
        "C411",
        "C420p10",
        "C422p10",
        "C444p16",
        "C444alpha",
        "Cmono12",
        "C",
    ] {
        let header = format!("YUV4MPEG2 W4 H4 {word}\n");
        let error = Y4mReader::new(header.as_bytes()).err().unwrap().to_string();
        let says = "pictures: only 4:2:0, 4:2:2, 4:4:4 and grey of 8 bits are supported";
        assert_eq!(error, format!("{word} {says}"));
    }
}

#[test]
fn comments_may_be_in_any_encoding() {
    let header = b"YUV4MPEG2 W4 H4 XNAME=caf\xe9 Cmono\n";
    let reader = Y4mReader::new(&header[..]).unwrap();
    assert_eq!(reader.layout().fourcc, FourCc::GREY);
}

#[test]
fn a_cut_picture_is_told_with_what_is_there() {
    let picture = [&b"FRAME Ip\n"[..], &[7; 24]].concat();
    let file = [b"YUV4MPEG2 W4 H4\n", &picture[..], &picture].concat();
    for there in 1..picture.len() {
        let cut = &file[..file.len() - picture.len() + there];
        let mut reader = Y4mReader::new(cut).unwrap();
        assert!(reader.read().unwrap().is_some());
        let error = reader.read().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        let samples = there.saturating_sub("FRAME Ip\n".len());
        let says = format!("picture 2 is truncated: {samples} of 24 bytes");
        assert_eq!(error.to_string(), says);
        assert!(reader.read().unwrap().is_none());
    }
    for other in [&b"FRAMX"[..], b"FRAMES\n", b"FRA\n", &[b'x'; 2000]] {
        let file = [b"YUV4MPEG2 W4 H4\n", &picture[..], other].concat();
        let mut reader = Y4mReader::new(&file[..]).unwrap();
        assert!(reader.read().unwrap().is_some());
        let error = reader.read().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    }
}

#[test]
fn an_invalid_header_is_refused_with_the_reason() {
    let huge = "W18446744073709551615 H18446744073709551615";
    let wraps = "W4294967296 H4294967296";
    for (header, says) in [
        ("", "YUV4MPEG2"),
        ("RIFF....", "YUV4MPEG2"),
        ("YUV4MPEG2 W64 H64", "no end in 17 bytes"),
        (&format!("YUV4MPEG2 X{}", "x".repeat(9999)), "1024 bytes"),
        (&format!("YUV4MPEG2 {huge} F30:1\n"), "18446744073709551615"),
        (&format!("YUV4MPEG2 {wraps} F30:1\n"), "4294967296"),
        ("YUV4MPEG2 W99999 H99999 F30:1\n", "99999x99999"),
        ("YUV4MPEG2 W0 H64 F30:1\n", "W0"),
        ("YUV4MPEG2 H64 F30:1\n", "invalid side"),
        ("YUV4MPEG2 W64 H-64 F30:1\n", "H-64"),
        ("YUV4MPEG2 W64 H64 F30\n", "F30"),
        ("YUV4MPEG2 W64 H64 F5:0\n", "5:0"),
    ] {
        let error = Y4mReader::new(header.as_bytes()).err().unwrap();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::InvalidData,
            "{header:.60}"
        );
        assert!(error.to_string().contains(says), "{header:.60}: {error}");
    }
    let picture = [0; 64 * 64 * 3 / 2];
    let file = [b"YUV4MPEG2 W64 H64\nFRAME\n", &picture[..], b"FRAMX\n"].concat();
    let mut reader = Y4mReader::new(&file[..]).unwrap();
    assert!(reader.read().unwrap().is_some());
    assert!(reader.read().unwrap_err().to_string().contains("FRAME"));
}

/// A picture of 5x3 pixels with padded rows and distinct samples: luma 1 to 15, Cb from 100, Cr
/// from 200.
fn samples(letters: &[u8; 4]) -> Vec<u8> {
    let fourcc = FourCc::new(*letters);
    let (extents, count) = extents(fourcc, 5, 3).unwrap();
    let stride = 16;
    let mut planes: Vec<Vec<u8>> = (0..count)
        .map(|at| vec![77; stride * extents[at].rows])
        .collect();
    let (across, down) = match letters {
        b"NV12" | b"NV21" | b"NM12" | b"YU12" | b"YV12" | b"YM12" => (3, 2),
        b"GREY" => (0, 0),
        b"NV24" | b"NV42" | b"YM24" | b"YM42" => (5, 3),
        _ => (3, 3),
    };
    let (y, u, v): ((usize, usize, usize), _, _) = match letters {
        b"NV12" | b"NM12" | b"NV16" | b"NV24" => ((0, 0, 1), (1, 0, 2), (1, 1, 2)),
        b"NV21" | b"NV61" | b"NV42" => ((0, 0, 1), (1, 1, 2), (1, 0, 2)),
        b"YV12" | b"YM61" | b"YM42" => ((0, 0, 1), (2, 0, 1), (1, 0, 1)),
        b"YUYV" => ((0, 0, 2), (0, 1, 4), (0, 3, 4)),
        b"YVYU" => ((0, 0, 2), (0, 3, 4), (0, 1, 4)),
        b"UYVY" => ((0, 1, 2), (0, 0, 4), (0, 2, 4)),
        b"VYUY" => ((0, 1, 2), (0, 2, 4), (0, 0, 4)),
        _ => ((0, 0, 1), (1, 0, 1), (2, 0, 1)),
    };
    for ((plane, first, step), (count, rows), from) in [
        (y, (5, 3), 1),
        (u, (across, down), 100),
        (v, (across, down), 200),
    ] {
        for at in 0..count * rows {
            planes[plane][at / count * stride + first + at % count * step] = from + at as u8;
        }
    }
    let planes: Vec<_> = planes.iter().map(|data| Plane { data, stride }).collect();
    let picture = Picture::from_planes(fourcc, 5, 3, &planes).unwrap();
    let (_, samples) = written(&picture, Range::Limited);
    let expected: Vec<u8> = (1..16)
        .chain(100..100 + (across * down) as u8)
        .chain(200..200 + (across * down) as u8)
        .collect();
    assert_eq!(samples, expected, "{fourcc}");
    samples
}

#[test]
fn each_format_becomes_planes_of_luma_and_chroma() {
    for letters in [
        b"NV12", b"NV21", b"NM12", b"YU12", b"YV12", b"YM12", b"NV16", b"NV61", b"422P", b"YM61",
        b"YUYV", b"YVYU", b"UYVY", b"VYUY", b"NV24", b"NV42", b"YM24", b"YM42", b"GREY",
    ] {
        assert!(samples(letters).len() >= 15);
    }
}

#[test]
fn the_header_says_rate_and_range() {
    let layout = Layout::new(FourCc::GREY, 4, 2).unwrap();
    let picture = Picture::new(&[9; 8], &layout).unwrap();
    let (header, _) = written(&picture, Range::Full);
    assert_eq!(
        header,
        "YUV4MPEG2 W4 H2 F30000:1001 XCOLORRANGE=FULL Cmono\n"
    );
    let (header, samples) = written(&picture, Range::Limited);
    assert!(header.contains(" XCOLORRANGE=LIMITED"), "{header}");
    assert_eq!(samples, [9; 8]);
}

#[test]
fn colours_and_aspect_come_back_and_are_not_made_up() {
    let like = (FourCc::YU12, 4, 2);
    for appearance in [
        Appearance::default(),
        Colorimetry::BT2020.with_codes([9, 16, 9]).into(),
        Appearance {
            colorimetry: Colorimetry::default(),
            sample_aspect: Some((16, 11)),
            chroma: Some(ChromaSite::TopLeft),
        },
        Appearance {
            chroma: Some(ChromaSite::Left),
            ..Appearance::default()
        },
    ] {
        let mut file = Vec::new();
        drop(Y4mWriter::new(&mut file, like, rate(), appearance).unwrap());
        let reader = Y4mReader::new(&file[..]).unwrap();
        let expected = Appearance {
            chroma: appearance.chroma.or(Some(ChromaSite::Center)),
            ..appearance
        };
        assert_eq!(reader.appearance(), expected);
    }
    let plain = b"YUV4MPEG2 W4 H2 F25:1 A0:0 XYSCSS=420 XH273=1:1 XH273=x\n";
    let reader = Y4mReader::new(&plain[..]).unwrap();
    assert_eq!(reader.appearance(), Appearance::default());
}

#[test]
fn interlaced_pictures_are_known() {
    for (word, expected) in [
        ("", None),
        ("Ip", None),
        ("I?", None),
        ("I", None),
        ("It", Some('t')),
        ("Ib", Some('b')),
        ("Im", Some('m')),
    ] {
        let header = format!("YUV4MPEG2 W4 H4 F25:1 {word} A1:1\n");
        let reader = Y4mReader::new(header.as_bytes()).unwrap();
        assert_eq!(reader.interlaced(), expected, "{word}");
    }
}

#[test]
fn formats_and_sizes_that_it_can_not_hold_are_named() {
    let new = |fourcc, width| Y4mWriter::new(Vec::new(), (fourcc, width, 2), rate(), Range::Full);
    let says = |fourcc, width, word: &str| {
        let error = new(fourcc, width).err().unwrap().to_string();
        assert!(error.contains(word), "{error}");
    };
    says(FourCc::RGB3, 2, "RGB3");
    says(FourCc::P010, 2, "P010");
    says(FourCc::H264, 2, "H264");
    says(FourCc::NV12, 0, "0x2");
    says(FourCc::NV12, 1 << 20, "1048576x2");
    let layout = Layout::new(FourCc::YU12, 4, 2).unwrap();
    let picture = Picture::new(&[9; 12], &layout).unwrap();
    let error = new(FourCc::NV12, 4).unwrap().write(&picture).unwrap_err();
    assert!(error.to_string().contains("YU12"), "{error}");
}
