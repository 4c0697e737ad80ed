//! Pictures of a camera are encoded without a copy.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod vicodec;
mod vivid;

use std::collections::BTreeSet;
use std::fs;

use rustix::fd::AsFd;
use rustix::fs::fstat;
use vicodec::clip::Clip;
use vicodec::{open, patience};
use videostream_hal::codec::{Buffers, Encoder, EncoderRequest, fit};
use videostream_hal::format::FourCc;
use videostream_hal::memory::heap::DmaHeap;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::v4l2::camera::CaptureRequest;
use videostream_hal::v4l2::{ErrorKind, ExportAccess, Fraction, Memory, NodeKind};
use videostream_testing::on_the_rig;
use vivid::start;

const FRAMES: usize = 30;

#[test]
fn a_camera_is_encoded_without_a_copy() {
    let Some(_turn) = on_the_rig("a_camera_is_encoded_without_a_copy") else {
        return;
    };
    // A size in which both devices put the planes in the same places.
    let request = CaptureRequest {
        formats: &[FourCc::NV12],
        size: Some((1280, 720)),
        interval: Some(Fraction::from_fps(30)),
        ..CaptureRequest::default()
    };
    let camera = start(vivid::open(), &request);
    // Whatever another test has left it at: the camera shows its clock.
    vivid::set(camera.device(), "OSD Text Mode", 0);
    let format = camera.negotiated().format;
    let request = EncoderRequest {
        coded: FourCc::FWHT,
        packet_size: 0,
        raw: format,
        interval: None,
        crop: None,
    };
    let mut encoder = Encoder::new(open(NodeKind::Encoder), &request).unwrap();
    assert_eq!(
        encoder.raw_format().layout().unwrap(),
        camera.negotiated().layout,
        "a picture of the camera is one for the encoder"
    );
    let count = camera.buffer_count();
    encoder
        .allocate(Buffers::imported(count), Buffers::driver(3))
        .unwrap();
    assert!(encoder.m2m().output().count() >= count);
    let exported: Vec<_> = (0..count)
        .map(|index| camera.export(index, 0, ExportAccess::ReadWrite).unwrap())
        .collect();
    for (index, fd) in (0..).zip(&exported) {
        let output = encoder.m2m_mut().output_mut();
        output.import(index, &[fd.as_fd()]).unwrap();
    }
    assert_eq!(encoder.m2m().output().memory(), Some(Memory::DmaBuf));
    // The descriptors of this process that are dma-bufs are all of the camera's memory: those it
    // exported, and those that the encoder's queue keeps of the very same.
    let cameras: BTreeSet<u64> = exported
        .iter()
        .map(|fd| fstat(fd).unwrap().st_ino)
        .collect();
    assert_eq!(cameras.len(), count as usize);
    let (inodes, descriptors) = dma_bufs();
    assert_eq!(inodes, cameras);
    assert_eq!(descriptors, 2 * count as usize);
    let mut pages = Vec::new();
    for index in 0..encoder.m2m().capture().count() {
        pages.push(encoder.m2m().capture().map(index, 0, Access::Read).unwrap());
    }
    encoder.start().unwrap();

    let mut times = Vec::new();
    let mut packets = Vec::new();
    for _ in 0..FRAMES {
        let frame = camera.next_frame(patience()).unwrap();
        let (time, bytes_used) = (frame.timestamp_ns, frame.planes()[0].bytes_used);
        times.push(time);
        // Out of the camera while the encoder reads it.
        let index = frame.into_index();
        encoder
            .m2m()
            .submit(index, &vicodec::content(&bytes_used, time))
            .unwrap();
        let packet = encoder.next_packet(patience()).unwrap();
        assert!(!packet.is_corrupted());
        let len = packet.planes()[0].bytes_used as usize;
        // SAFETY: the packet is out of the queue, and nobody writes its memory.
        #[expect(unsafe_code, reason = "the bytes of a mapping")]
        let bytes = unsafe { Mapping::bytes(&pages[packet.index as usize]) };
        packets.push((bytes[..len].to_vec(), packet.timestamp_ns));
        drop(packet);
        encoder.m2m().collect().unwrap();
        assert!(encoder.m2m().is_free(index));
        camera.requeue(index).unwrap();
    }
    assert_eq!(packets.iter().map(|p| p.1).collect::<Vec<_>>(), times);
    // The camera's clock is in its pictures: no two are the same.
    let different: BTreeSet<&[u8]> = packets.iter().map(|p| &p.0[..]).collect();
    assert_eq!(different.len(), FRAMES);
    assert_eq!(dma_bufs(), (cameras, 2 * count as usize));
    // And what was encoded is what the camera saw.
    let picture = camera.next_frame(patience()).unwrap();
    let index = picture.index;
    let len = camera.memory_lengths()[0] as usize;
    let memory = Mapping::new(&exported[index as usize], len, Access::Read).unwrap();
    let used = picture.planes()[0].bytes_used;
    encoder
        .m2m()
        .submit(index, &vicodec::content(&used, picture.timestamp_ns))
        .unwrap();
    let packet = encoder.next_packet(patience()).unwrap();
    let coded = packet.planes()[0].bytes_used as usize;
    // SAFETY: the packet is out of the queue, and nobody writes its memory.
    #[expect(unsafe_code, reason = "the bytes of a mapping")]
    let packed = unsafe { pages[packet.index as usize].bytes() };
    let coded = packed[..coded].to_vec();
    // SAFETY: the camera has not got the picture back.
    #[expect(unsafe_code, reason = "the bytes of a mapping")]
    let seen = unsafe { memory.bytes() };
    drop(packet);
    packets.push((coded, picture.timestamp_ns));
    check_last(&packets, &seen[..used as usize]);
}

