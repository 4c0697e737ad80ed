//! A picture in dma-bufs, which hardware reads where it lies.

use std::os::fd::BorrowedFd;

use videostream_hal::format::{Layout, MAX_PLANES};

use super::PictureError;

/// A picture in memory that has descriptors: one for each memory part of its layout (two for NV12M, one for NV12).
/// A camera's buffer, a frame of a client, memory of a dma-heap.
///
/// Nobody may write the memory while somebody reads the picture.
#[derive(Debug, Clone, Copy)]
pub struct DmaBufPicture<'a> {
    layout: Layout,
    parts: [Option<BorrowedFd<'a>>; MAX_PLANES],
    count: usize,
}

impl<'a> DmaBufPicture<'a> {
    /// A picture that lies in `parts` as `layout` says.
    ///
    /// # Errors
    /// [`PictureError::Memories`] if the layout has not as many memory parts.
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

    /// Where its planes lie.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The descriptors of its memory parts.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'a>> + use<'a, '_> {
        let first = self.parts[0];
        (0..self.count).map(move |at| {
            self.parts[at]
                .or(first)
                .unwrap_or_else(|| unreachable!("`new` has set the first ones"))
        })
    }
}
