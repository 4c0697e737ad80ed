//! Faults of hardware encoders and decoders, on the kernel's virtual codec.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

mod hardware;

use std::fs;
use std::path::Path;
use std::process::Command;

use hardware::clip::Clip;
use hardware::{config, decode, decoder, encode, patience, rate, time};
use videostream::decode::{Decoder, DecoderConfig};
use videostream::encode::{
    BACKEND_VARIABLE, Backend, Codec, CodecError, DevicePath, Encoder, EncoderConfig, Packet,
    RateControl,
};
use videostream::hal::format::FourCc;
use videostream::hal::v4l2::{ErrorKind, NodeKind};
use videostream::{Picture, Rect, devices};
use videostream_testing::on_the_rig;

const DRIVER: &str = "/sys/bus/platform/drivers/vicodec";

#[test]
fn what_the_device_cannot_do_is_told_with_its_limits() {
    let Some(_turn) = on_the_rig("what_the_device_cannot_do_is_told_with_its_limits") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 360);
    let good = config(&clip);
    let refused = |config: EncoderConfig, wanted: &[&str]| {
        let text = Encoder::new(&config).unwrap_err().to_string();
        println!("{text}");
        for part in wanted {
            assert!(text.contains(part), "{text}");
        }
    };
    refused(
        good.gop(30),
        &["V4L2_CID_MPEG_VIDEO_GOP_SIZE = 30", "1 to 16"],
    );
    refused(
        good.gop(0),
        &["V4L2_CID_MPEG_VIDEO_GOP_SIZE = 0", "1 to 16"],
    );
    refused(
        good.rate_control(RateControl::Quantiser(40)),
        &["V4L2_CID_FWHT_I_FRAME_QP = 40", "1 to 31"],
    );
    refused(
        good.rate_control(RateControl::Constant(1_000_000)),
        &["frame rate", "constant quantiser"],
    );
    refused(
        good.quantiser_range(1, 9),
        &["range of the quantiser", "does not have"],
    );
    let corner = Rect {
        x: 64,
        y: 64,
        width: 640,
        height: 360,
    };
    let large = EncoderConfig::new(Codec::Fwht, FourCc::NV12, 1280, 720, rate());
    let large = large.rate_control(RateControl::Quantiser(10)).gop(10);
    refused(large.crop(corner), &["640x360", "(64, 64)"]);
    let small = EncoderConfig::new(Codec::Fwht, FourCc::NV12, 320, 240, rate());
    refused(small, &["320x240", "640x360 to 4096x2160"]);
    let bayer = EncoderConfig::new(Codec::Fwht, FourCc::new(*b"RGGB"), 640, 360, rate());
    refused(bayer, &["RGGB", "accepts", "NV12"]);
    // A part at the corner that the device has.
    let corner = Rect {
        x: 0,
        y: 0,
        width: 800,
        height: 600,
    };
    let mut encoder = Encoder::new(&large.crop(corner)).unwrap();
    let clip_large = Clip::new(FourCc::NV12, 1280, 720);
    let packets = encode(&mut encoder, &clip_large, 0..3);
    assert!(
        decode(&packets, |_, _| {})
            .iter()
            .all(|seen| seen.1 == (800, 600))
    );
    // Pictures that are not what was agreed.
    let mut encoder = Encoder::new(&good).unwrap();
    let picture = Picture::new(clip_large.picture(0), &clip_large.layout).unwrap();
    assert!(matches!(
        encoder.submit(&picture, 0),
        Err(CodecError::Mismatch { .. })
    ));
}

#[test]
fn a_device_that_is_not_there_is_told_by_name() {
    let Some(_turn) = on_the_rig("a_device_that_is_not_there_is_told_by_name") else {
        return;
    };
    const CHILD: &str = "VIDEOSTREAM_TEST_CHILD";
    let h264 = EncoderConfig::new(Codec::H264, FourCc::NV12, 640, 360, rate());
    if std::env::var_os(CHILD).is_some() {
        let text = Encoder::new(&h264).unwrap_err().to_string();
        assert!(
            text.starts_with("no hardware encoder for H.264: none of"),
            "{text}"
        );
        let text = Decoder::new(&DecoderConfig::new(Codec::H264))
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("no hardware decoder for H.264: none of"),
            "{text}"
        );
        return;
    }
    // By the environment; a child has its own.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_device_that_is_not_there_is_told_by_name"])
        .env(BACKEND_VARIABLE, "V4L2")
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
    // By the program.
    let asked = h264.backend(Backend::V4l2);
    assert!(matches!(Encoder::new(&asked), Err(CodecError::NoDevice(_))));
    // By its path.
    let path = DevicePath::new("/dev/video99").unwrap();
    let text = Encoder::new(&h264.device(path)).unwrap_err().to_string();
    assert!(
        text.contains("/dev/video99") && text.contains("ENOENT"),
        "{text}"
    );
    // One of another kind.
    let list = devices();
    let camera = list
        .devices
        .iter()
        .find(|d| d.driver == "vivid" && d.kind == NodeKind::Camera);
    let path = DevicePath::new(&camera.unwrap().path).unwrap();
    let text = Encoder::new(&h264.device(path)).unwrap_err().to_string();
    assert!(text.starts_with("no hardware encoder"), "{text}");
    // Without a choice the CPU does it, where that is built in.
    let chosen = Encoder::new(&h264).map(|encoder| encoder.backend());
    match cfg!(feature = "software") {
        true => assert_eq!(chosen, Ok(Backend::Software)),
        false => assert_eq!(
            chosen,
            Err(CodecError::NoBackend {
                kind: NodeKind::Encoder,
                codec: Codec::H264,
            })
        ),
    }
}

