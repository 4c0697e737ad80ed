//! Streaming from a camera.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use videostream_hal::format::{Layout, MAX_PLANES};
use videostream_hal::memory::Origin;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::camera::{self, Negotiated, StreamCounters};
use videostream_hal::v4l2::queue::ExternalMemory;
use videostream_hal::v4l2::{
    Buffer, BufferFlags, Device, Error, Field, Fraction, Memory, TimestampClock, TimestampSource,
};

use super::memory::Supplied;
use super::setup::{CameraSetup, Wanted};
use super::{CameraError, CameraMemory};

/// A buffer of a stream: memory that the camera fills repeatedly.
#[derive(Debug)]
pub struct CameraBuffer {
    /// One file descriptor per memory plane: one for NV12, two for NV12M. Dma-bufs, or memfds with
    /// [`CameraMemory::Pages`].
    pub fds: Vec<OwnedFd>,
    /// Bytes of each memory plane, with the driver's padding.
    pub lengths: Vec<u32>,
    /// Layout of the picture's planes; `planes[i].memory` is an index into `fds`.
    pub layout: Layout,
    /// Bytes of all memory planes.
    pub size: u64,
}

/// A finished frame; the camera does not touch its buffer until [`CameraStream::requeue`].
#[derive(Clone, Copy, Debug)]
pub struct CameraFrame {
    /// Index of its buffer in [`CameraStream::buffers`].
    pub index: u32,
    /// Valid bytes of each memory plane, `data_offset` included.
    pub bytes_used: [u32; MAX_PLANES],
    /// Bytes before the picture in each memory plane, to be added to the layout's offsets;
    /// 0 except for some multi-planar drivers.
    pub data_offset: [u32; MAX_PLANES],
    /// Number of memory planes: valid entries of the two arrays.
    pub plane_count: usize,
    /// The driver's frame number: starts at 0, includes lost frames, wraps.
    pub sequence: u32,
    /// Frames lost between the previous one and this one.
    pub lost: u32,
    /// Time of capture in nanoseconds, on the clock of [`CameraFrame::clock`].
    pub timestamp_ns: u64,
    /// Field order of its lines.
    pub field: Field,
    /// The driver's buffer flags.
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

    /// Returns the clock of the timestamp.
    #[must_use]
    pub const fn clock(&self) -> TimestampClock {
        self.flags.clock()
    }

    /// Returns the event of the timestamp: start of exposure or end of frame.
    #[must_use]
    pub const fn timestamp_source(&self) -> TimestampSource {
        self.flags.source()
    }

    /// Returns whether the driver marked the content as corrupted.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.flags.contains(BufferFlags::ERROR)
    }

    /// Returns whether the frame is a key frame; meaningful for compressed formats.
    #[must_use]
    pub const fn is_key_frame(&self) -> bool {
        self.flags.contains(BufferFlags::KEYFRAME)
    }
}

/// A streaming camera; dropping it stops the stream.
#[derive(Debug)]
pub struct CameraStream {
    // Before the stream: drivers want exported descriptors closed before buffers are freed.
    buffers: Vec<CameraBuffer>,
    stream: camera::Capture,
    /// Origin of memory that is not the driver's.
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
        let started = camera::Capture::start_supplied(
            device,
            negotiated,
            &wanted.request(),
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

    /// Restarts a grabber at the size of its current signal, after [`CameraError::SourceChanged`].
    /// The other requested settings are kept. The buffers are replaced, and indices of earlier
    /// frames become invalid.
    ///
    /// # Errors
    /// - [`CameraError::NoSignal`]: the input has no signal.
    /// - Otherwise those of [`Camera::start`](super::Camera::start).
    ///
    /// On errors the camera is stopped and has no buffers, but stays open: [`CameraStream::next`]
    /// waits for the next change of the signal, after which this can be called again.
    pub fn renegotiate(&mut self) -> Result<(), CameraError> {
        // Close the descriptors before the driver frees the memory behind them.
        self.buffers.clear();
        let request = self.wanted.request_for_signal();
        let memory = self.wanted.memory;
        let mut supplied = Supplied::new(memory, self.wanted.access);
        let supply = &mut |places: &mut ExternalMemory<'_>| supplied.supply(places);
        let stream = &mut self.stream;
        let restarted = stream.renegotiate_supplied(&request, &mut |_| {}, memory.raw(), supply);
        let buffers = restarted.and_then(|()| buffers(&self.stream, &mut supplied));
        self.buffers = buffers.map_err(|error| refused(&self.path, &supplied, memory, error))?;
        self.origin = supplied.origin;
        Ok(())
    }

    /// Returns the camera's identity and requested settings, to restart it after it was unplugged.
    #[must_use]
    pub fn setup(&self) -> CameraSetup {
        CameraSetup::new(self.path.clone(), self.wanted.clone())
    }

    /// Returns whether the camera streams; a failed [`CameraStream::renegotiate`] stops it.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.stream.is_streaming()
    }

