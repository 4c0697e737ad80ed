//! One buffer queue of a device, from format to stream.
//!
//! A queue has three states, which are types: [`Configured`] (the format may be set), [`Allocated`]
//! (buffers exist), and [`Streaming`]. A transition consumes the queue and returns it in the new
//! state, or unchanged with the error ([`Failed`]).
//!
//! Buffers are indices below [`Queue::count`]. A finished buffer is dequeued as a guard
//! ([`Dequeued`]) that requeues it when dropped; [`Dequeued::into_index`] keeps it out until
//! [`Queue::queue`] is called with its index.
//!
//! # Memory
//! | call | memory comes from | `enum v4l2_memory` |
//! |---|---|---|
//! | [`Queue::allocate`] | the driver ([`Queue::export`], [`Queue::map`]) | `MMAP` |
//! | [`Queue::allocate_imported`] | dma-bufs: [`Queue::import`] | `DMABUF` |
//! | [`Queue::allocate_user`] | mappings: [`Queue::attach`] | `USERPTR` |
//!
//! # Release order
//! Drivers expect mappings and exported descriptors of a buffer to be gone before it is freed.
//! Kernels since 5.0 keep such memory alive (`V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS`); older ones
//! refuse to free it. So unmap, close exported descriptors, then drop the queue, which stops the
//! stream, releases imported memory, and frees the buffers.

use core::cell::Cell;
use core::marker::PhantomData;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::ioctl;
use super::{BufType, MAX_MEMORY_PLANES, Memory};
use crate::Error;
use crate::format::MAX_PLANES;
use crate::memory::mapping::Mapping;

mod allocate;
mod any;
mod enqueue;
mod external_memory;
mod memory;
mod stream;

pub use enqueue::Content;
pub use external_memory::ExternalMemory;
pub use stream::Dequeued;

/// Maximum number of buffers of a queue.
#[doc(alias = "VIDEO_MAX_FRAME")]
pub const MAX_BUFFERS: usize = 32;

/// State: the format may be set; there are no buffers.
#[derive(Debug)]
pub enum Configured {}

/// State: buffers exist and may be queued, but the hardware does not process them.
#[derive(Debug)]
pub enum Allocated {}

/// State: the hardware fills or reads the buffers.
#[derive(Debug)]
pub enum Streaming {}

/// State: any of the three, for owners that change it in place and check it before each use.
#[derive(Debug)]
pub(crate) enum Any {}

/// A failed transition: the unchanged queue and the error.
#[derive(Debug)]
pub struct Failed<T> {
    /// The queue in its old state.
    pub queue: T,
    /// Why the transition failed.
    pub error: Error,
}

/// One buffer queue of a device.
///
/// `D` is the device or a reference to it: a camera owns its device; the two queues of a codec
/// share one.
///
/// # Invariants
/// While `core.count` is not 0, the driver has that many buffers of type `core.memory` for us;
/// while `core.streaming` is true, the queue is streaming as far as we know.
#[derive(Debug)]
pub struct Queue<D: AsFd, S> {
    core: Core<D>,
    state: PhantomData<S>,
}

/// The memory of one buffer, unless it is the driver's.
#[derive(Debug, Default)]
enum BufferMemory {
    /// The driver's, or not set yet.
    #[default]
    Empty,
    /// A dma-buf for each memory plane.
    Imported([Option<OwnedFd>; MAX_MEMORY_PLANES]),
    /// One mapping with all memory planes, each at a page boundary.
    Pages(Mapping),
    /// One mapping for each memory plane.
    PlanePages(heapless::Vec<Mapping, MAX_PLANES>),
}

#[derive(Debug)]
struct Core<D: AsFd> {
    device: D,
    buf_type: BufType,
    memory: Memory,
    count: u32,
    plane_count: usize,
    lengths: [u32; MAX_MEMORY_PLANES],
    /// One entry for each buffer, unless the memory is the driver's.
    places: heapless::Vec<BufferMemory, MAX_BUFFERS>,
    streaming: bool,
    /// Number of buffers queued with the driver.
    queued: Cell<u32>,
}

impl<D: AsFd> Core<D> {
    const fn new(device: D, buf_type: BufType) -> Self {
        Self {
            device,
            buf_type,
            memory: Memory::Mmap,
            count: 0,
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
        // Errors don't matter here: closing the device has the same effect.
        let fd = self.device.as_fd();
        if self.streaming {
            let _ = ioctl::streamoff(fd, self.buf_type);
        }
        if self.count > 0 {
            let _ = ioctl::reqbufs(fd, self.buf_type, self.memory, 0);
        }
        // `places` is dropped after this, so attached pages stay mapped until the driver has let go
        // of them.
    }
}

impl<D: AsFd, S> Queue<D, S> {
    /// Returns the device.
    pub const fn device(&self) -> &D {
        &self.core.device
    }

    /// Returns the buffer type, which selects the queue of the device.
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

/// State in which a queue has buffers, streaming or not.
pub trait HasBuffers {}
impl HasBuffers for Allocated {}
impl HasBuffers for Streaming {}
impl HasBuffers for Any {}

impl<D: AsFd, S: HasBuffers> Queue<D, S> {
    /// Returns the number of buffers; indices are below it.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.core.count
    }

    /// Returns the number of buffers that are queued with the driver.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.core.queued.get()
    }

    /// Returns the memory type of the buffers.
    #[must_use]
    pub const fn memory(&self) -> Memory {
        self.core.memory
    }

    /// Returns the number of memory planes of each buffer.
    #[must_use]
    pub const fn plane_count(&self) -> usize {
        self.core.plane_count
    }

    /// Returns the length in bytes of each memory plane: as allocated by the driver, or the minimum
    /// that it needs. Buffers added for another format may be longer ([`Queue::query`]).
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        &self.core.lengths[..self.core.plane_count.min(MAX_MEMORY_PLANES)]
    }
}
