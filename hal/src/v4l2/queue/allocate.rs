//! Allocating buffers, and adding more.

use core::marker::PhantomData;
use core::ops::Range;

use rustix::fd::AsFd;

use super::{
    Allocated, BufferMemory, Configured, Core, ExternalMemory, Failed, HasBuffers, MAX_BUFFERS,
    Queue,
};
use crate::v4l2::{BufType, Memory, PixFormat, ioctl};
use crate::{Call, Error};

#[expect(
    clippy::result_large_err,
    reason = "the queue comes back with the error, and transitions are rare"
)]
impl<D: AsFd> Queue<D, Configured> {
    /// Creates a queue of a device, in the device's current format.
    pub const fn new(device: D, buf_type: BufType) -> Self {
        Self {
            core: Core::new(device, buf_type),
            state: PhantomData,
        }
    }

    /// Allocates `count` buffers in the driver's memory, which can be exported or mapped.
    ///
    /// The driver may allocate more (it needs some itself) or fewer (memory is short): see
    /// [`Queue::count`].
    ///
    /// # Errors
    /// Those of [`ioctl::reqbufs`]; [`Error::Argument`] when `count` is 0 or above [`MAX_BUFFERS`].
    pub fn allocate(self, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        self.request(Memory::Mmap, count)
    }

    /// Allocates `count` buffers that import dma-bufs; give each its memory with [`Queue::import`].
    ///
    /// # Errors
    /// Those of [`Queue::allocate`]; `EINVAL` when the driver cannot import.
    pub fn allocate_imported(self, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        self.request(Memory::DmaBuf, count)
    }

    /// Allocates `count` buffers in memory mapped by this process; give each its memory with
    /// [`Queue::attach`]. For drivers without dma-buf.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`]; `EINVAL` when the driver does not support user pointers.
    pub fn allocate_user(self, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        self.request(Memory::UserPtr, count)
    }

    /// Allocates `count` buffers of a given memory type, for which `supply` provides the memory.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`] and of `supply`.
    pub fn allocate_supplied(
        mut self,
        memory: Memory,
        count: u32,
        supply: &mut dyn FnMut(&mut ExternalMemory<'_>) -> Result<(), Error>,
    ) -> Result<Queue<D, Allocated>, Failed<Self>> {
        let requested = self.core.request(memory, count);
        match requested.and_then(|()| supply(&mut self.core.external_memory())) {
            Ok(()) => Ok(self.into_state()),
            Err(error) => {
                if self.core.count > 0 {
                    let _ = self.core.free();
                }
                Err(Failed { queue: self, error })
            }
        }
    }

    fn request(mut self, memory: Memory, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        match self.core.request(memory, count) {
            Ok(()) => Ok(self.into_state()),
            Err(error) => Err(Failed { queue: self, error }),
        }
    }
}

impl<D: AsFd, S: HasBuffers> Queue<D, S> {
    /// Adds up to `count` buffers, also while streaming. Returns the range of their indices, which
    /// may be shorter than requested.
    ///
    /// The buffers are large enough for `format`, which may be larger than the current one; `None`
    /// makes them like the others.
    ///
    /// # Errors
    /// - `ENOTTY`: the driver cannot add buffers.
    /// - `EINVAL`: the format needs less than the current one, or the driver does not have it.
    /// - `ENOMEM`: memory is short.
    /// - [`Error::Argument`]: there would be more than [`MAX_BUFFERS`].
    #[doc(alias = "VIDIOC_CREATE_BUFS")]
    pub fn add(&mut self, count: u32, format: Option<&PixFormat>) -> Result<Range<u32>, Error> {
        check_count(count, self.core.count)?;
        let (buf_type, memory) = (self.core.buf_type, self.core.memory);
        let format = match format {
            Some(format) => *format,
            None => ioctl::g_fmt(self.fd(), buf_type)?,
        };
        let given = ioctl::create_bufs(self.fd(), buf_type, memory, count, &format)?;
        let end = given.index.saturating_add(given.count);
        if given.index != self.core.count || end > MAX_BUFFERS as u32 {
            return Err(Error::Answer {
                call: Call::CreateBufs,
                field: "index",
                value: given.index.into(),
            });
        }
        self.core.count = end;
        self.core.make_places();
        Ok(given.index..end)
    }
}

impl<D: AsFd> Core<D> {
    /// Requests buffers; after an error there are no buffers.
    pub(super) fn request(&mut self, memory: Memory, count: u32) -> Result<(), Error> {
        let requested = self.try_request(memory, count);
        if requested.is_err() && self.count > 0 {
            let _ = self.free();
        }
        requested
    }

    fn try_request(&mut self, memory: Memory, count: u32) -> Result<(), Error> {
        check_count(count, 0)?;
        let buf_type = self.buf_type;
        let given = ioctl::reqbufs(self.fd(), buf_type, memory, count)?;
        self.memory = memory;
        self.count = given.count;
        if !(1..=MAX_BUFFERS as u32).contains(&given.count) {
            return Err(Error::Answer {
                call: Call::ReqBufs,
                field: "count",
                value: given.count.into(),
            });
        }
        if memory == Memory::Mmap {
            let first = ioctl::querybuf(self.fd(), buf_type, memory, 0)?;
            self.plane_count = first.plane_count;
            for (length, plane) in self.lengths.iter_mut().zip(first.planes()) {
                *length = plane.length;
            }
        } else {
            // Buffers without memory report no planes yet, so take those of the format.
            let format = ioctl::g_fmt(self.fd(), buf_type)?;
            self.plane_count = format.plane_count;
            for (length, plane) in self.lengths.iter_mut().zip(format.planes()) {
                *length = plane.size_image;
            }
        }
        self.make_places();
        Ok(())
    }

    /// Frees the buffers.
    pub(super) fn free(&mut self) -> Result<(), Error> {
        ioctl::reqbufs(self.fd(), self.buf_type, self.memory, 0)?;
        self.count = 0;
        self.queued.set(0);
        self.places.clear();
        Ok(())
    }

    /// Makes an entry for every buffer whose memory is not the driver's.
    fn make_places(&mut self) {
        if self.memory == Memory::Mmap {
            return;
        }
        while self.places.len() < self.count as usize {
            if self.places.push(BufferMemory::Empty).is_err() {
                // Counts above the capacity were refused earlier.
                return;
            }
        }
    }
}

/// Refuses counts that exceed the limit together with the existing buffers.
fn check_count(count: u32, present: u32) -> Result<(), Error> {
    let room = (MAX_BUFFERS as u32).saturating_sub(present);
    if !(1..=room).contains(&count) {
        return Err(Error::Argument {
            name: "buffers",
            value: count.into(),
        });
    }
    Ok(())
}
