//! One queue of a codec, in any state.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::Error;
use crate::memory::mapping::{Access, Mapping};
use crate::v4l2::queue::{Any, Content, Queue};
use crate::v4l2::{BufType, Buffer, ExportAccess, Memory};

/// How many buffers a queue gets, and their memory type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// [`Memory::Mmap`]: the driver's own, to be exported or mapped. [`Memory::DmaBuf`]: imported
    /// with [`CodecQueue::import`].
    pub memory: Memory,
    /// Number of buffers, in addition to those that the driver keeps for itself.
    pub count: u32,
}

impl Buffers {
    /// Requests buffers in the driver's memory.
    #[must_use]
    pub const fn driver(count: u32) -> Self {
        let memory = Memory::Mmap;
        Self { memory, count }
    }

    /// Requests buffers that import dma-bufs.
    #[must_use]
    pub const fn imported(count: u32) -> Self {
        let memory = Memory::DmaBuf;
        Self { memory, count }
    }
}

/// One queue of a codec.
///
/// Codecs stop, free, and start their queues on an open handle, so the state is a value here.
/// Only the codec changes it; the public methods are about the memory of the buffers.
#[derive(Debug)]
pub struct CodecQueue<D: AsFd> {
    queue: Queue<D, Any>,
}

impl<D: AsFd> CodecQueue<D> {
    pub(super) const fn new(device: D, buf_type: BufType) -> Self {
        Self {
            queue: Queue::any(device, buf_type),
        }
    }

    /// Returns the device of this queue.
    pub(super) const fn device(&self) -> &D {
        self.queue.device()
    }

    /// Returns the buffer type, which selects the queue of the device.
    #[must_use]
    pub const fn buf_type(&self) -> BufType {
        self.queue.buf_type()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.device().as_fd()
    }

    /// Returns whether the queue is streaming.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.queue.is_on()
    }

    /// Returns the number of buffers; 0 before they are allocated.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.queue.count()
    }

    /// Returns the number of buffers that are queued with the driver.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.queue.queued()
    }

    /// Returns the memory type of the buffers; `None` before they are allocated.
    #[must_use]
    pub const fn memory(&self) -> Option<Memory> {
        match self.count() {
            0 => None,
            _ => Some(self.queue.memory()),
        }
    }

    /// Returns the length in bytes of each memory plane: as allocated by the driver, or the minimum
    /// that it needs. Empty before buffers are allocated.
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        match self.count() {
            0 => &[],
            _ => self.queue.lengths(),
        }
    }

    /// Exports one memory plane of a driver buffer as a dma-buf.
    ///
    /// # Errors
    /// See [`Queue::export`]; [`Error::State`] before buffers are allocated.
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        self.check_buffers("export")?;
        self.queue.export(index, plane, access)
    }

    /// Maps one memory plane of a driver buffer.
    ///
    /// # Errors
    /// See [`Queue::map`]; [`Error::State`] before buffers are allocated.
    pub fn map(&self, index: u32, plane: usize, access: Access) -> Result<Mapping, Error> {
        self.check_buffers("map")?;
        self.queue.map(index, plane, access)
    }

    /// Gives a buffer its memory: one dma-buf for each memory plane.
    ///
    /// # Errors
    /// See [`Queue::import`]; [`Error::State`] before buffers are allocated.
    pub fn import(&mut self, index: u32, planes: &[BorrowedFd<'_>]) -> Result<(), Error> {
        self.check_buffers("import")?;
        self.queue.import(index, planes)
    }

    pub(super) fn queue_content(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        self.check_buffers("queue")?;
        self.queue.queue_content(index, content)
    }

    /// Dequeues the buffer that finished first, without requeueing it.
    pub(super) fn dequeue(&self) -> Result<Buffer, Error> {
        if !self.is_streaming() {
            return refused("dequeue", "stopped");
        }
        self.queue.take()
    }

    /// Allocates buffers. The queue must have no buffers.
    pub(super) fn allocate(&mut self, buffers: Buffers) -> Result<(), Error> {
        if self.count() > 0 {
            return refused("allocate", "buffers exist");
        }
        self.queue.request(buffers.memory, buffers.count)
    }

    /// Frees the buffers, stopping the stream first. Does nothing without buffers.
    pub(super) fn free(&mut self) -> Result<(), Error> {
        self.stream_off()?;
        match self.count() {
            0 => Ok(()),
            _ => self.queue.release(),
        }
    }

    /// Starts the stream. Does nothing if it is streaming.
    pub(super) fn stream_on(&mut self) -> Result<(), Error> {
        if self.is_streaming() {
            return Ok(());
        }
        self.check_buffers("start")?;
        self.queue.start()
    }

    /// Stops the stream, which returns all buffers. Does nothing if it is stopped.
    pub(super) fn stream_off(&mut self) -> Result<(), Error> {
        if !self.is_streaming() {
            return Ok(());
        }
        self.queue.stop()
    }

    fn check_buffers(&self, action: &'static str) -> Result<(), Error> {
        match self.count() {
            0 => refused(action, "no buffers"),
            _ => Ok(()),
        }
    }
}

const fn refused<T>(action: &'static str, state: &'static str) -> Result<T, Error> {
    Err(Error::State { action, state })
}
