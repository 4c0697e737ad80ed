//! H.264 in software: input, output, and what is refused.

use videostream::encode::{
    Backend, Codec, CodecError, Encoder, EncoderConfig, Level, Profile, RateControl, stream_info,
};
use videostream::hal::format::{FourCc, Layout};
use videostream::{Colorimetry, Picture, PictureError, Rect};

use crate::media::{decode, encode_pattern, fps, has_ffmpeg, numbers, probe, psnr};
use crate::support::{config, to_file};

const FORMATS: [FourCc; 4] = [FourCc::NV12, FourCc::YU12, FourCc::YUYV, FourCc::RGB3];

#[test]
fn every_format_decodes_to_the_same_picture() {
    if !has_ffmpeg("every_format_decodes_to_the_same_picture") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h264");
    let tight = Layout::new(FourCc::NV12, 642, 362).unwrap();
    for fourcc in FORMATS {
        for pad in [0, 46] {
            let stride = Layout::new(fourcc, 642, 362).unwrap().planes[0].stride + pad;
            let layout = Layout::with_stride(fourcc, 642, 362, stride).unwrap();
            to_file(&config(fourcc, 642, 362), &layout, 4, &path, |_, _| ());
            let frames = decode(&path, 642, 362);
            assert_eq!(numbers(&frames, 642, 362), [0, 1, 2, 3], "{fourcc}");
            let pattern = videostream::TestPattern::new(FourCc::NV12, 642, 362, fps(30)).unwrap();
            for (number, frame) in frames.iter().enumerate() {
                let mut source = vec![0; tight.size as usize];
                let mut picture = videostream::PictureMut::new(&mut source, &tight).unwrap();
                pattern.draw(number as u64, &mut picture).unwrap();
                // The checksum in the strip depends on the format.
                let below = 642 * 128;
                let ratio = psnr(&source[below..642 * 362], &frame[below..642 * 362]);
                let chroma = 642 * (362 + 64);
                let colour = psnr(&source[chroma..], &frame[chroma..]);
                let ratio = ratio.min(colour);
                assert!(ratio > 35.0, "{fourcc} frame {number}: {ratio} dB");
            }
        }
    }
}

#[test]
fn profiles_and_odd_sizes_are_what_was_asked_for() {
    if !has_ffmpeg("profiles_and_odd_sizes_are_what_was_asked_for") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h264");
    for (profile, name) in [
        (Profile::Baseline, "Constrained Baseline"),
        (Profile::Main, "Main"),
        (Profile::High, "High"),
    ] {
        for (width, height) in [(128, 96), (642, 362), (640, 360)] {
            let layout = Layout::new(FourCc::NV12, width, height).unwrap();
            let config = config(FourCc::NV12, width, height).profile(profile);
            let config = config.colorimetry(Colorimetry::BT601).sample_aspect(4, 3);
            let encoder = Encoder::new(&config).unwrap();
            let sets = encoder.parameter_sets().unwrap();
            let info = stream_info(Codec::H264, sets).unwrap();
            assert_eq!(info.rate, Some(fps(30)));
            to_file(&config, &layout, 3, &path, |_, _| ());
            let stream = probe(&path);
            assert_eq!(stream["codec_name"], "h264");
            assert_eq!(stream["profile"], name);
            assert_eq!(stream["width"], width.to_string());
            assert_eq!(stream["height"], height.to_string());
            assert_eq!(stream["color_space"], "smpte170m");
            assert_eq!(stream["color_range"], "tv");
            assert_eq!(stream["sample_aspect_ratio"], "4:3");
            assert_eq!(stream["avg_frame_rate"], "30/1");
            assert_eq!(stream["nb_read_frames"], "3");
        }
    }
}

#[test]
fn key_frames_come_at_the_gop_and_when_forced() {
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    let keys = |gop: u32, forced: &[u64]| {
        let mut keys = Vec::new();
        let mut number = 0;
        let config = config(FourCc::NV12, 320, 240).gop(gop);
        let force = |number, encoder: &mut Encoder| {
            if forced.contains(&number) {
                encoder.force_key_frame();
            }
        };
        encode_pattern(&config, &layout, fps(30), 24, force, |packet| {
            assert_eq!(packet.is_key(), !packet.parameter_sets().is_empty());
            if packet.is_key() {
                keys.push(number);
            }
            number += 1;
        });
        keys
    };
    assert_eq!(keys(10, &[]), [0, 10, 20]);
    assert_eq!(keys(0, &[]), [0]);
    assert_eq!(keys(1, &[]), (0..24).collect::<Vec<_>>());
    assert_eq!(keys(0, &[7, 8, 20]), [0, 7, 8, 20]);
    assert_eq!(keys(10, &[4]), [0, 4, 14]);
}

