//! A camera that streams.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use videostream_hal::format::{Layout, MAX_PLANES};
use videostream_hal::memory::Origin;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::camera::{self, Negotiated, StreamCounters};
use videostream_hal::v4l2::queue::Places;
use videostream_hal::v4l2::{
    Buffer, BufferFlags, Device, Error, Field, Fraction, Memory, TimestampClock, TimestampSource,
};

use super::memory::Supplied;
use super::setup::{CameraSetup, Wanted};
use super::{CameraError, CameraMemory};

/// One buffer of a stream: memory that the camera fills again and again.
#[derive(Debug)]
pub struct CameraBuffer {
    /// One descriptor for each memory plane: one for NV12, two for NV12M. Dma-bufs, or memfds with
    /// [`CameraMemory::Pages`].
    pub fds: Vec<OwnedFd>,
    /// Bytes of each memory plane, with the driver's padding.
    pub lengths: Vec<u32>,
    /// Where the planes of the picture lie; `planes[i].memory` is an index into `fds`.
    pub layout: Layout,
    /// Bytes of all memory planes.
    pub size: u64,
}

/// A finished frame; its buffer stays out of the camera until [`CameraStream::requeue`].
#[derive(Clone, Copy, Debug)]
pub struct CameraFrame {
    /// Which buffer of [`CameraStream::buffers`] holds it.
    pub index: u32,
    /// Valid bytes of each memory plane, `data_offset` included.
    pub bytes_used: [u32; MAX_PLANES],
    /// Bytes before the picture in each memory plane, to be added to the layout's offsets;
    /// 0 except for some multi-planar drivers.
    pub data_offset: [u32; MAX_PLANES],
    /// Memory planes: valid entries of the two arrays.
    pub plane_count: usize,
    /// The driver's frame number: counts lost frames too, wraps, starts at 0.
    pub sequence: u32,
    /// Frames missing between the one before and this one.
    pub lost: u32,
    /// When it was captured, in nanoseconds on the clock that [`CameraFrame::clock`] names.
    pub timestamp_ns: u64,
    /// Which lines it has.
    pub field: Field,
    /// Everything that the driver says of it.
    pub flags: BufferFlags,
}

impl CameraFrame {
    fn new(buffer: &Buffer, lost: u32) -> Self {
        let mut bytes_used = [0; MAX_PLANES];
        let mut data_offset = [0; MAX_PLANES];
        let planes = buffer.planes();
        for (at, plane) in planes.iter().take(MAX_PLANES).enumerate() {
            bytes_used[at] = plane.bytes_used;
            data_offset[at] = plane.data_offset;
        }
        Self {
            index: buffer.index,
            bytes_used,
            data_offset,
            plane_count: planes.len().min(MAX_PLANES),
            sequence: buffer.sequence,
            lost,
            timestamp_ns: buffer.timestamp_ns,
            field: buffer.field,
            flags: buffer.flags,
        }
    }

    /// The clock of the timestamp.
    #[must_use]
    pub const fn clock(&self) -> TimestampClock {
        self.flags.clock()
    }

    /// The moment of the timestamp: start of exposure or end of frame.
    #[must_use]
    pub const fn timestamp_source(&self) -> TimestampSource {
        self.flags.source()
    }

    /// Whether the driver says that the content is suspect.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.flags.contains(BufferFlags::ERROR)
    }

    /// Whether it stands for itself; meaningful for compressed formats.
    #[must_use]
    pub const fn is_key_frame(&self) -> bool {
        self.flags.contains(BufferFlags::KEYFRAME)
    }
}

/// A camera that streams; dropping it stops it.
#[derive(Debug)]
pub struct CameraStream {
    // Before the stream: drivers want exported descriptors closed before buffers are freed.
    buffers: Vec<CameraBuffer>,
    stream: camera::CameraStream,
    /// Where memory that is not the driver's is from.
    origin: Option<Origin>,
    path: PathBuf,
    wanted: Wanted,
}

