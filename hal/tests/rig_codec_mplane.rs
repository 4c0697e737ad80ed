//! Encoder and decoder of the kernel's virtual codec through the multi-planar interface.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64 vicodec.multiplanar=1

#![cfg(target_os = "linux")]

mod vicodec;

use vicodec::clip::Clip;
use vicodec::{Decoding, Encoding, Out, check_times, encode, number, open, pictures, round_trip};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::queue::Content;
use videostream_hal::v4l2::{BufType, Memory, NodeKind};
use videostream_testing::on_the_rig;

#[test]
fn a_film_comes_back_through_nodes_with_planes() {
    let Some(_turn) = on_the_rig("a_film_comes_back_through_nodes_with_planes") else {
        return;
    };
    for kind in [NodeKind::Encoder, NodeKind::Decoder] {
        let device = open(kind);
        assert_eq!(device.output_type(), Some(BufType::VideoOutputMplane));
        assert_eq!(device.capture_type(), Some(BufType::VideoCaptureMplane));
    }
    for fourcc in [FourCc::NV12, FourCc::YUYV, FourCc::RGB3] {
        for memory in [Memory::Mmap, Memory::DmaBuf] {
            round_trip(fourcc, 640, 368, 30, memory);
        }
    }
}

#[test]
fn the_stream_changes_its_size_here_too() {
    let Some(_turn) = on_the_rig("the_stream_changes_its_size_here_too") else {
        return;
    };
    let clips = [
        Clip::new(FourCc::NV12, 640, 368),
        Clip::new(FourCc::NV12, 800, 608),
    ];
    let mut stream = encode(&clips[0], 10, Memory::Mmap);
    let mut second = Encoding::start(&clips[1], Memory::Mmap).run(&clips[1], 10..20);
    stream.append(&mut second);
    let mut decoding = Decoding::start(Some(FourCc::NV12), 3_000_000, Memory::DmaBuf);
    let out = decoding.run(&stream, |time| (&clips[number(time) / 10], number(time)));
    check_times(pictures(&out).map(|(time, _)| time), 0..20);
    assert!(
        pictures(&out).all(|(_, psnr)| psnr > vicodec::PSNR),
        "{out:?}"
    );
    let formats = out.iter().filter(|out| matches!(out, Out::Format(_)));
    assert_eq!(formats.count(), 2);
}

#[test]
fn bytes_before_the_content_are_told_to_the_driver() {
    let Some(_turn) = on_the_rig("bytes_before_the_content_are_told_to_the_driver") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut encoding = Encoding::start(&clip, Memory::Mmap);
    let index = encoding.encoder.m2m().free_input().unwrap().unwrap();
    encoding.pictures.fill(index, clip.picture(0));
    let content = |offset: &[u32]| {
        encoding.encoder.m2m().submit(
            index,
            &Content {
                bytes_used: &[clip.layout.size],
                data_offsets: offset,
                ..Content::default()
            },
        )
    };
    // An offset past the content cannot be, which the kernel finds.
    let refused = content(&[clip.layout.size + 1]).unwrap_err();
    assert_eq!(refused.errno().map(|e| e.raw_os_error()), Some(22));
    assert!(encoding.encoder.m2m().is_free(index));
    content(&[0]).unwrap();
    assert!(!encoding.encoder.m2m().is_free(index));
    encoding.next().unwrap();
}
