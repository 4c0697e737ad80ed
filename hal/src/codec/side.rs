//! One queue of a codec, in whatever state the codec has brought it to.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::memory::mapping::{Access, Mapping};
use crate::v4l2::queue::{Any, Content, Queue};
use crate::v4l2::{BufType, Buffer, Error, ExportAccess, Memory, PixFormat, ioctl};

/// How many buffers a queue gets, and whose memory they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// [`Memory::Mmap`]: the driver's, to be exported or mapped. [`Memory::DmaBuf`]: imported,
    /// with [`Side::import`]. [`Memory::UserPtr`]: lent, with [`Side::lend`].
    pub memory: Memory,
    /// Buffers beside those that the driver says it keeps for itself.
    pub count: u32,
}

impl Buffers {
    /// Buffers in the driver's memory.
    #[must_use]
    pub const fn driver(count: u32) -> Self {
        let memory = Memory::Mmap;
        Self { memory, count }
    }

    /// Buffers whose memory is imported as dma-buf.
    #[must_use]
    pub const fn imported(count: u32) -> Self {
        let memory = Memory::DmaBuf;
        Self { memory, count }
    }
}

/// One queue of a codec.
///
/// Codecs stop, free and start their queues while the handle lives, so that the state is a value
/// here. Everything that moves the queue is done by the codec; what is offered here is the
/// memory of its buffers.
#[derive(Debug)]
pub struct Side<D: AsFd> {
    queue: Queue<D, Any>,
}

impl<D: AsFd> Side<D> {
    pub(super) const fn new(device: D, buf_type: BufType) -> Self {
        Self {
            queue: Queue::any(device, buf_type),
        }
    }

    /// The device of this queue.
    pub(super) const fn device(&self) -> &D {
        self.queue.device()
    }

    /// Which queue of the device.
    #[must_use]
    pub const fn buf_type(&self) -> BufType {
        self.queue.buf_type()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.device().as_fd()
    }

    /// The format that the queue has now.
    ///
    /// # Errors
    /// See [`ioctl::g_fmt`].
    pub fn format(&self) -> Result<PixFormat, Error> {
        ioctl::g_fmt(self.fd(), self.buf_type())
    }

    /// Whether buffers move.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.queue.is_on()
    }

    /// Number of buffers; 0 before they are allocated.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.queue.count()
    }

    /// Number of buffers that the driver has at the moment.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.queue.queued()
    }

    /// Whose memory the buffers have; `None` before they are allocated.
    #[must_use]
    pub const fn memory(&self) -> Option<Memory> {
        match self.count() {
            0 => None,
            _ => Some(self.queue.memory()),
        }
    }

    /// Bytes of each memory plane: allocated by the driver, or needed at least. Empty before
    /// there are buffers.
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        match self.count() {
            0 => &[],
            _ => self.queue.lengths(),
        }
    }

    /// A dma-buf descriptor for one memory plane of a buffer of the driver's.
    ///
    /// # Errors
    /// See [`Queue::export`]; [`Error::State`] before there are buffers.
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        self.check_buffers("export")?;
        self.queue.export(index, plane, access)
    }

    /// Maps one memory plane of a buffer of the driver's.
    ///
    /// # Errors
    /// See [`Queue::map`]; [`Error::State`] before there are buffers.
    pub fn map(&self, index: u32, plane: usize, access: Access) -> Result<Mapping, Error> {
        self.check_buffers("map")?;
        self.queue.map(index, plane, access)
    }

    /// Gives a buffer its memory: one dma-buf for each memory plane.
    ///
    /// # Errors
    /// See [`Queue::import`]; [`Error::State`] before there are buffers.
    pub fn import(&mut self, index: u32, planes: &[BorrowedFd<'_>]) -> Result<(), Error> {
        self.check_buffers("import")?;
        self.queue.import(index, planes)
    }

    /// Gives a buffer its memory: pages of this process.
    ///
    /// # Errors
    /// See [`Queue::lend`]; [`Error::State`] before there are buffers.
    pub fn lend(&mut self, index: u32, pages: Mapping) -> Result<(), Error> {
        self.check_buffers("lend")?;
        self.queue.lend(index, pages)
    }

    pub(super) fn queue_content(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        self.check_buffers("queue")?;
        self.queue.queue_content(index, content)
    }

    /// Takes the buffer that was finished first; it stays out.
    pub(super) fn dequeue(&self) -> Result<Buffer, Error> {
        if !self.is_streaming() {
            return refused("dequeue", "stopped");
        }
        self.queue.take()
    }

    /// Allocates, in the state without buffers.
    pub(super) fn allocate(&mut self, buffers: Buffers) -> Result<(), Error> {
        if self.count() > 0 {
            return refused("allocate", "buffers exist");
        }
        self.queue.request(buffers.memory, buffers.count)
    }

    /// Frees the buffers, stopping the stream first; nothing where there are none.
    pub(super) fn free(&mut self) -> Result<(), Error> {
        self.stream_off()?;
        match self.count() {
            0 => Ok(()),
            _ => self.queue.release(),
        }
    }

    /// Starts the stream; nothing where it runs.
    pub(super) fn stream_on(&mut self) -> Result<(), Error> {
        if self.is_streaming() {
            return Ok(());
        }
        self.check_buffers("start")?;
        self.queue.start()
    }

    /// Stops the stream, which gives all buffers back; nothing where it is stopped.
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
