//! A queue whose state is a value instead of a type, changed in place.
//!
//! A queue is a few kilobytes. Codecs change its state often, so they avoid moving it.

use core::marker::PhantomData;

use rustix::fd::AsFd;

use super::{Any, Core, Queue};
use crate::Error;
use crate::v4l2::{BufType, Buffer, Memory};

impl<D: AsFd> Queue<D, Any> {
    /// Creates a queue without buffers.
    pub(crate) const fn any(device: D, buf_type: BufType) -> Self {
        Self {
            core: Core::new(device, buf_type),
            state: PhantomData,
        }
    }

    /// Returns whether it is streaming.
    pub(crate) const fn is_on(&self) -> bool {
        self.core.streaming
    }

    /// See [`Queue::allocate`] and its variants. The queue must have no buffers.
    pub(crate) fn request(&mut self, memory: Memory, count: u32) -> Result<(), Error> {
        self.core.request(memory, count)
    }

    /// See [`Queue::free`]. The queue must not be streaming.
    pub(crate) fn release(&mut self) -> Result<(), Error> {
        self.core.free()
    }

    /// See [`Queue::stream_on`]. The queue must have buffers.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        self.core.start()
    }

    /// See [`Queue::stream_off`]. The queue must be streaming.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        self.core.stop()
    }

    /// Dequeues the buffer that finished first, without requeueing it. The queue must be streaming.
    pub(crate) fn take(&self) -> Result<Buffer, Error> {
        self.core.dequeue()
    }
}
