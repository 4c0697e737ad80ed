//! Starting a stream, and restarting it when the signal changes.

use core::cell::Cell;

use rustix::fd::AsFd;

use super::events::Events;
use super::{
    Capture, CaptureRequest, Negotiated, Rejected, StreamCounters, follow_source, negotiate,
};
use crate::v4l2::queue::{Configured, ExternalMemory, Failed, Queue};
use crate::v4l2::{Caps, Device, Memory};
use crate::{Call, Error, ErrorKind};

/// Maximum number of signal changes to follow during one renegotiation.
const MAX_CHANGES: usize = 8;

/// Provides memory for the buffers of a queue whose memory is not the driver's. Returns
/// [`Error::NotSupplied`] if it has none.
pub type Supply<'s> = &'s mut dyn FnMut(&mut ExternalMemory<'_>) -> Result<(), Error>;

impl Capture<Device> {
    /// Negotiates, allocates buffers in the driver's memory, and starts the stream.
    ///
    /// # Errors
    /// Those of [`negotiate`], [`Queue::allocate`], and [`Queue::stream_on`]; [`Error::Pipeline`]
    /// when the start fails because the media pipeline is not set up.
    pub fn start(
        device: Device,
        request: &CaptureRequest<'_>,
        rejected: &mut dyn FnMut(Rejected),
    ) -> Result<Self, Error> {
        let negotiated = negotiate(&device, request, rejected)?;
        Self::start_negotiated(device, negotiated, request)
    }

    /// Allocates buffers in the driver's memory and starts the stream, after [`negotiate`]. Only
    /// the parts of the request about buffers and frames are used.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`] and [`Queue::stream_on`]; [`Error::Pipeline`] when the start
    /// fails because the media pipeline is not set up.
    pub fn start_negotiated(
        device: Device,
        negotiated: Negotiated,
        request: &CaptureRequest<'_>,
    ) -> Result<Self, Error> {
        Self::start_supplied(device, negotiated, request, Memory::Mmap, &mut |_| Ok(()))
    }

    /// [`Capture::start_negotiated`] with a given memory type, for which `supply` provides the
    /// buffers' memory.
    ///
    /// # Errors
    /// Those of [`Capture::start_negotiated`] and of `supply`; `EINVAL` of `VIDIOC_REQBUFS` when
    /// the driver does not support the memory type, `EFAULT` of `VIDIOC_QBUF` when it cannot access
    /// the memory.
    pub fn start_supplied(
        device: Device,
        negotiated: Negotiated,
        request: &CaptureRequest<'_>,
        memory: Memory,
        supply: Supply<'_>,
    ) -> Result<Self, Error> {
        Events::subscribe(&device);
        let queue = Queue::new(device, negotiated.buf_type);
        let is_mc = is_mc(queue.device());
        Self::allocate(queue, negotiated, request, memory, supply)
            .map_err(|error| pipeline(is_mc, error))
    }

    /// Restarts with the current signal, after [`ErrorKind::SourceChanged`].
    ///
    /// Stops, frees the buffers, sets the timings or standard of the signal, negotiates, and starts
    /// again. Buffers from before are gone; close their exported descriptors first. For drivers
    /// that do not report changes, this can also be called at any time.
    ///
    /// # Errors
    /// - [`ErrorKind::NoSignal`]: there is no signal, or the device cannot lock to it.
    /// - Otherwise those of [`Capture::start`].
    ///
    /// After an error the stream is stopped and has no buffers, but keeps the device:
    /// [`Capture::next_frame`] waits for the next change of the signal, after which this can be
    /// called again.
    pub fn renegotiate(
        &mut self,
        request: &CaptureRequest<'_>,
        rejected: &mut dyn FnMut(Rejected),
    ) -> Result<(), Error> {
        self.renegotiate_supplied(request, rejected, Memory::Mmap, &mut |_| Ok(()))
    }

    /// [`Capture::renegotiate`] with a given memory type, for which `supply` provides the buffers'
    /// memory.
    ///
    /// # Errors
    /// Those of [`Capture::renegotiate`] and of `supply`.
    pub fn renegotiate_supplied(
        &mut self,
        request: &CaptureRequest<'_>,
        rejected: &mut dyn FnMut(Rejected),
        memory: Memory,
        supply: Supply<'_>,
    ) -> Result<(), Error> {
        let events = &self.events;
        let configure = |device: &Device| {
            for _ in 0..MAX_CHANGES {
                // Events up to here are about the signal that is set now, or are caused by setting
                // it. A change that comes after the last query is reported as usual.
                events.forget(device.as_fd())?;
                if !follow_source(device)? {
                    break;
                }
            }
            negotiate(device, request, rejected)
        };
        let count = request.buffers;
        let queue = &mut self.queue;
        let restarted = queue.restart_supplied(memory, count, configure, supply);
        self.negotiated = restarted.map_err(|error| pipeline(is_mc(self.device()), error))?;
        self.skip_corrupted = request.skip_corrupted;
        self.last_sequence.set(None);
        Ok(())
    }
}

impl<D: AsFd> Capture<D> {
    fn allocate(
        queue: Queue<D, Configured>,
        negotiated: Negotiated,
        request: &CaptureRequest<'_>,
        memory: Memory,
        supply: Supply<'_>,
    ) -> Result<Self, Error> {
        let queue = queue
            .allocate_supplied(memory, request.buffers, supply)
            .map_err(|Failed { error, .. }| error)?
            .queue_all_and_stream_on()
            .map_err(|Failed { error, .. }| error)?;
        Ok(Self {
            queue,
            negotiated,
            skip_corrupted: request.skip_corrupted,
            events: Events::default(),
            last_sequence: Cell::new(None),
            counters: Cell::new(StreamCounters::default()),
        })
    }
}

fn is_mc(device: &Device) -> bool {
    device.capabilities().caps().contains(Caps::IO_MC)
}

/// Maps an error of the start. Drivers behind a media pipeline also return `EINVAL` when it is not
/// set up.
fn pipeline(is_mc: bool, error: Error) -> Error {
    match error {
        Error::System {
            call: Call::StreamOn,
            errno,
        } if is_mc && error.kind() == ErrorKind::InvalidArgument => Error::Pipeline { errno },
        _ => error,
    }
}
