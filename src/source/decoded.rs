//! Pictures of a camera that gives JPEG.

use std::os::fd::BorrowedFd;

use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::allocate::Allocator;
use videostream_hal::ring::{Flags, MAX_PLANES};

use super::{Pool, Reader, Source, Taken};
use crate::jpeg::{self, JpegDecoder, JpegError};
use crate::{Appearance, Colorimetry, Error, Result};

/// Decodes the frames of a source of JPEG (`MJPG`), to be shared, converted or encoded: YU12 in full range.
///
/// Of frames that have come meanwhile the newest is decoded: those before are late, and dropped. One that is cut or
/// damaged is left out.
#[derive(Debug)]
pub struct DecodedSource<S> {
    reader: Reader<S>,
    decoder: JpegDecoder,
    pool: Pool,
    layout: Layout,
    generation: u32,
    buffers: u32,
    /// The frame to be decoded.
    bytes: Vec<u8>,
    broken: u64,
    last_error: Option<JpegError>,
    /// Something was left out since the last picture.
    has_gap: bool,
}

impl<S: Source> DecodedSource<S> {
    /// Decodes into `buffers` buffers.
    ///
    /// # Errors
    /// [`Error::Convert`] when `source` gives no JPEG; [`Error::Format`], [`Error::Memory`], [`Error::Map`].
    pub fn new(source: S, buffers: u32) -> Result<Self> {
        let from = source.layout();
        if !jpeg::is_jpeg(from.fourcc) {
            return Err(Error::Convert(crate::convert::ConvertError::Source(
                from.fourcc,
            )));
        }
        let layout = Layout::new(FourCc::YU12, from.width, from.height)?;
        Ok(Self {
            reader: Reader::new(source)?,
            decoder: JpegDecoder::new(),
            pool: Pool::new(&Allocator::new(), layout, buffers)?,
            layout,
            generation: 0,
            buffers,
            bytes: Vec::new(),
            broken: 0,
            last_error: None,
            has_gap: false,
        })
    }

    /// The source of the frames.
    #[must_use]
    pub fn inner(&self) -> &S {
        self.reader.source()
    }

    /// Frames that were cut or damaged, and left out.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// What was wrong with the last of them.
    #[must_use]
    pub fn last_error(&self) -> Option<&JpegError> {
        self.last_error.as_ref()
    }

    /// The newest frame that is there; its bytes are in `bytes`.
    fn newest(&mut self) -> Result<Option<Taken>> {
        let mut newest = None;
        // No more than there are buffers, should the source be faster than this.
        for _ in 0..self.reader.source().buffer_count().max(1) {
            let bytes = &mut self.bytes;
            let read = self.reader.next(0, |taken, picture| {
                let all = picture.planes().first().map_or(&[][..], |plane| plane.data);
                bytes.clear();
                bytes.extend_from_slice(all);
                *taken
            })?;
            let Some(taken) = read else { break };
            self.has_gap |= newest.is_some();
            newest = Some(taken);
        }
        Ok(newest)
    }

    /// Takes up another size of the source's frames.
    fn follow(&mut self) -> Result<()> {
        let now = self.reader.source().layout();
        if (now.width, now.height) == (self.layout.width, self.layout.height)
            || !jpeg::is_jpeg(now.fourcc)
        {
            return Ok(());
        }
        self.layout = Layout::new(FourCc::YU12, now.width, now.height)?;
        self.pool = Pool::new(&Allocator::new(), self.layout, self.buffers)?;
        self.generation += 1;
        Ok(())
    }

    fn leave_out(&mut self, error: Option<JpegError>) {
        self.broken += 1;
        self.has_gap = true;
        self.last_error = error.or(self.last_error.take());
    }
}

impl<S: Source> Source for DecodedSource<S> {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn behind(&self) -> Option<&dyn Source> {
        Some(self.reader.source())
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Source> {
        Some(self.reader.source_mut())
    }

    fn appearance(&self) -> Appearance {
        self.reader.source().appearance()
    }

    fn buffer_count(&self) -> u32 {
        self.pool.len()
    }

    fn reserve(&self) -> u32 {
        1
    }

    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        self.pool.fds(index)
    }

    fn generation(&self) -> u32 {
        self.generation
    }

    fn take(&mut self) -> Result<Option<Taken>> {
        let taken = self.newest()?;
        self.follow()?;
        let Some(taken) = taken else {
            return Ok(None);
        };
        if taken.flags.contains(Flags::CORRUPTED) {
            self.leave_out(None);
            return Ok(None);
        }
        let (decoder, bytes) = (&mut self.decoder, &self.bytes);
        let mut error = None;
        let index = self.pool.fill(|target| {
            error = decoder.decode(bytes, target).err();
            Ok(())
        })?;
        let Some(index) = index else {
            self.has_gap = true;
            return Ok(None);
        };
        if error.is_some() {
            self.pool.put(index);
            self.leave_out(error);
            return Ok(None);
        }
        let mut flags = taken.flags | Flags::KEY_FRAME;
        flags.set(
            Flags::DISCONTINUITY,
            std::mem::take(&mut self.has_gap) || flags.contains(Flags::DISCONTINUITY),
        );
        Ok(Some(Taken {
            index,
            bytes_used: self.layout.size,
            data_offset: [0; MAX_PLANES],
            flags,
            colorimetry: Colorimetry::from_v4l2(taken.colorimetry, FourCc::MJPG).to_v4l2(),
            ..taken
        }))
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        self.pool.put(index);
        Ok(())
    }
}
