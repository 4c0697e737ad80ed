//! Loops over frames: what iterators of clients and sources have in common.

use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::frame::Frame;

/// The frame that a loop got last, kept where only one frame can be held at a time.
#[derive(Default)]
pub(crate) struct LastFrame(Mutex<Option<Py<Frame>>>);

impl LastFrame {
    /// Releases the frame, which the loop's variable still refers to.
    ///
    /// # Errors
    /// `BufferError` while views of it are out.
    pub(crate) fn release(&self) -> PyResult<()> {
        let last = self.0.lock().take();
        last.map_or(Ok(()), |last| last.get().shared().release().map(drop))
    }

    /// Keeps a frame, to be released before the next one is waited for.
    pub(crate) fn keep(&self, frame: Py<Frame>) {
        *self.0.lock() = Some(frame);
    }
}

/// Returns an asynchronous iterator over the results of an object's `poll()`.
pub(crate) fn async_iterator<'py>(pollable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let module = pollable.py().import("videostream._asyncio")?;
    module.getattr("frames")?.call1((pollable,))
}
