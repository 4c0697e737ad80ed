//! Hardware encoders and decoders through the common API, on the kernel's virtual codec.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

mod hardware;

use std::collections::VecDeque;
use std::os::fd::AsFd as _;

use hardware::clip::Clip;
use hardware::{Kept, bytes, config, decode, decoder, encode, encode_with, keep, patience, time};
use videostream::encode::{Backend, Codec, CodecError, CopyReason, Encoder, Packet};
use videostream::hal::codec::Misfit;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::mapping::{Access, Mapping};
use videostream::hal::memory::{DmaHeap, memfd};
use videostream::{DmaBufPicture, Picture, PictureMut};
use videostream_testing::on_the_rig;

const FRAMES: usize = 300;

/// Looks at times and key frames of packets, and at the pictures of the first `decoded` of them.
fn check(clip: &Clip, packets: &[Kept], decoded: usize) {
    let times: Vec<u64> = (0..packets.len()).map(time).collect();
    assert_eq!(packets.iter().map(|p| p.time).collect::<Vec<_>>(), times);
    let keys = packets.iter().enumerate().filter(|(_, packet)| packet.key);
    let keys: Vec<usize> = keys.map(|(number, _)| number).collect();
    assert_eq!(keys, (0..packets.len()).step_by(10).collect::<Vec<_>>());
    let (mut number, mut worst) = (0, f64::INFINITY);
    let packets = &packets[..decoded];
    let seen = decode(packets, |at, picture| {
        assert_eq!(at, time(number));
        assert_eq!(picture.fourcc(), clip.fourcc());
        // All of them would take long.
        if number.is_multiple_of(8) {
            worst = worst.min(clip.psnr(number, &bytes(picture)));
        }
        number += 1;
    });
    assert_eq!(
        seen.iter().map(|s| s.0).collect::<Vec<_>>(),
        times[..decoded]
    );
    assert_eq!(seen.iter().filter(|s| s.2).count(), 1);
    println!("{} pictures, {worst:.1} dB at worst", packets.len());
    assert!(worst > 30.0, "{worst:.1} dB");
}

/// Pictures in dma-bufs of a heap.
struct Heap {
    fds: Vec<std::os::fd::OwnedFd>,
    mappings: Vec<Mapping>,
    layout: Layout,
}

impl Heap {
    fn new(layout: &Layout, count: usize) -> Self {
        let heap = DmaHeap::open("system").unwrap();
        let len = layout.size as usize;
        let fds: Vec<_> = (0..count)
            .map(|_| heap.allocate(len as u64).unwrap())
            .collect();
        let map = |fd| Mapping::new(fd, len, Access::ReadWrite).unwrap();
        Self {
            mappings: fds.iter().map(map).collect(),
            fds,
            layout: *layout,
        }
    }

    fn draw(&mut self, at: usize, picture: &Picture<'_>) {
        // SAFETY: nobody reads the memory: the encoder has given it back.
        #[expect(unsafe_code, reason = "the bytes of a mapping")]
        let memory = unsafe { self.mappings[at].bytes_mut() }.unwrap();
        picture
            .copy_to(&mut PictureMut::new(memory, &self.layout).unwrap())
            .unwrap();
    }

    fn picture(&self, at: usize) -> DmaBufPicture<'_> {
        DmaBufPicture::new(&self.layout, &[self.fds[at].as_fd()]).unwrap()
    }
}

#[test]
fn copied_pictures_keep_their_order_and_times() {
    let Some(_turn) = on_the_rig("copied_pictures_keep_their_order_and_times") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 360);
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    assert_eq!(encoder.backend(), Backend::V4l2);
    assert!(
        encoder
            .device()
            .is_some_and(|path| path.starts_with("/dev"))
    );
    let packets = encode(&mut encoder, &clip, 0..FRAMES);
    assert_eq!(packets.len(), FRAMES);
    let copies = encoder.copies();
    let all = (FRAMES as u64, FRAMES as u64 * u64::from(clip.layout.size));
    assert_eq!(
        (copies.pictures, copies.bytes, copies.why),
        (all.0, all.1, None)
    );
    let picture = Picture::new(clip.picture(0), &clip.layout).unwrap();
    assert_eq!(encoder.submit(&picture, 0), Err(CodecError::Finished));
    check(&clip, &packets, packets.len());
}

#[test]
fn pictures_in_dma_bufs_are_read_where_they_lie() {
    let Some(_turn) = on_the_rig("pictures_in_dma_bufs_are_read_where_they_lie") else {
        return;
    };
    // A height that the device does not round up, so that its chroma begins in the same place.
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut heap = Heap::new(&clip.layout, 4);
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    let mut packets = Vec::new();
    let mut free: Vec<usize> = (0..heap.fds.len()).collect();
    let mut reading = VecDeque::new();
    for number in 0..FRAMES {
        let at = match free.pop() {
            Some(at) => at,
            None => {
                let (submitted, at) = reading.pop_front().unwrap();
                encoder.finish_reading(&submitted).unwrap();
                assert!(!encoder.is_reading(&submitted).unwrap());
                at
            }
        };
        heap.draw(
            at,
            &Picture::new(clip.picture(number), &clip.layout).unwrap(),
        );
        let submitted = encoder
            .submit_dmabuf(&heap.picture(at), time(number))
            .unwrap();
        assert!(!submitted.is_copied(), "{:?}", encoder.copies());
        reading.push_back((submitted, at));
        while let Some(packet) = encoder.receive().unwrap() {
            packets.push(keep(&packet));
        }
    }
    encoder.finish().unwrap();
    while let Some(packet) = encoder.receive().unwrap() {
        packets.push(keep(&packet));
    }
    let copies = encoder.copies();
    assert_eq!((copies.pictures, copies.bytes, copies.why), (0, 0, None));
    assert_eq!(packets.len(), FRAMES);
    check(&clip, &packets, 60);
}

