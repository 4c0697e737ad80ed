//! From a host's frame descriptor to a frame of the C interface.

use std::ffi::c_int;
use std::sync::Arc;

use videostream::hal::ring::FrameDescriptor;
use videostream::hal::ring::RingError;
use videostream::hal::ring::descriptor::NO_TIME;
use videostream::ipc::Error;
use videostream::v2::AppData;

use super::connection::Connection;
use crate::frame::{Frame, Origin, Sender, Shape, Times};

/// Whether a frame has expired, or was posted before `until`.
pub(super) fn is_skipped(frame: &FrameDescriptor, until: i64, now_ns: u64) -> bool {
    let expires = expires(frame);
    (expires != 0 && expires < now_ns.cast_signed()) || (until != 0 && posted(frame) < until)
}

/// When it expires.
fn expires(frame: &FrameDescriptor) -> i64 {
    match AppData::of(frame) {
        Some(app_data) => app_data.expires,
        // Beyond this type's range is as good as never.
        None => i64::try_from(frame.expires_ns).unwrap_or(i64::MAX),
    }
}

/// When it was posted.
fn posted(frame: &FrameDescriptor) -> i64 {
    match frame.published_ns {
        0 => frame.timestamp_ns.cast_signed(),
        time => time.cast_signed(),
    }
}

/// Makes the frame, with its memory.
pub(super) fn frame(connection: &Arc<Connection>, frame: &FrameDescriptor) -> Result<Frame, Error> {
    let first = frame.planes[0];
    let memory = connection.memory(first.buffer)?;
    let (stride, size) = match AppData::of(frame) {
        Some(app_data) => (app_data.stride, app_data.size),
        None => (c_int::try_from(first.stride).unwrap_or(0), extent(frame)),
    };
    let wrong = || {
        Error::Ring(RingError::PlaneEnd {
            plane: 0,
            end: size,
            size: 0,
        })
    };
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
    let sender: Arc<dyn Sender> = Arc::<Connection>::clone(connection);
    Ok(Frame::received(
        shape.map_err(|_| wrong())?,
        (memory, offset, size),
        times,
        Origin::new(sender, frame.serial),
        frame.colorimetry,
    ))
}

/// Bytes from the first plane's start to the end of the last one in the same memory.
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
    fn frames_that_never_expire_are_not_skipped() {
        let now_ns = 1_000;
        let is_skipped = |expires_ns| {
            let frame = FrameDescriptor {
                expires_ns,
                ..FrameDescriptor::default()
            };
            is_skipped(&frame, 0, now_ns)
        };
        assert!(is_skipped(999));
        for later in [0, 1_000, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            assert!(!is_skipped(later), "{later}");
        }
    }
}
