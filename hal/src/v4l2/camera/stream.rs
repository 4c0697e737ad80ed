//! A camera that streams from the driver's memory.

use core::cell::Cell;
use core::ops::Deref;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::events::{Events, FrameSync};
use super::{Negotiated, PassedOver, Wishes, follow_source, negotiate};
use crate::v4l2::queue::{Configured, Dequeued, Failed, Places, Queue, Streaming};
use crate::v4l2::{
    Buffer, BufferFlags, Caps, Device, Error, ErrorKind, ExportAccess, Memory, Ready, wait,
};

/// How often a signal is followed that changes while it is taken up.
const MAX_CHANGES: usize = 8;

/// Gives memory to the buffers of a queue whose memory is not the driver's.
pub type Supply<'s> = &'s mut dyn FnMut(&mut Places<'_>) -> Result<(), Error>;

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
    queue: Queue<D, Streaming>,
    negotiated: Negotiated,
    skip_corrupted: bool,
    events: Events,
    last_sequence: Cell<Option<u32>>,
    counters: Cell<StreamCounters>,
}

impl CameraStream<Device> {
    /// Negotiates, allocates the driver's buffers and starts the stream.
    ///
    /// # Errors
    /// Those of [`negotiate`], of [`Queue::allocate`] and of [`Queue::stream_on`];
    /// [`Error::Pipeline`] when the start fails because the media pipeline is not set up.
    pub fn start(
        device: Device,
        wishes: &Wishes<'_>,
        passed_over: &mut dyn FnMut(PassedOver),
    ) -> Result<Self, Error> {
        let negotiated = negotiate(&device, wishes, passed_over)?;
        Self::start_negotiated(device, negotiated, wishes)
    }

    /// Allocates the driver's buffers and starts the stream, after [`negotiate`]; of the wishes
    /// only those about buffers and frames count.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`] and [`Queue::stream_on`]; [`Error::Pipeline`] when the start
    /// fails because the media pipeline is not set up.
    pub fn start_negotiated(
        device: Device,
        negotiated: Negotiated,
        wishes: &Wishes<'_>,
    ) -> Result<Self, Error> {
        Self::start_supplied(device, negotiated, wishes, Memory::Mmap, &mut |_| Ok(()))
    }

    /// [`CameraStream::start_negotiated`] with memory of a kind, which `supply` gives to the
    /// buffers.
    ///
    /// # Errors
    /// Those of [`CameraStream::start_negotiated`] and of `supply`; `EINVAL` of `VIDIOC_REQBUFS`
    /// when the driver takes no such memory, `EFAULT` of `VIDIOC_QBUF` when it cannot reach it.
    pub fn start_supplied(
        device: Device,
        negotiated: Negotiated,
        wishes: &Wishes<'_>,
        memory: Memory,
        supply: Supply<'_>,
    ) -> Result<Self, Error> {
        Events::subscribe(&device);
        let queue = Queue::new(device, negotiated.buf_type);
        let is_mc = is_mc(queue.device());
        Self::allocate(queue, negotiated, wishes, memory, supply)
            .map_err(|error| pipeline(is_mc, error))
    }

    /// Takes up the signal that is at the input now, after [`ErrorKind::SourceChanged`]: stops,
    /// frees the buffers, sets the timings or standard of the signal, negotiates and starts anew.
    /// The buffers are others then; exported descriptors of the old ones should be closed before.
    ///
    /// # Errors
    /// - [`ErrorKind::NoSignal`]: there is none, or none that can be locked to.
    /// - Otherwise those of [`CameraStream::start`].
    ///
    /// The stream is stopped then, without buffers, and keeps the device:
    /// [`CameraStream::next_frame`] waits for the next change of the signal, after which this can
    /// be called again. It can be called at any time, too, for drivers that do not tell.
    pub fn renegotiate(
        &mut self,
        wishes: &Wishes<'_>,
        passed_over: &mut dyn FnMut(PassedOver),
    ) -> Result<(), Error> {
        self.renegotiate_supplied(wishes, passed_over, Memory::Mmap, &mut |_| Ok(()))
    }