#[test]
fn parameter_sets_are_known_before_first_key_frame() {
    let config = config(FourCc::NV12, 320, 240);
    let known = Encoder::new(&config)
        .unwrap()
        .parameter_sets()
        .unwrap()
        .to_vec();
    assert!(!known.is_empty());
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    encode_pattern(
        &config,
        &layout,
        fps(30),
        1,
        |_, _| (),
        |packet| {
            assert_eq!(packet.parameter_sets(), known);
            assert_eq!(
                packet.annex_b(),
                [packet.parameter_sets(), packet.data()].concat()
            );
        },
    );
}

#[test]
fn times_come_out_as_they_went_in() {
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    let mut times = Vec::new();
    encode_pattern(
        &config(FourCc::NV12, 320, 240),
        &layout,
        fps(30),
        5,
        |_, _| (),
        |packet| {
            times.push((packet.pts_ns(), packet.dts_ns()));
        },
    );
    let expected: Vec<_> = (0..5)
        .map(|n| (fps(30).time_ns(n), fps(30).time_ns(n)))
        .collect();
    assert_eq!(times, expected);
}

#[test]
fn only_the_crop_is_encoded() {
    if !has_ffmpeg("only_the_crop_is_encoded") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h264");
    for fourcc in FORMATS {
        // The pattern's code strip ends at 256 x 128.
        let rect = Rect {
            x: 0,
            y: 0,
            width: 258,
            height: 130,
        };
        let layout = Layout::new(fourcc, 640, 480).unwrap();
        let config = config(fourcc, 640, 480).crop(rect);
        to_file(&config, &layout, 2, &path, |_, _| ());
        assert_eq!(decode(&path, 258, 130).len(), 2);
        let rect = Rect {
            x: 382,
            y: 350,
            width: 258,
            height: 130,
        };
        to_file(&config.crop(rect), &layout, 2, &path, |_, _| ());
        assert_eq!(
            decode(&path, 258, 130).len(),
            2,
            "{fourcc} at the last corner"
        );
    }
}

#[test]
fn errors_say_what_the_encoder_can_do() {
    let base = config(FourCc::NV12, 1280, 720);
    let error = |config: EncoderConfig| Encoder::new(&config).unwrap_err().to_string();
    let text = error(base.level(Level::new(3, 0)));
    assert!(text.contains("3.0") && text.contains("3.1"), "{text}");
    let text = error(base.level(Level::new(7, 3)));
    assert!(text.contains("5.2"), "{text}");
    let control = RateControl::Variable {
        bitrate: 1_000_000,
        peak: Some(2_000_000),
    };
    let text = error(base.rate_control(control));
    assert!(
        text.contains("peak") && text.contains("`Constant`"),
        "{text}"
    );
    let text = error(base.quantiser_range(5, 40));
    assert!(
        text.contains("is 5") && text.contains("from 12 to 51"),
        "{text}"
    );
    let text = error(base.quantiser_range(30, 20));
    assert!(text.contains("from 30 to 51"), "{text}");
    let fixed = base.rate_control(RateControl::Quantiser(30));
    let text = error(fixed.quantiser_range(20, 40));
    assert!(text.contains("range"), "{text}");
    let mut encoder = Encoder::new(&fixed).unwrap();
    assert_eq!(encoder.set_bitrate(1), Err(CodecError::NoBitrate));
    let mut encoder = Encoder::new(&base.level(Level::new(3, 1))).unwrap();
    let error = encoder.set_bitrate(30_000_000).unwrap_err();
    assert!(matches!(error, CodecError::Level { .. }), "{error}");
}

#[test]
fn parameter_sets_come_once_or_with_every_key_frame() {
    let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
    for every in [true, false] {
        let config = config(FourCc::NV12, 320, 240)
            .gop(3)
            .parameter_sets_with_every_key_frame(every);
        let mut with_sets = Vec::new();
        encode_pattern(
            &config,
            &layout,
            fps(30),
            9,
            |_, _| (),
            |packet| {
                if packet.is_key() {
                    with_sets.push(!packet.parameter_sets().is_empty());
                }
            },
        );
        assert_eq!(with_sets, [true, every, every]);
    }
}