impl CameraStream {
    pub(super) fn start(
        path: PathBuf,
        device: Device,
        negotiated: Negotiated,
        wanted: Wanted,
    ) -> Result<Self, CameraError> {
        let mut supplied = Supplied::new(wanted.memory, wanted.access);
        let started = camera::CameraStream::start_supplied(
            device,
            negotiated,
            &wanted.wishes(),
            wanted.memory.raw(),
            &mut |places| supplied.supply(places),
        );
        let started = started.and_then(|stream| Ok((buffers(&stream, &mut supplied)?, stream)));
        match started {
            Ok((buffers, stream)) => Ok(Self {
                buffers,
                origin: supplied.origin,
                stream,
                path,
                wanted,
            }),
            Err(error) => Err(refused(&path, &supplied, wanted.memory, error)),
        }
    }

    /// Takes up the signal that is at the input of a grabber now, after
    /// [`CameraError::SourceChanged`]: the same wishes, in the size of the signal. The buffers are
    /// others then, and indices of frames before are void.
    ///
    /// # Errors
    /// - [`CameraError::NoSignal`]: there is none.
    /// - Otherwise those of [`Camera::start`](super::Camera::start).
    ///
    /// The camera is stopped then and has no buffers, but stays open: [`CameraStream::next`] waits
    /// for the next change of the signal, and this can be called again.
    pub fn renegotiate(&mut self) -> Result<(), CameraError> {
        // Before the driver frees what they are descriptors of.
        self.buffers.clear();
        let wishes = self.wanted.wishes_of_signal();
        let memory = self.wanted.memory;
        let mut supplied = Supplied::new(memory, self.wanted.access);
        let supply = &mut |places: &mut Places<'_>| supplied.supply(places);
        let stream = &mut self.stream;
        let restarted = stream.renegotiate_supplied(&wishes, &mut |_| {}, memory.raw(), supply);
        let buffers = restarted.and_then(|()| buffers(&self.stream, &mut supplied));
        self.buffers = buffers.map_err(|error| refused(&self.path, &supplied, memory, error))?;
        self.origin = supplied.origin;
        Ok(())
    }

    /// Which camera it is and what was wanted of it, to start it again when it is back after it
    /// was unplugged.
    #[must_use]
    pub fn setup(&self) -> CameraSetup {
        CameraSetup::new(self.path.clone(), self.wanted.clone())
    }

