//! The virtual camera of the guest, for the tests of capture.

#![allow(dead_code, reason = "each test program uses a part of it")]

use videostream_hal::format::FourCc;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::camera::{Capture, CaptureRequest};
use videostream_hal::v4l2::{ControlInfo, Device, Error, Fraction, NodeKind, nodes};
use videostream_testing::TIMEOUT_NS;

/// Opens the node of a kind that belongs to instance `instance` of the driver.
pub(crate) fn open_kind(instance: u32, kind: NodeKind) -> Device {
    let bus = format!("platform:vivid-{instance:03}");
    nodes()
        .unwrap()
        .filter_map(|node| Device::open(node.as_str()).ok())
        .find(|device| {
            let about = device.capabilities();
            about.driver() == "vivid" && about.bus_info() == bus && device.kind() == kind
        })
        .unwrap_or_else(|| panic!("no {} of {bus}", kind.name()))
}

/// Opens the camera of the first instance.
pub(crate) fn open() -> Device {
    open_kind(0, NodeKind::Camera)
}

/// What most tests ask for: a small picture of a format, often.
pub(crate) fn small(formats: &[FourCc]) -> CaptureRequest<'_> {
    CaptureRequest {
        formats,
        size: Some((320, 180)),
        interval: Some(Fraction::from_fps(60)),
        ..CaptureRequest::default()
    }
}

/// A stream of small YUYV pictures.
pub(crate) fn stream() -> Capture {
    start(open(), &small(&[FourCc::YUYV]))
}

/// Starts a stream that must start.
pub(crate) fn start(device: Device, request: &CaptureRequest<'_>) -> Capture {
    Capture::start(device, request, &mut |passed| panic!("{passed:?}")).unwrap()
}

/// A deadline that only a broken stream misses.
pub(crate) fn patience() -> Option<u64> {
    Some(deadline_in(TIMEOUT_NS))
}

/// Frames until an error comes.
pub(crate) fn error_of(stream: &Capture) -> Error {
    loop {
        match stream.next_frame(patience()) {
            Ok(frame) => drop(frame),
            Err(error) => return error,
        }
    }
}

/// A control that the driver must have, by its name.
pub(crate) fn control(device: &Device, name: &str) -> ControlInfo {
    device
        .node()
        .control_by_name(name)
        .unwrap()
        .unwrap_or_else(|| panic!("no control {name}"))
}

/// Sets a control by its name.
pub(crate) fn set(device: &Device, name: &str, value: i64) {
    let info = control(device, name);
    let set = device.node().set_control(&info, value).unwrap();
    assert_eq!(set, value, "{name}");
}