    /// Returns the path of the camera.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the buffers by index. They stay the same until [`CameraStream::renegotiate`].
    #[must_use]
    pub fn buffers(&self) -> &[CameraBuffer] {
        &self.buffers
    }

    /// Returns the kind of memory of the buffers.
    #[must_use]
    pub const fn memory(&self) -> CameraMemory {
        self.wanted.memory
    }

    /// Returns the origin of the buffers' memory; `None` if it is the driver's own.
    #[must_use]
    pub const fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// Returns the layout of each picture.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.stream.negotiated().layout
    }

    /// Returns the negotiated settings, colours included.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        self.stream.negotiated()
    }

    /// Returns the seconds per frame, if the driver knows.
    #[must_use]
    pub const fn interval(&self) -> Option<Fraction> {
        self.stream.negotiated().interval
    }

    /// Returns the requested interval if the driver chose another one or cannot set one; see
    /// [`CameraStream::interval`] for the actual one. A difference of 0.05 % counts as rounding.
    #[must_use]
    pub fn missed_interval(&self) -> Option<Fraction> {
        let wanted = self.wanted.interval.filter(|wanted| !wanted.is_default())?;
        let seconds = |f: Fraction| f64::from(f.numerator) / f64::from(f.denominator);
        let is_met = |has: Fraction| (seconds(has) / seconds(wanted) - 1.0).abs() < 5e-4;
        (!self.interval().is_some_and(is_met)).then_some(wanted)
    }

    /// Returns the numbers of frames delivered, lost and skipped so far.
    #[must_use]
    pub const fn counters(&self) -> StreamCounters {
        self.stream.counters()
    }

    /// Returns the number of buffers that are queued. At 0 no frame can arrive.
    #[must_use]
    pub const fn queued(&self) -> u32 {
        self.stream.queued()
    }

    /// Returns the open device, for controls and events.
    #[must_use]
    pub const fn device(&self) -> &Device {
        self.stream.device()
    }

    /// Waits for the next frame, in the order of capture.
    ///
    /// # Units
    /// `deadline_ns` on `CLOCK_MONOTONIC`; `None` waits forever, a time in the past does not wait.
    ///
    /// # Errors
    /// - [`CameraError::TimedOut`]: no frame before the deadline.
    /// - [`CameraError::Disconnected`][]: unplugged.
    /// - [`CameraError::SourceChanged`][]: see [`CameraStream::renegotiate`].
    /// - [`CameraError::Device`]: the driver failed (restart the camera), or no buffer is queued.
    pub fn next(&mut self, deadline_ns: Option<u64>) -> Result<CameraFrame, CameraError> {
        let frame = self.stream.next_frame(deadline_ns);
        Ok(keep(frame.map_err(|error| {
            CameraError::from_device(&self.path, error)
        })?))
    }

    /// Returns the next frame if there is one; never waits. For programs with a poll loop: saves
    /// the poll that [`CameraStream::next`] does before its ioctl.
    ///
    /// # Errors
    /// Those of [`CameraStream::next`] except the time-out.
    pub fn take(&mut self) -> Result<Option<CameraFrame>, CameraError> {
        let frame = self.stream.take_frame();
        let frame = frame.map_err(|error| CameraError::from_device(&self.path, error))?;
        Ok(frame.map(keep))
    }

    /// Dequeues the camera's events, for programs with a poll loop: call it when poll reports
    /// `POLLPRI`. [`CameraStream::next`] includes it.
    ///
    /// # Errors
    /// [`CameraError::SourceChanged`]: the signal at the input of a grabber has changed;
    /// [`CameraError::Disconnected`].
    pub fn take_events(&self) -> Result<(), CameraError> {
        let taken = self.stream.take_events();
        taken.map_err(|error| CameraError::from_device(&self.path, error))
    }

    /// Waits for the next frame for at most `time`.
    ///
    /// # Errors
    /// Those of [`CameraStream::next`].
    pub fn next_within(&mut self, time: Duration) -> Result<CameraFrame, CameraError> {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.next(Some(deadline_in(ns)))
    }

    /// Queues a buffer again.
    ///
    /// # Errors
    /// [`CameraError::Device`] if it is queued already, does not exist, or the device failed;
    /// [`CameraError::Disconnected`].
    pub fn requeue(&mut self, index: u32) -> Result<(), CameraError> {
        self.stream
            .requeue(index)
            .map_err(|error| CameraError::from_device(&self.path, error))
    }
}

/// Collects the descriptors of every buffer: those of the supplied memory, or exported ones.
fn buffers(stream: &camera::Capture, supplied: &mut Supplied) -> Result<Vec<CameraBuffer>, Error> {
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

/// Converts an error of a start, which may be about the memory.
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

/// Converts a frame without queueing its buffer again; [`CameraStream::requeue`] does that later.
fn keep(frame: camera::CapturedFrame<'_>) -> CameraFrame {
    let about = CameraFrame::new(&frame, frame.lost());
    let _ = frame.into_index();
    about
}

impl AsFd for CameraStream {
    /// Returns a file descriptor for poll loops: readable when a frame is finished.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
