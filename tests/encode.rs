//! The software encoder, judged by ffmpeg.

#[cfg(not(feature = "software"))]
#[test]
fn without_a_backend_the_error_names_the_feature() {
    use videostream::FrameRate;
    use videostream::encode::{Codec, Encoder, EncoderConfig};
    use videostream::hal::format::FourCc;
    println!("skipped: encode: built without the feature `software`");
    let rate = FrameRate::fps(30).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 640, 480, rate);
    let error = Encoder::new(&config).unwrap_err();
    assert!(error.to_string().contains("feature `software`"), "{error}");
}

#[cfg(feature = "software")]
mod media;

#[cfg(feature = "software")]
mod software {
    use videostream::encode::{
        Backend, Codec, EncodeError, Encoder, EncoderConfig, Level, Profile, RateControl,
    };
    use videostream::hal::format::{FourCc, Layout};
    use videostream::record::{Recorder, Track};
    use videostream::{Picture, PictureError, Rect};

    use crate::media::{decode, encode_pattern, fps, has_ffmpeg, numbers, probe, psnr};

    const FORMATS: [FourCc; 4] = [FourCc::NV12, FourCc::YU12, FourCc::YUYV, FourCc::RGB3];

    fn config(fourcc: FourCc, width: u32, height: u32) -> EncoderConfig {
        EncoderConfig::new(Codec::H264, fourcc, width, height, fps(30))
    }

    /// Pattern frames to an Annex B file: sizes and key flags of the packets.
    fn to_file(
        config: &EncoderConfig,
        layout: &Layout,
        frames: u64,
        path: &std::path::Path,
        before: impl FnMut(u64, &mut Encoder),
    ) -> Vec<(usize, bool)> {
        let mut recorder = Recorder::create(path, &Track::from(config)).unwrap();
        let mut packets = Vec::new();
        encode_pattern(config, layout, fps(30), frames, before, |packet| {
            packets.push((packet.annex_b().len(), packet.is_key()));
            recorder.write(packet).unwrap();
        });
        assert_eq!(recorder.finish().unwrap().frames, frames);
        packets
    }

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
                let pattern =
                    videostream::TestPattern::new(FourCc::NV12, 642, 362, fps(30)).unwrap();
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
                to_file(&config, &layout, 3, &path, |_, _| ());
                let stream = probe(&path);
                assert_eq!(stream["codec_name"], "h264");
                assert_eq!(stream["profile"], name);
                assert_eq!(stream["width"], width.to_string());
                assert_eq!(stream["height"], height.to_string());
                assert_eq!(stream["color_space"], "smpte170m");
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
    fn parameter_sets_are_known_before_the_first_key_frame_which_carries_them() {
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

    /// Noise of `bits` bits that moves, so that there is something to spend bits on.
    fn noise(number: u64, bits: u32, bytes: &mut [u8]) {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for byte in bytes.iter_mut() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (128 - (1 << (bits - 1))) as u8 + (state >> (64 - bits)) as u8;
        }
        bytes.rotate_right(number as usize * 3);
    }

    fn noise_sizes(
        config: &EncoderConfig,
        bits: u32,
        frames: u64,
        change: impl Fn(u64, &mut Encoder),
    ) -> Vec<usize> {
        let layout = Layout::new(FourCc::NV12, 320, 240).unwrap();
        let mut encoder = Encoder::new(config).unwrap();
        let mut bytes = vec![0; layout.size as usize];
        let mut sizes = Vec::new();
        for number in 0..frames {
            noise(number, bits, &mut bytes);
            change(number, &mut encoder);
            encoder
                .submit(
                    &Picture::new(&bytes, &layout).unwrap(),
                    fps(30).time_ns(number),
                )
                .unwrap();
            sizes.push(encoder.receive().unwrap().unwrap().annex_b().len());
        }
        sizes
    }

