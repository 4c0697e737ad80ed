//! A streaming camera as a source.

use std::os::fd::{AsFd, BorrowedFd};

use videostream_hal::format::Layout;
use videostream_hal::ring::Flags;
use videostream_hal::time::now_ns;
use videostream_hal::v4l2::{TimestampClock, TimestampSource};

use super::{Source, Taken};
use crate::camera::{CameraFrame, CameraStream};
use crate::{FrameRate, Result};

/// Buffers that a driver needs queued to keep going: one being filled, one to go on with.
const RESERVE: u32 = 2;

/// A camera whose dma-bufs are shared as they are.
#[derive(Debug)]
pub struct CameraSource {
    stream: CameraStream,
    /// The driver's 32-bit count, carried on past its wrap.
    sequence: Option<u64>,
}

impl CameraSource {
    /// The camera's frames as a source.
    #[must_use]
    pub fn new(stream: CameraStream) -> Self {
        Self {
            stream,
            sequence: None,
        }
    }

    /// The camera.
    #[must_use]
    pub fn camera(&self) -> &CameraStream {
        &self.stream
    }

    fn extend(&mut self, sequence: u32) -> u64 {
        let full = match self.sequence {
            None => u64::from(sequence),
            // A step back is a driver that starts its count anew, or does not count at all.
            Some(last) => match sequence.wrapping_sub(last as u32) {
                0 => last + 1,
                step if step > u32::MAX / 2 => last + 1,
                step => last + u64::from(step),
            },
        };
        self.sequence = Some(full);
        full
    }

    fn taken(&mut self, frame: &CameraFrame) -> Taken {
        let colors = self.stream.negotiated().format.colorimetry;
        let colorimetry = [
            colors.colorspace,
            colors.xfer_func,
            colors.ycbcr_enc,
            colors.quantization,
        ];
        let mut flags = Flags::empty();
        flags.set(Flags::CORRUPTED, frame.is_corrupted());
        flags.set(Flags::DISCONTINUITY, frame.lost > 0);
        let starts = frame.timestamp_source() == TimestampSource::StartOfExposure;
        flags.set(Flags::TIMESTAMP_START, starts);
        let compressed = self.stream.layout().fourcc.info();
        let is_raw = compressed.is_some_and(|info| !info.is_compressed());
        flags.set(Flags::KEY_FRAME, is_raw || frame.is_key_frame());
        Taken {
            index: frame.index,
            sequence: self.extend(frame.sequence),
            timestamp_ns: match frame.clock() {
                TimestampClock::Monotonic => frame.timestamp_ns,
                // Another clock can't be compared with anything here.
                _ => now_ns(),
            },
            bytes_used: frame.bytes_used[..frame.plane_count].iter().sum(),
            data_offset: frame.data_offset,
            flags,
            field: frame.field.raw(),
            colorimetry: u32::from_le_bytes(colorimetry.map(|c| u8::try_from(c).unwrap_or(0))),
        }
    }
}

impl Source for CameraSource {
    fn layout(&self) -> Layout {
        *self.stream.layout()
    }

    fn rate(&self) -> Option<FrameRate> {
        let interval = self.stream.interval()?;
        FrameRate::new(interval.denominator, interval.numerator).ok()
    }

    fn buffer_count(&self) -> u32 {
        self.stream.buffers().len() as u32
    }

    fn reserve(&self) -> u32 {
        RESERVE
    }

    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        let Some(buffer) = self.stream.buffers().get(index as usize) else {
            return Vec::new();
        };
        let lengths = buffer.lengths.iter().map(|&len| u64::from(len));
        buffer.fds.iter().map(AsFd::as_fd).zip(lengths).collect()
    }

    fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }

    fn take(&mut self) -> Result<Option<Taken>> {
        let frame = self.stream.take()?;
        Ok(frame.map(|frame| self.taken(&frame)))
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        Ok(self.stream.requeue(index)?)
    }
}
