//! A source's pictures, read in this process without a host.

#![expect(
    unsafe_code,
    reason = "views of a source's buffers while it has lent them"
)]

use std::os::fd::BorrowedFd;

use videostream_hal::format::Layout;
use videostream_hal::memory::dmabuf::{CpuAccess, SyncAccess};
use videostream_hal::memory::{Access, Mapping, memfd};
use videostream_hal::time::now_ns;

use super::{Source, Taken, Woken, wait};
use crate::{DmaBufPicture, Picture, Result};

/// Reads a source's frames one at a time; each buffer is mapped once.
#[derive(Debug)]
pub struct Reader<S> {
    // Before the source: drivers want memory unmapped before buffers are freed.
    buffers: Buffers,
    source: S,
    /// The source's generation that `buffers` are of.
    generation: u32,
    last_sequence: Option<u64>,
    dropped: u64,
}

/// Of each buffer its memory parts, and whether they are dma-bufs.
type Buffers = Vec<Vec<(Mapping, bool)>>;

impl<S: Source> Reader<S> {
    /// Maps the buffers of `source`.
    ///
    /// # Errors
    /// [`Error::Map`](crate::Error::Map) when the memory can't be read by the CPU.
    pub fn new(source: S) -> Result<Self> {
        Ok(Self {
            buffers: map(&source)?,
            generation: source.generation(),
            source,
            last_sequence: None,
            dropped: 0,
        })
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    pub(crate) fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Frames that the source counted but did not give.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Waits for the next frame until `deadline_ns` of `CLOCK_MONOTONIC`, lets `look` see it,
    /// and gives it back to the source. `Ok(None)`: the deadline passed or a signal came first.
    ///
    /// # Errors
    /// What ends the source; [`Error::Picture`](crate::Error::Picture) for planes too small for the size;
    /// [`Error::DmaBuf`](crate::Error::DmaBuf). A compressed frame is a picture of one plane, its bytes.
    pub fn next<T>(
        &mut self,
        deadline_ns: u64,
        look: impl FnOnce(&Taken, &Picture<'_>) -> T,
    ) -> Result<Option<T>> {
        let seen = self.lend(deadline_ns, |lent| {
            lent.see(|picture| look(lent.taken(), picture))
        })?;
        seen.transpose()
    }

    /// As [`Reader::next`], for who does not only look: `look` gets the frame, which it may also hand to other
    /// hardware.
    ///
    /// # Errors
    /// What ends the source.
    pub fn lend<T>(
        &mut self,
        deadline_ns: u64,
        look: impl FnOnce(&Lent<'_>) -> T,
    ) -> Result<Option<T>> {
        let Some(taken) = self.take(deadline_ns)? else {
            return Ok(None);
        };
        let parts = self.buffers.get(taken.index as usize);
        let seen = look(&Lent {
            taken,
            layout: self.source.layout(),
            parts: parts.map_or(&[][..], Vec::as_slice),
            fds: self.source.buffer_fds(taken.index),
        });
        self.source.requeue(taken.index)?;
        Ok(Some(seen))
    }

    fn take(&mut self, deadline_ns: u64) -> Result<Option<Taken>> {
        loop {
            let Woken::By { source: ready, .. } = wait(&mut self.source, None, deadline_ns)? else {
                return Ok(None);
            };
            let taken = if ready { self.source.take()? } else { None };
            if self.source.generation() != self.generation {
                self.generation = self.source.generation();
                // First what was mapped goes, then what is there comes.
                self.buffers.clear();
                self.buffers = map(&self.source)?;
            }
            if let Some(taken) = &taken {
                if let Some(last) = self.last_sequence {
                    self.dropped += taken.sequence.saturating_sub(last + 1);
                }
                self.last_sequence = Some(taken.sequence);
            }
            if taken.is_some() || now_ns() >= deadline_ns {
                return Ok(taken);
            }
        }
    }
}

/// A frame that a source has lent to a [`Reader`].
#[derive(Debug)]
pub struct Lent<'a> {
    taken: Taken,
    layout: Layout,
    parts: &'a [(Mapping, bool)],
    fds: Vec<(BorrowedFd<'a>, u64)>,
}

impl<'a> Lent<'a> {
    /// What the source says of it.
    #[must_use]
    pub fn taken(&self) -> &Taken {
        &self.taken
    }

    /// Format, size and planes.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its memory, for hardware that reads it where it lies, and is done with it when `look` returns.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) for a source with other descriptors than its layout says.
    pub fn memory(&self) -> Result<DmaBufPicture<'a>> {
        let mut layout = self.layout;
        for plane in &mut layout.planes {
            let skip = self.taken.data_offset.get(plane.memory as usize);
            plane.offset = plane.offset.saturating_add(skip.copied().unwrap_or(0));
        }
        let parts: Vec<_> = self.fds.iter().map(|(fd, _)| *fd).collect();
        Ok(DmaBufPicture::new(&layout, &parts)?)
    }

    /// Lets `look` see the pixels.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn see<T>(&self, look: impl FnOnce(&Picture<'_>) -> T) -> Result<T> {
        let mut layout = self.layout;
        let info = layout.fourcc.info();
        if info.is_some_and(|info| info.is_compressed()) {
            let plane = &mut layout.planes[0];
            plane.size = plane.size.min(self.taken.bytes_used);
        }
        let mut access = Vec::with_capacity(self.fds.len());
        for ((fd, _), (_, is_dma_buf)) in self.fds.iter().zip(self.parts) {
            if *is_dma_buf {
                access.push(CpuAccess::begin(*fd, SyncAccess::Read)?);
            }
        }
        let picture = Picture::in_parts(&layout, |memory| {
            let (mapping, _) = self.parts.get(memory)?;
            // SAFETY: the source has lent this buffer, so nobody writes it until `requeue`, which takes the reader
            // exclusively, and so comes after this frame; memory of a driver or of a pool does not shrink.
            let bytes = unsafe { mapping.bytes() };
            Some((bytes, self.taken.data_offset[memory]))
        })?;
        Ok(look(&picture))
    }
}

/// Maps every buffer of a source.
fn map(source: &impl Source) -> Result<Buffers> {
    let map = |index| {
        let parts = source.buffer_fds(index).into_iter().map(|(fd, size)| {
            let is_dma_buf = memfd::is_dma_buf(fd);
            Ok((Mapping::new(fd, size as usize, Access::Read)?, is_dma_buf))
        });
        parts.collect::<Result<Vec<_>>>()
    };
    (0..source.buffer_count()).map(map).collect()
}

#[cfg(test)]
mod tests {
    use videostream_hal::format::FourCc;
    use videostream_hal::time::deadline_in;

