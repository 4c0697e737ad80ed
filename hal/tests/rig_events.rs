//! The end of a stream as drivers tell it: an encoder that is drained.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. No driver of the guest tells the start of frames.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "a command to an encoder, by its number")]

mod vivid;

use rustix::ioctl::{Updater, ioctl, opcode};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::camera::{Capture, CaptureRequest, Negotiated};
use videostream_hal::v4l2::queue::{Content, Queue};
use videostream_hal::v4l2::{Device, ErrorKind, EventSelector, NodeKind, PixFormat, nodes};
use videostream_sys::v4l2 as sys;
use videostream_testing::on_the_rig;
use vivid::{open, patience, small, start};

/// `VIDIOC_ENCODER_CMD`.
const ENCODER_CMD: rustix::ioctl::Opcode = opcode::read_write::<sys::v4l2_encoder_cmd>(b'V', 77);

/// Tells an encoder that no more pictures come.
fn drain(device: &Device) {
    let mut command = sys::v4l2_encoder_cmd {
        cmd: sys::V4L2_ENC_CMD_STOP,
        ..Default::default()
    };
    // SAFETY: the number is that of this struct, which the kernel reads and writes.
    let call = unsafe { Updater::<ENCODER_CMD, _>::new(&mut command) };
    // SAFETY: as above; the descriptor is that of a video device.
    unsafe { ioctl(device, call) }.unwrap();
}

#[test]
fn what_is_finished_comes_before_the_end_of_a_stream() {
    let Some(_turn) = on_the_rig("what_is_finished_comes_before_the_end_of_a_stream") else {
        return;
    };
    let mut found = nodes()
        .unwrap()
        .filter_map(|node| Device::open(node.as_str()).ok());
    let encoder = found
        .find(|device| device.kind() == NodeKind::Encoder)
        .unwrap();
    let (input, output) = (
        encoder.output_type().unwrap(),
        encoder.capture_type().unwrap(),
    );
    let pictures = PixFormat::new(FourCc::NV12, 320, 192);
    let pictures = encoder.set_format(input, &pictures).unwrap();
    let format = encoder.format(output).unwrap();
    let negotiated = Negotiated {
        buf_type: output,
        layout: format.layout().unwrap(),
        format,
        interval: None,
    };
    let packets =
        Capture::start_negotiated(encoder, negotiated, &CaptureRequest::default()).unwrap();
    let queue = Queue::new(packets.device(), input).allocate(2);
    let queue = queue.map_err(|failed| failed.error).unwrap();
    let queue = queue.stream_on().map_err(|failed| failed.error).unwrap();
    let content = Content {
        bytes_used: &[pictures.layout().unwrap().size],
        ..Content::default()
    };
    for index in 0..2 {
        queue.queue_content(index, &content).unwrap();
    }
    drain(packets.device());

    let mut bytes = Vec::new();
    let error = loop {
        match packets.next_frame(patience()) {
            Ok(packet) => bytes.push(packet.planes()[0].bytes_used),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::EndOfStream, "{error}");
    assert_eq!(
        bytes.iter().filter(|&&bytes| bytes > 0).count(),
        2,
        "{bytes:?}"
    );
    // It is told again, however long one would wait.
    for deadline in [Some(0), patience(), None] {
        let error = packets.next_frame(deadline).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EndOfStream, "{error}");
    }
    assert_eq!(
        packets.take_frame().unwrap_err().kind(),
        ErrorKind::EndOfStream
    );
}

#[test]
fn a_driver_without_frame_sync_refuses_it_and_streams() {
    let Some(_turn) = on_the_rig("a_driver_without_frame_sync_refuses_it_and_streams") else {
        return;
    };
    let stream = start(open(), &small(&[FourCc::YUYV]));
    let refused = stream.device().node().subscribe(EventSelector::FrameSync);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    drop(stream.next_frame(patience()).unwrap());
    assert_eq!(stream.frame_sync(), None);
}
