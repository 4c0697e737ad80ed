//! Data about the pictures, from the camera's second node.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "the memory of frames is read in place")]

mod vivid;

use videostream_hal::format::FourCc;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::time::now_ns;
use videostream_hal::v4l2::camera::CaptureRequest;
use videostream_hal::v4l2::{ExportAccess, NodeKind};
use videostream_testing::on_the_rig;
use vivid::{open_kind, patience, start};

/// `V4L2_META_FMT_UVC`: the headers of a USB camera's payloads, as a driver stores them.
const UVC: FourCc = FourCc::new(*b"UVCH");
#[test]
fn metadata_is_captured_as_pictures_are() {
    let Some(_turn) = on_the_rig("metadata_is_captured_as_pictures_are") else {
        return;
    };
    let begin = now_ns();
    let device = open_kind(0, NodeKind::MetadataCapture);
    let stream = start(device, &CaptureRequest::default());
    let format = stream.negotiated().format;
    assert_eq!(format.fourcc, UVC);
    let mut last = None;
    for _ in 0..10 {
        let frame = stream.next_frame(patience()).unwrap();
        let plane = frame.planes()[0];
        // `struct uvc_meta_buf` of the kernel: the time, the bus's frame number, length and
        // flags of the payload's header.
        assert!(plane.bytes_used >= 12 && plane.bytes_used <= plane.length);
        let memory = stream.export(frame.index, 0, ExportAccess::ReadOnly);
        let memory = Mapping::new(memory.unwrap(), plane.length as usize, Access::Read).unwrap();
        // SAFETY: the frame is out of the driver's hands until it is dropped.
        let bytes = unsafe { memory.bytes() };
        let taken = u64::from_ne_bytes(bytes[..8].try_into().unwrap());
        assert!(taken > begin && taken < now_ns(), "{taken}");
        assert_eq!(u32::from(bytes[10]) + 10, plane.bytes_used);
        let (sequence, time) = (frame.sequence, frame.timestamp_ns);
        // The driver reckons it from the rate: it may be a little ahead of the clock.
        assert!(time > begin);
        if let Some((before, counted, reckoned)) = last {
            assert!(taken > before, "{taken} {last:?}");
            // It counts by the clock: late twice within a frame, it gives one number twice.
            assert!(sequence >= counted && time >= reckoned, "{last:?}");
        }
        last = Some((taken, sequence, time));
    }
}
