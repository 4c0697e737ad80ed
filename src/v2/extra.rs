//! What frames of this interface have beyond those of others, in the bytes of a frame's
//! description that are the application's own.

use std::ffi::c_int;

use videostream_hal::ring::FrameDescriptor;

/// What they start with.
const MARK: [u8; 4] = *b"vslC";

/// The values that a description has no place for.
///
/// ```text
/// 0  "vslC"
/// 4  stride, an int: that of the interface, which is not the first plane's
/// 8  expiry, 64 bits with a sign
/// 16 bytes of the frame's memory, 64 bits
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extra {
    /// The stride of the whole frame.
    pub stride: c_int,
    /// When the frame goes, by `CLOCK_MONOTONIC`; 0 for never.
    pub expires: i64,
    /// Bytes of the frame's memory.
    pub size: u64,
}

impl Extra {
    /// Puts them in.
    pub fn put(self, frame: &mut FrameDescriptor) {
        let app = &mut frame.app;
        app[..4].copy_from_slice(&MARK);
        app[4..8].copy_from_slice(&self.stride.to_ne_bytes());
        app[8..16].copy_from_slice(&self.expires.to_ne_bytes());
        app[16..24].copy_from_slice(&self.size.to_ne_bytes());
    }

    /// Those of a frame; `None` if its host is of another interface.
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
    fn what_is_put_in_comes_out_and_nothing_comes_out_of_others() {
        let mut frame = FrameDescriptor::default();
        assert_eq!(Extra::of(&frame), None);
        let extra = Extra {
            stride: -1,
            expires: i64::MIN,
            size: u64::MAX,
        };
        extra.put(&mut frame);
        assert_eq!(Extra::of(&frame), Some(extra));
    }
}
