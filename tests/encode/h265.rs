//! H.265 with the system's libx265.

use videostream::encode::{
    Codec, CodecError, Encoder, EncoderConfig, Level, LibraryMissing, Profile, RateControl,
};
use videostream::hal::format::{FourCc, Layout};
use videostream::{Picture, PictureMut, TestPattern};

use crate::media::{decode, fps, has_ffmpeg, psnr};
use crate::support::{bitrate, noise, noise_sizes, to_file};

pub(crate) fn config(width: u32, height: u32) -> EncoderConfig {
    EncoderConfig::new(Codec::H265, FourCc::NV12, width, height, fps(30))
}

/// Whether libx265 is there; if not, says that `test` is skipped.
pub(crate) fn has_x265(test: &str) -> bool {
    match Encoder::new(&config(640, 360)) {
        Err(CodecError::Library(LibraryMissing { packages, why, .. })) => {
            assert!(packages.contains("libx265"));
            videostream_testing::skip(test, &format!("needs {packages}: {why}"));
            false
        }
        other => {
            other.unwrap();
            true
        }
    }
}

#[test]
fn h265_key_frames_are_forced_and_bitrates_changed() {
    if !has_x265("h265_key_frames_are_forced_and_bitrates_changed") {
        return;
    }
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    let config = config(320, 240)
        .gop(0)
        .rate_control(RateControl::Constant(2_000_000));
    let mut encoder = Encoder::new(&config).unwrap();
    let known = encoder.parameter_sets().unwrap().to_vec();
    let mut bytes = vec![0; layout.size as usize];
    let (mut keys, mut sizes) = (Vec::new(), Vec::new());
    for number in 0..90 {
        noise(number, 5, &mut bytes);
        if number == 7 {
            encoder.force_key_frame();
        }
        if number == 60 {
            encoder.set_bitrate(600_000).unwrap();
        }
        let time_ns = fps(30).time_ns(number);
        let picture = Picture::new(&bytes, &layout).unwrap();
        encoder.submit(&picture, time_ns).unwrap();
        let packet = encoder.receive().unwrap().unwrap();
        assert_eq!((packet.pts_ns(), packet.dts_ns()), (time_ns, time_ns));
        if packet.is_key() {
            keys.push(number);
            assert_eq!(packet.parameter_sets().is_empty(), known.is_empty());
        }
        sizes.push(packet.annex_b().len());
    }
    // The new bitrate begins with one.
    assert_eq!(keys, [0, 7, 60]);
    let (before, after) = (bitrate(&sizes[30..60]), bitrate(&sizes[60..90]));
    assert!(after < 0.6 * before, "{before}, {after} bit/s");
}

#[test]
fn unfit_h265_levels_and_profiles_are_refused() {
    if !has_x265("unfit_h265_levels_and_profiles_are_refused") {
        return;
    }
    let error = |config: EncoderConfig| Encoder::new(&config).unwrap_err().to_string();
    let text = error(config(1280, 720).level(Level::new(2, 0)));
    assert!(text.contains("level"), "{text}");
    let text = error(config(1280, 720).profile(Profile::High));
    assert!(text.contains("Main"), "{text}");
    let text = error(config(62, 64));
    assert!(text.contains("62x64"), "{text}");
}

#[test]
fn ten_seconds_of_h265_meet_the_bitrate() {
    if !has_x265("ten_seconds_of_h265_meet_the_bitrate") {
        return;
    }
    let config = config(320, 240).rate_control(RateControl::Constant(1_500_000));
    let all = bitrate(&noise_sizes(&config, 5, 300, |_, _| ()));
    assert!((1.35e6..1.65e6).contains(&all), "{all} bit/s");
}

#[test]
fn h265_720p_at_5_mbit_is_close_to_the_source() {
    let test = "h265_720p_at_5_mbit_is_close_to_the_source";
    if !has_x265(test) || !has_ffmpeg(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hevc");
    let layout = Layout::new(FourCc::NV12, 1280, 720).unwrap();
    let config = config(1280, 720).rate_control(RateControl::Constant(5_000_000));
    to_file(&config, &layout, 35, &path, |_, _| ());
    let pattern = TestPattern::new(FourCc::NV12, 1280, 720, fps(30)).unwrap();
    let mut source = vec![0; layout.size as usize];
    let frames = decode(&path, 1280, 720);
    assert_eq!(frames.len(), 35);
    for (number, frame) in frames.iter().enumerate() {
        let mut picture = PictureMut::new(&mut source, &layout).unwrap();
        pattern.draw(number as u64, &mut picture).unwrap();
        let ratio = psnr(&source, frame);
        assert!(ratio > 35.0, "frame {number}: {ratio} dB");
    }
}
