//! Cameras as sources.

use std::os::fd::{AsFd, BorrowedFd};

use videostream_hal::format::Layout;
use videostream_hal::ring::Flags;
use videostream_hal::sequence::step;
use videostream_hal::time::now_ns;
use videostream_hal::v4l2::{
    Colorimetry as Colours, ErrorKind, SelectionTarget, TimestampClock, TimestampSource,
};

use super::{Source, SourceFrame};
use crate::back_off::BackOff;
use crate::camera::{CameraError, CameraFrame, CameraSetup, CameraStream};
use crate::colorimetry::{Appearance, Colorimetry, reduced};
use crate::{Error, FrameRate, Result};

/// Buffers that a driver needs queued to keep streaming: one being filled and the next one.
const RESERVE: u32 = 2;

/// Pauses between attempts to restart the camera.
const PAUSES_NS: [u64; 6] = [
    100_000_000,
    200_000_000,
    400_000_000,
    800_000_000,
    1_600_000_000,
    2_000_000_000,
];

/// A streaming camera as a source; its buffers are shared without a copy.
///
/// When the signal of a grabber changes, the source continues in the new format; without a signal
/// it waits for one. An unplugged camera ends the source, or is waited for
/// ([`CameraSource::reconnect`]). While it waits, [`Source::trouble`] returns the reason.
#[derive(Debug)]
pub struct CameraSource {
    /// `None` while the camera is away.
    stream: Option<CameraStream>,
    /// Restarts the camera; `None` if it is not waited for.
    setup: Option<CameraSetup>,
    layout: Layout,
    rate: Option<FrameRate>,
    appearance: Appearance,
    generation: u32,
    trouble: Option<Error>,
    retry: BackOff,
    /// The driver's 32-bit frame number, and its extension past wraps and restarts.
    sequence: Option<(u32, u64)>,
    /// The next frame is the first after a start.
    restarted: bool,
}

impl CameraSource {
    /// Creates a source from a streaming camera.
    #[must_use]
    pub fn new(stream: CameraStream) -> Self {
        Self {
            layout: *stream.layout(),
            rate: rate(&stream),
            appearance: appearance(&stream),
            stream: Some(stream),
            setup: None,
            generation: 0,
            trouble: None,
            retry: BackOff::new(&PAUSES_NS),
            sequence: None,
            restarted: false,
        }
    }

    /// Sets whether to wait for the same camera when it is unplugged or fails, and to restart it
    /// (default: no). It may return under another node number: see [`CameraSetup`].
    #[must_use]
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        let stream = self.stream.as_ref().filter(|_| reconnect);
        self.setup = stream.map(CameraStream::setup);
        self
    }

    /// Returns the camera; `None` while it is away.
    #[must_use]
    pub fn camera(&self) -> Option<&CameraStream> {
        self.stream.as_ref()
    }

    /// Restarts the camera at the size of its current signal.
    fn renegotiate(&mut self) -> Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        match stream.renegotiate() {
            Ok(()) => {
                self.flow();
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NoSignal => {
                self.wait_for(error);
                Ok(())
            }
            Err(error) => self.lose(error),
        }
    }

    /// Handles a failed camera: ends the source, or lets it wait for the camera.
    fn lose(&mut self, error: CameraError) -> Result<()> {
        if error.kind() == ErrorKind::EndOfStream {
            return Err(Error::EndOfStream);
        }
        if self.setup.is_none() {
            return Err(error.into());
        }
        // Close the camera at once: its node disappears only with the last open file.
        self.stream = None;
        self.wait_for(error);
        Ok(())
    }

    /// Suspends the source until the cause of `error` is gone.
    fn wait_for(&mut self, error: CameraError) {
        match &self.trouble {
            None => {
                self.generation = self.generation.wrapping_add(1);
                self.retry.reset();
                self.trouble = Some(error.into());
            }
            // Keep the first error: the camera being still away is not new.
            Some(_) if error.kind() == ErrorKind::NotFound => {}
            Some(_) => self.trouble = Some(error.into()),
        }
        self.retry.attempted(now_ns());
    }

    /// Resumes the source with new buffers.
    fn flow(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.trouble = None;
        self.restarted = true;
        if let Some(stream) = &self.stream {
            self.layout = *stream.layout();
            self.rate = rate(stream);
            self.appearance = appearance(stream);
        }
    }

    fn try_again(&mut self) -> Result<()> {
        if self.stream.is_some() {
            return self.renegotiate();
        }
        let Some(setup) = &self.setup else {
            return Ok(());
        };
        match setup.start() {
            Ok(stream) => {
                self.stream = Some(stream);
                self.flow();
            }
            Err(error) => self.wait_for(error),
        }
        Ok(())
    }

    fn extend(&mut self, sequence: u32) -> u64 {
        let full = match self.sequence {
            None => u64::from(sequence),
            Some((_, full)) if self.restarted => full + 1,
            Some((last, full)) => full + u64::from(step(last, sequence)),
        };
        self.sequence = Some((sequence, full));
        full
    }

    fn taken(&mut self, frame: &CameraFrame, colorimetry: u32) -> SourceFrame {
        let mut flags = Flags::empty();
        flags.set(Flags::CORRUPTED, frame.is_corrupted());
        flags.set(Flags::DISCONTINUITY, frame.lost > 0 || self.restarted);
        let starts = frame.timestamp_source() == TimestampSource::StartOfExposure;
        flags.set(Flags::TIMESTAMP_START, starts);
        let compressed = self.layout.fourcc.info();
        let is_raw = compressed.is_some_and(|info| !info.is_compressed());
        flags.set(Flags::KEY_FRAME, is_raw || frame.is_key_frame());
        let sequence = self.extend(frame.sequence);
        self.restarted = false;
        SourceFrame {
            index: frame.index,
            sequence,
            timestamp_ns: match frame.clock() {
                TimestampClock::Monotonic => frame.timestamp_ns,
                // Times of other clocks can't be compared with `CLOCK_MONOTONIC`.
                _ => now_ns(),
            },
            bytes_used: frame.bytes_used[..frame.plane_count].iter().sum(),
            data_offset: frame.data_offset,
            flags,
            field: frame.field.raw(),
            colorimetry,
        }
    }
}

