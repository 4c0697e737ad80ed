//! A camera that streams from the driver's memory.

use core::cell::Cell;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::events::{Events, FrameSync};
use super::frame::lost_between;
use super::{Frame, Negotiated};
use crate::v4l2::queue::{Queue, Streaming};
use crate::v4l2::{BufferFlags, Device, Error, ErrorKind, ExportAccess, Memory, Ready, wait};

/// Counters of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Frames delivered.
    pub delivered: u64,
    /// Frames that the driver counted but never delivered, for lack of buffers or otherwise.
    pub lost: u64,
    /// Frames with suspect content that were skipped.
    pub skipped: u64,
}

/// A camera that streams from the driver's memory.
#[derive(Debug)]
pub struct CameraStream<D: AsFd = Device> {
    pub(super) queue: Queue<D, Streaming>,
    pub(super) negotiated: Negotiated,
    pub(super) skip_corrupted: bool,
    pub(super) events: Events,
    pub(super) last_sequence: Cell<Option<u32>>,
    pub(super) counters: Cell<StreamCounters>,
}

impl<D: AsFd> CameraStream<D> {
    /// What the camera was set to.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The device.
    pub const fn device(&self) -> &D {
        self.queue.device()
    }

    /// Whether it streams: a [`CameraStream::renegotiate`] that failed has stopped it.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.queue.is_streaming()
    }

    /// The frame whose reception began last: its number, and when. For drivers that have the event
    /// and programs that ask for it ([`Node::subscribe`](crate::v4l2::Node::subscribe) with
    /// [`EventSelector::FrameSync`](crate::v4l2::EventSelector)), at one more call for each frame;
    /// otherwise `None`.
    #[must_use]
    pub const fn frame_sync(&self) -> Option<FrameSync> {
        self.events.frame_sync()
    }

    /// Number of buffers; their indices are below it.
    #[must_use]
    pub const fn buffer_count(&self) -> u32 {
        self.queue.count()
    }

    /// Number of buffers that the driver has at the moment. At 0 no frame can come.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.queue.queued()
    }

    /// Whose memory the buffers have.
    #[must_use]
    pub const fn memory(&self) -> Memory {
        self.queue.memory()
    }

    /// Bytes of each memory plane.
    #[must_use]
    pub fn memory_lengths(&self) -> &[u32] {
        self.queue.lengths()
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counters(&self) -> StreamCounters {
        self.counters.get()
    }

    /// A dma-buf descriptor for one memory plane of a buffer.
    ///
    /// # Errors
    /// See [`expbuf`](crate::v4l2::ioctl::expbuf).
    pub fn export(&self, index: u32, plane: u32, access: ExportAccess) -> Result<OwnedFd, Error> {
        self.queue.export(index, plane, access)
    }

    /// The next frame, in the order of capture.
    ///
    /// # Units
    /// `deadline_ns` on `CLOCK_MONOTONIC` ([`deadline_in`](crate::time::deadline_in)); `None` waits without end.
    ///
    /// # Errors
    /// - [`Error::TimedOut`]: no frame before the deadline.
    /// - [`ErrorKind::Disconnected`][]: unplugged.
    /// - [`ErrorKind::SourceChanged`][]: told once; [`CameraStream::renegotiate`], or go on in the
    ///   old format, in which no picture may come.
    /// - [`ErrorKind::StreamFailed`][]: the driver gave up; drop the stream and start a new one.
    /// - [`ErrorKind::NotReady`][]: the driver has no buffer to fill; give one back first.
    /// - [`ErrorKind::EndOfStream`][]: the driver says that there are no more, and all that were
    ///   finished have been delivered.
    ///
    /// A stream that is stopped delivers none: it waits for a change of the signal.
    pub fn next_frame(&self, deadline_ns: Option<u64>) -> Result<Frame<'_, D>, Error> {
        loop {
            // Before it streams, asking for frames would start a stream of the kernel's own; after
            // the end there is nothing to wait for.
            let wanted = match self.is_streaming() {
                true => Ready::CAPTURE | Ready::EVENT,
                false => Ready::EVENT,
            };
            let ready = match self.events.has_ended() {
                true => Ready::empty(),
                false => wait(self.as_fd(), wanted, deadline_ns)?,
            };
            // An unplugged device is ready for events, too, and answers to none.
            if ready.contains(Ready::EVENT) && !ready.contains(Ready::HANGUP) {
                self.take_events()?;
            }
            match self.take_frame() {
                Ok(Some(frame)) => return Ok(frame),
                // Woken for nothing, unless the queue itself has a complaint.
                Ok(None) if ready.contains(Ready::ERROR) => {
                    return Err(Error::System {
                        call: "VIDIOC_DQBUF",
                        errno: rustix::io::Errno::AGAIN,
                    });
                }
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes what the device tells, for a program that polls by itself: when poll reports
    /// `POLLPRI`. [`CameraStream::next_frame`] does it by itself. Events of the program's own
    /// subscriptions on this handle are taken as well.
    ///
    /// # Errors
    /// [`Error::SourceChanged`]: the signal at the input is another; see
    /// [`CameraStream::renegotiate`].
    pub fn take_events(&self) -> Result<(), Error> {
        self.events.take(self.as_fd())
    }

    /// The next frame if there is one; never waits. For a program that polls by itself.
    ///
    /// # Errors
    /// As for [`CameraStream::next_frame`], but for the timeout.
    pub fn take_frame(&self) -> Result<Option<Frame<'_, D>>, Error> {
        loop {
            let dequeued = match self.queue.dequeue() {
                Ok(dequeued) => dequeued,
                Err(error) if error.kind() == ErrorKind::NotReady => {
                    return match self.events.has_ended() {
                        true => Err(Error::EndOfStream),
                        false => Ok(None),
                    };
                }
                // A stopped queue has none; that the device is gone is told all the same.
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
            return Ok(Some(Frame { dequeued, lost }));
        }
    }

    /// Gives back a buffer that was kept out by [`Frame::into_index`].
    ///
    /// # Errors
    /// See [`qbuf`](crate::v4l2::ioctl::qbuf).
    pub fn requeue(&self, index: u32) -> Result<(), Error> {
        self.queue.queue(index)
    }

    /// Frames missing between the last one and this one.
    fn count_lost(&self, sequence: u32) -> u32 {
        lost_between(self.last_sequence.replace(Some(sequence)), sequence)
    }
}

impl<D: AsFd> AsFd for CameraStream<D> {
    /// For a program's own poll loop: readable when a frame is finished.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.device().as_fd()
    }
}
