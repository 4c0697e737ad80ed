//! A frame of this interface, as a host describes it to its clients.

use std::ffi::c_int;

use videostream::hal::ring::{FrameDescriptor, MAX_PLANES, PlaneDescriptor};
use videostream::v2::{Extra, Shape};

use super::shares::Place;
use crate::frame::Times;

/// Planes in memory that starts at 0, and how many.
type Planes = ([PlaneDescriptor; MAX_PLANES], u32);

/// Describes frames; keeps what it said of the last one, since the next is of the same shape.
#[derive(Debug, Default)]
pub(super) struct Describer {
    frame: FrameDescriptor,
    /// What `frame` is of: shape and bytes, and the planes if they started at 0.
    last: Option<(Shape, u32, Planes)>,
}

impl Describer {
    /// The description that was made last.
    pub(super) fn frame(&self) -> &FrameDescriptor {
        &self.frame
    }

    /// Describes a frame in `place`.
    pub(super) fn describe(
        &mut self,
        shape: &Shape,
        place: Place,
        times: &Times,
        colorimetry: u32,
    ) {
        let frame = &mut self.frame;
        let (planes, count) = match &self.last {
            Some((of, size, planes)) if of == shape && *size == place.size => planes,
            _ => {
                let planes = shape.planes(place.size);
                let side = |side: c_int| u32::try_from(side).unwrap_or(0);
                *frame = FrameDescriptor {
                    fourcc: shape.fourcc(),
                    width: side(shape.width()),
                    height: side(shape.height()),
                    bytes_used: place.size,
                    plane_count: planes.1,
                    planes: planes.0,
                    ..FrameDescriptor::default()
                };
                &self.last.insert((*shape, place.size, planes)).2
            }
        };
        let described = frame.planes.iter_mut().zip(planes);
        for (plane, at_0) in described.take(*count as usize) {
            plane.buffer = place.id;
            plane.offset = at_0.offset + place.offset;
        }
        let posted = times.timestamp.cast_unsigned();
        // The program counts no frames but those that it posts.
        frame.sequence = times.serial.cast_unsigned();
        frame.timestamp_ns = posted;
        frame.dequeued_ns = posted;
        frame.published_ns = posted;
        frame.expires_ns = match times.expires {
            0 => 0,
            // What is over at once is so at any time after 0, which is never.
            time => u64::try_from(time).unwrap_or(1),
        };
        frame.duration_ns = times.duration.cast_unsigned();
        frame.colorimetry = colorimetry;
        frame.pts_ns = times.pts;
        frame.dts_ns = times.dts;
        let extra = Extra {
            stride: shape.stride(),
            expires: times.expires,
            size: u64::from(place.size),
        };
        extra.put(frame);
    }
}
