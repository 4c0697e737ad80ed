//! Encoders and decoders of the hardware through the one API, on the kernel's virtual codec.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

#[allow(dead_code, reason = "a part of it is used")]
#[path = "../hal/tests/vicodec/clip.rs"]
mod clip;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clip::Clip;
use rustix::fs::fstat;
use videostream::decode::{DecodeError, Decoder, DecoderConfig};
use videostream::encode::{
    BACKEND_VARIABLE, Backend, Codec, CopyReason, DevicePath, EncodeError, Encoder, EncoderConfig,
    Packet, RateControl,
};
use videostream::hal::codec::Misfit;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::mapping::{Access, Mapping};
use videostream::hal::memory::{DmaHeap, memfd};
use videostream::hal::ring::Flags;
use videostream::hal::time::deadline_in;
use videostream::hal::v4l2::{ErrorKind, NodeKind};
use videostream::{
    Camera, CameraSource, CameraStream, DmaBufPicture, EncodedSource, FrameRate, Picture,
    PictureMut, Rect, Source as _, devices,
};
use videostream_testing::on_the_rig;

const FRAMES: usize = 300;
const DRIVER: &str = "/sys/bus/platform/drivers/vicodec";

fn rate() -> FrameRate {
    FrameRate::fps(30).unwrap()
}

/// When picture `number` is shown: no whole microsecond.
fn time(number: usize) -> u64 {
    rate().time_ns(number as u64) + 7
}

fn config(clip: &Clip) -> EncoderConfig {
    EncoderConfig::of_layout(Codec::Fwht, &clip.layout, rate())
        .rate_control(RateControl::Quantiser(10))
        .gop(10)
}

fn patience() -> u64 {
    deadline_in(120_000_000_000)
}

/// A packet that outlives the encoder's next step.
struct Kept {
    bytes: Vec<u8>,
    time: u64,
    key: bool,
}

fn keep(packet: &Packet<'_>) -> Kept {
    assert_eq!(packet.dts_ns(), packet.pts_ns());
    assert!(packet.parameter_sets().is_empty());
    Kept {
        bytes: packet.annex_b().to_vec(),
        time: packet.pts_ns(),
        key: packet.is_key(),
    }
}

/// Submits pictures as they are and takes every packet up to the end.
fn encode(encoder: &mut Encoder, clip: &Clip, numbers: std::ops::Range<usize>) -> Vec<Kept> {
    let mut packets = Vec::new();
    for number in numbers {
        let picture = Picture::new(clip.picture(number), &clip.layout).unwrap();
        encoder.submit(&picture, time(number)).unwrap();
        while let Some(packet) = encoder.receive().unwrap() {
            packets.push(keep(&packet));
        }
    }
    encoder.finish().unwrap();
    while let Some(packet) = encoder.receive().unwrap() {
        packets.push(keep(&packet));
    }
    packets
}

