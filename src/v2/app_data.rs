//! Values of 2.x frames that have no field in the frame descriptor. They are stored in its
//! application bytes.

use std::ffi::c_int;

use videostream_hal::ring::FrameDescriptor;

/// The first bytes of the stored values.
const MARK: [u8; 4] = *b"vslC";

/// Values of a 2.x frame in the application bytes of its descriptor.
///
/// ```text
/// 0  "vslC"
/// 4  stride of the 2.x interface, an int; may differ from the first plane's
/// 8  expiry, signed 64 bits
/// 16 bytes of the frame's memory, 64 bits
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppData {
    /// The stride of the whole frame.
    pub stride: c_int,
    /// When the frame expires, by `CLOCK_MONOTONIC`; 0 for never.
    pub expires: i64,
    /// Bytes of the frame's memory.
    pub size: u64,
}

impl AppData {
    /// Writes the values into a descriptor.
    pub fn put(self, frame: &mut FrameDescriptor) {
        let app = &mut frame.app;
        app[..4].copy_from_slice(&MARK);
        app[4..8].copy_from_slice(&self.stride.to_ne_bytes());
        app[8..16].copy_from_slice(&self.expires.to_ne_bytes());
        app[16..24].copy_from_slice(&self.size.to_ne_bytes());
    }

    /// Reads the values; `None` if the host does not use the 2.x interface.
    #[must_use]
    pub fn of(frame: &FrameDescriptor) -> Option<Self> {
        let (mark, rest) = frame.app.split_first_chunk::<4>()?;
        let (stride, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (size, _) = rest.split_first_chunk()?;
        (*mark == MARK).then_some(Self {
            stride: c_int::from_ne_bytes(*stride),
            expires: i64::from_ne_bytes(*expires),
            size: u64::from_ne_bytes(*size),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_data_round_trips_and_is_absent_elsewhere() {
        let mut frame = FrameDescriptor::default();
        assert_eq!(AppData::of(&frame), None);
        let app_data = AppData {
            stride: -1,
            expires: i64::MIN,
            size: u64::MAX,
        };
        app_data.put(&mut frame);
        assert_eq!(AppData::of(&frame), Some(app_data));
    }
}