/// Binds the driver again, whatever happens.
struct Rebind;

impl Drop for Rebind {
    fn drop(&mut self) {
        let _ = fs::write(format!("{DRIVER}/bind"), "vicodec.0");
    }
}

#[test]
fn a_device_that_goes_while_it_works_is_told() {
    let Some(_turn) = on_the_rig("a_device_that_goes_while_it_works_is_told") else {
        return;
    };
    assert!(Path::new(DRIVER).exists());
    let clip = Clip::new(FourCc::NV12, 640, 360);
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    let mut decoder = decoder();
    let picture = Picture::new(clip.picture(0), &clip.layout).unwrap();
    for number in 0..3 {
        encoder.submit(&picture, time(number)).unwrap();
        assert!(encoder.wait(patience()).unwrap());
        decoder
            .submit(&encoder.receive().unwrap().unwrap())
            .unwrap();
    }
    let rebind = Rebind;
    fs::write(format!("{DRIVER}/unbind"), "vicodec.0").unwrap();
    let gone = |error: &CodecError| match error {
        CodecError::Device { error, .. } => error.kind() == ErrorKind::Disconnected,
        _ => false,
    };
    // What is there already may be read; then it ends, without waiting.
    let mut told = None;
    for number in 3..20 {
        let submitted = encoder.submit(&picture, time(number));
        let received = submitted.and_then(|()| encoder.receive().map(drop));
        if let Err(error) = received {
            told = Some(error);
            break;
        }
    }
    let told = told.unwrap();
    println!("{told}");
    assert!(gone(&told), "{told:?}");
    let told = loop {
        match decoder.receive() {
            Ok(Some(_)) => {}
            Ok(None) => decoder.finish().unwrap(),
            Err(error) => break error,
        }
    };
    println!("{told}");
    let CodecError::Device { error, .. } = &told else {
        panic!("{told:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{told:?}");
    assert!(matches!(
        Encoder::new(&config(&clip)),
        Err(CodecError::NoBackend { .. } | CodecError::NoDevice(_))
    ));
    drop((encoder, decoder));
    drop(rebind);
    // It is found again when it is back.
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    assert_eq!(encode(&mut encoder, &clip, 0..5).len(), 5);
}

#[test]
fn decoding_resumes_at_the_key_frame_after_damage() {
    let Some(_turn) = on_the_rig("decoding_resumes_at_the_key_frame_after_damage") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 360);
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    let mut packets = encode(&mut encoder, &clip, 0..30);
    // The first bytes of the coefficients, behind the header, say how long the runs are.
    let len = packets[4].bytes.len();
    packets[4].bytes[44..len.min(4000)].fill(0xff);
    let mut decoder = decoder();
    let (mut good, mut corrupt) = (Vec::new(), Vec::new());
    let take = |decoder: &mut Decoder, good: &mut Vec<u64>, corrupt: &mut Vec<u64>| loop {
        match decoder.receive() {
            Ok(Some(decoded)) => good.push(decoded.pts_ns()),
            Ok(None) => break,
            Err(CodecError::Corrupt { pts_ns, .. }) => corrupt.push(pts_ns),
            Err(error) => panic!("{error}"),
        }
    };
    for kept in &packets {
        let packet = Packet::new(Codec::Fwht, &kept.bytes, kept.time, kept.time);
        match decoder.submit(&packet) {
            // The device gives a picture for each, or says that it is damaged.
            Ok(()) => {
                let before = good.len() + corrupt.len();
                while good.len() + corrupt.len() == before {
                    decoder.wait(patience()).unwrap();
                    take(&mut decoder, &mut good, &mut corrupt);
                }
            }
            Err(CodecError::KeyFrameNeeded) => {}
            Err(error) => panic!("{error}"),
        }
    }
    decoder.finish().unwrap();
    take(&mut decoder, &mut good, &mut corrupt);
    println!("good {}, damaged {corrupt:?}", good.len());
    assert_eq!(corrupt, [time(4)]);
    assert!(good.starts_with(&[time(0), time(1), time(2), time(3)]));
    // Everything from the next key frame on.
    let rest: Vec<u64> = (10..30).map(time).collect();
    assert!(good.ends_with(&rest), "{good:?}");
}
