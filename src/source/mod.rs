//! Sources of frames: cameras, test patterns, and converters and codecs behind them.

mod camera;
#[cfg(feature = "convert")]
mod converted;
#[cfg(feature = "jpeg")]
mod decoded;
mod encoded;
mod pattern;
mod pool;
mod reader;
mod wait;
mod watch;

use std::os::fd::BorrowedFd;

use videostream_hal::format::Layout;
use videostream_hal::ring::{Flags, FrameDescriptor, MAX_PLANES, PlaneDescriptor};
use videostream_hal::time::now_ns;

use crate::{Appearance, Error, FrameRate, Result};

pub use camera::CameraSource;
#[cfg(feature = "convert")]
pub use converted::ConvertedSource;
#[cfg(feature = "jpeg")]
pub use decoded::DecodedSource;
pub use encoded::EncodedSource;
pub use pattern::PatternSource;
pub use pool::Pool;
pub use reader::{BorrowedFrame, Reader};
pub(crate) use wait::{Woken, wait};
pub use watch::{Awake, Watch};

/// A source of frames, which fills its own buffers in turn.
///
/// A frame is identified by its buffer's index: [`Source::take`] lends the buffer,
/// [`Source::requeue`] returns it. There is no next frame while all buffers are lent.
///
/// Layout and buffers may change at run time (a grabber's signal, a replugged camera), which
/// [`Source::generation`] reports.
///
/// Implementations of `take` return `None` rather than wait: [`Stream`](crate::Stream) waits, on
/// `ready_fd` or until `due_ns`. A source that processes the frames of another one returns it from
/// [`Source::behind`] and [`Source::behind_mut`], whose defaults for waiting then apply.
pub trait Source {
    /// Returns format, size and planes of every frame. `planes[i].memory` is an index into
    /// [`Source::buffer_fds`].
    fn layout(&self) -> Layout;

    /// Returns the source whose frames this one processes, if any.
    fn behind(&self) -> Option<&dyn Source> {
        None
    }

    /// Returns the same source mutably, for [`Source::take_events`].
    fn behind_mut(&mut self) -> Option<&mut dyn Source> {
        None
    }

    /// Returns the nominal frame rate, if known; by default that of the source behind it.
    fn rate(&self) -> Option<FrameRate> {
        self.behind()?.rate()
    }

    /// Returns the number of buffers.
    fn buffer_count(&self) -> u32;

    /// Returns how many buffers it needs to keep running; the others can be lent.
    fn reserve(&self) -> u32;

    /// Returns the file descriptors of buffer `index`, one per memory plane, with their sizes in
    /// bytes.
    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)>;

    /// Returns a number that increases with every change of layout and buffers. Earlier indices and
    /// descriptors are then invalid: buffers that are still lent need not be returned.
    fn generation(&self) -> u32 {
        0
    }

    /// Returns the error from which the source waits to recover; it has no frames and no buffers
    /// meanwhile.
    fn trouble(&self) -> Option<&Error> {
        self.behind()?.trouble()
    }

    /// Returns a file descriptor that is readable when a frame is ready; `None` for a source with a
    /// timer. When it is replaced by another one it is closed, which also removes it from epoll
    /// sets.
    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        self.behind()?.ready_fd()
    }

    /// Returns when to call [`Source::take`], for a source with a timer or one that waits to retry.
    fn due_ns(&self) -> Option<u64> {
        self.behind()?.due_ns()
    }

    /// Handles events of `ready_fd` other than frames. Call it when poll reports `POLLPRI`.
    ///
    /// # Errors
    /// An error that ends the source.
    fn take_events(&mut self) -> Result<()> {
        self.behind_mut().map_or(Ok(()), Source::take_events)
    }

    /// Takes the next frame, if there is one; never waits.
    ///
    /// # Errors
    /// An error that ends the source.
    fn take(&mut self) -> Result<Option<SourceFrame>>;

    /// Returns a buffer to the source.
    ///
    /// # Errors
    /// An error that ends the source.
    fn requeue(&mut self, index: u32) -> Result<()>;

    /// Returns how the next frames are to be shown, as far as known.
    fn appearance(&self) -> Appearance {
        Appearance::default()
    }

    /// Returns the parameter sets for frames from the latest key frame on, for a source of
    /// compressed frames.
    fn parameters(&self) -> Option<&[u8]> {
        None
    }

    /// Notifies the source of a new client. A source whose frames refer to earlier ones makes the
    /// next one a key frame.
    fn client_joined(&mut self) {}
}

