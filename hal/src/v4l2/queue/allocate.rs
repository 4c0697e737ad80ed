//! Getting buffers, and more of them.

use core::marker::PhantomData;
use core::ops::Range;

use rustix::fd::AsFd;

use super::{Allocated, Configured, Core, Failed, HasBuffers, MAX_BUFFERS, Place, Places, Queue};
use crate::v4l2::{BufType, Error, Memory, PixFormat, ioctl};

#[expect(
    clippy::result_large_err,
    reason = "the queue comes back with the error, and transitions are rare"
)]
impl<D: AsFd> Queue<D, Configured> {
    /// A queue of a device, in the format that the device has.
    pub const fn new(device: D, buf_type: BufType) -> Self {
        Self {
            core: Core::new(device, buf_type),
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

    /// Makes `count` places for buffers whose memory is mapped in this process; give each its
    /// memory with [`Queue::lend`]. For drivers without dma-buf.
    ///
    /// # Errors
    /// As for [`Queue::allocate`]; `EINVAL` when the driver takes no memory by address.
    pub fn allocate_user(self, count: u32) -> Result<Queue<D, Allocated>, Failed<Self>> {
        self.request(Memory::UserPtr, count)
    }

    /// Makes `count` buffers with memory of a kind, which `supply` gives to them.
    ///
    /// # Errors
    /// As for [`Queue::allocate`], and those of `supply`.
    pub fn allocate_supplied(
        mut self,
        memory: Memory,
        count: u32,
        supply: &mut dyn FnMut(&mut Places<'_>) -> Result<(), Error>,
    ) -> Result<Queue<D, Allocated>, Failed<Self>> {
        let requested = self.core.request(memory, count);
        match requested.and_then(|()| supply(&mut self.core.places())) {
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
    /// Adds up to `count` buffers, also while streaming. The result is the range of their
    /// indices; it may be shorter than asked for.
    ///
    /// They are large enough for `format`, which may be a larger one than the present; `None`
    /// makes them like the others.
    ///
    /// # Errors
    /// - `ENOTTY`: the driver cannot add buffers.
    /// - `EINVAL`: the format needs less than the present one, or is none of the driver's.
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
                call: "VIDIOC_CREATE_BUFS",
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
    /// Gets buffers; after an error there are none.
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
        self.capabilities = given.capabilities;
        if !(1..=MAX_BUFFERS as u32).contains(&given.count) {
            return Err(Error::Answer {
                call: "VIDIOC_REQBUFS",
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
            // Places have no planes of their own yet: they are those of the format.
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

    /// A place for every buffer whose memory is not the driver's.
    fn make_places(&mut self) {
        if self.memory == Memory::Mmap {
            return;
        }
        while self.places.len() < self.count as usize {
            if self.places.push(Place::Empty).is_err() {
                // Counts above the capacity were refused before.
                return;
            }
        }
    }
}

/// Refuses counts that do not fit beside the buffers that there are.
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
