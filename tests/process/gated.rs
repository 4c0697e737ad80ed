//! A source that publishes on permission, and reports which buffers return.

use std::cell::{Cell, RefCell};
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use videostream::hal::format::Layout;
use videostream::source::SourceFrame;
use videostream::{FrameRate, PatternSource, Result, Source};

/// Whether the source may publish.
pub(crate) type Gate = Rc<Cell<bool>>;
/// The buffers filled so far.
pub(crate) type Filled = Rc<RefCell<Vec<u32>>>;

/// A pattern source with a gate, and a list of the buffers that it has filled.
pub(crate) struct Gated {
    inner: PatternSource,
    open: Gate,
    filled: Filled,
}

impl Gated {
    /// With its gate, closed, and its list.
    pub(crate) fn new(inner: PatternSource) -> (Self, Gate, Filled) {
        let (open, filled) = (Rc::default(), Rc::default());
        let source = Self {
            inner,
            open: Rc::clone(&open),
            filled: Rc::clone(&filled),
        };
        (source, open, filled)
    }
}

impl Source for Gated {
    fn layout(&self) -> Layout {
        self.inner.layout()
    }
    fn rate(&self) -> Option<FrameRate> {
        self.inner.rate()
    }
    fn buffer_count(&self) -> u32 {
        self.inner.buffer_count()
    }
    fn reserve(&self) -> u32 {
        self.inner.reserve()
    }
    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        self.inner.buffer_fds(index)
    }
    fn due_ns(&self) -> Option<u64> {
        let due = self.inner.due_ns();
        if self.open.get() { due } else { None }
    }
    fn take(&mut self) -> Result<Option<SourceFrame>> {
        if !self.open.get() {
            return Ok(None);
        }
        let taken = self.inner.take()?;
        self.filled.borrow_mut().extend(taken.map(|t| t.index));
        Ok(taken)
    }
    fn requeue(&mut self, index: u32) -> Result<()> {
        self.inner.requeue(index)
    }
}
