//! Encoder and decoder of the kernel's virtual codec, end to end.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! `VIDEOSTREAM_TEST_FRAMES=300` makes the test of every format that long, with each kind of
//! memory: half an hour. Otherwise the kinds take turns.
//!
//! rig: arch=x86_64 timeout=900

#![cfg(target_os = "linux")]

mod vicodec;

use std::fs;

use vicodec::clip::Clip;
use vicodec::{
    Decoding, Encoding, buffers, check_times, encode, number, open, patience, pictures,
    raw_formats, request, round_trip,
};
use videostream_hal::codec::Encoder;
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{Error, Memory, NodeKind, Ready, SelectionRect};
use videostream_testing::on_the_rig;

#[test]
fn every_raw_format_comes_back() {
    let Some(_turn) = on_the_rig("every_raw_format_comes_back") else {
        return;
    };
    let asked = std::env::var("VIDEOSTREAM_TEST_FRAMES").ok();
    let asked = asked.map(|frames| frames.parse().unwrap());
    let formats = raw_formats();
    assert!(formats.len() >= 20, "{formats:?}");
    for (at, fourcc) in formats.into_iter().enumerate() {
        let kinds = [Memory::Mmap, Memory::DmaBuf];
        if let Some(frames) = asked {
            for memory in kinds {
                round_trip(fourcc, 640, 368, frames, memory);
                println!("{fourcc}: {frames} frames, {memory:?}");
            }
        } else {
            round_trip(fourcc, 640, 368, 6, kinds[at % 2]);
        }
    }
}

#[test]
fn both_memory_kinds_return_300_frames() {
    let Some(_turn) = on_the_rig("both_memory_kinds_return_300_frames") else {
        return;
    };
    for memory in [Memory::Mmap, Memory::DmaBuf] {
        round_trip(FourCc::NV12, 640, 368, 300, memory);
    }
}

#[test]
fn only_the_picture_in_a_larger_buffer_is_encoded() {
    let Some(_turn) = on_the_rig("only_the_picture_in_a_larger_buffer_is_encoded") else {
        return;
    };
    let clip = Clip::new(FourCc::YU12, 640, 368);
    let mut asked = request(&clip);
    asked.raw.height = 360;
    let encoder = Encoder::new(open(NodeKind::Encoder), &asked).unwrap();
    // Heights of this format go by 16.
    assert_eq!(encoder.raw_format().layout().unwrap(), clip.layout);
    let visible = SelectionRect {
        width: 640,
        height: 360,
        ..SelectionRect::default()
    };
    assert_eq!(encoder.visible(), visible);
    let mut encoding = Encoding::started(encoder, Memory::Mmap);
    let packets = encoding.run(&clip, 0..3);
    let mut decoding = Decoding::start(None, 0, Memory::Mmap);
    let out = decoding.run(&packets, |time| (&clip, number(time)));
    let Some(&vicodec::Out::Format(format)) = out.first() else {
        panic!("{out:?}");
    };
    assert_eq!(format.visible, visible);
    assert_eq!((format.format.width, format.format.height), (640, 368));
    check_times(pictures(&out).map(|(time, _)| time), 0..3);
}

#[test]
fn two_streams_run_at_once() {
    let Some(_turn) = on_the_rig("two_streams_run_at_once") else {
        return;
    };
    let clips = [
        Clip::new(FourCc::NV12, 640, 368),
        Clip::new(FourCc::YUYV, 720, 400),
    ];
    let mut streams = clips
        .each_ref()
        .map(|clip| Encoding::start(clip, Memory::Mmap));
    let mut packets = [Vec::new(), Vec::new()];
    for number in 0..20 {
        for (stream, clip) in streams.iter_mut().zip(&clips) {
            assert!(stream.submit(clip, number));
        }
        for (stream, packets) in streams.iter().zip(&mut packets) {
            packets.push(stream.next().unwrap());
        }
    }
    let decode = |clip: &Clip, packets: &[vicodec::Packet]| {
        let mut decoding = Decoding::start(Some(clip.fourcc()), 0, Memory::Mmap);
        let out = decoding.run(packets, |time| (clip, number(time)));
        check_times(pictures(&out).map(|(time, _)| time), 0..20);
        assert!(pictures(&out).all(|(_, psnr)| psnr > vicodec::PSNR));
    };
    std::thread::scope(|scope| {
        for (clip, packets) in clips.iter().zip(&packets) {
            scope.spawn(|| decode(clip, packets));
        }
    });
}

#[test]
fn a_thousand_codecs_leave_nothing_behind() {
    let Some(_turn) = on_the_rig("a_thousand_codecs_leave_nothing_behind") else {
        return;
    };
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    // Of devices and dma-bufs: what the allocator maps is its own affair.
    let mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let ours = |line: &&str| line.contains("/dev/video") || line.contains("dmabuf");
        maps.lines().filter(ours).count()
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let packets = encode(&clip, 2, Memory::Mmap);
    let once = |number: usize| {
        let memory = [Memory::Mmap, Memory::DmaBuf][number % 2];
        if number % 4 < 2 {
            let mut encoding = Encoding::start(&clip, memory);
            // Closed with a picture in it.
            assert!(encoding.submit(&clip, 0));
        } else {
            let mut decoding = Decoding::start(None, 0, memory);
            assert!(decoding.submit(&packets[0]));
            decoding
                .decoder
                .m2m()
                .wait(Ready::EVENT, patience())
                .unwrap();
            let change = decoding.decoder.take_picture().map(drop).unwrap_err();
            assert_eq!(change, Error::SourceChanged);
            decoding.set_up();
        }
    };
    {
        let _encoding = Encoding::start(&clip, Memory::Mmap);
        assert!(mapped() > 0, "they are seen while they are there");
    }
    (0..8).for_each(once);
    let before = (count("/proc/self/fd"), mapped());
    (0..1000).for_each(once);
    assert_eq!((count("/proc/self/fd"), mapped()), before);
    // Some megabytes each: had the kernel kept their memory, there would be none left.
    round_trip(FourCc::NV12, 640, 368, 2, buffers(Memory::Mmap, 3).memory);
}
