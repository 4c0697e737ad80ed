//! A frame as its host describes it, as a frame of this interface.

use std::ffi::c_int;
use std::sync::Arc;

use videostream::hal::ring::FrameDescriptor;
use videostream::hal::ring::descriptor::{DescriptorError, NO_TIME};
use videostream::ipc::Error;
use videostream::v2::Extra;

use super::connection::{Connection, Origin};
use crate::frame::{Frame, Shape, Times};

/// Whether the program does not want a frame, or it is over.
pub(super) fn is_passed_over(frame: &FrameDescriptor, until: i64, now_ns: u64) -> bool {
    let expires = expires(frame);
    (expires != 0 && expires < now_ns.cast_signed()) || (until != 0 && posted(frame) < until)
}

/// When the host says that it goes.
fn expires(frame: &FrameDescriptor) -> i64 {
    match Extra::of(frame) {
        Some(extra) => extra.expires,
        // Later than this type can say is as good as never.
        None => i64::try_from(frame.expires_ns).unwrap_or(i64::MAX),
    }
}

/// When it was shared.
fn posted(frame: &FrameDescriptor) -> i64 {
    match frame.published_ns {
        0 => frame.timestamp_ns.cast_signed(),
        time => time.cast_signed(),
    }
}

/// The frame, with its memory.
pub(super) fn frame(connection: &Arc<Connection>, frame: &FrameDescriptor) -> Result<Frame, Error> {
    let first = frame.planes[0];
    let memory = connection.memory(first.buffer)?;
    let (stride, size) = match Extra::of(frame) {
        Some(extra) => (extra.stride, extra.size),
        None => (c_int::try_from(first.stride).unwrap_or(0), extent(frame)),
    };
    let wrong = || Error::Descriptor(DescriptorError::PlaneEnd(0, size, 0));
    let offset = first.offset as usize;
    let size = usize::try_from(size).map_err(|_| wrong())?;
    if size == 0 || !memory.has(offset, size) {
        return Err(wrong());
    }
    let shape = Shape::received(frame.width, frame.height, stride, frame.fourcc);
    let stream_time = |time: i64| if time == NO_TIME { 0 } else { time };
    let times = Times {
        serial: frame.serial.cast_signed(),
        timestamp: posted(frame),
        duration: frame.duration_ns.cast_signed(),
        pts: stream_time(frame.pts_ns),
        dts: stream_time(frame.dts_ns),
        expires: expires(frame),
    };
    Ok(Frame::received(
        shape.map_err(|errno| Error::Os("frame", errno))?,
        (memory, offset, size),
        times,
        Origin::new(Arc::clone(connection), frame.serial),
        frame.colorimetry,
    ))
}

/// Bytes from the first plane's start to the end of the last that lies in the same memory.
fn extent(frame: &FrameDescriptor) -> u64 {
    let first = frame.planes[0];
    let same = frame.planes().iter().filter(|p| p.buffer == first.buffer);
    let end = same.map(|plane| u64::from(plane.offset) + u64::from(plane.size));
    let end = end.max().unwrap_or(0);
    end.saturating_sub(u64::from(first.offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_never_expire_are_not_passed_over() {
        let now_ns = 1_000;
        let is_passed_over = |expires_ns| {
            let frame = FrameDescriptor {
                expires_ns,
                ..FrameDescriptor::default()
            };
            is_passed_over(&frame, 0, now_ns)
        };
        assert!(is_passed_over(999));
        for later in [0, 1_000, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            assert!(!is_passed_over(later), "{later}");
        }
    }
}
