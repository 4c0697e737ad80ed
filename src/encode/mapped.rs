//! Mapping pictures in dma-bufs for the CPU.

#![expect(
    unsafe_code,
    reason = "views of a picture's memory while its owner lends it"
)]

use std::os::fd::{AsFd, BorrowedFd};

use videostream_hal::format::MAX_PLANES;
use videostream_hal::memory::dmabuf::{Identity, identity};
use videostream_hal::memory::{Access, Mapped, MemoryError, mapping, memfd};

use super::CodecError;
use crate::Picture;
use crate::picture::DmaBufPicture;

/// The most memory parts that stay mapped: more than a camera has.
const MOST: usize = 64;

/// Mappings for reading, kept for later pictures in the same memory.
#[derive(Debug, Default)]
pub(super) struct MappedPictures(Vec<Part>);

/// A mapped memory part.
#[derive(Debug)]
struct Part {
    id: Identity,
    mapped: Mapped,
}

impl MappedPictures {
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
        for (place, fd) in places.iter_mut().zip(picture.parts()) {
            *place = self.place(fd)?;
        }
        let mut access = [const { None }; MAX_PLANES];
        for ((access, place), fd) in access.iter_mut().zip(places).zip(picture.parts()) {
            *access = Some(self.0[place].mapped.read(fd)?);
        }
        let picture = Picture::in_parts(picture.layout(), |memory| {
            let access = access.get(memory)?.as_ref()?;
            // SAFETY: the caller has lent the picture, so nothing writes to it; `place` has checked
            // that its memory can't shrink.
            let bytes = unsafe { access.bytes() };
            Some((bytes, 0))
        })?;
        let seen = look(&picture);
        for access in access.into_iter().flatten() {
            access.end()?;
        }
        Ok(seen)
    }

    /// Returns the index of a memory part in the list; it is mapped if it was not.
    fn place(&mut self, fd: BorrowedFd<'_>) -> Result<usize, MemoryError> {
        let id = identity(fd)?;
        if let Some(place) = self.0.iter().position(|part| part.id == id) {
            return Ok(place);
        }
        let size = mapping::file_size(fd.as_fd()).unwrap_or(0);
        let len = match memfd::cannot_shrink(fd) {
            true => usize::try_from(size).unwrap_or(0),
            // An empty mapping, which the call below refuses.
            false => 0,
        };
        let mapped = Mapped::new(fd, len, Access::Read)?;
        self.0.push(Part { id, mapped });
        Ok(self.0.len() - 1)
    }
}