    fn bitrate(sizes: &[usize]) -> f64 {
        sizes.iter().sum::<usize>() as f64 * 8.0 * 30.0 / sizes.len() as f64
    }

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
    fn a_change_of_bitrate_shows_within_one_group_of_pictures() {
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
    fn ten_seconds_of_a_moving_picture_take_the_bitrate_that_was_asked_for() {
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

    #[cfg(feature = "record")]
    #[test]
    fn files_of_every_size_and_rate_control_are_what_was_asked_for() {
        use crate::media::packets;
        if !has_ffmpeg("files_of_every_size_and_rate_control_are_what_was_asked_for") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mp4");
        let crop = Rect {
            x: 6,
            y: 4,
            width: 642,
            height: 362,
        };
        let sizes = [
            ((640, 360), None, Level::new(3, 0)),
            ((1280, 720), None, Level::new(3, 1)),
            ((1920, 1080), None, Level::new(4, 1)),
            ((656, 368), Some(crop), Level::new(3, 2)),
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
                    .profile(Profile::Main)
                    .gop(4);
                if let Some(rect) = crop {
                    config = config.crop(rect);
                }
                let layout = Layout::new(FourCc::YU12, width, height).unwrap();
                to_file(&config, &layout, 10, &path, |_, _| ());
                let stream = probe(&path);
                let visible = config.visible();
                let idc = u32::from(level.major) * 10 + u32::from(level.minor);
                for (key, value) in [
                    ("codec_name", "h264".to_owned()),
                    ("profile", "Main".to_owned()),
                    ("level", idc.to_string()),
                    ("width", visible.width.to_string()),
                    ("height", visible.height.to_string()),
                    ("r_frame_rate", "30/1".to_owned()),
                    ("nb_read_frames", "10".to_owned()),
                ] {
                    assert_eq!(stream[key], value, "{key} of {width}x{height} {control:?}");
                }
                let keys: Vec<_> = packets(&path).iter().map(|(key, _)| *key).collect();
                let expected: Vec<_> = (0..10).map(|number| number % 4 == 0).collect();
                assert_eq!(keys, expected);
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
    fn what_the_encoder_cannot_do_is_said_with_what_it_can() {
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
        assert_eq!(encoder.set_bitrate(1), Err(EncodeError::NoBitrate));
        let mut encoder = Encoder::new(&base.level(Level::new(3, 1))).unwrap();
        let error = encoder.set_bitrate(30_000_000).unwrap_err();
        assert!(matches!(error, EncodeError::Level { .. }), "{error}");
    }

    #[test]
    fn a_coarse_range_of_quantisers_takes_fewer_bits_than_the_bitrate() {
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
    fn a_picture_with_too_much_detail_is_left_out_and_the_next_is_a_key_frame() {
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
                        assert_eq!(result, Err(EncodeError::TooDetailed { pts_ns: number }));
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
        let fast = EncoderConfig::new(Codec::H264, FourCc::NV12, 640, 480, fps(120));
        assert!(error(&fast).contains("120"));
        let crop = base.crop(Rect {
            x: 600,
            y: 0,
            width: 64,
            height: 64,
        });
        let error = Encoder::new(&crop).unwrap_err();
        assert!(
            matches!(error, EncodeError::Picture(PictureError::Crop { .. })),
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
    fn pictures_of_another_kind_are_refused_and_the_encoder_goes_on() {
        let mut encoder = Encoder::new(&config(FourCc::NV12, 320, 240)).unwrap();
        let other = Layout::new(FourCc::NV12, 320, 200).unwrap();
        let bytes = vec![128; other.size as usize];
        let error = encoder
            .submit(&Picture::new(&bytes, &other).unwrap(), 0)
            .unwrap_err();
        assert!(matches!(error, EncodeError::Mismatch { .. }));
        let good = Layout::new(FourCc::NV12, 320, 240).unwrap();
        let bytes = vec![128; good.size as usize];
        let picture = Picture::new(&bytes, &good).unwrap();
        encoder.submit(&picture, 0).unwrap();
        assert_eq!(encoder.submit(&picture, 1), Err(EncodeError::PacketWaiting));
        assert!(encoder.receive().unwrap().unwrap().is_key());
        assert!(encoder.receive().unwrap().is_none());
        encoder.finish().unwrap();
        assert_eq!(encoder.submit(&picture, 2), Err(EncodeError::Finished));
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

    mod h265 {
        use videostream::encode::LibraryMissing;

        use super::*;

        fn config(width: u32, height: u32) -> EncoderConfig {
            EncoderConfig::new(Codec::H265, FourCc::NV12, width, height, fps(30))
        }

        /// Whether libx265 is there; if not, says that `test` is skipped.
        fn has_x265(test: &str) -> bool {
            match Encoder::new(&config(640, 360)) {
                Err(EncodeError::Library(LibraryMissing { packages, why, .. })) => {
                    assert!(packages.contains("libx265"));
                    println!("skipped: {test}: needs {packages}: {why}");
                    false
                }
                other => {
                    other.unwrap();
                    true
                }
            }
        }

        #[cfg(feature = "record")]
        #[test]
        fn h265_files_of_every_size_and_rate_control_are_what_was_asked_for() {
            use crate::media::packets;
            let test = "h265_files_of_every_size_and_rate_control_are_what_was_asked_for";
            if !has_ffmpeg(test) || !has_x265(test) {
                return;
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.mp4");
            let crop = Rect {
                x: 6,
                y: 4,
                width: 642,
                height: 362,
            };
            let controls = [
                RateControl::Constant(4_000_000),
                RateControl::Variable {
                    bitrate: 3_000_000,
                    peak: Some(6_000_000),
                },
                RateControl::Quantiser(28),
            ];
            let sizes = [
                ((640, 360), None),
                ((1280, 720), None),
                ((1920, 1080), None),
                ((656, 368), Some(crop)),
            ];
            for (at, ((width, height), crop)) in sizes.into_iter().enumerate() {
                let control = controls[at % 3];
                let mut config = config(width, height).rate_control(control).gop(4);
                if let Some(rect) = crop {
                    config = config.crop(rect);
                }
                let layout = Layout::new(FourCc::NV12, width, height).unwrap();
                to_file(&config, &layout, 10, &path, |_, _| ());
                let stream = probe(&path);
                let visible = config.visible();
                for (key, value) in [
                    ("codec_name", "hevc".to_owned()),
                    ("codec_tag_string", "hvc1".to_owned()),
                    ("profile", "Main".to_owned()),
                    ("width", visible.width.to_string()),
                    ("height", visible.height.to_string()),
                    ("r_frame_rate", "30/1".to_owned()),
                    ("nb_read_frames", "10".to_owned()),
                ] {
                    assert_eq!(stream[key], value, "{key} of {width}x{height} {control:?}");
                }
                let keys: Vec<_> = packets(&path).iter().map(|(key, _)| *key).collect();
                let expected: Vec<_> = (0..10).map(|number| number % 4 == 0).collect();
                assert_eq!(keys, expected);
                if crop.is_none() {
                    let frames = decode(&path, width, height);
                    assert_eq!(numbers(&frames, width, height), (0..10).collect::<Vec<_>>());
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
        fn h265_levels_and_profiles_that_do_not_fit_are_refused() {
            if !has_x265("h265_levels_and_profiles_that_do_not_fit_are_refused") {
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
    }
}
