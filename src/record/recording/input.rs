//! What a recording accepts: pictures of a program, frames of a source, and frames of a host.

use videostream_hal::format::FourCc;

use crate::Result;
use crate::picture::{DmaBufPicture, Picture};
use crate::share::Frame;
use crate::source::BorrowedFrame;

/// A picture to be recorded, or a packet of a host.
pub trait Recordable {
    /// Returns format, width and height.
    fn format_and_size(&self) -> (FourCc, u32, u32);

    /// Calls `look` with the pixels, once; the bytes of compressed frames are the only plane.
    ///
    /// # Errors
    /// The CPU can't read the memory.
    fn see(&self, look: &mut dyn FnMut(&Picture<'_>)) -> Result<()>;

    /// Calls `act` with the memory, once, for a device that reads the picture in place. Returns
    /// `false` if only the CPU can read it.
    ///
    /// # Errors
    /// The planes do not form a picture.
    fn with_memory(&self, act: &mut dyn FnMut(&DmaBufPicture<'_>)) -> Result<bool> {
        let _ = act;
        Ok(false)
    }

    /// Returns the frame that the picture or packet came in, if a host published it.
    fn frame(&self) -> Option<&Frame> {
        None
    }
}

impl Recordable for Picture<'_> {
    fn format_and_size(&self) -> (FourCc, u32, u32) {
        (self.fourcc(), self.width(), self.height())
    }

    fn see(&self, look: &mut dyn FnMut(&Picture<'_>)) -> Result<()> {
        look(self);
        Ok(())
    }
}

impl Recordable for BorrowedFrame<'_> {
    fn format_and_size(&self) -> (FourCc, u32, u32) {
        let layout = self.layout();
        (layout.fourcc, layout.width, layout.height)
    }

    fn see(&self, look: &mut dyn FnMut(&Picture<'_>)) -> Result<()> {
        BorrowedFrame::see(self, look)
    }

    fn with_memory(&self, act: &mut dyn FnMut(&DmaBufPicture<'_>)) -> Result<bool> {
        act(&self.memory()?);
        Ok(true)
    }
}

impl Recordable for Frame {
    fn format_and_size(&self) -> (FourCc, u32, u32) {
        (self.fourcc(), self.width(), self.height())
    }

    fn see(&self, look: &mut dyn FnMut(&Picture<'_>)) -> Result<()> {
        look(&self.pixels()?.picture()?);
        Ok(())
    }

    fn with_memory(&self, act: &mut dyn FnMut(&DmaBufPicture<'_>)) -> Result<bool> {
        act(&self.memory()?);
        Ok(true)
    }

    fn frame(&self) -> Option<&Frame> {
        Some(self)
    }
}

/// Runs `look` with the pixels.
pub(super) fn see<T>(
    input: &dyn Recordable,
    look: impl FnOnce(&Picture<'_>) -> Result<T>,
) -> Result<T> {
    let (mut look, mut result) = (Some(look), None);
    input.see(&mut |picture| {
        if let Some(look) = look.take() {
            result = Some(look(picture));
        }
    })?;
    result.unwrap_or_else(|| unreachable!("`Recordable::see` calls its argument or fails"))
}

/// The time of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTime {
    /// The source's timestamp, of any clock; 0 if it has none.
    pub timestamp_ns: u64,
    /// The arrival time, on a clock that is never set.
    pub arrival_ns: u64,
}
