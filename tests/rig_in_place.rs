//! A camera's pictures are encoded in place, in hardware and in software, also by another process.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

mod hardware;

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd as _;
use std::time::Duration;

use hardware::{patience, rate};
use rustix::fs::fstat;
use videostream::encode::{Codec, Encoder, EncoderConfig, RateControl};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::Flags;
use videostream::hal::v4l2::NodeKind;
use videostream::{
    Camera, CameraSource, CameraStream, Client, DmaBufPicture, EncodedSource, Host, Source as _,
    Stream, devices,
};
use videostream_testing::on_the_rig;
use videostream_testing::process::{Process, role, say};

/// Pictures that each test takes of a camera.
const FRAMES: u32 = 20;

#[test]
fn a_camera_is_encoded_without_a_copy() {
    let Some(_turn) = on_the_rig("a_camera_is_encoded_without_a_copy") else {
        return;
    };
    let mut camera = camera(FourCc::NV12);
    let config = EncoderConfig::of_layout(Codec::Fwht, camera.layout(), rate())
        .rate_control(RateControl::Quantiser(20))
        .gop(15);
    let mut encoder = Encoder::new(&config).unwrap();
    let cameras = memory(&camera);
    encode(&mut camera, &mut encoder);
    let copies = encoder.copies();
    assert_eq!((copies.pictures, copies.bytes, copies.why), (0, 0, None));
    // All dma-bufs that this process has are the camera's: the encoder has no memory for pictures
    // of its own.
    let (inodes, descriptors) = dma_bufs();
    assert_eq!(inodes, cameras);
    assert!(
        descriptors > cameras.len(),
        "the encoder has descriptors of them, too"
    );
}

#[test]
fn a_packet_source_copies_no_camera_picture() {
    let Some(_turn) = on_the_rig("a_packet_source_copies_no_camera_picture") else {
        return;
    };
    let camera = camera(FourCc::NV12);
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

#[test]
fn frames_of_another_process_encode_without_a_copy() {
    const NAME: &str = "frames_of_another_process_encode_without_a_copy";
    if let Some(role) = role() {
        share(&role[0]);
    }
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    let name = format!("videostream-in-place-{}", std::process::id());
    let host = Process::start(NAME, &[&name]);
    let inodes: BTreeSet<u64> = host
        .next()
        .split(' ')
        .map(|inode| inode.parse().unwrap())
        .collect();
    let client = Client::builder(&name).connect_timeout(Duration::from_secs(60));
    let mut client = client.connect().unwrap();
    let layout = Layout::new(FourCc::NV12, 1280, 720).unwrap();
    let config = EncoderConfig::of_layout(Codec::Fwht, &layout, rate())
        .rate_control(RateControl::Quantiser(20))
        .gop(15);
    let mut encoder = Encoder::new(&config).unwrap();
    for _ in 0..FRAMES {
        let frame = client.next(Duration::from_secs(60)).unwrap();
        let fd = frame.plane_fd(0).unwrap();
        assert!(inodes.contains(&fstat(fd).unwrap().st_ino));
        let planes = frame.descriptor().planes();
        assert_eq!(planes.len(), layout.planes().len());
        for (plane, wanted) in planes.iter().zip(layout.planes()) {
            assert_eq!((plane.offset, plane.stride), (wanted.offset, wanted.stride));
        }
        let submitted = encoder
            .submit_dmabuf(&frame.memory().unwrap(), frame.timestamp_ns())
            .unwrap();
        assert!(encoder.wait(patience()).unwrap());
        let packet = encoder.receive().unwrap().unwrap();
        assert_eq!(packet.pts_ns(), frame.timestamp_ns());
        encoder.finish_reading(&submitted).unwrap();
    }
    let copies = encoder.copies();
    assert_eq!((copies.pictures, copies.bytes, copies.why), (0, 0, None));
    host.kill();
}

/// Shares the camera, after the inodes of its buffers, until this process is killed.
fn share(name: &str) -> ! {
    let camera = camera(FourCc::NV12);
    let inodes: Vec<String> = memory(&camera).iter().map(u64::to_string).collect();
    let mut stream = Stream::new(Host::builder(name), CameraSource::new(camera)).unwrap();
    say(inodes.join(" "));
    loop {
        stream.step(patience()).unwrap();
    }
}

#[cfg(feature = "software")]
#[test]
fn software_reads_camera_pictures_in_place() {
    let Some(_turn) = on_the_rig("software_reads_camera_pictures_in_place") else {
        return;
    };
    // Of NV12 chroma has to be separated, and no more; of YU12 nothing.
    for (fourcc, copied) in [(FourCc::YU12, 0), (FourCc::NV12, 1280 * 720 / 2)] {
        let mut camera = camera(fourcc);
        let cameras = memory(&camera);
        let config = EncoderConfig::of_layout(Codec::H264, camera.layout(), rate());
        let mut encoder =
            Encoder::new(&config.backend(videostream::encode::Backend::Software)).unwrap();
        encode(&mut camera, &mut encoder);
        let copies = encoder.copies();
        assert_eq!(copies.bytes, u64::from(FRAMES) * copied, "{fourcc}");
        // What the encoder has mapped are the camera's buffers, each once.
        assert_eq!(dma_bufs().0, cameras);
        assert_eq!(mapped_dma_bufs(), cameras);
    }
}

/// The inodes of the dma-bufs that this process has mapped.
#[cfg(feature = "software")]
fn mapped_dma_bufs() -> BTreeSet<u64> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let lines = maps.lines().filter(|line| line.contains("/dmabuf:"));
    lines
        .map(|line| line.split_whitespace().nth(4).unwrap().parse().unwrap())
        .collect()
}

/// Encodes pictures of the camera from its own buffers; each is a packet, with its time.
fn encode(camera: &mut CameraStream, encoder: &mut Encoder) {
    let layout = *camera.layout();
    for _ in 0..FRAMES {
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
}

fn camera(fourcc: FourCc) -> CameraStream {
    let list = devices();
    let mut cameras = list.devices.iter();
    let camera = cameras.find(|d| d.driver == "vivid" && d.kind == NodeKind::Camera);
    let camera = Camera::open(camera.unwrap().path.clone()).unwrap();
    let camera = camera.format(fourcc).size(1280, 720).buffers(4);
    camera.start().unwrap()
}

/// The inodes of a camera's buffers.
fn memory(camera: &CameraStream) -> BTreeSet<u64> {
    let inodes = camera
        .buffers()
        .iter()
        .map(|buffer| fstat(&buffer.fds[0]).unwrap().st_ino);
    inodes.collect()
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
