//! Starting and stopping a queue, and dequeuing its buffers.

use rustix::fd::AsFd;

use super::{Allocated, Configured, Content, Core, ExternalMemory, Failed, Queue, Streaming};
use crate::v4l2::{Buffer, Memory, ioctl};
use crate::{Call, Error};

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
    /// Those of [`ioctl::streamon`]. The driver has returned all buffers then, so they can be
    /// queued again.
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
    /// Dequeues the buffer that finished first, with one system call.
    ///
    /// # Errors
    /// Those of [`ioctl::dqbuf`]; [`ErrorKind::NotReady`](crate::v4l2::ErrorKind) when no buffer is
    /// finished; [`Error::Answer`] when the driver returns the index of a buffer that does not
    /// exist.
    pub fn dequeue(&self) -> Result<Dequeued<'_, D>, Error> {
        Ok(Dequeued {
            queue: self,
            buffer: self.core.dequeue()?,
            armed: true,
        })
    }

    /// Stops the stream, which returns all buffers to the program.
    ///
    /// # Errors
    /// Those of [`ioctl::streamoff`].
    pub fn stream_off(mut self) -> Result<Queue<D, Allocated>, Failed<Self>> {
        match self.core.stop() {
            Ok(()) => Ok(self.into_state()),
            Err(error) => Err(Failed { queue: self, error }),
        }
    }

    /// Returns whether the queue is streaming, as far as we know; a failed [`Queue::restart`] stops
    /// it.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.core.streaming
    }

    /// Restarts with `count` buffers in the driver's memory: stops, frees the buffers, lets
    /// `configure` set another format, allocates, and starts. Buffer indices from before are
    /// invalid.
    ///
    /// # Errors
    /// Those of the steps. After an error the queue is stopped and, unless the driver refused to
    /// free them, has no buffers. It can be restarted again, and other programs can use the device
    /// meanwhile.
    pub fn restart<T>(
        &mut self,
        count: u32,
        configure: impl FnOnce(&D) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.restart_supplied(Memory::Mmap, count, configure, &mut |_| Ok(()))
    }

    /// [`Queue::restart`] with a given memory type, for which `supply` provides the buffers'
    /// memory.
    ///
    /// # Errors
    /// Those of [`Queue::restart`] and of `supply`.
    pub fn restart_supplied<T>(
        &mut self,
        memory: Memory,
        count: u32,
        configure: impl FnOnce(&D) -> Result<T, Error>,
        supply: &mut dyn FnMut(&mut ExternalMemory<'_>) -> Result<(), Error>,
    ) -> Result<T, Error> {
        if self.core.streaming {
            self.core.stop()?;
        }
        if self.core.count > 0 {
            self.core.free()?;
        }
        let configured = configure(&self.core.device)?;
        self.core.request(memory, count)?;
        let started = supply(&mut self.core.external_memory())
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

    /// Dequeues the buffer that finished first.
    pub(super) fn dequeue(&self) -> Result<Buffer, Error> {
        let buffer = ioctl::dqbuf(self.fd(), self.buf_type, self.memory)?;
        if buffer.index >= self.count {
            return Err(Error::Answer {
                call: Call::DqBuf,
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

    /// Takes all buffers back: after a failed start, the driver keeps the queued ones until told to
    /// stop.
    fn take_back(&mut self) {
        let _ = ioctl::streamoff(self.fd(), self.buf_type);
        self.queued.set(0);
    }
}

/// A dequeued buffer. Dropping it requeues it, except in an output queue, where it needs new
/// content first.
#[derive(Debug)]
#[must_use = "dropping it queues the buffer again"]
pub struct Dequeued<'q, D: AsFd> {
    queue: &'q Queue<D, Streaming>,
    buffer: Buffer,
    armed: bool,
}

impl<D: AsFd> Dequeued<'_, D> {
    /// Returns the driver's description of the buffer.
    #[must_use]
    pub const fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Keeps the buffer out of the queue; [`Queue::queue`] returns it.
    #[must_use]
    pub fn into_index(mut self) -> u32 {
        self.armed = false;
        self.buffer.index
    }

    /// Requeues the buffer and returns the error that dropping would ignore.
    ///
    /// # Errors
    /// Those of [`Queue::queue`]; the buffer stays out of the queue then.
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
