//! A streaming camera.

use core::cell::Cell;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::events::{Events, FrameSync};
use super::{CapturedFrame, Negotiated};
use crate::sequence::step;
use crate::v4l2::queue::{Queue, Streaming};
use crate::v4l2::{BufferFlags, Device, ExportAccess, Memory, Ready, wait};
use crate::{Error, ErrorKind};

/// Counters of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Frames delivered.
    pub delivered: u64,
    /// Frames that the driver counted but did not deliver, usually because no buffer was queued.
    pub lost: u64,
    /// Corrupted frames that were skipped.
    pub skipped: u64,
}

/// A streaming camera. Its buffers are in the driver's memory, in pages of the process, or in
/// imported dma-bufs.
#[derive(Debug)]
pub struct Capture<D: AsFd = Device> {
    pub(super) queue: Queue<D, Streaming>,
    pub(super) negotiated: Negotiated,
    pub(super) skip_corrupted: bool,
    pub(super) events: Events,
    pub(super) last_sequence: Cell<Option<u32>>,
    pub(super) counters: Cell<StreamCounters>,
}

impl<D: AsFd> Capture<D> {
    /// Returns the format and interval that the camera was set to.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Returns the device.
    pub const fn device(&self) -> &D {
        self.queue.device()
    }

    /// Returns whether the camera is streaming; a failed [`Capture::renegotiate`] stops it.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.queue.is_streaming()
    }

    /// Returns the number and time of the frame whose reception began last.
    ///
    /// `None` unless the driver has the event and the program has subscribed to it
    /// ([`Node::subscribe`](crate::v4l2::Node::subscribe) with
    /// [`EventSelector::FrameSync`](crate::v4l2::EventSelector)). The event costs one more system
    /// call per frame.
    #[must_use]
    pub const fn frame_sync(&self) -> Option<FrameSync> {
        self.events.frame_sync()
    }

    /// Returns the number of buffers; indices are below it.
    #[must_use]
    pub const fn buffer_count(&self) -> u32 {
        self.queue.count()
    }

    /// Returns the number of buffers that are queued with the driver. At 0 no frame can arrive.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.queue.queued()
    }

    /// Returns the memory type of the buffers.
    #[must_use]
    pub const fn memory(&self) -> Memory {
        self.queue.memory()
    }

    /// Returns the length in bytes of each memory plane.
    #[must_use]
    pub fn memory_lengths(&self) -> &[u32] {
        self.queue.lengths()
    }

    /// Returns the counters of the stream.
    #[must_use]
    pub const fn counters(&self) -> StreamCounters {
        self.counters.get()
    }

    /// Exports one memory plane of a buffer as a dma-buf.
    ///
    /// # Errors
    /// See [`expbuf`](crate::v4l2::ioctl::expbuf).
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        self.queue.export(index, plane, access)
    }

    /// Waits for the next frame, in capture order.
    ///
    /// A stopped stream delivers no frames; it waits for the signal to change.
    ///
    /// # Units
    /// `deadline_ns` is on `CLOCK_MONOTONIC` ([`deadline_in`](crate::time::deadline_in)); `None`
    /// waits without a limit.
    ///
    /// # Errors
    /// - [`Error::TimedOut`]: no frame before the deadline.
    /// - [`ErrorKind::Disconnected`][]: the device was unplugged.
    /// - [`ErrorKind::SourceChanged`][]: reported once per change. Call [`Capture::renegotiate`],
    ///   or continue in the old format, in which frames may no longer arrive.
    /// - [`ErrorKind::StreamFailed`][]: the driver failed; drop the stream and start a new one.
    /// - [`ErrorKind::NotReady`][]: no buffer is queued; requeue one first.
    /// - [`ErrorKind::EndOfStream`][]: the driver reported the end, and all finished frames have
    ///   been delivered.
    pub fn next_frame(&self, deadline_ns: Option<u64>) -> Result<CapturedFrame<'_, D>, Error> {
        loop {
            // Polling a queue that does not stream can make the kernel start one of its own, and
            // after the end there is no frame to wait for. Wait for events only in both cases.
            let wanted = match self.is_streaming() {
                true => Ready::CAPTURE | Ready::EVENT,
                false => Ready::EVENT,
            };
            let ready = match self.events.has_ended() {
                true => Ready::empty(),
                false => wait(self.as_fd(), wanted, deadline_ns)?,
            };
            // An unplugged device is always ready for events, too, but fails to dequeue them.
            if ready.contains(Ready::EVENT) && !ready.contains(Ready::HANGUP) {
                self.take_events()?;
            }
            match self.take_frame() {
                Ok(Some(frame)) => return Ok(frame),
                // A spurious wake-up, unless the queue itself reports an error.
                Ok(None) if ready.contains(Ready::ERROR) => {
                    return Err(Error::NotReady);
                }
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Dequeues and handles pending events. For programs with their own poll loop, when it reports
    /// `POLLPRI`; [`Capture::next_frame`] calls it automatically. Events of the program's own
    /// subscriptions on this handle are consumed, too.
    ///
    /// # Errors
    /// [`Error::SourceChanged`]: the signal at the input has changed; see [`Capture::renegotiate`].
    pub fn take_events(&self) -> Result<(), Error> {
        self.events.take(self.as_fd())
    }

    /// Returns the next frame if one is finished; never blocks. For programs with their own poll
    /// loop.
    ///
    /// # Errors
    /// Those of [`Capture::next_frame`], except the time-out.
    pub fn take_frame(&self) -> Result<Option<CapturedFrame<'_, D>>, Error> {
        loop {
            let dequeued = match self.queue.dequeue() {
                Ok(dequeued) => dequeued,
                Err(error) if error.kind() == ErrorKind::NotReady => {
                    return match self.events.has_ended() {
                        true => Err(Error::EndOfStream),
                        false => Ok(None),
                    };
                }
                // A stopped queue has no frames. Only a disconnect is worth reporting.
                Err(error) if !self.is_streaming() && error.kind() != ErrorKind::Disconnected => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            let lost = self.count_lost(dequeued.buffer().sequence);
            let mut counters = self.counters.get();
            counters.lost += u64::from(lost);
            let corrupted = dequeued.buffer().flags.contains(BufferFlags::ERROR);
            if corrupted && self.skip_corrupted {
                counters.skipped += 1;
                self.counters.set(counters);
                dequeued.requeue()?;
                continue;
            }
            counters.delivered += 1;
            self.counters.set(counters);
            return Ok(Some(CapturedFrame { dequeued, lost }));
        }
    }

    /// Requeues a buffer that was kept by [`CapturedFrame::into_index`].
    ///
    /// # Errors
    /// See [`qbuf`](crate::v4l2::ioctl::qbuf).
    pub fn requeue(&self, index: u32) -> Result<(), Error> {
        self.queue.queue(index)
    }

    /// Counts the frames missing between the previous frame and this one.
    fn count_lost(&self, sequence: u32) -> u32 {
        let last = self.last_sequence.replace(Some(sequence));
        last.map_or(0, |last| step(last, sequence) - 1)
    }
}

impl<D: AsFd> AsFd for Capture<D> {
    /// For a program's own poll loop: readable when a frame is finished.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.device().as_fd()
    }
}
