//! Bitrates, and the quality of pictures at them.

use videostream::encode::{Codec, CodecError, Encoder, EncoderConfig, Profile, RateControl};
use videostream::hal::format::{FourCc, Layout};
use videostream::{FrameRate, Picture};

use crate::media::{decode, fps, has_ffmpeg, psnr};
use crate::support::{bitrate, config, noise, noise_sizes, noise_sizes_at, to_file};

#[test]
fn constant_bitrate_is_met_and_follows_changes() {
    let config = config(FourCc::NV12, 320, 240).rate_control(RateControl::Constant(1_000_000));
    let sizes = noise_sizes(&config, 5, 300, |number, encoder| {
        if number == 150 {
            encoder.set_bitrate(2_000_000).unwrap();
        }
    });
    let (before, after) = (bitrate(&sizes[30..150]), bitrate(&sizes[180..]));
    assert!((0.9e6..1.1e6).contains(&before), "{before} bit/s");
    assert!((1.8e6..2.2e6).contains(&after), "{after} bit/s");
}

#[test]
fn a_bitrate_change_takes_effect_within_one_gop() {
    for control in [
        RateControl::Constant(2_000_000),
        RateControl::Variable {
            bitrate: 2_000_000,
            peak: None,
        },
    ] {
        let config = config(FourCc::NV12, 320, 240).rate_control(control);
        let sizes = noise_sizes(&config, 5, 120, |number, encoder| {
            if number == 60 {
                encoder.set_bitrate(800_000).unwrap();
            }
        });
        let (before, after) = (bitrate(&sizes[30..60]), bitrate(&sizes[60..90]));
        assert!(after < 0.6 * before, "{control:?}: {before}, {after} bit/s");
    }
}

#[test]
fn ten_seconds_of_motion_meet_the_bitrate() {
    for control in [
        RateControl::Constant(1_500_000),
        RateControl::Variable {
            bitrate: 1_500_000,
            peak: None,
        },
    ] {
        let config = config(FourCc::NV12, 320, 240).rate_control(control);
        let all = bitrate(&noise_sizes(&config, 5, 300, |_, _| ()));
        assert!((1.35e6..1.65e6).contains(&all), "{control:?}: {all} bit/s");
    }
}

#[test]
fn a_coarse_quantiser_range_undershoots_the_bitrate() {
    let config = config(FourCc::NV12, 320, 240).rate_control(RateControl::Constant(4_000_000));
    let free = bitrate(&noise_sizes(&config, 5, 30, |_, _| ()));
    let coarse = bitrate(&noise_sizes(
        &config.quantiser_range(44, 51),
        5,
        30,
        |_, _| (),
    ));
    assert!(coarse < 0.5 * free, "{coarse} of {free} bit/s");
}

#[test]
fn a_finer_quantiser_takes_more_bits() {
    let total = |quantiser| {
        let config = config(FourCc::NV12, 320, 240);
        let config = config.rate_control(RateControl::Quantiser(quantiser));
        noise_sizes(&config, 5, 10, |_, _| ()).iter().sum::<usize>()
    };
    let sizes = [20, 26, 32, 40, 51].map(total);
    assert!(
        sizes.is_sorted_by(|finer, coarser| finer > coarser),
        "{sizes:?}"
    );
}

#[test]
fn an_oversized_picture_is_skipped_then_a_key_frame() {
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    for profile in [Profile::Baseline, Profile::Main, Profile::High] {
        for control in [
            RateControl::Quantiser(0),
            RateControl::Constant(240_000_000),
        ] {
            let config = config(FourCc::NV12, 320, 240)
                .profile(profile)
                .rate_control(control);
            let mut encoder = Encoder::new(&config).unwrap();
            let mut bytes = vec![128; layout.size as usize];
            for number in 0..8 {
                let noisy = number % 2 == 0;
                if noisy {
                    noise(number, 8, &mut bytes);
                } else {
                    bytes.fill(128);
                }
                let picture = Picture::new(&bytes, &layout).unwrap();
                let result = encoder.submit(&picture, number);
                if noisy {
                    assert_eq!(result, Err(CodecError::TooDetailed { pts_ns: number }));
                    assert!(encoder.receive().unwrap().is_none());
                } else {
                    result.unwrap();
                    assert!(encoder.receive().unwrap().unwrap().is_key());
                }
            }
        }
    }
}

#[test]
fn five_megabits_of_720p_are_close_to_the_source() {
    if !has_ffmpeg("five_megabits_of_720p_are_close_to_the_source") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h264");
    let layout = Layout::new(FourCc::NV12, 1280, 720).unwrap();
    let config = config(FourCc::NV12, 1280, 720).rate_control(RateControl::Constant(5_000_000));
    to_file(&config, &layout, 45, &path, |_, _| ());
    let pattern = videostream::TestPattern::new(FourCc::NV12, 1280, 720, fps(30)).unwrap();
    let mut source = vec![0; layout.size as usize];
    let frames = decode(&path, 1280, 720);
    assert_eq!(frames.len(), 45);
    for (number, frame) in frames.iter().enumerate() {
        let mut picture = videostream::PictureMut::new(&mut source, &layout).unwrap();
        pattern.draw(number as u64, &mut picture).unwrap();
        let ratio = psnr(&source, frame);
        assert!(ratio > 35.0, "frame {number}: {ratio} dB");
    }
}

#[test]
fn fast_and_slow_pictures_get_their_bits() {
    for (rate, seconds) in [("120", 2), ("240", 1)] {
        let rate: FrameRate = rate.parse().unwrap();
        let frames = rate.frames() * seconds;
        let like = (FourCc::NV12, 320, 240);
        let config = EncoderConfig::new(Codec::H264, like.0, like.1, like.2, rate);
        let config = config.rate_control(RateControl::Constant(2_000_000));
        let sizes = noise_sizes_at(&config, rate, 5, frames.into(), |_, _| ());
        let bits = 8.0 * sizes.iter().sum::<usize>() as f64 / f64::from(seconds);
        assert!((1.6e6..2.4e6).contains(&bits), "{rate}: {bits} bit/s");
    }
    let rate: FrameRate = "1/2".parse().unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 320, 240, rate);
    let config = config.rate_control(RateControl::Constant(400_000));
    let sizes = noise_sizes_at(&config, rate, 5, 30, |_, _| ());
    let bits = 8.0 * sizes.iter().sum::<usize>() as f64 / 60.0;
    // No picture takes more than a second's.
    assert!((50_000.0..300_000.0).contains(&bits), "{bits} bit/s");
}
