//! A source's pictures, read in this process without a host.

#![expect(
    unsafe_code,
    reason = "views of a source's buffers while it has lent them"
)]

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use videostream_hal::format::MAX_PLANES;
use videostream_hal::memory::dmabuf::{CpuAccess, SyncAccess};
use videostream_hal::memory::{Access, Mapping, memfd};
use videostream_hal::time::{now_ns, until};

use super::{Source, Taken};
use crate::picture::Plane;
use crate::{Error, Picture, Result};

/// Reads a source's frames one at a time; each buffer is mapped once.
#[derive(Debug)]
pub struct Reader<S> {
    source: S,
    /// Of each buffer its memory parts, and whether they are dma-bufs.
    buffers: Vec<Vec<(Mapping, bool)>>,
    last_sequence: Option<u64>,
    dropped: u64,
}

impl<S: Source> Reader<S> {
    /// Maps the buffers of `source`.
    ///
    /// # Errors
    /// [`Error::Map`] when the memory can't be read by the CPU.
    pub fn new(source: S) -> Result<Self> {
        let map = |index| {
            let parts = source.buffer_fds(index).into_iter().map(|(fd, size)| {
                let is_dma_buf = memfd::is_dma_buf(fd);
                Ok((Mapping::new(fd, size as usize, Access::Read)?, is_dma_buf))
            });
            parts.collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            buffers: (0..source.buffer_count()).map(map).collect::<Result<_>>()?,
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

    /// Frames that the source counted but did not give.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Waits for the next frame until `deadline_ns` of `CLOCK_MONOTONIC`, lets `look` see it,
    /// and gives it back to the source. `Ok(None)`: the deadline passed or a signal came first.
    ///
    /// # Errors
    /// What ends the source; [`Error::Picture`] for compressed data; [`Error::DmaBuf`].
    pub fn next<T>(
        &mut self,
        deadline_ns: u64,
        look: impl FnOnce(&Taken, &Picture<'_>) -> T,
    ) -> Result<Option<T>> {
        let Some(taken) = self.take(deadline_ns)? else {
            return Ok(None);
        };
        if let Some(last) = self.last_sequence {
            self.dropped += taken.sequence.saturating_sub(last + 1);
        }
        self.last_sequence = Some(taken.sequence);
        let seen = self.see(&taken, look);
        self.source.requeue(taken.index)?;
        seen.map(Some)
    }

    fn take(&mut self, deadline_ns: u64) -> Result<Option<Taken>> {
        loop {
            if let Some(taken) = self.source.take()? {
                return Ok(Some(taken));
            }
            if now_ns() >= deadline_ns {
                return Ok(None);
            }
            let wake_ns = deadline_ns.min(self.source.due_ns().unwrap_or(u64::MAX));
            let timeout = until(wake_ns);
            let timeout = (wake_ns != u64::MAX).then_some(&timeout);
            let flags = PollFlags::IN | PollFlags::PRI;
            let polled = match self.source.ready_fd().as_ref() {
                Some(fd) => poll(&mut [PollFd::new(fd, flags)], timeout),
                None => poll(&mut [], timeout),
            };
            match polled {
                Ok(_) => {}
                Err(Errno::INTR) => return Ok(None),
                Err(errno) => return Err(Error::Os("poll", io::Error::from(errno))),
            }
        }
    }

    fn see<T>(&self, taken: &Taken, look: impl FnOnce(&Taken, &Picture<'_>) -> T) -> Result<T> {
        let layout = self.source.layout();
        let parts = self.buffers.get(taken.index as usize);
        let parts = parts.map_or(&[][..], Vec::as_slice);
        let fds = self.source.buffer_fds(taken.index);
        let mut access = Vec::with_capacity(fds.len());
        for ((fd, _), (_, is_dma_buf)) in fds.iter().zip(parts) {
            if *is_dma_buf {
                access.push(CpuAccess::begin(*fd, SyncAccess::Read)?);
            }
        }
        let mut planes = [Plane::default(); MAX_PLANES];
        for (to, plane) in planes.iter_mut().zip(layout.planes()) {
            let memory = plane.memory as usize;
            let Some((mapping, _)) = parts.get(memory) else {
                continue;
            };
            // SAFETY: the source has lent this buffer, so nobody writes it until `requeue`,
            // which takes the reader exclusively; memory of a driver or of a pool does not shrink.
            let bytes = unsafe { mapping.bytes() };
            let start = plane.offset as usize + taken.data_offset[memory] as usize;
            let end = start.saturating_add(plane.size as usize).min(bytes.len());
            to.data = bytes.get(start..end).unwrap_or_default();
            to.stride = plane.stride as usize;
        }
        let count = layout.planes().len();
        let (width, height) = (layout.width, layout.height);
        let picture = Picture::from_planes(layout.fourcc, width, height, &planes[..count])?;
        Ok(look(taken, &picture))
    }
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
