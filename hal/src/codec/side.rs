//! One queue of a codec, in whatever state the codec has brought it to.

use core::mem::replace;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::memory::mapping::{Access, Mapping};
use crate::v4l2::queue::{Allocated, Configured, Content, Failed, Queue, Streaming};
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
    state: State<D>,
}

#[derive(Debug)]
enum State<D: AsFd> {
    Configured(Queue<D, Configured>),
    Allocated(Queue<D, Allocated>),
    Streaming(Queue<D, Streaming>),
    /// Within a transition only.
    Moving,
}

/// Calls a method that queues with buffers have in both states.
macro_rules! with_buffers {
    ($side:expr, $action:literal, $queue:ident => $call:expr) => {
        match $side {
            State::Allocated($queue) => $call,
            State::Streaming($queue) => $call,
            State::Configured(_) | State::Moving => Err(Error::State {
                action: $action,
                state: "no buffers",
            }),
        }
    };
}

impl<D: AsFd> Side<D> {
    pub(super) const fn new(device: D, buf_type: BufType) -> Self {
        let state = State::Configured(Queue::new(device, buf_type));
        Self { state }
    }

    /// The device of this queue.
    ///
    /// # Panics
    /// Never: a transition holds the value that this borrows.
    pub(super) const fn device(&self) -> &D {
        match &self.state {
            State::Configured(queue) => queue.device(),
            State::Allocated(queue) => queue.device(),
            State::Streaming(queue) => queue.device(),
            State::Moving => unreachable!(),
        }
    }

    /// Which queue of the device.
    #[must_use]
    pub const fn buf_type(&self) -> BufType {
        match &self.state {
            State::Configured(queue) => queue.buf_type(),
            State::Allocated(queue) => queue.buf_type(),
            State::Streaming(queue) => queue.buf_type(),
            State::Moving => unreachable!(),
        }
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
        matches!(self.state, State::Streaming(_))
    }

    /// Number of buffers; 0 before they are allocated.
    #[must_use]
    pub const fn count(&self) -> u32 {
        match &self.state {
            State::Allocated(queue) => queue.count(),
            State::Streaming(queue) => queue.count(),
            State::Configured(_) | State::Moving => 0,
        }
    }

    /// Number of buffers that the driver has at the moment.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        match &self.state {
            State::Allocated(queue) => queue.queued(),
            State::Streaming(queue) => queue.queued(),
            State::Configured(_) | State::Moving => 0,
        }
    }

    /// Whose memory the buffers have; `None` before they are allocated.
    #[must_use]
    pub const fn memory(&self) -> Option<Memory> {
        match &self.state {
            State::Allocated(queue) => Some(queue.memory()),
            State::Streaming(queue) => Some(queue.memory()),
            State::Configured(_) | State::Moving => None,
        }
    }

    /// Bytes of each memory plane: allocated by the driver, or needed at least. Empty before
    /// there are buffers.
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        match &self.state {
            State::Allocated(queue) => queue.lengths(),
            State::Streaming(queue) => queue.lengths(),
            State::Configured(_) | State::Moving => &[],
        }
    }

    /// A dma-buf descriptor for one memory plane of a buffer of the driver's.
    ///
    /// # Errors
    /// See [`Queue::export`]; [`Error::State`] before there are buffers.
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        with_buffers!(&self.state, "export", queue => queue.export(index, plane, access))
    }

    /// Maps one memory plane of a buffer of the driver's.
    ///
    /// # Errors
    /// See [`Queue::map`]; [`Error::State`] before there are buffers.
    pub fn map(&self, index: u32, plane: usize, access: Access) -> Result<Mapping, Error> {
        with_buffers!(&self.state, "map", queue => queue.map(index, plane, access))
    }

    /// Gives a buffer its memory: one dma-buf for each memory plane.
    ///
    /// # Errors
    /// See [`Queue::import`]; [`Error::State`] before there are buffers.
    pub fn import(&mut self, index: u32, planes: &[BorrowedFd<'_>]) -> Result<(), Error> {
        with_buffers!(&mut self.state, "import", queue => queue.import(index, planes))
    }

    /// Gives a buffer its memory: pages of this process.
    ///
    /// # Errors
    /// See [`Queue::lend`]; [`Error::State`] before there are buffers.
    pub fn lend(&mut self, index: u32, pages: Mapping) -> Result<(), Error> {
        with_buffers!(&mut self.state, "lend", queue => queue.lend(index, pages))
    }

    pub(super) fn queue_content(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        with_buffers!(&self.state, "queue", queue => queue.queue_content(index, content))
    }

    /// Takes the buffer that was finished first; it stays out.
    pub(super) fn dequeue(&self) -> Result<Buffer, Error> {
        let State::Streaming(queue) = &self.state else {
            return Err(Error::State {
                action: "dequeue",
                state: "stopped",
            });
        };
        let dequeued = queue.dequeue()?;
        let buffer = *dequeued.buffer();
        let _ = dequeued.into_index();
        Ok(buffer)
    }

    /// Allocates, in the state without buffers.
    pub(super) fn allocate(&mut self, buffers: Buffers) -> Result<(), Error> {
        self.step(|state| match state {
            State::Configured(queue) => {
                let allocated = match buffers.memory {
                    Memory::Mmap => queue.allocate(buffers.count),
                    Memory::DmaBuf => queue.allocate_imported(buffers.count),
                    Memory::UserPtr => queue.allocate_user(buffers.count),
                };
                moved(allocated, State::Allocated, State::Configured)
            }
            other => (other, refused("allocate", "buffers exist")),
        })
    }

    /// Frees the buffers, stopping the stream first; nothing where there are none.
    pub(super) fn free(&mut self) -> Result<(), Error> {
        self.stream_off()?;
        self.step(|state| match state {
            State::Allocated(queue) => moved(queue.free(), State::Configured, State::Allocated),
            other => (other, Ok(())),
        })
    }

    /// Starts the stream; nothing where it runs.
    pub(super) fn stream_on(&mut self) -> Result<(), Error> {
        self.step(|state| match state {
            State::Allocated(queue) => moved(queue.stream_on(), State::Streaming, State::Allocated),
            State::Configured(_) => (state, refused("start", "no buffers")),
            other => (other, Ok(())),
        })
    }

    /// Stops the stream, which gives all buffers back; nothing where it is stopped.
    pub(super) fn stream_off(&mut self) -> Result<(), Error> {
        self.step(|state| match state {
            State::Streaming(queue) => {
                moved(queue.stream_off(), State::Allocated, State::Streaming)
            }
            other => (other, Ok(())),
        })
    }

    fn step(
        &mut self,
        step: impl FnOnce(State<D>) -> (State<D>, Result<(), Error>),
    ) -> Result<(), Error> {
        let (state, result) = step(replace(&mut self.state, State::Moving));
        self.state = state;
        result
    }
}

/// The state after a transition, or the old one with the error.
fn moved<D: AsFd, A, B>(
    result: Result<Queue<D, B>, Failed<Queue<D, A>>>,
    new: fn(Queue<D, B>) -> State<D>,
    old: fn(Queue<D, A>) -> State<D>,
) -> (State<D>, Result<(), Error>) {
    match result {
        Ok(queue) => (new(queue), Ok(())),
        Err(failed) => (old(failed.queue), Err(failed.error)),
    }
}

const fn refused(action: &'static str, state: &'static str) -> Result<(), Error> {
    Err(Error::State { action, state })
}
