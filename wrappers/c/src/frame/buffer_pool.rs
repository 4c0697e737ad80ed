//! Reused frame memory of decoders and encoders: allocated and mapped once, then passed from a
//! released frame to the next one.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::io::Errno;
use videostream::hal::memory::dmabuf::{Identity, identity};
use videostream::hal::memory::{Mapping, MemoryError};

use super::buffer::Buffer;
use super::{Frame, map};

/// Most idle buffers that a pool keeps.
const MAX_IDLE: usize = 16;

/// A buffer with its mapping.
#[derive(Debug)]
struct MappedBuffer {
    // Unmapped before the buffer goes.
    view: Mapping,
    buffer: Buffer,
    identity: Identity,
    /// Bytes of the frame that it was allocated for.
    size: usize,
}

/// Buffers without a frame. Boxed, so that they move between frames without an allocation.
type Idle = Vec<Box<MappedBuffer>>;

/// A pool of one decoder or encoder. Buffers that are out when it is dropped are freed with their
/// frames.
#[derive(Debug)]
pub(crate) struct BufferPool(Mutex<Idle>);

/// A buffer that a frame has; returns to its pool on drop, if that still exists.
#[derive(Debug)]
pub(super) struct PooledBuffer {
    /// `Some` until the drop.
    mapped: Option<Box<MappedBuffer>>,
    pool: Weak<BufferPool>,
}

impl BufferPool {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Vec::with_capacity(MAX_IDLE))))
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // A push or a pop is whole or has not happened.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes or makes a buffer of `size` bytes, and frees idle ones of other sizes.
    fn take(&self, size: usize) -> Result<Box<MappedBuffer>, Errno> {
        let mut idle = self.idle();
        while let Some(mapped) = idle.pop() {
            if mapped.size == size {
                return Ok(mapped);
            }
        }
        drop(idle);
        let buffer = Buffer::allocate(None, size)?;
        Ok(Box::new(MappedBuffer {
            view: map(buffer.fd(), 0, size)?,
            identity: identity(buffer.fd()).map_err(MemoryError::errno)?,
            buffer,
            size,
        }))
    }
}

impl PooledBuffer {
    fn mapped(&self) -> &MappedBuffer {
        match &self.mapped {
            Some(mapped) => mapped,
            None => unreachable!("taken by the drop only"),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.mapped().buffer.fd()
    }

    pub(super) fn view(&self) -> &Mapping {
        &self.mapped().view
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let (Some(mapped), Some(pool)) = (self.mapped.take(), self.pool.upgrade()) else {
            return;
        };
        let mut idle = pool.idle();
        if idle.len() < MAX_IDLE {
            idle.push(mapped);
        }
    }
}

impl Frame {
    /// Replaces the frame's memory with `size` bytes of `buffers`, whose content is undefined.
    pub(crate) fn take_pooled(
        &mut self,
        buffers: &Arc<BufferPool>,
        size: usize,
    ) -> Result<(), Errno> {
        self.discard();
        let mapped = buffers.take(size)?;
        self.identity = Some(mapped.identity);
        self.buffer = Some(Buffer::Pooled(PooledBuffer {
            mapped: Some(mapped),
            pool: Arc::downgrade(buffers),
        }));
        (self.size, self.capacity) = (size, size);
        Ok(())
    }

    /// Keeps the memory from its pool after this frame: a client may still hold it.
    pub(crate) fn detach_from_pool(&mut self) {
        if let Some(Buffer::Pooled(pooled)) = &mut self.buffer {
            pooled.pool = Weak::new();
        }
    }
}
