//! Rectangles of C.

use std::ffi::c_int;

use rustix::io::Errno;

/// `VSLRect`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Rect {
    x: c_int,
    y: c_int,
    width: c_int,
    height: c_int,
}

impl Rect {
    /// A rectangle with its corner at the picture's.
    pub(super) fn of_size(width: c_int, height: c_int) -> Self {
        Self {
            width,
            height,
            ..Self::default()
        }
    }

    /// The rectangle, if it can be one.
    pub(super) fn checked(&self) -> Result<videostream::Rect, Errno> {
        let side = |number: c_int| u32::try_from(number).map_err(|_| Errno::INVAL);
        let rect = videostream::Rect {
            x: side(self.x)?,
            y: side(self.y)?,
            width: side(self.width)?,
            height: side(self.height)?,
        };
        match rect {
            videostream::Rect { width: 0, .. } | videostream::Rect { height: 0, .. } => {
                Err(Errno::INVAL)
            }
            rect => Ok(rect),
        }
    }
}
