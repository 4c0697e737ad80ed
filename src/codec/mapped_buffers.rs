#![expect(
    unsafe_code,
    reason = "views of a codec's buffers while the driver does not have them"
)]
//! Persistent mappings of a codec's buffers.

use std::os::fd::AsFd;

use videostream_hal::codec::{CodecQueue, FinishedBuffer, M2m};
use videostream_hal::format::{Layout, MAX_PLANES};
use videostream_hal::memory::{Access, Mapping};
use videostream_hal::v4l2::Error;

use crate::picture::PlaneMut;
use crate::{Picture, PictureError, PictureMut};

/// A finished buffer, owned here until it is given back to the driver.
#[derive(Debug)]
pub(crate) struct OutBuffer {
    index: u32,
    /// Start and end of the data in each memory part.
    parts: [(u32, u32); MAX_PLANES],
    /// Timestamp of the device, in nanoseconds.
    pub(crate) timestamp_ns: u64,
    pub(crate) corrupted: bool,
}

impl OutBuffer {
    /// Takes a dequeued buffer.
    pub(crate) fn keep(done: FinishedBuffer<'_>) -> Self {
        let mut parts = [(0, 0); MAX_PLANES];
        for (part, plane) in parts.iter_mut().zip(done.planes()) {
            *part = (plane.data_offset, plane.bytes_used);
        }
        Self {
            parts,
            timestamp_ns: done.timestamp_ns,
            corrupted: done.is_corrupted(),
            index: done.into_index(),
        }
    }

    /// Returns the buffer's index.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Returns the buffer to the driver.
    pub(crate) fn give_back(self, m2m: &M2m) -> Result<(), Error> {
        m2m.give_back(self.index)
    }
}

/// The buffers of a queue, one mapping for each memory part.
#[derive(Debug)]
pub(crate) struct MappedBuffers(Vec<Vec<Mapping>>);

impl MappedBuffers {
    /// Maps the buffers of a queue, which are in memory of the driver.
    pub(crate) fn of<D: AsFd>(side: &CodecQueue<D>, access: Access) -> Result<Self, Error> {
        let parts = side.lengths().len();
        let map = |index| {
            (0..parts)
                .map(|part| side.map(index, part, access))
                .collect()
        };
        Ok(Self((0..side.count()).map(map).collect::<Result<_, _>>()?))
    }

    /// Returns the data in the first memory part.
    pub(crate) fn bytes(&self, held: &OutBuffer) -> &[u8] {
        let (start, end) = held.parts[0];
        self.part(held, 0)
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    fn part(&self, held: &OutBuffer, part: usize) -> &[u8] {
        let Some(mapping) = self.0.get(held.index as usize).and_then(|b| b.get(part)) else {
            return &[];
        };
        // SAFETY: `held` proves that the driver does not have the buffer, and nothing else writes
        // to it (a decoder that uses it as reference only reads); memory of a driver does not
        // shrink.
        unsafe { mapping.bytes() }
    }

    /// Returns a buffer as a picture.
    pub(crate) fn picture(
        &self,
        held: &OutBuffer,
        layout: &Layout,
    ) -> Result<Picture<'_>, PictureError> {
        Picture::in_parts(layout, |memory| {
            let offset = held.parts.get(memory).map_or(0, |part| part.0);
            Some((self.part(held, memory), offset))
        })
    }

    /// Draws into a free buffer of `m2m`.
    pub(crate) fn draw(
        &mut self,
        m2m: &M2m,
        index: u32,
        layout: &Layout,
        draw: impl FnOnce(&mut PictureMut<'_>) -> Result<(), PictureError>,
    ) -> Result<(), PictureError> {
        let mut memories: Vec<&mut [u8]> = Vec::with_capacity(MAX_PLANES);
        if let Some(parts) = self
            .0
            .get_mut(index as usize)
            .filter(|_| m2m.is_free(index))
        {
            for mapping in parts {
                // SAFETY: the driver has returned the buffer, as checked above, and this value is
                // the only one that maps it.
                memories.push(unsafe { mapping.bytes_mut() }.unwrap_or_default());
            }
        }
        match &mut memories[..] {
            [one] => draw(&mut PictureMut::new(one, layout)?),
            several => {
                let mut several = several.iter_mut();
                let planes = layout.planes().iter().filter_map(|plane| {
                    Some(PlaneMut {
                        data: several.next()?.get_mut(plane.offset as usize..)?,
                        stride: plane.stride as usize,
                    })
                });
                let (width, height) = (layout.width, layout.height);
                draw(&mut PictureMut::from_planes(
                    layout.fourcc,
                    width,
                    height,
                    planes,
                )?)
            }
        }
    }

    /// Copies bytes into a free buffer of `m2m`. Returns whether they fit.
    pub(crate) fn write(&mut self, m2m: &M2m, index: u32, from: &[u8]) -> bool {
        let parts = self
            .0
            .get_mut(index as usize)
            .filter(|_| m2m.is_free(index));
        let Some(mapping) = parts.and_then(|parts| parts.first_mut()) else {
            return false;
        };
        // SAFETY: as in `draw`.
        let bytes = unsafe { mapping.bytes_mut() }.unwrap_or_default();
        let Some(to) = bytes.get_mut(..from.len()) else {
            return false;
        };
        to.copy_from_slice(from);
        true
    }
}
