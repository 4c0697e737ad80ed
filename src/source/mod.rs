//! Where frames come from: a camera, a test pattern, an encoder behind one of them.

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
pub use reader::{Lent, Reader};
pub(crate) use wait::{Woken, wait};
pub use watch::{Awake, Watch};

/// Something that fills its own buffers, again and again.
///
/// A frame is a buffer's index on loan: [`Source::take`] lends it, [`Source::requeue`] gives
/// it back. A source that has lent all its buffers has no next frame.
///
/// Layout and buffers may change while it runs (a grabber's signal, a camera that was unplugged and
/// is back): [`Source::generation`] says so.
///
/// To implement it, make `take` return `None` rather than wait: [`Stream`](crate::Stream) does the
/// waiting, on `ready_fd` or until `due_ns`. One that makes its frames of another source's says so
/// with [`Source::behind`] and [`Source::behind_mut`], and waits as that does.
pub trait Source {
    /// Format, size and planes of every frame. `planes[i].memory` counts the descriptors of
    /// [`Source::buffer_fds`].
    fn layout(&self) -> Layout;

    /// The source that it makes its frames of, if it does.
    fn behind(&self) -> Option<&dyn Source> {
        None
    }

    /// The same, for [`Source::take_events`].
    fn behind_mut(&mut self) -> Option<&mut dyn Source> {
        None
    }

    /// How many frames a second it means to give, if it knows; by default as many as the source
    /// behind it.
    fn rate(&self) -> Option<FrameRate> {
        self.behind()?.rate()
    }

    /// How many buffers it fills in turn.
    fn buffer_count(&self) -> u32;

    /// How many buffers it must have back, at least, to go on.
    fn reserve(&self) -> u32;

    /// The descriptors of buffer `index`, one per memory part, with their bytes.
    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)>;

    /// Counts up with every change of layout and buffers. Indices and descriptors from before are
    /// void then: buffers that are still out need not come back.
    fn generation(&self) -> u32 {
        0
    }

    /// What has gone wrong, while the source waits for it to come right; there are no frames
    /// and no buffers meanwhile.
    fn trouble(&self) -> Option<&Error> {
        self.behind()?.trouble()
    }

    /// Readable when a frame is there. `None` for a source that goes by the clock. One that is
    /// replaced by another is closed, so that who polls it forgets it.
    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        self.behind()?.ready_fd()
    }

    /// When to look for a frame, for a source that goes by the clock or waits to try again.
    fn due_ns(&self) -> Option<u64> {
        self.behind()?.due_ns()
    }

    /// Takes note of what `ready_fd` tells beside frames: when poll reports `POLLPRI`.
    ///
    /// # Errors
    /// Whatever ends the source.
    fn take_events(&mut self) -> Result<()> {
        self.behind_mut().map_or(Ok(()), Source::take_events)
    }

    /// Takes the next frame if there is one; never waits.
    ///
    /// # Errors
    /// Whatever ends the source.
    fn take(&mut self) -> Result<Option<Taken>>;

    /// Gives a buffer back.
    ///
    /// # Errors
    /// Whatever ends the source.
    fn requeue(&mut self, index: u32) -> Result<()>;

    /// How the next frames are to be shown, as far as the source knows.
    fn appearance(&self) -> Appearance {
        Appearance::default()
    }

    /// The parameter sets that the frames from the latest key frame on need, for a source of
    /// compressed frames.
    fn parameters(&self) -> Option<&[u8]> {
        None
    }

    /// Somebody begins to read. A source whose frames refer to earlier ones makes the next one a
    /// key frame.
    fn client_joined(&mut self) {}
}

/// For a program that finds out which source it has while it runs: `Box<dyn Source>` is one, too.
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

    fn take(&mut self) -> Result<Option<Taken>> {
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

/// A frame fresh from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The buffer it lies in.
    pub index: u32,
    /// The source's count, including frames that it dropped.
    pub sequence: u64,
    /// When it was taken, in nanoseconds of `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
    /// Bytes used over all planes.
    pub bytes_used: u32,
    /// Bytes before the picture in each memory part, to be added to the layout's offsets.
    pub data_offset: [u32; MAX_PLANES],
    /// Key frame, corrupted, discontinuity.
    pub flags: Flags,
    /// V4L2 field order.
    pub field: u32,
    /// V4L2 colorspace, transfer function, Y'CbCr encoding and quantization, a byte each
    /// from the lowest; 0 for the defaults.
    pub colorimetry: u32,
}

impl Taken {
    /// The frame as clients see it, before a host publishes it. The `buffer` of a plane is the
    /// memory part that it lies in, as [`Source::buffer_fds`] counts them.
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