fn rate(stream: &CameraStream) -> Option<FrameRate> {
    let interval = stream.interval()?;
    FrameRate::new(interval.denominator, interval.numerator).ok()
}

/// Reads colours and sample aspect ratio from the driver.
fn appearance(stream: &CameraStream) -> Appearance {
    let format = &stream.negotiated().format;
    let colorimetry = Colorimetry::from_v4l2(packed(format.colorimetry), format.fourcc);
    let device = stream.device();
    let aspect = |buf_type| {
        let aspect = device.sample_aspect(buf_type).ok()?;
        // The kernel reports 1/1 for drivers that report nothing.
        (aspect.numerator != aspect.denominator)
            .then(|| reduced(aspect.numerator.into(), aspect.denominator.into()))?
    };
    let Some((buf_type, sample_aspect)) = device
        .capture_type()
        .and_then(|buf_type| Some((buf_type, aspect(buf_type)?)))
    else {
        return colorimetry.into();
    };
    let appearance = Appearance {
        colorimetry,
        sample_aspect: Some(sample_aspect),
        chroma: None,
    };
    match device.selection(buf_type, SelectionTarget::Crop) {
        Ok(taken) => appearance.scaled((taken.width, taken.height), (format.width, format.height)),
        Err(_) => appearance,
    }
}

/// Packs one byte per field, the first one lowest.
fn packed(colours: Colours) -> u32 {
    let parts = [
        colours.colorspace,
        colours.xfer_func,
        colours.ycbcr_enc,
        colours.quantization,
    ];
    u32::from_le_bytes(parts.map(|part| u8::try_from(part).unwrap_or(0)))
}

impl Source for CameraSource {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    fn appearance(&self) -> Appearance {
        self.appearance
    }

    fn buffer_count(&self) -> u32 {
        let buffers = self.stream.as_ref().map(CameraStream::buffers);
        buffers.map_or(0, |buffers| buffers.len() as u32)
    }

    fn reserve(&self) -> u32 {
        RESERVE
    }

    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        let buffers = self.stream.as_ref().map_or(&[][..], CameraStream::buffers);
        let Some(buffer) = buffers.get(index as usize) else {
            return Vec::new();
        };
        let lengths = buffer.lengths.iter().map(|&len| u64::from(len));
        buffer.fds.iter().map(AsFd::as_fd).zip(lengths).collect()
    }

    fn generation(&self) -> u32 {
        self.generation
    }

    fn trouble(&self) -> Option<&Error> {
        self.trouble.as_ref()
    }

    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().map(AsFd::as_fd)
    }

    fn due_ns(&self) -> Option<u64> {
        self.trouble.is_some().then_some(self.retry.due_ns())
    }

    fn take_events(&mut self) -> Result<()> {
        let Some(stream) = &self.stream else {
            return Ok(());
        };
        match stream.take_events() {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::SourceChanged => self.renegotiate(),
            Err(error) => self.lose(error),
        }
    }

    fn take(&mut self) -> Result<Option<SourceFrame>> {
        if self.trouble.is_some() && now_ns() >= self.retry.due_ns() {
            self.try_again()?;
        }
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        let taken = stream.take();
        let colors = stream.negotiated().format.colorimetry;
        match taken {
            Ok(frame) => Ok(frame.map(|frame| self.taken(&frame, packed(colors)))),
            Err(error) => self.lose(error).map(|()| None),
        }
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        match stream.requeue(index) {
            Ok(()) => Ok(()),
            Err(error) => self.lose(error),
        }
    }
}
