//! From a frame of the C interface to the descriptor that clients get.

use std::ffi::c_int;

use videostream::hal::ring::{FrameDescriptor, MAX_PLANES, PlaneDescriptor};
use videostream::v2::{AppData, Shape};

use super::memory_pool::Location;
use crate::frame::Times;

/// Planes in memory that starts at 0, and their number.
type Planes = ([PlaneDescriptor; MAX_PLANES], u32);

/// Describes frames. Caches the last descriptor, since the next frame usually has the same shape.
#[derive(Debug, Default)]
pub(super) struct Describer {
    frame: FrameDescriptor,
    /// Key of `frame`: shape and size, and the planes if they started at 0.
    last: Option<(Shape, u32, Planes)>,
}

impl Describer {
    /// The last descriptor.
    pub(super) fn frame(&self) -> &FrameDescriptor {
        &self.frame
    }

    /// Describes a frame at `location`.
    pub(super) fn describe(
        &mut self,
        shape: &Shape,
        location: Location,
        times: &Times,
        colorimetry: u32,
    ) {
        let frame = &mut self.frame;
        let (planes, count) = match &self.last {
            Some((of, size, planes)) if of == shape && *size == location.size => planes,
            _ => {
                let planes = shape.planes(location.size);
                let side = |side: c_int| u32::try_from(side).unwrap_or(0);
                *frame = FrameDescriptor {
                    fourcc: shape.fourcc(),
                    width: side(shape.width()),
                    height: side(shape.height()),
                    bytes_used: location.size,
                    plane_count: planes.1,
                    planes: planes.0,
                    ..FrameDescriptor::default()
                };
                &self.last.insert((*shape, location.size, planes)).2
            }
        };
        let described = frame.planes.iter_mut().zip(planes);
        for (plane, at_0) in described.take(*count as usize) {
            plane.buffer = location.id;
            plane.offset = at_0.offset + location.offset;
        }
        let posted = times.timestamp.cast_unsigned();
        // The program counts no frames but those that it posts.
        frame.sequence = times.serial.cast_unsigned();
        frame.timestamp_ns = posted;
        frame.dequeued_ns = posted;
        frame.published_ns = posted;
        frame.expires_ns = match times.expires {
            0 => 0,
            // 0 means never, so a negative time, which has passed, becomes 1.
            time => u64::try_from(time).unwrap_or(1),
        };
        frame.duration_ns = times.duration.cast_unsigned();
        frame.colorimetry = colorimetry;
        frame.pts_ns = times.pts;
        frame.dts_ns = times.dts;
        let app_data = AppData {
            stride: shape.stride(),
            expires: times.expires,
            size: u64::from(location.size),
        };
        app_data.put(frame);
    }
}
