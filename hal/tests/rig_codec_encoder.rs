//! An encoder that refuses, is tuned, drains, begins again, or whose packets are kept.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod vicodec;
mod vivid;

use vicodec::clip::Clip;
use vicodec::{Encoding, check_times, open, patience, request};
use videostream_hal::codec::{Buffers, Encoder, EncoderState, RateControl, Tuning};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{
    Error, ErrorKind, Fraction, Memory, NodeKind, PixFormat, SelectionRect,
};
use videostream_testing::on_the_rig;

#[test]
fn a_part_that_the_driver_cannot_take_is_refused() {
    let Some(_turn) = on_the_rig("a_part_that_the_driver_cannot_take_is_refused") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 1280, 720);
    let part = |left, width| {
        let mut request = request(&clip);
        request.crop = Some(SelectionRect {
            left,
            top: 0,
            width,
            height: 400,
        });
        Encoder::new(open(NodeKind::Encoder), &request).map(|encoder| encoder.visible())
    };
    assert_eq!(part(0, 800).map(|rect| rect.width), Ok(800));
    // This driver takes from the corner, and no less than 640 pixels.
    for (left, width) in [(16, 800), (0, 320)] {
        let refused = part(left, width).unwrap_err();
        assert!(matches!(refused, Error::Rectangle { .. }), "{refused}");
    }
}

#[test]
fn what_the_driver_does_not_have_is_named() {
    let Some(_turn) = on_the_rig("what_the_driver_does_not_have_is_named") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let make = |change: &dyn Fn(&mut videostream_hal::codec::EncoderRequest)| {
        let mut request = request(&clip);
        change(&mut request);
        Encoder::new(open(NodeKind::Encoder), &request)
    };
    let wanted = FourCc::H264;
    let codec = make(&|request| request.coded = wanted).unwrap_err();
    assert_eq!(codec, Error::NoFormat { wanted });
    let wanted = FourCc::NM12;
    let raw = make(&|request| request.raw = PixFormat::new(wanted, 640, 368)).unwrap_err();
    assert_eq!(raw, Error::NoFormat { wanted });
    let large = make(&|request| request.raw.width = 8192).unwrap_err();
    let size_refused = matches!(
        large,
        Error::PictureSize {
            width: 8192,
            height: 368
        }
    );
    assert!(size_refused, "{large}");
    // It has no rate, which is no reason not to encode.
    let mut encoder = make(&|request| request.interval = Some(Fraction::from_fps(25))).unwrap();
    assert_eq!(encoder.interval(), None);
    let rate = encoder.set_interval(Fraction::from_fps(25)).unwrap_err();
    assert_eq!(rate.kind(), ErrorKind::NotSupported);
    let camera = vivid::open();
    let refused = Encoder::new(camera, &request(&clip)).unwrap_err();
    assert!(matches!(refused, Error::WrongKind { .. }), "{refused}");
}

#[test]
fn what_can_be_tuned_is_and_the_rest_is_named() {
    let Some(_turn) = on_the_rig("what_can_be_tuned_is_and_the_rest_is_named") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let encoder = || Encoder::new(open(NodeKind::Encoder), &request(&clip)).unwrap();
    let tuned = |tuning: &Tuning| {
        let encoder = encoder();
        let tuned = encoder.tune(tuning).unwrap();
        assert!(!tuned.repeats_parameter_sets, "this codec has none");
        Encoding::started(encoder, Memory::Mmap).run(&clip, 0..12)
    };
    let quantiser = |value| Tuning {
        rate_control: Some(RateControl::Quantiser(value)),
        gop: Some(4),
        b_frames: Some(0),
        parameter_sets: true,
        ..Tuning::default()
    };
    let (fine, coarse) = (tuned(&quantiser(2)), tuned(&quantiser(31)));
    let size = |packets: &[vicodec::Packet]| packets.iter().map(|p| p.bytes.len()).sum::<usize>();
    assert!(
        size(&fine) > size(&coarse) * 3 / 2,
        "{} {}",
        size(&fine),
        size(&coarse)
    );
    for (at, packet) in coarse.iter().enumerate() {
        assert_eq!(packet.key, at % 4 == 0, "{at}");
    }

    let encoder = encoder();
    let refused = |tuning: Tuning| encoder.tune(&tuning).unwrap_err();
    let outside = refused(quantiser(99));
    assert_eq!(outside.kind(), ErrorKind::InvalidArgument);
    assert_eq!(outside.control, "V4L2_CID_FWHT_I_FRAME_QP");
    let rate = refused(Tuning {
        rate_control: Some(RateControl::Constant(1_000_000)),
        ..Tuning::default()
    });
    assert_eq!(rate.kind(), ErrorKind::NotSupported);
    assert_eq!(rate.control, "V4L2_CID_MPEG_VIDEO_BITRATE");
    let profile = refused(Tuning {
        profile: Some(0),
        ..Tuning::default()
    });
    assert_eq!(profile.kind(), ErrorKind::NotSupported);
    let bitrate = encoder.set_bitrate(1_000_000).unwrap_err();
    assert_eq!(bitrate.kind(), ErrorKind::NotSupported);
    let early = encoder.force_key_frame().unwrap_err();
    assert!(matches!(early.error, Error::State { .. }), "{early}");
    let running = Encoding::started(encoder, Memory::Mmap);
    let key = running.encoder.force_key_frame().unwrap_err();
    assert_eq!(key.kind(), ErrorKind::NotSupported, "{key}");
}

