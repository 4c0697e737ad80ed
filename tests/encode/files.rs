//! MP4 files of every size and rate control, as ffprobe sees them.

use std::path::Path;

use videostream::Rect;
use videostream::encode::{EncoderConfig, Level, Profile, RateControl};
use videostream::hal::format::{FourCc, Layout};

use crate::h265;
use crate::media::{decode, has_ffmpeg, numbers, packets, probe};
use crate::support::{config, to_file};

/// A picture of an odd size lies in a larger one.
const CROP: Rect = Rect {
    x: 6,
    y: 4,
    width: 642,
    height: 362,
};

/// Ten pattern frames to a file with a key frame at every fourth: ffprobe says of it what `asked`
/// says, and the size, the rate and the number of frames.
fn assert_file(config: EncoderConfig, layout: &Layout, path: &Path, asked: &[(&str, &str)]) {
    let config = config.gop(4);
    to_file(&config, layout, 10, path, |_, _| ());
    let stream = probe(path);
    let visible = config.visible();
    let (width, height) = (visible.width.to_string(), visible.height.to_string());
    let always = [
        ("width", width.as_str()),
        ("height", &height),
        ("r_frame_rate", "30/1"),
        ("nb_read_frames", "10"),
    ];
    for (key, value) in asked.iter().chain(&always) {
        assert_eq!(stream[*key], *value, "{key} of {config:?}");
    }
    let keys: Vec<_> = packets(path).iter().map(|(key, _)| *key).collect();
    let expected: Vec<_> = (0..10).map(|number| number % 4 == 0).collect();
    assert_eq!(keys, expected);
}

#[test]
fn h264_files_match_their_configuration() {
    if !has_ffmpeg("h264_files_match_their_configuration") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let sizes = [
        ((640, 360), None, Level::new(3, 0)),
        ((1280, 720), None, Level::new(3, 1)),
        ((1920, 1080), None, Level::new(4, 1)),
        ((656, 368), Some(CROP), Level::new(3, 2)),
    ];
    let controls = [
        RateControl::Constant(4_000_000),
        RateControl::Variable {
            bitrate: 4_000_000,
            peak: None,
        },
        RateControl::Quantiser(28),
    ];
    for ((width, height), crop, level) in sizes {
        for control in controls {
            let mut config = config(FourCc::YU12, width, height)
                .rate_control(control)
                .level(level)
                .profile(Profile::Main);
            if let Some(rect) = crop {
                config = config.crop(rect);
            }
            let layout = Layout::new(FourCc::YU12, width, height).unwrap();
            let idc = (u32::from(level.major) * 10 + u32::from(level.minor)).to_string();
            let asked = [("codec_name", "h264"), ("profile", "Main"), ("level", &idc)];
            assert_file(config, &layout, &path, &asked);
        }
    }
}

#[test]
fn h265_files_match_their_configuration() {
    let test = "h265_files_match_their_configuration";
    if !has_ffmpeg(test) || !h265::has_x265(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let controls = [
        RateControl::Constant(4_000_000),
        RateControl::Variable {
            bitrate: 3_000_000,
            peak: Some(6_000_000),
        },
        RateControl::Quantiser(28),
    ];
    // With a constant quantiser the library knows no bitrate, and so no level that fits.
    let files = [
        ((640, 360), None, 0, Some(Level::new(3, 1))),
        ((640, 360), None, 1, Some(Level::new(3, 1))),
        ((640, 360), None, 2, None),
        ((1280, 720), None, 1, Some(Level::new(4, 0))),
        ((1920, 1080), None, 2, None),
        ((656, 368), Some(CROP), 0, Some(Level::new(3, 1))),
    ];
    for ((width, height), crop, control, level) in files {
        let control = controls[control];
        let mut config = h265::config(width, height).rate_control(control);
        if let Some(rect) = crop {
            config = config.crop(rect);
        }
        let layout = Layout::new(FourCc::NV12, width, height).unwrap();
        let mut idc = String::new();
        if let Some(level) = level {
            config = config.level(level);
            idc = (u32::from(level.major) * 30 + u32::from(level.minor) * 3).to_string();
        }
        let asked = [
            ("codec_name", "hevc"),
            ("codec_tag_string", "hvc1"),
            ("profile", "Main"),
        ];
        let asked: Vec<_> = asked
            .into_iter()
            .chain(level.map(|_| ("level", idc.as_str())))
            .collect();
        assert_file(config, &layout, &path, &asked);
        if crop.is_none() {
            let frames = decode(&path, width, height);
            assert_eq!(numbers(&frames, width, height), (0..10).collect::<Vec<_>>());
        }
    }
}