/// Makes `Box<dyn Source>` a source, for programs that choose one at run time.
impl<S: Source + ?Sized> Source for Box<S> {
    fn layout(&self) -> Layout {
        (**self).layout()
    }

    fn behind(&self) -> Option<&dyn Source> {
        (**self).behind()
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Source> {
        (**self).behind_mut()
    }

    fn rate(&self) -> Option<FrameRate> {
        (**self).rate()
    }

    fn buffer_count(&self) -> u32 {
        (**self).buffer_count()
    }

    fn reserve(&self) -> u32 {
        (**self).reserve()
    }

    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        (**self).buffer_fds(index)
    }

    fn generation(&self) -> u32 {
        (**self).generation()
    }

    fn trouble(&self) -> Option<&Error> {
        (**self).trouble()
    }

    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        (**self).ready_fd()
    }

    fn due_ns(&self) -> Option<u64> {
        (**self).due_ns()
    }

    fn take_events(&mut self) -> Result<()> {
        (**self).take_events()
    }

    fn take(&mut self) -> Result<Option<SourceFrame>> {
        (**self).take()
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        (**self).requeue(index)
    }

    fn appearance(&self) -> Appearance {
        (**self).appearance()
    }

    fn parameters(&self) -> Option<&[u8]> {
        (**self).parameters()
    }

    fn client_joined(&mut self) {
        (**self).client_joined();
    }
}

/// A frame as its source delivers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFrame {
    /// Index of its buffer.
    pub index: u32,
    /// The source's frame number, which counts dropped frames, too.
    pub sequence: u64,
    /// Time of capture, in nanoseconds of `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
    /// Bytes used in all planes.
    pub bytes_used: u32,
    /// Bytes before the picture in each memory plane, to be added to the layout's offsets.
    pub data_offset: [u32; MAX_PLANES],
    /// Key frame, corrupted, discontinuity.
    pub flags: Flags,
    /// V4L2 field order.
    pub field: u32,
    /// V4L2 colorspace, transfer function, Y'CbCr encoding and quantization, one byte each, the
    /// first one lowest; 0 for the defaults.
    pub colorimetry: u32,
}

impl SourceFrame {
    /// Returns the descriptor of the frame for clients, before a host publishes it. The `buffer` of
    /// a plane is the index of its memory plane in [`Source::buffer_fds`].
    #[must_use]
    pub fn describe(&self, source: &(impl Source + ?Sized)) -> FrameDescriptor {
        let layout = source.layout();
        let mut frame = FrameDescriptor {
            fourcc: layout.fourcc.0,
            width: layout.width,
            height: layout.height,
            plane_count: layout.planes().len() as u32,
            sample_aspect: source.appearance().packed_aspect(),
            duration_ns: source.rate().map_or(0, |rate| rate.period_ns()),
            sequence: self.sequence,
            timestamp_ns: self.timestamp_ns,
            dequeued_ns: now_ns(),
            bytes_used: self.bytes_used,
            flags: self.flags.bits(),
            field: self.field,
            colorimetry: self.colorimetry,
            ..FrameDescriptor::default()
        };
        for (to, plane) in frame.planes.iter_mut().zip(layout.planes()) {
            let data_offset = self.data_offset.get(plane.memory as usize);
            let data_offset = data_offset.copied().unwrap_or(0);
            *to = PlaneDescriptor {
                buffer: plane.memory,
                offset: plane.offset.saturating_add(data_offset),
                stride: plane.stride,
                size: plane.size,
            };
        }
        frame
    }
}