#[test]
fn a_call_in_the_wrong_state_says_which() {
    let Some(_turn) = on_the_rig("a_call_in_the_wrong_state_says_which") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut encoder = Encoder::new(open(NodeKind::Encoder), &request(&clip)).unwrap();
    let state = |result: Result<(), Error>| match result {
        Err(Error::State { state, .. }) => state,
        other => panic!("{other:?}"),
    };
    assert_eq!(state(encoder.drain()), "initialization");
    assert_eq!(state(encoder.reset()), "initialization");
    assert_eq!(state(encoder.discard()), "initialization");
    assert_eq!(state(encoder.take_packet().map(drop)), "initialization");
    assert_eq!(state(encoder.start()), "no buffers");
    assert_eq!(encoder.m2m().free_input(), Ok(None));
    encoder
        .allocate(Buffers::driver(2), Buffers::driver(2))
        .unwrap();
    encoder.start().unwrap();
    assert_eq!(state(encoder.start()), "encoding");
    assert_eq!(state(encoder.resume()), "encoding");
    assert_eq!(
        state(encoder.stop().and_then(|()| encoder.resume())),
        "initialization"
    );
    let wrong = encoder
        .m2m()
        .submit(0, &vicodec::content(&1, 0))
        .unwrap_err();
    assert!(matches!(wrong, Error::Argument { .. }), "{wrong}");
    // Formats stay: allocated again it runs.
    encoder
        .allocate(Buffers::driver(2), Buffers::driver(2))
        .unwrap();
    encoder.start().unwrap();
    assert_eq!(encoder.state(), EncoderState::Encoding);
}

#[test]
fn a_drain_ends_exactly_and_the_stream_continues() {
    let Some(_turn) = on_the_rig("a_drain_ends_exactly_and_the_stream_continues") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut encoding = Encoding::start(&clip, Memory::Mmap);
    let mut frames = 0;
    for count in [1, 7, 12] {
        let packets = encoding.run(&clip, frames..frames + count);
        check_times(packets.iter().map(|p| p.time), frames..frames + count);
        // Groups of ten pictures; with this driver each part begins one.
        for (at, packet) in packets.iter().enumerate() {
            assert_eq!(packet.key, at % 10 == 0, "{at}");
        }
        frames += count;
        assert_eq!(encoding.encoder.state(), EncoderState::Stopped);
        let end = encoding.take().map(|p| p.time).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::EndOfStream);
        encoding.encoder.drain().unwrap();
        encoding.encoder.resume().unwrap();
    }
    // Without pictures it ends at once.
    encoding.encoder.drain().unwrap();
    let end = encoding.next().map(|p| p.time).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::EndOfStream);
}

#[test]
fn a_picture_submitted_in_a_drain_waits() {
    let Some(_turn) = on_the_rig("a_picture_submitted_in_a_drain_waits") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut encoding = Encoding::start(&clip, Memory::Mmap);
    assert!(encoding.submit(&clip, 0));
    encoding.encoder.drain().unwrap();
    assert!(encoding.submit(&clip, 1));
    assert_eq!(encoding.next().unwrap().time, vicodec::time(0));
    let end = encoding.next().map(|p| p.time).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::EndOfStream);
    encoding.encoder.resume().unwrap();
    assert_eq!(encoding.next().unwrap().time, vicodec::time(1));
}

#[test]
fn reset_begins_a_stream_and_discard_drops_pending() {
    let Some(_turn) = on_the_rig("reset_begins_a_stream_and_discard_drops_pending") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut encoding = Encoding::start(&clip, Memory::DmaBuf);
    for number in 0..3 {
        assert!(encoding.submit(&clip, number));
        assert_eq!(encoding.next().unwrap().key, number == 0);
    }
    encoding.encoder.reset().unwrap();
    assert!(encoding.submit(&clip, 3));
    assert!(encoding.next().unwrap().key, "a new stream");
    // In a drain it ends the drain.
    assert!(encoding.submit(&clip, 4));
    encoding.encoder.drain().unwrap();
    encoding.encoder.reset().unwrap();
    assert_eq!(encoding.encoder.state(), EncoderState::Encoding);
    let packets = encoding.run(&clip, 5..8);
    assert!(packets.iter().any(|p| p.time == vicodec::time(7)));
    // What is submitted after the end waits; it is dropped.
    assert!(encoding.submit(&clip, 8));
    encoding.encoder.discard().unwrap();
    assert_eq!(encoding.encoder.m2m().output().queued(), 0);
    let packets = encoding.run(&clip, 9..11);
    check_times(packets.iter().map(|p| p.time), 9..11);
}

#[test]
fn kept_packets_come_back_when_released() {
    let Some(_turn) = on_the_rig("kept_packets_come_back_when_released") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut encoding = Encoding::start(&clip, Memory::Mmap);
    let count = encoding.encoder.m2m().capture().count();
    let mut kept = Vec::new();
    for number in 0..count as usize {
        assert!(encoding.submit(&clip, number));
        let packet = encoding.encoder.next_packet(patience()).unwrap();
        kept.push(packet.into_index());
    }
    // With nothing to write to and nothing to read, waiting would be without end.
    encoding.encoder.m2m().collect().unwrap();
    let none = encoding
        .encoder
        .next_packet(patience())
        .map(drop)
        .unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotReady);
    kept.sort_unstable();
    assert_eq!(kept, (0..count).collect::<Vec<_>>());
    for index in kept {
        encoding.encoder.m2m().give_back(index).unwrap();
        let twice = encoding.encoder.m2m().give_back(index).unwrap_err();
        assert!(matches!(twice, Error::Argument { .. }), "{twice}");
    }
    let packets = encoding.run(&clip, 20..25);
    check_times(packets.iter().map(|p| p.time), 20..25);
}