#[test]
fn frames_of_unsuitable_layout_are_copied_and_counted() {
    let Some(_turn) = on_the_rig("frames_of_unsuitable_layout_are_copied_and_counted") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 360);
    let wide = Layout::with_stride(FourCc::NV12, 640, 360, 704).unwrap();
    let mut heap = Heap::new(&wide, 1);
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    let mut packets = Vec::new();
    for number in 0..20 {
        heap.draw(
            0,
            &Picture::new(clip.picture(number), &clip.layout).unwrap(),
        );
        let submitted = encoder
            .submit_dmabuf(&heap.picture(0), time(number))
            .unwrap();
        assert!(submitted.is_copied() && !encoder.is_reading(&submitted).unwrap());
        while let Some(packet) = encoder.receive().unwrap() {
            packets.push(keep(&packet));
        }
    }
    encoder.finish().unwrap();
    while let Some(packet) = encoder.receive().unwrap() {
        packets.push(keep(&packet));
    }
    let copies = encoder.copies();
    assert_eq!(copies.pictures, 20);
    assert_eq!(copies.bytes, 20 * u64::from(clip.layout.size));
    let stride = Misfit::Stride {
        plane: 0,
        has: 704,
        wants: 640,
    };
    assert_eq!(copies.why, Some(CopyReason::Misfit(stride)));
    assert_eq!(packets.len(), 20);
    check(&clip, &packets, packets.len());

    // Memory that is no dma-buf can be read by the CPU only.
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let memory = memfd::create(c"picture", clip.layout.size as usize).unwrap();
    let picture = DmaBufPicture::new(&clip.layout, &[memory.as_fd()]).unwrap();
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    assert!(matches!(
        encoder.submit_dmabuf(&picture, 0),
        Err(CodecError::Memory(_))
    ));
    memfd::seal(&memory, rustix::fs::SealFlags::SHRINK).unwrap();
    assert!(encoder.submit_dmabuf(&picture, 0).unwrap().is_copied());
    assert_eq!(encoder.copies().why, Some(CopyReason::NoDmaBuf));
}

#[test]
fn a_key_frame_is_forced_on_that_very_picture() {
    let Some(_turn) = on_the_rig("a_key_frame_is_forced_on_that_very_picture") else {
        return;
    };
    let clip = Clip::new(FourCc::YU12, 640, 360);
    let mut encoder = Encoder::new(&config(&clip).gop(16)).unwrap();
    let packets = encode_with(&mut encoder, &clip, 0..24, |encoder, number| {
        if number == 5 || number == 11 {
            encoder.force_key_frame();
        }
    });
    let times: Vec<u64> = packets.iter().map(|packet| packet.time).collect();
    assert_eq!(times, (0..24).map(time).collect::<Vec<_>>());
    let keys = packets.iter().enumerate().filter(|(_, packet)| packet.key);
    assert_eq!(
        keys.map(|(number, _)| number).collect::<Vec<_>>(),
        [0, 5, 11]
    );
    // The device has no bitrate to change; it takes any rate, since it spends no bits by it.
    assert_eq!(encoder.set_bitrate(1_000_000), Err(CodecError::NoBitrate));
}

#[test]
fn a_stream_changes_its_size() {
    let Some(_turn) = on_the_rig("a_stream_changes_its_size") else {
        return;
    };
    let clips = [(640, 360), (1280, 720), (640, 480)].map(|(w, h)| Clip::new(FourCc::NV12, w, h));
    let mut packets = Vec::new();
    for (at, clip) in clips.iter().enumerate() {
        let mut encoder = Encoder::new(&config(clip)).unwrap();
        packets.extend(encode(&mut encoder, clip, at * 12..(at + 1) * 12));
    }
    assert_eq!(packets.len(), 36);
    let seen = decode(&packets, |at, picture| {
        let number = (0..36).find(|&number| time(number) == at).unwrap();
        let clip = &clips[number / 12];
        let distance = clip.psnr(number, &bytes(picture));
        assert!(distance > 30.0, "{number}: {distance:.1} dB");
    });
    let wanted = (0..36).map(|number| {
        let layout = &clips[number / 12].layout;
        (
            time(number),
            (layout.width, layout.height),
            number % 12 == 0,
        )
    });
    assert_eq!(seen, wanted.collect::<Vec<_>>());
}

#[test]
fn a_moved_decoder_still_lends_its_memory() {
    let Some(_turn) = on_the_rig("a_moved_decoder_still_lends_its_memory") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 360);
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    let packets = encode(&mut encoder, &clip, 0..30);
    let mut decoder = decoder();
    let packet = |number: usize| {
        let Kept { bytes, time, .. } = &packets[number];
        Packet::new(Codec::Fwht, bytes, *time, *time)
    };
    assert_eq!(decoder.submit(&packet(3)), Err(CodecError::KeyFrameNeeded));
    for start in [0, 20, 10] {
        for number in start..start + 5 {
            decoder.submit(&packet(number)).unwrap();
        }
        decoder.wait(patience()).unwrap();
        loop {
            if let Some(decoded) = decoder.receive().unwrap() {
                assert_eq!(decoded.pts_ns(), time(start));
                break;
            }
            decoder.wait(patience()).unwrap();
        }
        let (fds, layout) = decoder.dma_buf().unwrap().unwrap();
        assert_eq!(
            (fds.len(), layout.width, layout.fourcc),
            (1, 640, clip.fourcc())
        );
        assert!(memfd::is_dma_buf(fds[0].as_fd()));
        decoder.reset().unwrap();
    }
}
