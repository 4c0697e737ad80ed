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
//! # Release order
//! Drivers want mappings and exported descriptors of a buffer gone before it is freed. Kernels
//! since 5.0 keep such memory alive (`V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS`), older ones refuse to
//! free. So: unmap, close exported descriptors, then drop the queue, which stops the stream,
//! gives imported memory back and frees the buffers.

use core::cell::Cell;
use core::marker::PhantomData;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;

use super::ioctl::{self, BufferCapabilities, PlaneMemory, QueueBuffer, QueuePlane};
use super::{BufType, Buffer, BufferFlags, Error, ExportAccess, Field, MAX_MEMORY_PLANES, Memory};

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

type Imported = [Option<OwnedFd>; MAX_MEMORY_PLANES];

#[derive(Debug)]
struct Core<D: AsFd> {
    device: D,
    buf_type: BufType,
    memory: Memory,
    count: u32,
    capabilities: BufferCapabilities,
    plane_count: usize,
    lengths: [u32; MAX_MEMORY_PLANES],
    imported: heapless::Vec<Imported, MAX_BUFFERS>,
    streaming: bool,
    /// Buffers that the driver has.
    queued: Cell<u32>,
}

impl<D: AsFd> Drop for Core<D> {
    fn drop(&mut self) {
        // Errors change nothing: the kernel does the same when the device is closed.
        let fd = self.device.as_fd();
        if self.streaming {
            let _ = ioctl::streamoff(fd, self.buf_type);
        }
        self.imported.clear();
        if self.count > 0 {
            let _ = ioctl::reqbufs(fd, self.buf_type, self.memory, 0);
        }
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
        self.core.device.as_fd()
    }

    fn into_state<T>(self) -> Queue<D, T> {
        Queue {
            core: self.core,
            state: PhantomData,
        }
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the queue comes back with the error, and transitions are rare"
)]
impl<D: AsFd> Queue<D, Configured> {
    /// A queue of a device, in the format that the device has.
    pub const fn new(device: D, buf_type: BufType) -> Self {
        Self {
            core: Core {
                device,
                buf_type,
                memory: Memory::Mmap,
                count: 0,
                capabilities: BufferCapabilities::empty(),
                plane_count: 0,
                lengths: [0; MAX_MEMORY_PLANES],
                imported: heapless::Vec::new(),
                streaming: false,
                queued: Cell::new(0),
            },
            state: PhantomData,
        }
    }

    /// Allocates `count` buffers of the driver's memory, to be exported or mapped.
    ///
    /// The driver may give more (it needs some for itself) or fewer (memory is short): see
    /// [`Queue::count`].
    ///
    /// # Errors
    /// Those of [`ioctl::reqbufs`]; [`Error::Argument`] when `count` is 0 or past [`MAX_BUFFERS`].
    pub fn allocate(self, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        self.request(Memory::Mmap, count)
    }

    /// Makes `count` places for buffers whose memory comes from elsewhere as dma-buf; give each
    /// its memory with [`Queue::import`].
    ///
    /// # Errors
    /// As for [`Queue::allocate`]; `EINVAL` when the driver cannot import.
    pub fn allocate_imported(self, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        self.request(Memory::DmaBuf, count)
    }

    fn request(mut self, memory: Memory, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        match self.try_request(memory, count) {
            Ok(()) => Ok(self.into_state()),
            Err(error) => {
                if self.core.count > 0 {
                    let _ = ioctl::reqbufs(self.fd(), self.core.buf_type, memory, 0);
                    self.core.count = 0;
                    self.core.imported.clear();
                }
                Err(Failed { queue: self, error })
            }
        }
    }

    fn try_request(&mut self, memory: Memory, count: u32) -> Result<(), Error> {
        if !(1..=MAX_BUFFERS as u32).contains(&count) {
            return Err(Error::Argument {
                name: "buffers",
                value: count.into(),
            });
        }
        let buf_type = self.core.buf_type;
        let given = ioctl::reqbufs(self.fd(), buf_type, memory, count)?;
        self.core.memory = memory;
        self.core.count = given.count;
        self.core.capabilities = given.capabilities;
        if !(1..=MAX_BUFFERS as u32).contains(&given.count) {
            return Err(Error::Answer {
                call: "VIDIOC_REQBUFS",
                field: "count",
                value: given.count.into(),
            });
        }
        let first = ioctl::querybuf(self.fd(), buf_type, memory, 0)?;
        self.core.plane_count = first.plane_count;
        for (length, plane) in self.core.lengths.iter_mut().zip(first.planes()) {
            *length = plane.length;
        }
        if memory == Memory::DmaBuf {
            // Places have no planes of their own yet: their number is that of the format.
            self.core.plane_count = ioctl::g_fmt(self.fd(), buf_type)?.plane_count;
            for _ in 0..given.count {
                // The count was checked against the capacity above.
                let _ = self.core.imported.push(Imported::default());
            }
        }
        Ok(())
    }
}

