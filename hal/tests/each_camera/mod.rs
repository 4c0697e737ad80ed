//! Runs a test on each of two cameras, single- and multi-planar, and checks that nothing is left
//! behind.

use std::collections::BTreeMap;
use std::fs;

use videostream_hal::format::FourCc;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::v4l2::camera::{Capture, CaptureRequest};
use videostream_hal::v4l2::{Device, ExportAccess, NodeKind};
use videostream_testing::on_the_rig;

use crate::vivid::{control, open_kind, patience, small, start};

/// The instances of the driver, and a format of each: one memory plane, and two.
pub(crate) const CAMERAS: [(u32, FourCc); 2] = [(0, FourCc::YUYV), (1, FourCc::NM12)];

/// One of the cameras.
#[derive(Clone, Copy)]
pub(crate) struct Vivid {
    pub(crate) instance: u32,
    pub(crate) format: FourCc,
}

impl Vivid {
    pub(crate) fn open(self) -> Device {
        open_kind(self.instance, NodeKind::Camera)
    }

    pub(crate) fn request<T>(self, with: impl FnOnce(&CaptureRequest<'_>) -> T) -> T {
        with(&small(&[self.format]))
    }

    pub(crate) fn stream(self) -> Capture {
        self.request(|request| start(self.open(), request))
    }
}

/// Presses a button of the driver.
pub(crate) fn press(device: &Device, name: &str) {
    let button = control(device, name);
    device.node().set_control(&button, 1).unwrap();
}

/// Returns how many objects of each kind this process has of cameras, and the kernel of their
/// buffers.
pub(crate) fn census() -> BTreeMap<String, usize> {
    let mut census = BTreeMap::new();
    let mut count =
        |what: &str, is: bool| *census.entry(what.to_owned()).or_default() += usize::from(is);
    for fd in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let to = fs::read_link(fd.path()).unwrap_or_default();
        let to = to.display().to_string();
        count(
            "descriptors",
            to.contains("dmabuf") || to.contains("/dev/video"),
        );
    }
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        count(
            "mappings",
            line.contains("dmabuf") || line.contains("/dev/video"),
        );
    }
    // The driver allocates its buffers there.
    for line in fs::read_to_string("/proc/vmallocinfo").unwrap().lines() {
        count("buffers", line.contains("vb2_vmalloc"));
    }
    census
}

/// Runs a test on each camera: afterwards nothing is left, and the camera works.
pub(crate) fn on_each(test: &str, fault: impl Fn(Vivid)) {
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let nothing = census();
    assert!(nothing.values().all(|&count| count == 0), "{nothing:?}");
    let stream = Vivid {
        instance: 0,
        format: FourCc::YUYV,
    }
    .stream();
    let fd = stream.export(0, 0, ExportAccess::ReadOnly).unwrap();
    let pages = Mapping::new(&fd, 4096, Access::Read).unwrap();
    let some = census();
    assert!(some.values().all(|&count| count > 0), "{some:?}");
    drop((stream, fd, pages));
    for (instance, format) in CAMERAS {
        println!("{format}");
        let camera = Vivid { instance, format };
        fault(camera);
        assert_eq!(census(), nothing, "{format}");
        drop(camera.stream().next_frame(patience()).unwrap());
        assert_eq!(census(), nothing, "{format}");
    }
}