/// Decodes packets: the time and size of each picture, after `see` saw it.
fn decode(
    packets: &[Kept],
    mut see: impl FnMut(u64, &Picture<'_>),
) -> Vec<(u64, (u32, u32), bool)> {
    let mut decoder = decoder();
    assert_eq!(decoder.backend(), Backend::V4l2);
    let mut seen = Vec::new();
    let mut take = |decoder: &mut Decoder| {
        while let Some(decoded) = decoder.receive().unwrap() {
            let picture = decoded.picture();
            see(decoded.pts_ns(), picture);
            let size = (picture.width(), picture.height());
            seen.push((decoded.pts_ns(), size, decoded.is_new_size()));
        }
    };
    for kept in packets {
        let packet = Packet::new(Codec::Fwht, &kept.bytes, kept.time, kept.time);
        decoder.submit(&packet).unwrap();
        take(&mut decoder);
    }
    decoder.finish().unwrap();
    take(&mut decoder);
    seen
}

/// The picture's bytes without padding.
fn bytes(picture: &Picture<'_>) -> Vec<u8> {
    let layout = Layout::new(picture.fourcc(), picture.width(), picture.height()).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    picture
        .copy_to(&mut PictureMut::new(&mut bytes, &layout).unwrap())
        .unwrap();
    bytes
}

fn decoder() -> Decoder {
    Decoder::new(&DecoderConfig::new(Codec::Fwht).format(FourCc::NV12)).unwrap()
}

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
fn pictures_that_are_copied_come_out_in_order_with_their_exact_times() {
    let Some(_turn) =
        on_the_rig("pictures_that_are_copied_come_out_in_order_with_their_exact_times")
    else {
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
    assert_eq!(encoder.submit(&picture, 0), Err(EncodeError::Finished));
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
fn a_camera_is_encoded_without_a_copy() {
    let Some(_turn) = on_the_rig("a_camera_is_encoded_without_a_copy") else {
        return;
    };
    let mut camera = camera();
    let config = EncoderConfig::of_layout(Codec::Fwht, camera.layout(), rate())
        .rate_control(RateControl::Quantiser(20))
        .gop(15);
    let mut encoder = Encoder::new(&config).unwrap();
    let cameras: BTreeSet<u64> = camera
        .buffers()
        .iter()
        .map(|b| fstat(&b.fds[0]).unwrap().st_ino)
        .collect();
    let layout = *camera.layout();
    for _ in 0..20 {
        let frame = camera.next_within(Duration::from_secs(60)).unwrap();
        let fd = camera.buffers()[frame.index as usize].fds[0].as_fd();
        let picture = DmaBufPicture::new(&layout, &[fd]).unwrap();
        let submitted = encoder.submit_dmabuf(&picture, frame.timestamp_ns).unwrap();
        assert!(encoder.wait(patience()).unwrap());
        let packet = encoder.receive().unwrap().unwrap();
        assert_eq!(packet.pts_ns(), frame.timestamp_ns);
        encoder.finish_reading(&submitted).unwrap();
        camera.requeue(frame.index).unwrap();
    }
    let copies = encoder.copies();
    assert_eq!((copies.pictures, copies.bytes, copies.why), (0, 0, None));
    // All dma-bufs that this process has are the camera's: the encoder has no memory for pictures of its own.
    let (inodes, descriptors) = dma_bufs();
    assert_eq!(inodes, cameras);
    assert!(
        descriptors > cameras.len(),
        "the encoder has descriptors of them, too"
    );
}

#[test]
fn a_source_of_packets_leaves_the_pictures_of_its_camera_where_they_lie() {
    let Some(_turn) =
        on_the_rig("a_source_of_packets_leaves_the_pictures_of_its_camera_where_they_lie")
    else {
        return;
    };
    let camera = camera();
    let layout = *camera.layout();
    let config = EncoderConfig::new(
        Codec::Fwht,
        layout.fourcc,
        layout.width,
        layout.height,
        rate(),
    )
    .rate_control(RateControl::Quantiser(20))
    .gop(16);
    let mut source = EncodedSource::new(CameraSource::new(camera), &config, 4).unwrap();
    let mut last = None;
    let mut packets = 0;
    while packets < 12 {
        if packets == 6 {
            source.client_joined();
        }
        let Some(taken) = source.take().unwrap() else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        let key = taken.flags.contains(Flags::KEY_FRAME);
        assert_eq!(key, packets == 0 || packets == 6);
        assert!(last < Some((taken.sequence, taken.timestamp_ns)));
        last = Some((taken.sequence, taken.timestamp_ns));
        source.requeue(taken.index).unwrap();
        packets += 1;
    }
    let copies = source.encoder().copies();
    assert_eq!((copies.pictures, copies.bytes, copies.why), (0, 0, None));
}

fn camera() -> CameraStream {
    let list = devices();
    let mut cameras = list.devices.iter();
    let camera = cameras.find(|d| d.driver == "vivid" && d.kind == NodeKind::Camera);
    let camera = Camera::open(camera.unwrap().path.clone()).unwrap();
    let camera = camera.format(FourCc::NV12).size(1280, 720).buffers(4);
    camera.start().unwrap()
}

/// The dma-bufs that this process has descriptors of: their inodes, and how many descriptors.
fn dma_bufs() -> (BTreeSet<u64>, usize) {
    let (mut inodes, mut count) = (BTreeSet::new(), 0);
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        let is_dma_buf = fs::read_link(&path).is_ok_and(|to| to.starts_with("/dmabuf:"));
        if is_dma_buf {
            let number = path.file_name().unwrap().to_str().unwrap();
            let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
            let inode = info.lines().find_map(|line| line.strip_prefix("ino:"));
            inodes.insert(inode.expect("an inode").trim().parse().unwrap());
            count += 1;
        }
    }
    (inodes, count)
}

#[test]
fn what_does_not_lie_as_the_device_wants_it_is_copied_and_counted() {
    let Some(_turn) = on_the_rig("what_does_not_lie_as_the_device_wants_it_is_copied_and_counted")
    else {
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
        Err(EncodeError::Map(_))
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
    let mut packets = Vec::new();
    for number in 0..24 {
        if number == 5 || number == 11 {
            encoder.force_key_frame();
        }
        let picture = Picture::new(clip.picture(number), &clip.layout).unwrap();
        encoder.submit(&picture, time(number)).unwrap();
        while let Some(packet) = encoder.receive().unwrap() {
            packets.push(keep(&packet));
        }
    }
    encoder.finish().unwrap();
    while let Some(packet) = encoder.receive().unwrap() {
        packets.push(keep(&packet));
    }
    let times: Vec<u64> = packets.iter().map(|packet| packet.time).collect();
    assert_eq!(times, (0..24).map(time).collect::<Vec<_>>());
    let keys = packets.iter().enumerate().filter(|(_, packet)| packet.key);
    assert_eq!(
        keys.map(|(number, _)| number).collect::<Vec<_>>(),
        [0, 5, 11]
    );
    // The device has no bitrate to change; it takes any rate, since it spends no bits by it.
    assert_eq!(encoder.set_bitrate(1_000_000), Err(EncodeError::NoBitrate));
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
fn a_decoder_goes_to_another_place_and_lends_its_memory() {
    let Some(_turn) = on_the_rig("a_decoder_goes_to_another_place_and_lends_its_memory") else {
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
    assert_eq!(decoder.submit(&packet(3)), Err(DecodeError::KeyFrameNeeded));
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
        &["no frame rate", "constant quantiser"],
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
    refused(bayer, &["RGGB", "takes", "NV12"]);
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
        Err(EncodeError::Mismatch { .. })
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
    assert!(matches!(
        Encoder::new(&asked),
        Err(EncodeError::NoDevice(_))
    ));
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
        false => assert_eq!(chosen, Err(EncodeError::NoBackend(Codec::H264))),
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
    let gone = |error: &EncodeError| matches!(error, EncodeError::Device { error, .. } if error.kind() == ErrorKind::Disconnected);
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
    assert!(
        matches!(&told, DecodeError::Device { error, .. } if error.kind() == ErrorKind::Disconnected),
        "{told:?}"
    );
    assert!(matches!(
        Encoder::new(&config(&clip)),
        Err(EncodeError::NoBackend(_) | EncodeError::NoDevice(_))
    ));
    drop((encoder, decoder));
    drop(rebind);
    // It is found again when it is back.
    let mut encoder = Encoder::new(&config(&clip)).unwrap();
    assert_eq!(encode(&mut encoder, &clip, 0..5).len(), 5);
}

#[test]
fn a_damaged_packet_is_told_and_the_next_key_frame_goes_on() {
    let Some(_turn) = on_the_rig("a_damaged_packet_is_told_and_the_next_key_frame_goes_on") else {
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
            Err(DecodeError::Corrupt { pts_ns, .. }) => corrupt.push(pts_ns),
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
            Err(DecodeError::KeyFrameNeeded) => {}
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