/// A queue that has buffers, streaming or not.
pub trait HasBuffers {}
impl HasBuffers for Allocated {}
impl HasBuffers for Streaming {}

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

    /// Memory planes of each buffer.
    #[must_use]
    pub const fn plane_count(&self) -> usize {
        self.core.plane_count
    }

    /// Bytes of each memory plane; for imported memory 0 until it is queued.
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        &self.core.lengths[..self.core.plane_count.min(MAX_MEMORY_PLANES)]
    }

    /// What the queue can do, as far as the kernel says.
    #[must_use]
    pub const fn capabilities(&self) -> BufferCapabilities {
        self.core.capabilities
    }

    /// Sizes, offsets and state of a buffer.
    ///
    /// # Errors
    /// See [`ioctl::querybuf`].
    pub fn query(&self, index: u32) -> Result<Buffer, Error> {
        ioctl::querybuf(self.fd(), self.core.buf_type, self.core.memory, index)
    }

    /// A dma-buf descriptor for one memory plane of a buffer.
    ///
    /// # Errors
    /// See [`ioctl::expbuf`].
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        ioctl::expbuf(self.fd(), self.core.buf_type, index, plane, access)
    }

    /// Gives a place the memory that it will always have: one dma-buf per memory plane.
    ///
    /// The queue keeps descriptors of its own. Keeping memory and place together lets the driver
    /// keep its mapping, too.
    ///
    /// # Errors
    /// - [`Error::Argument`]: no such place, another number of planes, or the queue has memory of
    ///   the driver.
    /// - `EMFILE`: too many descriptors.
    pub fn import(&mut self, index: u32, planes: &[BorrowedFd<'_>]) -> Result<(), Error> {
        if planes.len() != self.core.plane_count {
            return Err(Error::Argument {
                name: "planes",
                value: planes.len() as u64,
            });
        }
        let mut owned = Imported::default();
        for (owned, plane) in owned.iter_mut().zip(planes) {
            let fd = fcntl_dupfd_cloexec(plane, 0).map_err(|e| Error::system("fcntl", e))?;
            *owned = Some(fd);
        }
        let place = self.core.imported.get_mut(index as usize);
        *place.ok_or(Error::Argument {
            name: "buffer index",
            value: index.into(),
        })? = owned;
        Ok(())
    }

    /// Hands a buffer to the driver, to be filled (capture queues).
    ///
    /// # Errors
    /// See [`ioctl::qbuf`]; [`Error::Argument`] when an imported buffer has no memory yet.
    pub fn queue(&self, index: u32) -> Result<(), Error> {
        self.queue_content(index, &Content::default())
    }

    /// Hands a buffer with content to the driver (output queues).
    ///
    /// # Errors
    /// As for [`Queue::queue`].
    pub fn queue_content(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        let mut planes = [QueuePlane::MMAP; MAX_MEMORY_PLANES];
        let planes = &mut planes[..self.core.plane_count.min(MAX_MEMORY_PLANES)];
        for (plane, &bytes_used) in planes.iter_mut().zip(content.bytes_used) {
            plane.bytes_used = bytes_used;
        }
        if self.core.memory == Memory::DmaBuf {
            let memory = self.core.imported.get(index as usize);
            for (at, plane) in planes.iter_mut().enumerate() {
                let fd = memory.and_then(|memory| memory[at].as_ref());
                plane.memory = PlaneMemory::DmaBuf(fd.map(AsFd::as_fd).ok_or(Error::Argument {
                    name: "buffer index",
                    value: index.into(),
                })?);
            }
        }
        let buffer = QueueBuffer {
            index,
            planes,
            flags: content.flags,
            field: content.field,
            timestamp_ns: content.timestamp_ns,
        };
        ioctl::qbuf(self.fd(), self.core.buf_type, self.core.memory, &buffer)?;
        self.core.queued.set(self.core.queued.get() + 1);
        Ok(())
    }
}

/// What a buffer of an output queue holds.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// Bytes per memory plane.
    pub bytes_used: &'a [u32],
    /// Timestamp in nanoseconds; codecs copy it to the result.
    pub timestamp_ns: u64,
    /// Flags, such as cache hints.
    pub flags: BufferFlags,
    /// Which lines.
    pub field: Field,
}

