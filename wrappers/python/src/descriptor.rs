//! Descriptors of frames that this module fills.

use videostream::Appearance;
use videostream::hal::format::Layout;
use videostream::hal::ring::descriptor::{FrameDescriptor, PlaneDescriptor};

/// Returns the descriptor of a frame of this layout in one buffer.
pub(crate) fn describe(layout: &Layout) -> FrameDescriptor {
    let mut descriptor = FrameDescriptor {
        fourcc: layout.fourcc.0,
        width: layout.width,
        height: layout.height,
        bytes_used: layout.size,
        plane_count: layout.planes().len() as u32,
        ..FrameDescriptor::default()
    };
    // The memories of a format lie one after the other in the buffer.
    let start = |part| {
        (0..part)
            .map(|before| layout.memory_size(before))
            .sum::<u32>()
    };
    for (to, plane) in descriptor.planes.iter_mut().zip(layout.planes()) {
        *to = PlaneDescriptor {
            buffer: 0,
            offset: start(plane.memory) + plane.offset,
            stride: plane.stride,
            size: plane.size,
        };
    }
    descriptor
}

/// Sets how a frame is to be shown.
pub(crate) fn appear(descriptor: &mut FrameDescriptor, appearance: Appearance) {
    descriptor.colorimetry = appearance.colorimetry.to_v4l2();
    descriptor.sample_aspect = appearance.packed_aspect();
}
