//! Sources that decode the JPEG frames of another source.

use std::os::fd::BorrowedFd;

use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::allocate::Allocator;
use videostream_hal::ring::{Flags, MAX_PLANES};

use super::{Pool, Reader, Source, SourceFrame};
use crate::colorimetry::{Appearance, Colorimetry};
use crate::jpeg::{self, JpegDecoder};
use crate::{Error, PictureError, Result};

/// Decodes JPEG frames (`MJPG`) of another source to YU12 in full range, to be shared, converted or
/// encoded.
///
/// Only the newest waiting frame is decoded; earlier ones are dropped. Truncated and damaged frames
/// are skipped.
#[derive(Debug)]
pub struct DecodedSource<S> {
    reader: Reader<S>,
    decoder: JpegDecoder,
    pool: Pool,
    layout: Layout,
    generation: u32,
    buffers: u32,
    /// Bytes of the frame to be decoded.
    bytes: Vec<u8>,
    broken: u64,
    /// Frames were skipped since the last picture.
    has_gap: bool,
}

impl<S: Source> DecodedSource<S> {
    /// Decodes the frames of `source` into `buffers` buffers.
    ///
    /// # Errors
    /// [`Error::Picture`] if `source` is not JPEG; [`Error::Format`], [`Error::Memory`],
    /// [`Error::Access`].
    pub fn new(source: S, buffers: u32) -> Result<Self> {
        let from = source.layout();
        if !jpeg::is_jpeg(from.fourcc) {
            return Err(Error::Picture(PictureError::NotJpeg {
                fourcc: from.fourcc,
            }));
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
            has_gap: false,
        })
    }

    /// Returns the number of truncated or damaged frames that were skipped.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// Takes the newest waiting frame, and copies it to `bytes`.
    fn newest(&mut self) -> Result<Option<SourceFrame>> {
        let mut newest = None;
        // Bounded by the number of buffers, in case the source is faster than this loop.
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

    /// Adapts to a new size of the source's frames.
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

    fn leave_out(&mut self) {
        self.broken += 1;
        self.has_gap = true;
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

    fn take(&mut self) -> Result<Option<SourceFrame>> {
        let taken = self.newest()?;
        self.follow()?;
        let Some(taken) = taken else {
            return Ok(None);
        };
        if taken.flags.contains(Flags::CORRUPTED) {
            self.leave_out();
            return Ok(None);
        }
        let (decoder, bytes) = (&mut self.decoder, &self.bytes);
        let mut is_whole = false;
        let index = self.pool.fill(|target| {
            is_whole = decoder.decode(bytes, target).is_ok();
            Ok(())
        })?;
        let Some(index) = index else {
            self.has_gap = true;
            return Ok(None);
        };
        if !is_whole {
            self.pool.put(index);
            self.leave_out();
            return Ok(None);
        }
        let mut flags = taken.flags | Flags::KEY_FRAME;
        flags.set(
            Flags::DISCONTINUITY,
            std::mem::take(&mut self.has_gap) || flags.contains(Flags::DISCONTINUITY),
        );
        Ok(Some(SourceFrame {
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

#[cfg(all(test, feature = "snapshot"))]
mod tests {
    use videostream_hal::time::deadline_in;

    use super::*;
    use crate::colorimetry::{Matrix, Range};

    /// A source of these frames, which arrive all at once or one by one.
    #[derive(Debug)]
    struct Images {
        pool: Pool,
        frames: Vec<(Vec<u8>, Flags)>,
        sequence: u64,
        at_once: bool,
        paused: bool,
    }

    impl Images {
        fn new(frames: &[(&[u8], Flags)], at_once: bool) -> Self {
            let layout = Layout::opaque(FourCc::MJPG, 64, 48, 0, 20_000);
            let frames = frames.iter().map(|(bytes, flags)| (bytes.to_vec(), *flags));
            Self {
                pool: Pool::new(&Allocator::new(), layout, 4).unwrap(),
                frames: frames.collect(),
                sequence: 0,
                at_once,
                paused: false,
            }
        }
    }

    impl Source for Images {
        fn layout(&self) -> Layout {
            Layout::opaque(FourCc::MJPG, 64, 48, 0, 20_000)
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

        fn due_ns(&self) -> Option<u64> {
            Some(0)
        }

        fn take(&mut self) -> Result<Option<SourceFrame>> {
            self.paused = !self.paused && !self.at_once;
            let (Some((bytes, flags)), false) =
                (self.frames.get(self.sequence as usize), self.paused)
            else {
                return Ok(None);
            };
            let index = self.pool.fill(|target| {
                let to = &mut target.planes()[0].data;
                to[..bytes.len()].copy_from_slice(bytes);
                Ok(())
            })?;
            self.sequence += 1;
            Ok(index.map(|index| SourceFrame {
                index,
                sequence: self.sequence - 1,
                timestamp_ns: 7,
                bytes_used: bytes.len() as u32,
                data_offset: [0; MAX_PLANES],
                flags: *flags,
                field: 1,
                colorimetry: 8,
            }))
        }

        fn requeue(&mut self, index: u32) -> Result<()> {
            self.pool.put(index);
            Ok(())
        }
    }

    fn image(grey: u8) -> Vec<u8> {
        let mut file = Vec::new();
        jpeg_encoder::Encoder::new(&mut file, 90)
            .encode(&[grey; 64 * 48], 64, 48, jpeg_encoder::ColorType::Luma)
            .unwrap();
        file
    }

    /// Reads all pictures: sequence, first byte of luma, and whether a gap is before it.
    fn read(source: Images) -> (Vec<(u64, u8, bool)>, u64) {
        let mut reader = Reader::new(DecodedSource::new(source, 2).unwrap()).unwrap();
        let mut seen = Vec::new();
        while let Some(one) = reader
            .next(deadline_in(200_000_000), |taken, picture| {
                let colours = Colorimetry::from_v4l2(taken.colorimetry, FourCc::YU12);
                assert_eq!(
                    (colours.matrix, colours.range),
                    (Matrix::BT601, Range::Full)
                );
                assert_eq!(picture.fourcc(), FourCc::YU12);
                let has_gap = taken.flags.contains(Flags::DISCONTINUITY);
                (taken.sequence, picture.planes()[0].data[0], has_gap)
            })
            .unwrap()
        {
            seen.push(one);
        }
        (seen, reader.source().broken())
    }

    #[test]
    fn frames_that_are_not_whole_are_left_out() {
        let (one, two, none) = (image(40), image(200), Flags::empty());
        let frames = [
            (&one[..], none),
            (&two[..99], none),
            (&[], none),
            (&two, Flags::CORRUPTED),
            (&two, none),
        ];
        let (seen, broken) = read(Images::new(&frames, false));
        assert_eq!((seen, broken), (vec![(0, 40, false), (4, 200, true)], 3));
    }

    #[test]
    fn of_frames_that_have_come_the_newest_is_decoded() {
        let images = [10, 50, 90, 130, 170].map(image);
        let frames = images.each_ref().map(|image| (&image[..], Flags::empty()));
        let (seen, broken) = read(Images::new(&frames, true));
        assert_eq!((seen, broken), (vec![(3, 130, true), (4, 170, false)], 0));
    }

    #[test]
    fn a_source_of_pictures_is_refused() {
        let rate = crate::FrameRate::fps(30).unwrap();
        let drawn = crate::TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
        let source = crate::PatternSource::new(drawn, 2).unwrap();
        let error = DecodedSource::new(source, 2).unwrap_err();
        assert!(error.to_string().contains("NV12"), "{error}");
    }
}
