//! Mapping pictures in dma-bufs for the CPU.

#![expect(
    unsafe_code,
    reason = "views of a picture's memory while its owner lends it"
)]

use std::os::fd::{AsFd, BorrowedFd};

use videostream_hal::format::MAX_PLANES;
use videostream_hal::memory::dmabuf::{CpuAccess, Identity, SyncAccess, identity};
use videostream_hal::memory::{Access, Mapping, mapping, memfd};

use super::CodecError;
use crate::Picture;
use crate::picture::DmaBufPicture;

/// The most memory parts that stay mapped: more than a camera has.
const MOST: usize = 64;

/// Mappings for reading, kept for later pictures in the same memory.
#[derive(Debug, Default)]
pub(super) struct Mapped(Vec<Part>);

/// A mapped memory part.
#[derive(Debug)]
struct Part {
    id: Identity,
    mapping: Mapping,
    is_dma_buf: bool,
}

impl Mapped {
    /// Calls `look` with a view of a picture.
    ///
    /// # Errors
    /// [`CodecError::Memory`] for memory that can't be read or might shrink;
    /// [`CodecError::Picture`] if it is too small for the picture.
    pub(super) fn look<T>(
        &mut self,
        picture: &DmaBufPicture<'_>,
        look: impl FnOnce(&Picture<'_>) -> T,
    ) -> Result<T, CodecError> {
        if self.0.len() > MOST {
            self.0.clear();
        }
        let mut places = [0; MAX_PLANES];
        let mut access = Vec::with_capacity(MAX_PLANES);
        for (place, fd) in places.iter_mut().zip(picture.parts()) {
            *place = self.place(fd)?;
            if self.0[*place].is_dma_buf {
                access.push(CpuAccess::begin(fd, SyncAccess::Read).map_err(CodecError::Memory)?);
            }
        }
        let picture = Picture::in_parts(picture.layout(), |memory| {
            let part = self.0.get(*places.get(memory)?)?;
            // SAFETY: the caller has lent the picture, so nothing writes to it; `place` has checked
            // that its memory can't shrink.
            let bytes = unsafe { part.mapping.bytes() };
            Some((bytes, 0))
        })?;
        let seen = look(&picture);
        for access in access {
            access.end().map_err(CodecError::Memory)?;
        }
        Ok(seen)
    }

    /// Returns the index of a memory part in the list; it is mapped if it was not.
    fn place(&mut self, fd: BorrowedFd<'_>) -> Result<usize, CodecError> {
        let id = identity(fd).map_err(CodecError::Memory)?;
        if let Some(place) = self.0.iter().position(|part| part.id == id) {
            return Ok(place);
        }
        let size = mapping::file_size(fd.as_fd()).unwrap_or(0);
        let is_dma_buf = memfd::is_dma_buf(fd);
        let len = match is_dma_buf || memfd::cannot_shrink(fd) {
            true => usize::try_from(size).unwrap_or(0),
            // An empty mapping, which the call below refuses.
            false => 0,
        };
        let mapping = Mapping::new(fd, len, Access::Read).map_err(CodecError::Memory)?;
        self.0.push(Part {
            id,
            mapping,
            is_dma_buf,
        });
        Ok(self.0.len() - 1)
    }
}
