//! A picture in dma-bufs, for hardware to read in place.

use std::os::fd::BorrowedFd;

use videostream_hal::format::{Layout, MAX_PLANES};

use super::PictureError;

/// A picture in memory with file descriptors, one for each memory part of its layout (two for
/// NV12M, one for NV12): a camera's buffer, a frame of a client, memory of a dma-heap.
///
/// The memory must not be written while the picture is read.
#[derive(Debug, Clone, Copy)]
pub struct DmaBufPicture<'a> {
    layout: Layout,
    parts: [Option<BorrowedFd<'a>>; MAX_PLANES],
    count: usize,
}

impl<'a> DmaBufPicture<'a> {
    /// Creates a picture of `layout` in the memory `parts`.
    ///
    /// # Errors
    /// [`PictureError::Memories`] if the layout has another number of memory parts.
    pub fn new(layout: &Layout, parts: &[BorrowedFd<'a>]) -> Result<Self, PictureError> {
        let count = layout.memory_planes();
        if parts.len() != count || count > MAX_PLANES {
            return Err(PictureError::Memories {
                fourcc: layout.fourcc,
                memories: count,
            });
        }
        let mut all = [None; MAX_PLANES];
        for (to, part) in all.iter_mut().zip(parts) {
            *to = Some(*part);
        }
        Ok(Self {
            layout: *layout,
            parts: all,
            count,
        })
    }

    /// Returns the layout of its planes.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the file descriptors of its memory parts.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'a>> + use<'a, '_> {
        let first = self.parts[0];
        (0..self.count).map(move |at| {
            self.parts[at]
                .or(first)
                .unwrap_or_else(|| unreachable!("`new` has set the first ones"))
        })
    }
}