impl Default for Content<'_> {
    fn default() -> Self {
        Self {
            bytes_used: &[],
            timestamp_ns: 0,
            flags: BufferFlags::empty(),
            field: Field::Any,
        }
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the queue comes back with the error, and transitions are rare"
)]
impl<D: AsFd> Queue<D, Allocated> {
    /// Queues every buffer and starts the stream.
    ///
    /// # Errors
    /// Those of [`Queue::queue`] and [`Queue::stream_on`].
    pub fn queue_all_and_stream_on(self) -> Result<Queue<D, Streaming>, Failed<Self>> {
        for index in 0..self.core.count {
            if let Err(error) = self.queue(index) {
                return Err(self.take_back(error));
            }
        }
        self.stream_on()
    }

    /// Starts the stream.
    ///
    /// # Errors
    /// Those of [`ioctl::streamon`]. The driver has given all buffers back then, so that they can
    /// be queued again.
    pub fn stream_on(mut self) -> Result<Queue<D, Streaming>, Failed<Self>> {
        match ioctl::streamon(self.fd(), self.core.buf_type) {
            Ok(()) => {
                self.core.streaming = true;
                Ok(self.into_state())
            }
            Err(error) => Err(self.take_back(error)),
        }
    }

    /// Takes all buffers back: queued ones stay with the driver when a start fails.
    fn take_back(self, error: Error) -> Failed<Self> {
        let _ = ioctl::streamoff(self.fd(), self.core.buf_type);
        self.core.queued.set(0);
        Failed { queue: self, error }
    }

    /// Frees the buffers.
    ///
    /// # Errors
    /// `EBUSY` on kernels before 5.0 while buffers are mapped or exported.
    pub fn free(mut self) -> Result<Queue<D, Configured>, Failed<Self>> {
        match ioctl::reqbufs(self.fd(), self.core.buf_type, self.core.memory, 0) {
            Ok(_) => {
                self.core.count = 0;
                self.core.queued.set(0);
                self.core.imported.clear();
                Ok(self.into_state())
            }
            Err(error) => Err(Failed { queue: self, error }),
        }
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the queue comes back with the error, and transitions are rare"
)]
impl<D: AsFd> Queue<D, Streaming> {
    /// Takes the buffer that was finished first, with one system call.
    ///
    /// # Errors
    /// Those of [`ioctl::dqbuf`]; [`ErrorKind::NotReady`](super::ErrorKind) when none is finished;
    /// [`Error::Answer`] when the driver names a buffer that does not exist.
    pub fn dequeue(&self) -> Result<Dequeued<'_, D>, Error> {
        let buffer = ioctl::dqbuf(self.fd(), self.core.buf_type, self.core.memory)?;
        if buffer.index >= self.core.count {
            return Err(Error::Answer {
                call: "VIDIOC_DQBUF",
                field: "index",
                value: buffer.index.into(),
            });
        }
        self.core
            .queued
            .set(self.core.queued.get().saturating_sub(1));
        Ok(Dequeued {
            queue: self,
            buffer,
            armed: true,
        })
    }

    /// Stops the stream; all buffers are the program's again.
    ///
    /// # Errors
    /// Those of [`ioctl::streamoff`].
    pub fn stream_off(mut self) -> Result<Queue<D, Allocated>, Failed<Self>> {
        match ioctl::streamoff(self.fd(), self.core.buf_type) {
            Ok(()) => {
                self.core.streaming = false;
                self.core.queued.set(0);
                Ok(self.into_state())
            }
            Err(error) => Err(Failed { queue: self, error }),
        }
    }
}

/// A finished buffer, outside the queue until dropped.
#[derive(Debug)]
#[must_use = "dropping it queues the buffer again"]
pub struct Dequeued<'q, D: AsFd> {
    queue: &'q Queue<D, Streaming>,
    buffer: Buffer,
    armed: bool,
}

impl<D: AsFd> Dequeued<'_, D> {
    /// What the driver says of it.
    #[must_use]
    pub const fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Keeps the buffer out of the queue; [`Queue::queue`] brings it back.
    #[must_use]
    pub fn into_index(mut self) -> u32 {
        self.armed = false;
        self.buffer.index
    }

    /// Queues the buffer again and tells whether that worked, which dropping cannot.
    ///
    /// # Errors
    /// Those of [`Queue::queue`]; the buffer stays out then.
    pub fn requeue(mut self) -> Result<(), Error> {
        self.armed = false;
        self.queue.queue(self.buffer.index)
    }
}

impl<D: AsFd> Drop for Dequeued<'_, D> {
    fn drop(&mut self) {
        if self.armed {
            // A failed or unplugged device reports itself at the next dequeue.
            let _ = self.queue.queue(self.buffer.index);
        }
    }
}
