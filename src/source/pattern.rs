//! The test pattern as a source, for use without hardware.

use std::os::fd::BorrowedFd;

use videostream_hal::format::Layout;
use videostream_hal::memory::allocate::{Allocator, Origin, Report};
use videostream_hal::ring::{Flags, MAX_PLANES};
use videostream_hal::time::now_ns;

use super::{Pool, Source, SourceFrame};
use crate::{Appearance, Colorimetry, FrameRate, Result, TestPattern};

/// V4L2_FIELD_NONE: progressive.
const PROGRESSIVE: u32 = 1;
/// Colours in which the pattern is drawn.
const COLOURS: Colorimetry = Colorimetry::BT601;

/// The test pattern as a source. It draws a frame with the tick's time at each tick of a timer;
/// ticks without a free buffer count as dropped frames, as with a camera.
#[derive(Debug)]
pub struct PatternSource {
    pattern: TestPattern,
    pool: Pool,
    layout: Layout,
    start_ns: Option<u64>,
    next: u64,
}

impl PatternSource {
    /// Draws frames of `pattern` in `buffers` buffers of the best available memory.
    ///
    /// # Errors
    /// [`Error::BufferCount`](crate::Error::BufferCount) for 0 or more than 1024,
    /// [`Error::Memory`](crate::Error::Memory), [`Error::Format`](crate::Error::Format).
    pub fn new(pattern: TestPattern, buffers: u32) -> Result<Self> {
        Self::with_allocator(pattern, buffers, &Allocator::new())
    }

    /// Creates the source as [`PatternSource::new`], with memory of a given allocator.
    ///
    /// # Errors
    /// Those of [`PatternSource::new`].
    pub fn with_allocator(
        pattern: TestPattern,
        buffers: u32,
        allocator: &Allocator,
    ) -> Result<Self> {
        let layout = Layout::new(pattern.fourcc(), pattern.width(), pattern.height())?;
        Ok(Self {
            pool: Pool::new(allocator, layout, buffers)?,
            pattern,
            layout,
            start_ns: None,
            next: 0,
        })
    }

    /// Returns the kind of memory of the frames.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.pool.origin()
    }

    /// Returns the kind of memory of the frames, and why better kinds were not available.
    #[must_use]
    pub fn memory(&self) -> Option<&Report> {
        Some(&self.pool.buffer(0)?.report)
    }

    fn tick_ns(&self, number: u64) -> u64 {
        let start = self.start_ns.unwrap_or(0);
        start.saturating_add(self.pattern.rate().time_ns(number))
    }
}

impl Source for PatternSource {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn rate(&self) -> Option<FrameRate> {
        Some(self.pattern.rate())
    }

    fn appearance(&self) -> Appearance {
        COLOURS.into()
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
        Some(self.start_ns.map_or(0, |_| self.tick_ns(self.next)))
    }

    fn take(&mut self) -> Result<Option<SourceFrame>> {
        let now = now_ns();
        let start = *self.start_ns.get_or_insert(now);
        if now < self.tick_ns(self.next) {
            return Ok(None);
        }
        // Ticks that were missed are dropped frames.
        let elapsed = u128::from(now - start) * u128::from(self.pattern.rate().frames());
        let per_tick = u128::from(self.pattern.rate().seconds()) * 1_000_000_000;
        let sequence = self
            .next
            .max(u64::try_from(elapsed / per_tick).unwrap_or(u64::MAX));
        self.next = sequence + 1;
        let pattern = &self.pattern;
        let drawn = self
            .pool
            .fill(|picture| Ok(pattern.draw(sequence, picture)?))?;
        Ok(drawn.map(|index| SourceFrame {
            index,
            sequence,
            timestamp_ns: self.tick_ns(sequence),
            bytes_used: self.layout.size,
            data_offset: [0; MAX_PLANES],
            flags: Flags::KEY_FRAME,
            field: PROGRESSIVE,
            colorimetry: COLOURS.to_v4l2(),
        }))
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        self.pool.put(index);
        Ok(())
    }
}
