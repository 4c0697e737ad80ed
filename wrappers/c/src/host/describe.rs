//! A frame of this interface, as a host describes it to its clients.

use std::ffi::c_int;

use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::{FrameDescriptor, MAX_PLANES, PlaneDescriptor};

use super::shares::Place;
use crate::extra::Extra;
use crate::frame::{Shape, Times};

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
                let planes = planes(shape, place.size);
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

/// The planes of a picture in `size` bytes, for clients that know them; else the bytes as one.
fn planes(shape: &Shape, size: u32) -> Planes {
    let mut planes = [PlaneDescriptor::default(); MAX_PLANES];
    if let Some(layout) = layout(shape)
        && layout.size <= size
        && layout.memory_planes() == 1
    {
        for (plane, from) in planes.iter_mut().zip(layout.planes()) {
            plane.offset = from.offset;
            plane.stride = from.stride;
            plane.size = from.size;
        }
        return (planes, layout.planes().len() as u32);
    }
    planes[0].size = size;
    planes[0].stride = u32::try_from(shape.stride()).unwrap_or(0);
    (planes, 1)
}

fn layout(shape: &Shape) -> Option<Layout> {
    let stride = shape.luma_stride()?;
    let fourcc = match &shape.fourcc().to_le_bytes() {
        // The same by another name.
        b"I420" => FourCc::YU12,
        b"YUY2" => FourCc::YUYV,
        _ => FourCc(shape.fourcc()),
    };
    let width = u32::try_from(shape.width()).ok()?;
    let height = u32::try_from(shape.height()).ok()?;
    Layout::with_stride(fourcc, width, height, stride).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fourcc: &[u8; 4], stride: u32, size: u32) -> Planes {
        let shape = Shape::new(64, 32, stride, u32::from_le_bytes(*fourcc)).unwrap();
        planes(&shape, size)
    }

    #[test]
    fn pictures_have_their_planes() {
        let (planes, count) = of(b"NV12", 0, 64 * 48);
        assert_eq!(
            (count, planes[0].stride, planes[1].offset),
            (2, 64, 64 * 32)
        );
        let (planes, count) = of(b"I420", 80, 80 * 48);
        assert_eq!((count, planes[0].stride, planes[1].stride), (3, 80, 40));
        let (planes, count) = of(b"YUYV", 0, 128 * 32);
        assert_eq!(
            (count, planes[0].stride, planes[0].size),
            (1, 128, 128 * 32)
        );
    }

    #[test]
    fn what_is_no_whole_picture_is_bytes() {
        for (fourcc, stride) in [(b"NV12", 0), (b"H264", 64), (b"RGBA", u32::MAX)] {
            let (planes, count) = of(fourcc, stride, 100);
            assert_eq!((count, planes[0].offset, planes[0].size), (1, 0, 100));
        }
    }
}
