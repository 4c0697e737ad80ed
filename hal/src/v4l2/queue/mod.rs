//! One queue of buffers of a device, from format to stream.
//!
//! A queue goes through three states, which are types: [`Configured`] (a format may be set),
//! [`Allocated`] (buffers exist) and [`Streaming`]. A transition takes the queue and gives it back
//! in the new state, or unchanged with the error ([`Failed`]).
//!
//! Buffers are numbers below [`Queue::count`]. A finished one is taken as a guard ([`Dequeued`])
//! that queues it again when dropped; [`Dequeued::into_index`] keeps it out until
//! [`Queue::queue`] is called with its number.
//!
//! # Memory
//! | call | who provides it | `enum v4l2_memory` |
//! |---|---|---|
//! | [`Queue::allocate`] | the driver; [`Queue::export`] gives dma-bufs, [`Queue::map`] pages | `MMAP` |
//! | [`Queue::allocate_imported`] | dma-bufs: [`Queue::import`] | `DMABUF` |
//! | [`Queue::allocate_user`] | mappings: [`Queue::lend`] | `USERPTR` |
//!
//! # Release order
//! Drivers want mappings and exported descriptors of a buffer gone before it is freed. Kernels
//! since 5.0 keep such memory alive (`V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS`), older ones refuse to
//! free. So: unmap, close exported descriptors, then drop the queue, which stops the stream,
//! gives imported memory back and frees the buffers.

use core::cell::Cell;
use core::marker::PhantomData;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::ioctl::{self, BufferCapabilities};
use super::{BufType, Error, MAX_MEMORY_PLANES, Memory};
use crate::format::MAX_PLANES;
use crate::memory::mapping::Mapping;

mod allocate;
mod any;
mod memory;
mod pass;
mod places;
mod stream;

pub use pass::Content;
pub use places::Places;
pub use stream::Dequeued;

/// Most buffers of a queue.
#[doc(alias = "VIDEO_MAX_FRAME")]
pub const MAX_BUFFERS: usize = 32;

/// State: a format may be set, there are no buffers.
#[derive(Debug)]
pub enum Configured {}

/// State: buffers exist and may be queued; nothing moves.
#[derive(Debug)]
pub enum Allocated {}

/// State: the hardware fills or drains the buffers.
#[derive(Debug)]
pub enum Streaming {}

/// State: any of the three, for who changes it in place and looks before each use.
#[derive(Debug)]
pub(crate) enum Any {}

/// A transition that did not happen: the queue as it was, and why.
#[derive(Debug)]
pub struct Failed<T> {
    /// The queue in its old state.
    pub queue: T,
    /// Why.
    pub error: Error,
}

/// One queue of a device.
///
/// `D` is the device or a reference to it: a camera owns its device, the two queues of a codec
/// share one.
///
/// # Invariants
/// While `core.count` is not 0 the driver has that many buffers of `core.memory` for us; while
/// `core.streaming` is true the queue streams as far as we know.
#[derive(Debug)]
pub struct Queue<D: AsFd, S> {
    core: Core<D>,
    state: PhantomData<S>,
}

/// The memory of one buffer, as far as it is not the driver's.
#[derive(Debug, Default)]
enum Place {
    /// The driver's, or none yet.
    #[default]
    Empty,
    /// A dma-buf for each memory plane.
    Imported([Option<OwnedFd>; MAX_MEMORY_PLANES]),
    /// Pages with all memory planes, each at a page boundary.
    Lent(Mapping),
    /// Pages of each memory plane.
    LentEach(heapless::Vec<Mapping, MAX_PLANES>),
}

#[derive(Debug)]
struct Core<D: AsFd> {
    device: D,
    buf_type: BufType,
    memory: Memory,
    count: u32,
    capabilities: BufferCapabilities,
    plane_count: usize,
    lengths: [u32; MAX_MEMORY_PLANES],
    /// One for each buffer, unless their memory is the driver's.
    places: heapless::Vec<Place, MAX_BUFFERS>,
    streaming: bool,
    /// Buffers that the driver has.
    queued: Cell<u32>,
}

impl<D: AsFd> Core<D> {
    const fn new(device: D, buf_type: BufType) -> Self {
        Self {
            device,
            buf_type,
            memory: Memory::Mmap,
            count: 0,
            capabilities: BufferCapabilities::empty(),
            plane_count: 0,
            lengths: [0; MAX_MEMORY_PLANES],
            places: heapless::Vec::new(),
            streaming: false,
            queued: Cell::new(0),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl<D: AsFd> Drop for Core<D> {
    fn drop(&mut self) {
        // Errors change nothing: the kernel does the same when the device is closed.
        let fd = self.device.as_fd();
        if self.streaming {
            let _ = ioctl::streamoff(fd, self.buf_type);
        }
        if self.count > 0 {
            let _ = ioctl::reqbufs(fd, self.buf_type, self.memory, 0);
        }
        // After it, `places` goes: pages that were lent stay until the driver has let go of them.
    }
}

impl<D: AsFd, S> Queue<D, S> {
    /// The device.
    pub const fn device(&self) -> &D {
        &self.core.device
    }

    /// Which queue of the device.
    #[must_use]
    pub const fn buf_type(&self) -> BufType {
        self.core.buf_type
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.core.fd()
    }

    fn into_state<T>(self) -> Queue<D, T> {
        Queue {
            core: self.core,
            state: PhantomData,
        }
    }
}

/// A queue that has buffers, streaming or not.
pub trait HasBuffers {}
impl HasBuffers for Allocated {}
impl HasBuffers for Streaming {}
impl HasBuffers for Any {}

impl<D: AsFd, S: HasBuffers> Queue<D, S> {
    /// Number of buffers; their indices are below it.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.core.count
    }

    /// Number of buffers that the driver has at the moment.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.core.queued.get()
    }

    /// Whose memory the buffers have.
    #[must_use]
    pub const fn memory(&self) -> Memory {
        self.core.memory
    }

    /// Memory planes of each buffer.
    #[must_use]
    pub const fn plane_count(&self) -> usize {
        self.core.plane_count
    }

    /// Bytes of each memory plane: what the driver has allocated, or what it needs at least.
    /// Buffers that were added for another format may have more ([`Queue::query`]).
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        &self.core.lengths[..self.core.plane_count.min(MAX_MEMORY_PLANES)]
    }

    /// What the queue can do, as far as the kernel says.
    #[must_use]
    pub const fn capabilities(&self) -> BufferCapabilities {
        self.core.capabilities
    }
}
