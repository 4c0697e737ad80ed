//! Pictures in dma-bufs, read by the CPU.

#![expect(
    unsafe_code,
    reason = "views of a picture's memory while its owner lends it"
)]

use std::os::fd::{AsFd, BorrowedFd};

use videostream_hal::format::MAX_PLANES;
use videostream_hal::memory::dmabuf::{CpuAccess, Identity, SyncAccess, identity};
use videostream_hal::memory::{Access, Mapping, mapping, memfd};

use super::EncodeError;
use crate::Picture;
use crate::picture::{DmaBufPicture, Plane};

/// Most memory parts that stay mapped: more than a camera has.
const MOST: usize = 64;

/// Memory that was mapped to be read by the CPU, and stays so for the next picture in it.
#[derive(Debug, Default)]
pub(super) struct Mapped(Vec<(Identity, Mapping)>);

impl Mapped {
    /// Lets `look` see a picture.
    ///
    /// # Errors
    /// [`EncodeError::Map`], [`EncodeError::DmaBuf`] for memory that can't be read, or could become shorter;
    /// [`EncodeError::Picture`] if it does not hold the picture.
    pub(super) fn look<T>(
        &mut self,
        picture: &DmaBufPicture<'_>,
        look: impl FnOnce(&Picture<'_>) -> T,
    ) -> Result<T, EncodeError> {
        if self.0.len() > MOST {
            self.0.clear();
        }
        let mut places = [0; MAX_PLANES];
        let mut access = Vec::with_capacity(MAX_PLANES);
        for (place, fd) in places.iter_mut().zip(picture.parts()) {
            *place = self.place(fd)?;
            if memfd::is_dma_buf(fd) {
                access.push(CpuAccess::begin(fd, SyncAccess::Read).map_err(EncodeError::DmaBuf)?);
            }
        }
        let layout = picture.layout();
        let mut planes = [Plane::default(); MAX_PLANES];
        for (to, plane) in planes.iter_mut().zip(layout.planes()) {
            let Some((_, mapping)) = places
                .get(plane.memory as usize)
                .and_then(|&place| self.0.get(place))
            else {
                continue;
            };
            // SAFETY: the caller has lent the picture, so that nobody writes it; `place` has
            // seen that its memory can't shrink.
            let bytes = unsafe { mapping.bytes() };
            let start = plane.offset as usize;
            let end = start.saturating_add(plane.size as usize).min(bytes.len());
            to.data = bytes.get(start..end).unwrap_or_default();
            to.stride = plane.stride as usize;
        }
        let count = layout.planes().len();
        let (width, height) = (layout.width, layout.height);
        let picture = Picture::from_planes(layout.fourcc, width, height, &planes[..count])?;
        let seen = look(&picture);
        for access in access {
            access.end().map_err(EncodeError::DmaBuf)?;
        }
        Ok(seen)
    }

    /// Where in the list a memory part is mapped.
    fn place(&mut self, fd: BorrowedFd<'_>) -> Result<usize, EncodeError> {
        let id = identity(fd).map_err(EncodeError::DmaBuf)?;
        if let Some(place) = self.0.iter().position(|(mapped, _)| *mapped == id) {
            return Ok(place);
        }
        let size = mapping::file_size(fd.as_fd()).unwrap_or(0);
        let len = match memfd::is_dma_buf(fd) || memfd::cannot_shrink(fd) {
            true => usize::try_from(size).unwrap_or(0),
            // Refused by the next line.
            false => 0,
        };
        let mapping = Mapping::new(fd, len, Access::Read).map_err(EncodeError::Map)?;
        self.0.push((id, mapping));
        Ok(self.0.len() - 1)
    }
}
