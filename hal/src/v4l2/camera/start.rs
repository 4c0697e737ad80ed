//! Starting a stream, and starting it anew when the signal is another.

use core::cell::Cell;

use rustix::fd::AsFd;

use super::events::Events;
use super::{
    CameraStream, Negotiated, PassedOver, StreamCounters, Wishes, follow_source, negotiate,
};
use crate::v4l2::queue::{Configured, Failed, Places, Queue};
use crate::v4l2::{Caps, Device, Error, ErrorKind, Memory};

/// How often a signal is followed that changes while it is taken up.
const MAX_CHANGES: usize = 8;

/// Gives memory to the buffers of a queue whose memory is not the driver's.
pub type Supply<'s> = &'s mut dyn FnMut(&mut Places<'_>) -> Result<(), Error>;

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