#[test]
fn known_memory_gets_the_same_buffer() {
    let Some(_turn) = on_the_rig("known_memory_gets_the_same_buffer") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut encoder = Encoder::new(open(NodeKind::Encoder), &vicodec::request(&clip)).unwrap();
    assert_eq!(fit(encoder.raw_format(), &clip.layout), Ok(()));
    encoder
        .allocate(Buffers::imported(2), Buffers::driver(3))
        .unwrap();
    encoder.start().unwrap();
    // More memory than buffers.
    let count = encoder.m2m().output().count() as usize;
    let heap = DmaHeap::open("system").unwrap();
    let len = u64::from(clip.layout.size);
    let memory: Vec<_> = (0..count + 2)
        .map(|_| heap.allocate(len).unwrap())
        .collect();
    let mut sent = 0;
    let mut encode = |encoder: &mut Encoder, at: usize| {
        let fd = memory[at].as_fd();
        let index = encoder
            .m2m_mut()
            .import_for(&[fd])
            .unwrap()
            .expect("a buffer");
        let again = encoder.m2m_mut().import_for(&[fd]).unwrap();
        assert_eq!(again, Some(index));
        sent += 1;
        let content = vicodec::content(&clip.layout.size, vicodec::time(sent));
        encoder.m2m().submit(index, &content).unwrap();
        let packet = encoder.next_packet(patience()).unwrap();
        assert_eq!(packet.timestamp_ns, vicodec::time(sent));
        index
    };
    let first: Vec<u32> = (0..count).map(|at| encode(&mut encoder, at)).collect();
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..count as u32).collect::<Vec<_>>());
    for at in (0..count).rev() {
        assert_eq!(encode(&mut encoder, at), first[at]);
    }
    // The last one was used longest ago now, and makes room.
    assert_eq!(encode(&mut encoder, count), first[count - 1]);
    assert_eq!(encode(&mut encoder, 0), first[0]);
    // While the driver has all buffers, no buffer is free.
    let nothing = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let refused = encoder.m2m_mut().import_for(&[nothing.as_fd()]);
    let submit = |encoder: &Encoder, index| {
        encoder
            .m2m()
            .submit(index, &vicodec::content(&clip.layout.size, 0))
    };
    // Any descriptor may be given a place; that it is no memory, the driver finds.
    if let Ok(Some(index)) = refused {
        assert_eq!(
            submit(&encoder, index).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
        assert!(encoder.m2m().is_free(index));
    }
}

/// Decodes a stream whose last picture must be close to `seen`.
fn check_last(packets: &[(Vec<u8>, u64)], seen: &[u8]) {
    let mut decoding = vicodec::Decoding::start(Some(FourCc::NV12), 0, Memory::Mmap);
    let mut last = Vec::new();
    for (bytes, time) in packets {
        let packet = vicodec::Packet {
            bytes: bytes.clone(),
            time: *time,
            key: false,
        };
        decoding.decoder.m2m().next_input(patience()).unwrap();
        assert!(decoding.submit(&packet));
        if decoding.pictures.is_none() {
            let told = decoding.decoder.next_picture(patience()).map(drop);
            assert_eq!(told, Err(videostream_hal::v4l2::Error::SourceChanged));
            decoding.set_up();
        }
        let picture = decoding.decoder.next_picture(patience()).unwrap();
        last = decoding
            .pictures
            .as_ref()
            .unwrap()
            .content(&picture)
            .to_vec();
    }
    let squares: u64 = last
        .iter()
        .zip(seen)
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
        .sum();
    let psnr = 10.0 * (255.0 * 255.0 * seen.len() as f64 / squares as f64).log10();
    println!("{psnr:.1} dB");
    assert!(psnr > 25.0, "{psnr:.1} dB");
}

/// The dma-bufs that this process has descriptors of: their inodes, and how many descriptors.
fn dma_bufs() -> (BTreeSet<u64>, usize) {
    let mut inodes = BTreeSet::new();
    let mut count = 0;
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        let Ok(target) = fs::read_link(&path) else {
            continue;
        };
        if !target.to_string_lossy().starts_with("/dmabuf:") {
            continue;
        }
        let number: i32 = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
        let inode = info.lines().find_map(|line| line.strip_prefix("ino:"));
        inodes.insert(inode.expect("an inode").trim().parse().unwrap());
        count += 1;
    }
    (inodes, count)
}
