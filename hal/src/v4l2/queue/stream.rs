//! Starting and stopping a queue, and its finished buffers.

use rustix::fd::AsFd;

use super::{Allocated, Configured, Content, Core, Failed, Places, Queue, Streaming};
use crate::v4l2::{Buffer, Error, Memory, ioctl};

#[expect(
    clippy::result_large_err,
    reason = "the queue comes back with the error, and transitions are rare"
)]
impl<D: AsFd> Queue<D, Allocated> {
    /// Queues every buffer and starts the stream.
    ///
    /// # Errors
    /// Those of [`Queue::queue`] and [`Queue::stream_on`].
    pub fn queue_all_and_stream_on(mut self) -> Result<Queue<D, Streaming>, Failed<Self>> {
        match self.core.queue_all().and_then(|()| self.core.start()) {
            Ok(()) => Ok(self.into_state()),
            Err(error) => Err(Failed { queue: self, error }),
        }
    }

    /// Starts the stream.
    ///
    /// # Errors
    /// Those of [`ioctl::streamon`]. The driver has given all buffers back then, so that they can
    /// be queued again.
    pub fn stream_on(mut self) -> Result<Queue<D, Streaming>, Failed<Self>> {
        match self.core.start() {
            Ok(()) => Ok(self.into_state()),
            Err(error) => Err(Failed { queue: self, error }),
        }
    }

    /// Frees the buffers.
    ///
    /// # Errors
    /// `EBUSY` on kernels before 5.0 while buffers are mapped or exported.
    pub fn free(mut self) -> Result<Queue<D, Configured>, Failed<Self>> {
        match self.core.free() {
            Ok(()) => Ok(self.into_state()),
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
    /// Those of [`ioctl::dqbuf`]; [`ErrorKind::NotReady`](crate::v4l2::ErrorKind) when none is finished;
    /// [`Error::Answer`] when the driver names a buffer that does not exist.
    pub fn dequeue(&self) -> Result<Dequeued<'_, D>, Error> {
        Ok(Dequeued {
            queue: self,
            buffer: self.core.dequeue()?,
            armed: true,
        })
    }

    /// Stops the stream; all buffers are the program's again.
    ///
    /// # Errors
    /// Those of [`ioctl::streamoff`].
    pub fn stream_off(mut self) -> Result<Queue<D, Allocated>, Failed<Self>> {
        match self.core.stop() {
            Ok(()) => Ok(self.into_state()),
            Err(error) => Err(Failed { queue: self, error }),
        }
    }

    /// Whether it streams, as far as we know: a [`Queue::restart`] that failed has stopped it.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.core.streaming
    }

    /// Stops, frees the buffers, lets `configure` set another format, and starts anew with
    /// `count` buffers of the driver's memory. What was known of the buffers before, numbers
    /// included, is void.
    ///
    /// # Errors
    /// Those of the steps. The queue is stopped and, unless the driver refused to free them, has no
    /// buffers then; it can be restarted once more, and other programs can use the device meanwhile.
    pub fn restart<T>(
        &mut self,
        count: u32,
        configure: impl FnOnce(&D) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.restart_supplied(Memory::Mmap, count, configure, &mut |_| Ok(()))
    }

    /// [`Queue::restart`] with memory of a kind, which `supply` gives to the buffers.
    ///
    /// # Errors
    /// Those of [`Queue::restart`] and of `supply`.
    pub fn restart_supplied<T>(
        &mut self,
        memory: Memory,
        count: u32,
        configure: impl FnOnce(&D) -> Result<T, Error>,
        supply: &mut dyn FnMut(&mut Places<'_>) -> Result<(), Error>,
    ) -> Result<T, Error> {
        if self.core.streaming {
            self.core.stop()?;
        }
        if self.core.count > 0 {
            self.core.free()?;
        }
        let configured = configure(&self.core.device)?;
        self.core.request(memory, count)?;
        let started = supply(&mut self.core.places())
            .and_then(|()| self.core.queue_all())
            .and_then(|()| self.core.start());
        if started.is_err() {
            let _ = self.core.free();
        }
        started.map(|()| configured)
    }
}

impl<D: AsFd> Core<D> {
    fn queue_all(&mut self) -> Result<(), Error> {
        for index in 0..self.count {
            if let Err(error) = self.queue(index, &Content::default()) {
                self.take_back();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes the buffer that was finished first.
    pub(super) fn dequeue(&self) -> Result<Buffer, Error> {
        let buffer = ioctl::dqbuf(self.fd(), self.buf_type, self.memory)?;
        if buffer.index >= self.count {
            return Err(Error::Answer {
                call: "VIDIOC_DQBUF",
                field: "index",
                value: buffer.index.into(),
            });
        }
        self.queued.set(self.queued.get().saturating_sub(1));
        Ok(buffer)
    }

    pub(super) fn start(&mut self) -> Result<(), Error> {
        match ioctl::streamon(self.fd(), self.buf_type) {
            Ok(()) => {
                self.streaming = true;
                Ok(())
            }
            Err(error) => {
                self.take_back();
                Err(error)
            }
        }
    }

    pub(super) fn stop(&mut self) -> Result<(), Error> {
        ioctl::streamoff(self.fd(), self.buf_type)?;
        self.streaming = false;
        self.queued.set(0);
        Ok(())
    }

    /// Takes all buffers back: queued ones stay with the driver when a start fails.
    fn take_back(&mut self) {
        let _ = ioctl::streamoff(self.fd(), self.buf_type);
        self.queued.set(0);
    }
}

/// A finished buffer, outside the queue until dropped. One of an output queue stays out: it wants
/// new content first.
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
        if self.armed && !self.queue.core.buf_type.is_output() {
            // A failed or unplugged device reports itself at the next dequeue.
            let _ = self.queue.queue(self.buffer.index);
        }
    }
}