    /// Whether it streams: a [`CameraStream::renegotiate`] that failed has stopped it.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.stream.is_streaming()
    }

    /// The path of the camera.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The buffers, by index: the same memory for as long as the stream lives.
    #[must_use]
    pub fn buffers(&self) -> &[CameraBuffer] {
        &self.buffers
    }

    /// Whose memory the buffers are.
    #[must_use]
    pub const fn memory(&self) -> CameraMemory {
        self.wanted.memory
    }

    /// Where the memory of the buffers is from; `None` if it is the driver's own.
    #[must_use]
    pub const fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// Where the planes of each picture lie.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.stream.negotiated().layout
    }

    /// What the camera was set to, colours included.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        self.stream.negotiated()
    }

    /// Seconds per frame, if the driver knows.
    #[must_use]
    pub const fn interval(&self) -> Option<Fraction> {
        self.stream.negotiated().interval
    }

    /// The interval that was asked for, where the driver has set another one or has none to set:
    /// [`CameraStream::interval`] is what the camera gives. Half a thousandth is rounding.
    #[must_use]
    pub fn missed_interval(&self) -> Option<Fraction> {
        let wanted = self.wanted.interval.filter(|wanted| !wanted.is_default())?;
        let seconds = |f: Fraction| f64::from(f.numerator) / f64::from(f.denominator);
        let is_met = |has: Fraction| (seconds(has) / seconds(wanted) - 1.0).abs() < 5e-4;
        (!self.interval().is_some_and(is_met)).then_some(wanted)
    }

    /// Frames delivered, lost and skipped so far.
    #[must_use]
    pub const fn counters(&self) -> StreamCounters {
        self.stream.counters()
    }

    /// Buffers that the camera has at the moment. At 0 no frame can come.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.stream.queued()
    }

    /// The open device: controls and events.
    #[must_use]
    pub const fn device(&self) -> &Device {
        self.stream.device()
    }

    /// The next frame, in the order of capture.
    ///
    /// # Units
    /// `deadline_ns` on `CLOCK_MONOTONIC`; `None` waits without end, a moment in the past takes
    /// only what is there.
    ///
    /// # Errors
    /// - [`CameraError::TimedOut`]: no frame before the deadline.
    /// - [`CameraError::Disconnected`][]: unplugged.
    /// - [`CameraError::SourceChanged`][]: see [`CameraStream::renegotiate`].
    /// - [`CameraError::Device`]: the driver gave up (start the camera again), or all buffers
    ///   are out.
    pub fn next(&mut self, deadline_ns: Option<u64>) -> Result<CameraFrame, CameraError> {
        let frame = self.stream.next_frame(deadline_ns);
        Ok(keep(frame.map_err(|error| {
            CameraError::from_device(&self.path, error)
        })?))
    }

    /// The next frame if there is one; never waits. For a program that polls the descriptor
    /// by itself: one ioctl instead of a poll and one.
    ///
    /// # Errors
    /// As for [`CameraStream::next`], but for the timeout.
    pub fn take(&mut self) -> Result<Option<CameraFrame>, CameraError> {
        let frame = self.stream.take_frame();
        let frame = frame.map_err(|error| CameraError::from_device(&self.path, error))?;
        Ok(frame.map(keep))
    }

    /// Takes what the camera tells beside its frames, for a program that polls by itself: when
    /// poll reports `POLLPRI`. [`CameraStream::next`] does it by itself.
    ///
    /// # Errors
    /// [`CameraError::SourceChanged`]: the signal at the input of a grabber is another;
    /// [`CameraError::Disconnected`].
    pub fn take_events(&self) -> Result<(), CameraError> {
        let taken = self.stream.take_events();
        taken.map_err(|error| CameraError::from_device(&self.path, error))
    }

    /// The next frame within some time from now.
    ///
    /// # Errors
    /// As for [`CameraStream::next`].
    pub fn next_within(&mut self, time: Duration) -> Result<CameraFrame, CameraError> {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.next(Some(deadline_in(ns)))
    }

    /// Gives a buffer back to the camera.
    ///
    /// # Errors
    /// [`CameraError::Device`] when it is not out or does not exist, or the device failed;
    /// [`CameraError::Disconnected`].
    pub fn requeue(&mut self, index: u32) -> Result<(), CameraError> {
        self.stream
            .requeue(index)
            .map_err(|error| CameraError::from_device(&self.path, error))
    }
}

/// The descriptors of every buffer: those of the memory that was given, or exported.
fn buffers(
    stream: &camera::CameraStream,
    supplied: &mut Supplied,
) -> Result<Vec<CameraBuffer>, Error> {
    let is_own = stream.memory() == Memory::Mmap;
    let lengths = if is_own {
        stream.memory_lengths().to_vec()
    } else {
        supplied.lengths.clone()
    };
    let access = supplied.access;
    let mut given = supplied.buffers.drain(..);
    let buffers = (0..stream.buffer_count()).map(|index| {
        let planes = 0..lengths.len() as u32;
        let fds = match given.next() {
            Some(fds) => fds,
            None => planes
                .map(|plane| stream.export(index, plane, access))
                .collect::<Result<_, _>>()?,
        };
        Ok(CameraBuffer {
            fds,
            size: lengths.iter().map(|&len| u64::from(len)).sum(),
            lengths: lengths.clone(),
            layout: stream.negotiated().layout,
        })
    });
    buffers.collect()
}

/// An error of a start, which may be about the memory.
fn refused(path: &Path, supplied: &Supplied, memory: CameraMemory, error: Error) -> CameraError {
    match supplied.refusal(error) {
        Some(why) => CameraError::Memory {
            path: path.to_owned(),
            memory,
            why: Box::new(why),
        },
        None => CameraError::from_device(path, error),
    }
}

/// Keeps the frame's buffer out of the camera: the index in what is given brings it back.
fn keep(frame: camera::Frame<'_>) -> CameraFrame {
    let about = CameraFrame::new(&frame, frame.lost());
    let _ = frame.into_index();
    about
}

impl AsFd for CameraStream {
    /// For a program's own poll loop: readable when a frame is finished.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
