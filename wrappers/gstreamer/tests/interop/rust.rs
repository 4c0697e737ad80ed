//! Hosts and clients in Rust.

use videostream::Mode;
use videostream::hal::format::FourCc;
use videostream::hal::ring::{Flags, FrameDescriptor, PlaneDescriptor};

use crate::sinks::{fed_sink, packets};
use crate::support::host::{TestHost, TestPicture, assert_is_test_picture, pixel};
use crate::support::pipeline::Pipeline;
use crate::support::{WATCHDOG, client, decoder, encoder, name, until};

const FORMATS: [(&str, FourCc); 4] = [
    ("NV12", FourCc::NV12),
    ("I420", FourCc::YU12),
    ("RGB", FourCc::RGB3),
    ("GRAY8", FourCc::GREY),
];

#[test]
fn pictures_of_a_rust_host_reach_a_pipeline() {
    for (format, fourcc) in FORMATS {
        for padding in [0, 13, 66] {
            let path = name(&format!("rust-{format}-{padding}"));
            let mut host = TestHost::new(&path);
            let picture = TestPicture::new(fourcc, 62, 46, padding);
            let reader = Pipeline::playing(&format!("vslsrc path={path} ! appsink name=out"));
            for _ in 0..3 {
                let frame = picture.within(host.register(&picture.bytes));
                host.publish_now(frame);
                let sample = reader.pull();
                assert_is_test_picture(sample.buffer().unwrap(), sample.caps().unwrap());
                let caps = sample.caps().unwrap().structure(0).unwrap();
                assert_eq!(caps.get::<&str>("format"), Ok(format));
            }
            host.close();
            reader.eos();
            reader.end();
        }
    }
}

#[test]
fn packets_of_a_rust_host_reach_a_pipeline() {
    let test = "packets_of_a_rust_host_reach_a_pipeline";
    let (Some(encoder), Some(decoder)) = (encoder(test), decoder(test)) else {
        return;
    };
    let path = name("rust-packets");
    let mut host = TestHost::new(&path);
    let words = format!(
        "videotestsrc ! video/x-raw,format=I420,width=64,height=48,framerate=60/1 ! {encoder} ! \
         h264parse ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out"
    );
    let encoding = Pipeline::playing(&words);
    let words = format!(
        "vslsrc name=source path={path} mode=every ! h264parse ! {decoder} ! fakesink name=out"
    );
    let reader = Pipeline::playing(&words);
    for count in 1..=30 {
        let sample = encoding.pull();
        let buffer = sample.buffer().unwrap();
        let bytes = buffer.map_readable().unwrap();
        let size = bytes.len() as u32;
        let mut packet = FrameDescriptor {
            fourcc: FourCc::H264.0,
            width: 64,
            height: 48,
            bytes_used: size,
            plane_count: 1,
            ..Default::default()
        };
        packet.planes[0] = PlaneDescriptor {
            buffer: host.register(&bytes),
            size,
            ..Default::default()
        };
        if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            packet.flags = Flags::KEY_FRAME.bits();
        }
        host.publish_now(packet);
        until("it is read", || reader.counted("source", "frames") == count);
    }
    // Decoders may keep some.
    reader.until_frames(20);
    assert_eq!(reader.counted("source", "undecodable"), 0);
    reader.end();
    encoding.end();
}

#[test]
fn pictures_reach_a_rust_client() {
    for (format, fourcc) in FORMATS {
        for (padding, is_apart) in [(0, false), (13, false), (66, true)] {
            let path = name(&format!("client-{format}-{padding}"));
            let caps = format!("video/x-raw, format={format}, width=62, height=46, framerate=25/1");
            let (_sink, mut harness) = fed_sink(&path, &caps);
            let mut client = client(&path);
            let picture = TestPicture::new(fourcc, 62, 46, padding);
            harness.push(picture.buffer(format, is_apart)).unwrap();
            let frame = client.next(WATCHDOG).unwrap();
            assert_eq!((frame.width(), frame.height()), (62, 46));
            let pixels = frame.pixels().unwrap();
            let shared = pixels.picture().unwrap();
            for (at, plane) in picture.frame.planes().iter().enumerate() {
                let rows = shared.rows(at);
                assert_eq!(rows.len() as u32, plane.size / plane.stride);
                for (y, row) in rows.enumerate() {
                    assert_eq!(row.len() as u32, plane.stride - padding);
                    let is_right = |(x, byte): (usize, &u8)| *byte == pixel(at, x as u32, y as u32);
                    assert!(row.iter().enumerate().all(is_right), "plane {at}, line {y}");
                }
            }
        }
    }
}

#[test]
fn packets_reach_a_rust_client() {
    let Some(encoder) = encoder("packets_reach_a_rust_client") else {
        return;
    };
    let path = name("client-packets");
    let sink = Pipeline::playing(&packets(encoder, &path));
    let client = videostream::Client::builder(&path).mode(Mode::Every);
    let mut client = client.connect().unwrap();
    let mut keys = 0;
    for _ in 0..30 {
        let frame = client.next(WATCHDOG).unwrap();
        assert_eq!(frame.fourcc(), FourCc::H264);
        let used = frame.descriptor().bytes_used as usize;
        let pixels = frame.pixels().unwrap();
        let bytes = &pixels.plane(0)[..used];
        assert!(bytes.starts_with(&[0, 0, 0, 1]) || bytes.starts_with(&[0, 0, 1]));
        keys += u32::from(frame.flags().contains(Flags::KEY_FRAME));
    }
    assert!(keys >= 2, "{keys} key frames");
    let sets = client.parameters().unwrap().expect("parameter sets");
    assert!(sets.starts_with(&[0, 0, 0, 1]));
    sink.end();
}
