//! A host that publishes what a test wants, when it wants it.

use std::path::PathBuf;

use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::{Flags, FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;

pub(crate) use crate::support::host::{LEND, TestHost};

/// A frame in memory `buffer`, taken now, without padding.
pub(crate) fn frame(fourcc: FourCc, width: u32, height: u32, buffer: u32) -> FrameDescriptor {
    let layout = Layout::new(fourcc, width, height).unwrap();
    let mut frame = FrameDescriptor {
        fourcc: fourcc.0,
        width,
        height,
        bytes_used: layout.size,
        plane_count: layout.planes().len() as u32,
        timestamp_ns: now_ns(),
        published_ns: now_ns(),
        duration_ns: 33_333_333,
        field: 1,
        flags: Flags::KEY_FRAME.bits(),
        ..FrameDescriptor::default()
    };
    for (to, plane) in frame.planes.iter_mut().zip(layout.planes()) {
        *to = PlaneDescriptor {
            buffer,
            offset: plane.offset,
            stride: plane.stride,
            size: plane.size,
        };
    }
    frame
}

/// A small picture.
pub(crate) fn picture(buffer: u32) -> FrameDescriptor {
    frame(FourCc::NV12, 64, 32, buffer)
}

/// Bytes of [`picture`].
pub(crate) const PICTURE: usize = 64 * 32 * 3 / 2;

/// A packet at the start of memory `buffer`.
pub(crate) fn packet(fourcc: FourCc, buffer: u32, bytes: u32) -> FrameDescriptor {
    let mut frame = FrameDescriptor {
        fourcc: fourcc.0,
        width: 64,
        height: 32,
        bytes_used: bytes,
        plane_count: 1,
        timestamp_ns: now_ns(),
        published_ns: now_ns(),
        duration_ns: 33_333_333,
        ..FrameDescriptor::default()
    };
    frame.planes[0] = PlaneDescriptor {
        buffer,
        offset: 0,
        stride: 0,
        size: 4096,
    };
    frame
}

/// A socket name of this test's own.
pub(crate) fn socket(folder: &tempfile::TempDir) -> (PathBuf, String) {
    let path = folder.path().join("host");
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

/// A host, its socket's name, and the folder that it is in.
pub(crate) fn host() -> (tempfile::TempDir, String, TestHost) {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = socket(&folder);
    let host = TestHost::new(&path);
    (folder, path, host)
}
