//! Sources that convert the pictures of another source.

use std::os::fd::BorrowedFd;

use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::allocate::Allocator;
use videostream_hal::ring::MAX_PLANES;

use super::{Pool, Reader, Source, SourceFrame};
use crate::colorimetry::{Appearance, Colorimetry};
use crate::convert::{Convert, Filter, Options};
use crate::{Error, Result};

/// Converts and scales whole pictures of another source, to be shared or encoded.
///
/// The colorimetry stays that of the source. When the source changes its size or format, the output
/// keeps its size and format.
#[derive(Debug)]
pub struct ConvertedSource<S> {
    reader: Reader<S>,
    convert: Convert,
    filter: Filter,
    pool: Pool,
    layout: Layout,
}

impl<S: Source> ConvertedSource<S> {
    /// Converts pictures of `source` to `fourcc` and `width` x `height`, in `buffers` buffers.
    ///
    /// # Errors
    /// [`Error::Picture`] when the format of the source or `fourcc` is not one of
    /// [`formats`](crate::convert::formats); [`Error::Format`], [`Error::Memory`],
    /// [`Error::Access`].
    pub fn new(source: S, fourcc: FourCc, width: u32, height: u32, buffers: u32) -> Result<Self> {
        crate::convert::check(source.layout().fourcc, fourcc).map_err(Error::Picture)?;
        let layout = Layout::new(fourcc, width, height)?;
        Ok(Self {
            reader: Reader::new(source)?,
            convert: Convert::new(),
            filter: Filter::default(),
            pool: Pool::new(&Allocator::new(), layout, buffers)?,
            layout,
        })
    }

    /// Sets the filter for scaling.
    #[must_use]
    pub fn filter(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }
}

impl<S: Source> Source for ConvertedSource<S> {
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
        let (from, to) = (self.reader.source().layout(), self.layout);
        let appearance = self.reader.source().appearance();
        let appearance = appearance.converted(from.fourcc, to.fourcc);
        appearance.scaled((from.width, from.height), (to.width, to.height))
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

    fn take(&mut self) -> Result<Option<SourceFrame>> {
        let Self {
            reader,
            convert,
            filter,
            pool,
            layout,
            ..
        } = self;
        let made = reader.next(0, |taken, picture| -> Result<_> {
            let (from, to) = (picture.fourcc(), layout.fourcc);
            let colours = Colorimetry::from_v4l2(taken.colorimetry, from);
            let becomes = colours.converted(from, to);
            let options = Options {
                from: colours,
                to: becomes,
                filter: *filter,
                ..Options::default()
            };
            let index = pool.fill(|target| {
                convert
                    .convert(picture, target, &options)
                    .map_err(Error::Picture)
            })?;
            let colorimetry = becomes.to_v4l2();
            Ok(index.map(|index| {
                let taken = SourceFrame {
                    colorimetry,
                    ..*taken
                };
                (index, taken)
            }))
        })?;
        let Some((index, taken)) = made.transpose()?.flatten() else {
            return Ok(None);
        };
        Ok(Some(SourceFrame {
            index,
            bytes_used: self.layout.size,
            data_offset: [0; MAX_PLANES],
            ..taken
        }))
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        self.pool.put(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use videostream_hal::time::deadline_in;

    use super::*;
    use crate::{FrameRate, PatternSource, TestPattern, pattern};

    fn drawn() -> PatternSource {
        let rate = FrameRate::fps(200).unwrap();
        let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
        PatternSource::new(pattern, 2).unwrap()
    }

    #[test]
    fn converted_pictures_match_the_source() {
        let converted = ConvertedSource::new(drawn(), FourCc::YUYV, 320, 240, 2).unwrap();
        let mut reader = Reader::new(converted).unwrap();
        for _ in 0..3 {
            let deadline = deadline_in(60_000_000_000);
            let seen = reader.next(deadline, |taken, picture| {
                assert_eq!(picture.fourcc(), FourCc::YUYV);
                assert_eq!(pattern::read_number(picture), Ok(taken.sequence));
            });
            assert!(seen.unwrap().is_some());
        }
    }

    #[test]
    fn the_size_is_the_one_asked_for() {
        let converted = ConvertedSource::new(drawn(), FourCc::RGB3, 161, 99, 2).unwrap();
        let mut reader = Reader::new(converted).unwrap();
        let deadline = deadline_in(60_000_000_000);
        let seen = reader.next(deadline, |taken, picture| {
            let size = (picture.width(), picture.height());
            (size, taken.bytes_used)
        });
        assert_eq!(seen.unwrap(), Some(((161, 99), 161 * 99 * 3)));
    }

    #[test]
    fn formats_that_can_not_be_made_are_refused_at_once() {
        let error = ConvertedSource::new(drawn(), FourCc::SRGGB8, 320, 240, 2).unwrap_err();
        assert!(error.to_string().contains("RGGB"), "{error}");
    }
}
