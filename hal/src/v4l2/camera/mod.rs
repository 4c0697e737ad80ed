//! A camera: negotiation of a format, and a stream of frames.
//!
//! [`negotiate`] tries the wanted formats in order and reads back what the driver made of each;
//! [`CameraStream`] starts the stream and delivers frames until a deadline. Per frame the
//! kernel is called for `VIDIOC_DQBUF`, `VIDIOC_QBUF` and at most one `poll`; nothing is allocated.

use core::cell::Cell;
use core::ops::Deref;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::queue::{Dequeued, Failed, Queue, Streaming};
use super::{
    BufType, Buffer, BufferFlags, Caps, Device, Error, ErrorKind, ExportAccess, Fraction, NodeKind,
    PixFormat, Ready, wait,
};
use crate::format::{FormatError, FourCc, Layout};

/// Formats tried, in this order, when none are asked for.
pub const PREFERRED: &[FourCc] = &[
    FourCc::NV12,
    FourCc::YUYV,
    FourCc::UYVY,
    FourCc::YU12,
    FourCc::NM12,
    FourCc::RGB3,
    FourCc::BGR3,
    FourCc::XR24,
    FourCc::GREY,
    FourCc::MJPG,
];

/// What is wanted of a camera.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// Formats in order of preference. Empty: [`PREFERRED`], then whatever the device has.
    pub formats: &'a [FourCc],
    /// Width and height in pixels. `None`: what the device is set to.
    pub size: Option<(u32, u32)>,
    /// Whether a format is passed over when the driver changes the size.
    pub exact_size: bool,
    /// Seconds per frame. `None`: what the device is set to.
    pub interval: Option<Fraction>,
    /// Number of buffers; the driver may give more.
    pub buffers: u32,
    /// Whether frames with suspect content are counted and queued again instead of delivered.
    pub skip_corrupted: bool,
}

impl Default for Wishes<'_> {
    fn default() -> Self {
        Self {
            formats: &[],
            size: None,
            exact_size: true,
            interval: None,
            buffers: 4,
            skip_corrupted: false,
        }
    }
}

/// A wanted format that was not taken, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The format.
    pub fourcc: FourCc,
    /// Why it was not taken.
    pub reason: Reason,
}

/// Why a format was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The device does not list it.
    NotOffered,
    /// The driver put another format in its place.
    Replaced {
        /// The driver's choice.
        by: FourCc,
    },
    /// The driver has the format in another size only.
    Resized {
        /// Pixels per line that the driver chose.
        width: u32,
        /// Lines that the driver chose.
        height: u32,
    },
    /// The driver's strides and sizes do not hold such a picture.
    Layout(FormatError),
    /// The driver refused.
    Refused(Error),
}

/// What a camera was set to.
#[derive(Clone, Copy, Debug)]
pub struct Negotiated {
    /// The queue that delivers the frames.
    pub buf_type: BufType,
    /// Format, size, strides and colours as the driver reports them.
    pub format: PixFormat,
    /// Where the planes lie.
    pub layout: Layout,
    /// Seconds per frame, if the driver knows.
    pub interval: Option<Fraction>,
}

/// Sets the first wanted format that the device can deliver, and the frame interval.
///
/// `passed_over` hears of each format before it that was not taken.
///
/// # Errors
/// - [`Error::WrongKind`]: the node is no camera.
/// - [`Error::NoFormat`]: none of the wanted formats can be had.
/// - [`ErrorKind::Busy`][]: another handle has buffers allocated.
/// - [`ErrorKind::Disconnected`][]: unplugged.
pub fn negotiate(
    device: &Device,
    wishes: &Wishes<'_>,
    passed_over: &mut dyn FnMut(PassedOver),
) -> Result<Negotiated, Error> {
    let kind = device.kind();
    let buf_type = match device.capture_type() {
        Some(buf_type) if matches!(kind, NodeKind::Camera | NodeKind::MetadataCapture) => buf_type,
        _ => return Err(Error::WrongKind { kind }),
    };
    let current = device.format(buf_type)?;
    let mut any = if wishes.formats.is_empty() {
        Some(current.fourcc)
    } else {
        None
    };
    let listed = if wishes.formats.is_empty() {
        PREFERRED
    } else {
        wishes.formats
    };
    let mut candidates = listed.iter().copied();
    let first = candidates.clone().next().unwrap_or(current.fourcc);
    while let Some(fourcc) = candidates.next().or_else(|| any.take()) {
        match attempt(device, buf_type, &current, fourcc, wishes) {
            Ok((format, layout)) => {
                return Ok(Negotiated {
                    buf_type,
                    format,
                    layout,
                    interval: set_interval(device, buf_type, wishes.interval)?,
                });
            }
            Err(Reason::Refused(error))
                if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Disconnected) =>
            {
                return Err(error);
            }
            Err(reason) => passed_over(PassedOver { fourcc, reason }),
        }
    }
    Err(Error::NoFormat { wanted: first })
}