    /// [`CameraStream::renegotiate`] with memory of a kind, which `supply` gives to the buffers.
    ///
    /// # Errors
    /// Those of [`CameraStream::renegotiate`] and of `supply`.
    pub fn renegotiate_supplied(
        &mut self,
        wishes: &Wishes<'_>,
        passed_over: &mut dyn FnMut(PassedOver),
        memory: Memory,
        supply: Supply<'_>,
    ) -> Result<(), Error> {
        let events = &self.events;
        let configure = |device: &Device| {
            for _ in 0..MAX_CHANGES {
                // News up to here is of the signal that is taken up now, or of our taking it up;
                // what comes after a look that found nothing new is told.
                events.forget(device.as_fd())?;
                if !follow_source(device)? {
                    break;
                }
            }
            negotiate(device, wishes, passed_over)
        };
        let count = wishes.buffers;
        let queue = &mut self.queue;
        let restarted = queue.restart_supplied(memory, count, configure, supply);
        self.negotiated = restarted.map_err(|error| pipeline(is_mc(self.device()), error))?;
        self.skip_corrupted = wishes.skip_corrupted;
        self.last_sequence.set(None);
        Ok(())
    }
}

fn is_mc(device: &Device) -> bool {
    device.capabilities().caps().contains(Caps::IO_MC)
}

/// An error of a start, which depends on what is before the node.
fn pipeline(is_mc: bool, error: Error) -> Error {
    match error {
        Error::System {
            call: "VIDIOC_STREAMON",
            errno,
        } if error.kind() == ErrorKind::Pipeline
            || (is_mc && error.kind() == ErrorKind::InvalidArgument) =>
        {
            Error::Pipeline { errno }
        }
        _ => error,
    }
}

impl<D: AsFd> CameraStream<D> {
    fn allocate(
        queue: Queue<D, Configured>,
        negotiated: Negotiated,
        wishes: &Wishes<'_>,
        memory: Memory,
        supply: Supply<'_>,
    ) -> Result<Self, Error> {
        let queue = queue
            .allocate_supplied(memory, wishes.buffers, supply)
            .map_err(|Failed { error, .. }| error)?
            .queue_all_and_stream_on()
            .map_err(|Failed { error, .. }| error)?;
        Ok(Self {
            queue,
            negotiated,
            skip_corrupted: wishes.skip_corrupted,
            events: Events::default(),
            last_sequence: Cell::new(None),
            counters: Cell::new(StreamCounters::default()),
        })
    }

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

/// Sequence numbers between two frames. They wrap; both fields of a frame share one, and a number
/// that goes back is a driver that does not count.
fn lost_between(last: Option<u32>, sequence: u32) -> u32 {
    let step = last.map_or(1, |last| sequence.wrapping_sub(last));
    if step == 0 || step > u32::MAX / 2 {
        0
    } else {
        step - 1
    }
}

/// A frame, outside the queue until dropped; reads as its [`Buffer`].
#[derive(Debug)]
#[must_use = "dropping it queues the buffer again"]
pub struct Frame<'s, D: AsFd = Device> {
    dequeued: Dequeued<'s, D>,
    lost: u32,
}

impl<D: AsFd> Frame<'_, D> {
    /// Frames missing between the one before and this one.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// Whether the driver says that the content is suspect.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.dequeued.buffer().flags.contains(BufferFlags::ERROR)
    }

    /// Keeps the buffer out of the queue; [`CameraStream::requeue`] brings it back.
    #[must_use]
    pub fn into_index(self) -> u32 {
        self.dequeued.into_index()
    }
}

impl<D: AsFd> Deref for Frame<'_, D> {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        self.dequeued.buffer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_the_sequence_are_lost_frames() {
        assert_eq!(lost_between(None, 7), 0);
        assert_eq!(lost_between(Some(7), 8), 0);
        assert_eq!(lost_between(Some(7), 11), 3);
        assert_eq!(lost_between(Some(u32::MAX), 1), 1);
    }

    #[test]
    fn numbers_that_stay_or_go_back_lose_nothing() {
        assert_eq!(lost_between(Some(7), 7), 0);
        assert_eq!(lost_between(Some(7), 3), 0);
    }
}