#[test]
fn values_out_of_range_are_named_with_their_limits() {
    let base = config(FourCc::NV12, 640, 480);
    let error = |config: &EncoderConfig| Encoder::new(config).unwrap_err().to_string();
    let text = error(&base.rate_control(RateControl::Constant(10)));
    assert!(text.contains("10") && text.contains("240000000"), "{text}");
    for quantiser in [52, 255] {
        let text = error(&base.rate_control(RateControl::Quantiser(quantiser)));
        assert!(text.contains(&format!("is {quantiser}, ")), "{text}");
        assert!(text.contains("from 0 to 51"), "{text}");
    }
    let text = error(&config(FourCc::NV12, 641, 480));
    assert!(text.contains("641x480") && text.contains("even"), "{text}");
    let text = error(&config(FourCc::NV12, 4096, 2160));
    assert!(
        text.contains("4096x2160") && text.contains("3840x2160"),
        "{text}"
    );
    let text = error(&config(FourCc::NV12, 0, 0));
    assert!(text.contains("0x0"), "{text}");
    let text = error(&config(FourCc::MJPG, 640, 480));
    assert!(text.contains("MJPG") && text.contains("NV12"), "{text}");
    let crop = base.crop(Rect {
        x: 600,
        y: 0,
        width: 64,
        height: 64,
    });
    let error = Encoder::new(&crop).unwrap_err();
    assert!(
        matches!(error, CodecError::Picture(PictureError::Crop { .. })),
        "{error}"
    );
}

#[test]
fn every_allowed_corner_makes_an_encoder() {
    for (width, height) in [(16, 16), (3840, 2160), (2160, 3840), (3840, 16)] {
        Encoder::new(&config(FourCc::YU12, width, height)).unwrap();
    }
    for control in [
        RateControl::Constant(10_000),
        RateControl::Constant(240_000_000),
        RateControl::Quantiser(0),
        RateControl::Quantiser(51),
    ] {
        for rate in [fps(1), fps(60)] {
            let config = EncoderConfig::new(Codec::H264, FourCc::YU12, 640, 480, rate);
            let encoder = Encoder::new(&config.rate_control(control)).unwrap();
            assert_eq!(encoder.backend(), Backend::Software);
        }
    }
}

#[test]
fn the_encoder_survives_refused_pictures() {
    let mut encoder = Encoder::new(&config(FourCc::NV12, 320, 240)).unwrap();
    let other = Layout::new(FourCc::NV12, 320, 200).unwrap();
    let bytes = vec![128; other.size as usize];
    let error = encoder
        .submit(&Picture::new(&bytes, &other).unwrap(), 0)
        .unwrap_err();
    assert!(matches!(error, CodecError::Mismatch { .. }));
    let good = Layout::new(FourCc::NV12, 320, 240).unwrap();
    let bytes = vec![128; good.size as usize];
    let picture = Picture::new(&bytes, &good).unwrap();
    encoder.submit(&picture, 0).unwrap();
    assert_eq!(encoder.submit(&picture, 1), Err(CodecError::OutputWaiting));
    assert!(encoder.receive().unwrap().unwrap().is_key());
    assert!(encoder.receive().unwrap().is_none());
    encoder.finish().unwrap();
    assert_eq!(encoder.submit(&picture, 2), Err(CodecError::Finished));
}

#[test]
fn only_what_the_encoder_cannot_read_is_copied() {
    let pixels = 320 * 240;
    for (fourcc, copied) in [
        (FourCc::YU12, 0),
        (FourCc::NV12, pixels / 2),
        (FourCc::YUYV, pixels * 3 / 2),
    ] {
        let layout = Layout::new(fourcc, 320, 240).unwrap();
        let bytes = vec![128; layout.size as usize];
        let mut encoder = Encoder::new(&config(fourcc, 320, 240)).unwrap();
        for number in 0..3 {
            let picture = Picture::new(&bytes, &layout).unwrap();
            encoder.submit(&picture, number).unwrap();
            assert!(encoder.receive().unwrap().is_some());
        }
        let copies = encoder.copies();
        let pictures = if copied > 0 { 3 } else { 0 };
        assert_eq!(
            (copies.pictures, copies.bytes),
            (pictures, 3 * copied),
            "{fourcc}"
        );
    }
}

#[test]
fn encoders_on_several_threads_do_not_disturb_each_other() {
    let alone = |_: usize| {
        let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
        let mut all = Vec::new();
        encode_pattern(
            &config(FourCc::NV12, 320, 240),
            &layout,
            fps(30),
            10,
            |_, _| (),
            |packet| {
                all.extend_from_slice(packet.annex_b());
            },
        );
        all
    };
    let expected = alone(0);
    let threads: Vec<_> = (0..4)
        .map(|at| std::thread::spawn(move || alone(at)))
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), expected);
    }
}
