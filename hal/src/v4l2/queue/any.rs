//! A queue whose state is a value, changed in place.
//!
//! A queue is a few kilobytes: whoever moves it through its states often, as codecs do, keeps it
//! where it is.

use core::marker::PhantomData;

use rustix::fd::AsFd;

use super::{Any, Core, Queue};
use crate::v4l2::{BufType, Buffer, Error, Memory};

impl<D: AsFd> Queue<D, Any> {
    /// A queue without buffers.
    pub(crate) const fn any(device: D, buf_type: BufType) -> Self {
        Self {
            core: Core::new(device, buf_type),
            state: PhantomData,
        }
    }

    /// Whether it streams.
    pub(crate) const fn is_on(&self) -> bool {
        self.core.streaming
    }

    /// See [`Queue::allocate`] and those beside it; there must be no buffers.
    pub(crate) fn request(&mut self, memory: Memory, count: u32) -> Result<(), Error> {
        self.core.request(memory, count)
    }

    /// See [`Queue::free`]; it must not stream.
    pub(crate) fn release(&mut self) -> Result<(), Error> {
        self.core.free()
    }

    /// See [`Queue::stream_on`]; there must be buffers.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        self.core.start()
    }

    /// See [`Queue::stream_off`]; it must stream.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        self.core.stop()
    }

    /// Takes the buffer that was finished first; it stays out. It must stream.
    pub(crate) fn take(&self) -> Result<Buffer, Error> {
        self.core.dequeue()
    }
}
