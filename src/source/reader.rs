//! Reading the pictures of a source in the same process, without a host.

#![expect(unsafe_code, reason = "views of buffers that the source has lent")]

use std::os::fd::BorrowedFd;

use videostream_hal::format::{Layout, MAX_PLANES};
use videostream_hal::memory::{Access, Mapped};
use videostream_hal::sequence::Gaps;
use videostream_hal::time::now_ns;

use super::{Source, SourceFrame, Woken, wait};
use crate::{DmaBufPicture, Picture, Result};

/// Reads the frames of a source, one at a time; each buffer is mapped once.
#[derive(Debug)]
pub struct Reader<S> {
    // Declared, and so dropped, before the source: drivers want memory unmapped before buffers are
    // freed.
    buffers: Buffers,
    source: S,
    /// Generation of the source when `buffers` were mapped.
    generation: u32,
    gaps: Gaps,
    dropped: u64,
}

/// The memory planes of each buffer.
type Buffers = Vec<Vec<Mapped>>;

impl<S: Source> Reader<S> {
    /// Maps the buffers of `source`.
    ///
    /// # Errors
    /// [`Error::Access`](crate::Error::Access) if the CPU can't read the memory.
    pub fn new(source: S) -> Result<Self> {
        Ok(Self {
            buffers: map(&source)?,
            generation: source.generation(),
            source,
            gaps: Gaps::default(),
            dropped: 0,
        })
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    pub(crate) fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Returns the number of frames that the source counted but did not deliver.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Waits for the next frame until `deadline_ns` of `CLOCK_MONOTONIC`, passes it to `look`, and
    /// returns its buffer to the source. Returns `Ok(None)` if the deadline passes or a signal
    /// arrives first.
    ///
    /// # Errors
    /// An error that ends the source; [`Error::Picture`](crate::Error::Picture) if a plane is too
    /// small for the size; [`Error::Access`](crate::Error::Access). A compressed frame is a picture
    /// of one plane, its bytes.
    pub fn next<T>(
        &mut self,
        deadline_ns: u64,
        look: impl FnOnce(&SourceFrame, &Picture<'_>) -> T,
    ) -> Result<Option<T>> {
        let seen = self.next_borrowed(deadline_ns, |frame| {
            frame.see(|picture| look(frame.source_frame(), picture))
        })?;
        seen.transpose()
    }

    /// Works like [`Reader::next`], but passes a [`BorrowedFrame`], whose memory can also be given
    /// to other hardware.
    ///
    /// # Errors
    /// An error that ends the source.
    pub fn next_borrowed<T>(
        &mut self,
        deadline_ns: u64,
        look: impl FnOnce(&BorrowedFrame<'_>) -> T,
    ) -> Result<Option<T>> {
        let Some(taken) = self.take(deadline_ns)? else {
            return Ok(None);
        };
        let parts = self.buffers.get(taken.index as usize);
        let seen = look(&BorrowedFrame {
            taken,
            layout: self.source.layout(),
            parts: parts.map_or(&[][..], Vec::as_slice),
            fds: self.source.buffer_fds(taken.index),
        });
        self.source.requeue(taken.index)?;
        Ok(Some(seen))
    }

    fn take(&mut self, deadline_ns: u64) -> Result<Option<SourceFrame>> {
        loop {
            let Woken::By { source: ready, .. } = wait(&mut self.source, None, deadline_ns)? else {
                return Ok(None);
            };
            let taken = if ready { self.source.take()? } else { None };
            if self.source.generation() != self.generation {
                self.generation = self.source.generation();
                // Unmap the old buffers before mapping the new ones.
                self.buffers.clear();
                self.buffers = map(&self.source)?;
            }
            if let Some(taken) = &taken {
                self.dropped += self.gaps.lost_before(taken.sequence);
            }
            if taken.is_some() || now_ns() >= deadline_ns {
                return Ok(taken);
            }
        }
    }
}

/// A frame that a source has lent to a [`Reader`].
#[derive(Debug)]
pub struct BorrowedFrame<'a> {
    taken: SourceFrame,
    layout: Layout,
    parts: &'a [Mapped],
    fds: Vec<(BorrowedFd<'a>, u64)>,
}

impl<'a> BorrowedFrame<'a> {
    /// Returns the source's description of the frame.
    #[must_use]
    pub fn source_frame(&self) -> &SourceFrame {
        &self.taken
    }

    /// Returns format, size and planes.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns its memory, for hardware that reads it in place and has finished when `look`
    /// returns.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) if the source's descriptors do not match its
    /// layout.
    pub fn memory(&self) -> Result<DmaBufPicture<'a>> {
        let mut layout = self.layout;
        for plane in &mut layout.planes {
            let skip = self.taken.data_offset.get(plane.memory as usize);
            plane.offset = plane.offset.saturating_add(skip.copied().unwrap_or(0));
        }
        let parts: Vec<_> = self.fds.iter().map(|(fd, _)| *fd).collect();
        Ok(DmaBufPicture::new(&layout, &parts)?)
    }

    /// Passes the pixels to `look`.
    ///
    /// # Errors
    /// Those of [`Reader::next`].
    pub fn see<T>(&self, look: impl FnOnce(&Picture<'_>) -> T) -> Result<T> {
        let mut layout = self.layout;
        let info = layout.fourcc.info();
        if info.is_some_and(|info| info.is_compressed()) {
            let plane = &mut layout.planes[0];
            plane.size = plane.size.min(self.taken.bytes_used);
        }
        let mut access = [const { None }; MAX_PLANES];
        for ((access, part), (fd, _)) in access.iter_mut().zip(self.parts).zip(&self.fds) {
            *access = Some(part.read(*fd)?);
        }
        let picture = Picture::in_parts(&layout, |memory| {
            let access = access.get(memory)?.as_ref()?;
            // SAFETY: the source has lent this buffer, so nobody writes it until `requeue`, which
            // takes the reader exclusively, and so comes after this frame; memory of a driver or of
            // a pool does not shrink.
            let bytes = unsafe { access.bytes() };
            Some((bytes, self.taken.data_offset[memory]))
        })?;
        Ok(look(&picture))
    }
}

/// Maps every buffer of a source.
fn map(source: &impl Source) -> Result<Buffers> {
    let map = |index| {
        let parts = source
            .buffer_fds(index)
            .into_iter()
            .map(|(fd, size)| Ok(Mapped::new(fd, size as usize, Access::Read)?));
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
