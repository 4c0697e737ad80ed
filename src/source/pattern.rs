//! A source without hardware: the test pattern, by the clock.

use std::os::fd::BorrowedFd;

use videostream_hal::format::Layout;
use videostream_hal::memory::allocate::{Allocator, Origin, Report};
use videostream_hal::ring::{Flags, MAX_PLANES};
use videostream_hal::time::now_ns;

use super::{Pool, Source, Taken};
use crate::{Appearance, Colorimetry, FrameRate, Result, TestPattern};

/// V4L2_FIELD_NONE: progressive.
const PROGRESSIVE: u32 = 1;
/// What the pattern is drawn in.
const COLOURS: Colorimetry = Colorimetry::BT601;

/// The test pattern as a source: a frame at each tick, with the tick's time, into memory of its own. Ticks that
/// find no free buffer count as dropped frames, as with a camera.
#[derive(Debug)]
pub struct PatternSource {
    pattern: TestPattern,
    pool: Pool,
    layout: Layout,
    start_ns: Option<u64>,
    next: u64,
}

impl PatternSource {
    /// Frames of `pattern` in `buffers` buffers from the best memory there is.
    ///
    /// # Errors
    /// [`Error::BufferCount`](crate::Error::BufferCount) for none or more than 1024, [`Error::Memory`](crate::Error::Memory), [`Error::Format`](crate::Error::Format).
    pub fn new(pattern: TestPattern, buffers: u32) -> Result<Self> {
        Self::with_allocator(pattern, buffers, &Allocator::new())
    }

    /// The same, from a given allocator.
    ///
    /// # Errors
    /// As [`PatternSource::new`].
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

    /// What kind of memory the frames lie in.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.pool.origin()
    }

    /// What kind of memory the frames lie in, and why it is no better one.
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

    fn take(&mut self) -> Result<Option<Taken>> {
        let now = now_ns();
        let start = *self.start_ns.get_or_insert(now);
        if now < self.tick_ns(self.next) {
            return Ok(None);
        }
        // Ticks that were slept through are dropped frames.
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
        Ok(drawn.map(|index| Taken {
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