    use super::*;
    use crate::{FrameRate, PatternSource, TestPattern, pattern};

    #[test]
    fn pictures_are_those_of_the_source() {
        let rate = FrameRate::fps(200).unwrap();
        let drawn = TestPattern::new(FourCc::YU12, 320, 240, rate).unwrap();
        let mut reader = Reader::new(PatternSource::new(drawn, 2).unwrap()).unwrap();
        let mut last = None;
        for _ in 0..5 {
            let seen = reader.next(deadline_in(10_000_000_000), |taken, picture| {
                assert_eq!(pattern::verify(picture), Ok(taken.sequence));
                taken.sequence
            });
            let seen = seen.unwrap();
            assert!(seen > last, "{seen:?} after {last:?}");
            last = seen;
        }
    }

    #[test]
    fn the_deadline_is_kept() {
        let rate = FrameRate::new(1, 100).unwrap();
        let drawn = TestPattern::new(FourCc::YU12, 320, 240, rate).unwrap();
        let mut reader = Reader::new(PatternSource::new(drawn, 2).unwrap()).unwrap();
        assert_eq!(reader.next(0, |taken, _| taken.sequence).unwrap(), Some(0));
        let second = reader.next(deadline_in(1_000_000), |taken, _| taken.sequence);
        assert_eq!(second.unwrap(), None);
    }
}
