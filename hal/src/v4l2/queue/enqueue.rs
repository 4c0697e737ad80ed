//! Queueing buffers.

use rustix::fd::AsFd;

use super::{BufferMemory, Core, HasBuffers, MAX_MEMORY_PLANES, Queue};
use crate::Error;
use crate::v4l2::ioctl::{self, PlaneMemory, QueueBuffer, QueuePlane};
use crate::v4l2::{BufferFlags, Field, Memory};

impl<D: AsFd, S: HasBuffers> Queue<D, S> {
    /// Queues a buffer for the driver to fill (capture queues).
    ///
    /// # Errors
    /// See [`ioctl::qbuf`]; [`Error::Argument`] when the buffer has no memory yet.
    pub fn queue(&self, index: u32) -> Result<(), Error> {
        self.queue_content(index, &Content::default())
    }

    /// Queues a buffer with content (output queues).
    ///
    /// # Errors
    /// Those of [`Queue::queue`]; [`Error::Argument`] for a data offset in a single-planar queue.
    pub fn queue_content(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        self.core.queue(index, content)
    }
}

impl<D: AsFd> Core<D> {
    pub(super) fn queue(&self, index: u32, content: &Content<'_>) -> Result<(), Error> {
        let mut planes = [QueuePlane::MMAP; MAX_MEMORY_PLANES];
        let planes = &mut planes[..self.plane_count.min(MAX_MEMORY_PLANES)];
        for (plane, &bytes_used) in planes.iter_mut().zip(content.bytes_used) {
            plane.bytes_used = bytes_used;
        }
        for (plane, &data_offset) in planes.iter_mut().zip(content.data_offsets) {
            if data_offset > 0 && !self.buf_type.is_mplane() {
                return Err(Error::Argument {
                    name: "data offset in a single-planar queue",
                    value: data_offset.into(),
                });
            }
            plane.data_offset = data_offset;
        }
        if self.memory != Memory::Mmap {
            self.point_to_memory(index, planes)?;
        }
        let buffer = QueueBuffer {
            index,
            planes,
            flags: content.flags,
            field: content.field,
            timestamp_ns: content.timestamp_ns,
        };
        ioctl::qbuf(self.fd(), self.buf_type, self.memory, &buffer)?;
        self.queued.set(self.queued.get() + 1);
        Ok(())
    }

    /// Fills in where the memory of each plane is.
    fn point_to_memory<'q>(
        &'q self,
        index: u32,
        planes: &mut [QueuePlane<'q>],
    ) -> Result<(), Error> {
        let nothing = Error::Argument {
            name: "buffer index",
            value: index.into(),
        };
        let place = self.places.get(index as usize).ok_or(nothing)?;
        for (at, plane) in planes.iter_mut().enumerate() {
            match place {
                BufferMemory::Imported(fds) => {
                    let fd = fds[at].as_ref().ok_or(nothing)?;
                    plane.memory = PlaneMemory::DmaBuf(fd.as_fd());
                    // The kernel finds the size of a dma-buf itself, but checks the content's
                    // length against this.
                    if self.buf_type.is_output() {
                        plane.length = self.lengths[at].max(plane.bytes_used);
                    }
                }
                BufferMemory::Pages(pages) => {
                    plane.memory = PlaneMemory::UserPtr {
                        pages,
                        offset: self.lent_offset(at),
                    };
                    plane.length = self.lengths[at];
                }
                BufferMemory::PlanePages(each) => {
                    let pages = each.get(at).ok_or(nothing)?;
                    plane.memory = PlaneMemory::UserPtr { pages, offset: 0 };
                    plane.length = self.lengths[at];
                }
                BufferMemory::Empty => return Err(nothing),
            }
        }
        Ok(())
    }
}

/// The content of a buffer of an output queue.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// Bytes used in each memory plane, including those before the content.
    #[doc(alias = "bytesused")]
    pub bytes_used: &'a [u32],
    /// Bytes before the content in each memory plane; multi-planar queues only.
    #[doc(alias = "data_offset")]
    pub data_offsets: &'a [u32],
    /// Timestamp in nanoseconds; codecs copy it to the result, in whole microseconds.
    pub timestamp_ns: u64,
    /// Flags, such as cache hints.
    pub flags: BufferFlags,
    /// Field order.
    pub field: Field,
}

impl Default for Content<'_> {
    fn default() -> Self {
        Self {
            bytes_used: &[],
            data_offsets: &[],
            timestamp_ns: 0,
            flags: BufferFlags::empty(),
            field: Field::Any,
        }
    }
}
