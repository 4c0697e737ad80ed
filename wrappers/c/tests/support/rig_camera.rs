//! The virtual cameras of a guest.

use videostream::hal::format::FourCc;
use videostream::hal::v4l2::{Device, Fraction, NodeKind, PixFormat, nodes};

/// The camera of an instance of the driver: its path. At its first input, a webcam, set to the
/// fastest rate of pictures of a size, which stays when a program sets the format, and with bars
/// that move.
pub(crate) fn camera(instance: u32, (width, height): (u32, u32)) -> String {
    let bus = format!("platform:vivid-{instance:03}");
    let mut paths = nodes().unwrap().map(|node| node.as_str().to_owned());
    let (path, device) = paths
        .find_map(|path| {
            let device = Device::open(path.as_str()).ok()?;
            let is_it =
                device.kind() == NodeKind::Camera && device.capabilities().bus_info() == bus;
            is_it.then_some((path, device))
        })
        .unwrap_or_else(|| panic!("no camera of {bus}"));
    device.set_input(0).unwrap();
    let queue = device.capture_type().unwrap();
    let requested = PixFormat::new(FourCc::NV12, width, height);
    device.set_format(queue, &requested).unwrap();
    device.set_interval(queue, Fraction::from_fps(60)).unwrap();
    for (name, value) in [("Test Pattern", 0), ("Horizontal Movement", 0)] {
        let control = device.node().control_by_name(name).unwrap().unwrap();
        device.node().set_control(&control, value).unwrap();
    }
    path
}