fn attempt(
    device: &Device,
    buf_type: BufType,
    current: &PixFormat,
    fourcc: FourCc,
    wishes: &Wishes<'_>,
) -> Result<(PixFormat, Layout), Reason> {
    let offered = device
        .formats(buf_type)
        .flatten()
        .any(|format| format.fourcc == fourcc);
    if !offered {
        return Err(Reason::NotOffered);
    }
    let (width, height) = wishes.size.unwrap_or((current.width, current.height));
    let wish = PixFormat::wish(fourcc, width, height);
    let format = device
        .set_format(buf_type, &wish)
        .map_err(Reason::Refused)?;
    if format.fourcc != fourcc {
        return Err(Reason::Replaced { by: format.fourcc });
    }
    let resized = (format.width, format.height) != (width, height);
    if resized && wishes.exact_size && wishes.size.is_some() && !buf_type.is_meta() {
        return Err(Reason::Resized {
            width: format.width,
            height: format.height,
        });
    }
    let layout = format.layout().map_err(Reason::Layout)?;
    Ok((format, layout))
}

/// Asks for an interval; the one that the driver has then, `None` if it does not know.
fn set_interval(
    device: &Device,
    buf_type: BufType,
    wish: Option<Fraction>,
) -> Result<Option<Fraction>, Error> {
    let parameters = match wish {
        Some(interval) => device.set_interval(buf_type, interval),
        None => device.interval(buf_type),
    };
    match parameters {
        Ok(parameters) => Ok(Some(parameters.interval).filter(|i| !i.is_default())),
        // Sensors behind a media pipeline have no interval at this node.
        Err(error) => match error.kind() {
            ErrorKind::NotSupported | ErrorKind::InvalidArgument => Ok(None),
            _ => Err(error),
        },
    }
}

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
        let is_mc = device.capabilities().caps().contains(Caps::IO_MC);
        Self::stream(device, negotiated, wishes).map_err(|error| match error {
            Error::System {
                call: "VIDIOC_STREAMON",
                errno,
            } if error.kind() == ErrorKind::Pipeline
                || (is_mc && error.kind() == ErrorKind::InvalidArgument) =>
            {
                Error::Pipeline { errno }
            }
            _ => error,
        })
    }
}

impl<D: AsFd> CameraStream<D> {
    fn stream(device: D, negotiated: Negotiated, wishes: &Wishes<'_>) -> Result<Self, Error> {
        let queue = Queue::new(device, negotiated.buf_type)
            .allocate(wishes.buffers)
            .map_err(|Failed { error, .. }| error)?
            .queue_all_and_stream_on()
            .map_err(|Failed { error, .. }| error)?;
        Ok(Self {
            queue,
            negotiated,
            skip_corrupted: wishes.skip_corrupted,
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
    /// See [`super::ioctl::expbuf`].
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
    /// - [`ErrorKind::StreamFailed`][]: the driver gave up; drop the stream and start a new one.
    /// - [`ErrorKind::NotReady`][]: the driver has no buffer to fill; give one back first.
    pub fn next_frame(&self, deadline_ns: Option<u64>) -> Result<Frame<'_, D>, Error> {
        loop {
            let ready = wait(self.as_fd(), Ready::CAPTURE, deadline_ns)?;
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

    /// The next frame if there is one; never waits. For a program that polls by itself.
    ///
    /// # Errors
    /// As for [`CameraStream::next_frame`], but for the timeout.
    pub fn take_frame(&self) -> Result<Option<Frame<'_, D>>, Error> {
        loop {
            let dequeued = match self.queue.dequeue() {
                Ok(dequeued) => dequeued,
                Err(error) if error.kind() == ErrorKind::NotReady => return Ok(None),
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
    /// See [`super::ioctl::qbuf`].
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
