//! A stateful decoder: takes a byte stream through `Output` and returns pictures through `Capture`.

use core::cell::Cell;

use super::setup::set_format;
use super::{Buffers, FinishedBuffer, M2m, Quirks};
use crate::format::FourCc;
use crate::v4l2::ioctl::{self, CodecCommand};
use crate::v4l2::{
    Device, EventSelector, FormatFlags, PixFormat, Ready, SelectionRect, SelectionTarget,
};
use crate::{Error, ErrorKind};

/// The states of the kernel's decoder document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecoderState {
    /// Waiting for the stream's headers: submit, and wait for [`Error::SourceChanged`].
    Initialization,
    /// The picture format is known: call [`Decoder::set_up`], then [`Decoder::start`].
    CaptureSetup,
    /// Pictures are decoded.
    Decoding,
    /// The rest of what was submitted is decoded.
    Drain,
    /// The last picture was taken.
    Stopped,
}

impl DecoderState {
    const fn name(self) -> &'static str {
        match self {
            Self::Initialization => "initialization",
            Self::CaptureSetup => "capture setup",
            Self::Decoding => "decoding",
            Self::Drain => "drain",
            Self::Stopped => "stopped",
        }
    }
}

/// What to request of a decoder.
#[derive(Clone, Copy, Debug)]
pub struct DecoderRequest {
    /// Codec, such as [`FourCc::H264`].
    pub coded: FourCc,
    /// Size of the pictures, if known; needed only for formats whose stream does not contain it.
    pub size: Option<(u32, u32)>,
    /// Bytes of the largest access unit; 0 leaves it to the driver.
    pub packet_size: u32,
}

/// The format of decoded pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureFormat {
    /// Format with the coded size, strides, and buffer sizes.
    pub format: PixFormat,
    /// The part to display.
    pub visible: SelectionRect,
}

/// A stateful decoder.
///
/// [`Decoder::m2m`] has the queues and their buffers. Submit the stream. When
/// [`Decoder::take_picture`] returns [`Error::SourceChanged`], at the start and whenever the stream
/// changes its size, set up the new format with [`Decoder::set_up`] and [`Decoder::start`].
/// Pictures arrive in display order, with the timestamp of the first buffer that they came from, in
/// whole microseconds.
///
/// Source: kernel page `userspace-api/media/v4l/dev-decoder.html`.
#[derive(Debug)]
pub struct Decoder {
    m2m: M2m,
    state: Cell<DecoderState>,
    /// A drain was requested, and its end has not been seen.
    draining: Cell<bool>,
    quirks: Quirks,
    coded: PixFormat,
    flags: FormatFlags,
}

impl Decoder {
    /// Sets the format of the stream, subscribes to the events of a decoder, then allocates and
    /// starts the output queue.
    ///
    /// # Errors
    /// - [`Error::NoFormat`]: the decoder does not support the codec.
    /// - [`Error::WrongKind`]: the device is not a memory-to-memory device.
    /// - [`ErrorKind::Busy`]: another handle has the only instance.
    /// - Those of [`ioctl::reqbufs`] and [`ioctl::streamon`].
    pub fn new(device: Device, request: &DecoderRequest, packets: Buffers) -> Result<Self, Error> {
        let mut m2m = M2m::new(device)?;
        let device = m2m.device();
        let output = m2m.output().buf_type();
        let quirks = Quirks::of(device.capabilities().driver());
        let (width, height) = match request.size {
            Some(size) if !quirks.placeholder_size => size,
            _ => (0, 0),
        };
        let mut requested = PixFormat::new(request.coded, width, height);
        requested.planes[0].size_image = request.packet_size;
        let coded = set_format(device, output, &requested)?;
        let mut formats = device.formats(output).flatten();
        let flags = formats
            .find(|format| format.fourcc == request.coded)
            .map_or(FormatFlags::empty(), |format| format.flags);
        device
            .node()
            .subscribe(EventSelector::SourceChange { input: 0 })?;
        // The end is read from the flag on the last buffer. The kernel's document still requires
        // this subscription, and drivers may lack the event.
        let _ = device.node().subscribe(EventSelector::EndOfStream);
        m2m.allocate_output(packets)?;
        m2m.start_output()?;
        Ok(Self {
            m2m,
            state: Cell::new(DecoderState::Initialization),
            draining: Cell::new(false),
            quirks,
            coded,
            flags,
        })
    }

    /// Returns the state.
    #[must_use]
    pub const fn state(&self) -> DecoderState {
        self.state.get()
    }

    /// Returns the format of the stream, with the maximum size of a buffer.
    #[must_use]
    pub const fn coded_format(&self) -> &PixFormat {
        &self.coded
    }

    /// Returns whether a buffer may end anywhere in the stream. If not, each buffer must hold one
    /// whole access unit.
    #[must_use]
    pub const fn takes_any_split(&self) -> bool {
        self.flags.contains(FormatFlags::CONTINUOUS_BYTESTREAM)
    }

    /// Returns whether the size may change within the stream.
    #[must_use]
    pub const fn can_change_size(&self) -> bool {
        self.flags.contains(FormatFlags::DYN_RESOLUTION)
    }

    /// Returns both queues, for free buffers, waiting, and access to the device.
    #[must_use]
    pub const fn m2m(&self) -> &M2m {
        &self.m2m
    }

    /// Returns both queues, to give their buffers memory.
    pub const fn m2m_mut(&mut self) -> &mut M2m {
        &mut self.m2m
    }

    /// Sets up the format of the stream and allocates the capture queue for it; buffers of the
    /// previous format are freed.
    ///
    /// `raw` selects another raw format that the decoder supports. Imported buffers need their
    /// memory next, then call [`Decoder::start`].
    ///
    /// # Errors
    /// - [`Error::State`] unless in [`DecoderState::CaptureSetup`].
    /// - [`Error::NoFormat`]: the decoder cannot write pictures of this stream in this format.
    /// - Those of [`ioctl::reqbufs`].
    pub fn set_up(
        &mut self,
        raw: Option<FourCc>,
        pictures: Buffers,
    ) -> Result<PictureFormat, Error> {
        self.expect("set up capture", DecoderState::CaptureSetup)?;
        self.m2m.free_capture()?;
        // Every change up to here is covered by the format that is read next.
        self.m2m.source_changed()?;
        let device = self.m2m.device();
        let capture = self.m2m.capture().buf_type();
        let mut format = device.format(capture)?;
        if let Some(fourcc) = raw.filter(|&fourcc| fourcc != format.fourcc) {
            let mut requested = PixFormat::new(fourcc, format.width, format.height);
            requested.colorimetry = format.colorimetry;
            format = set_format(device, capture, &requested)?;
        }
        let visible = visible(device, &format);
        self.m2m.allocate_capture(pictures)?;
        Ok(PictureFormat { format, visible })
    }

    /// Queues the capture buffers and starts the capture queue. A requested drain continues.
    ///
    /// # Errors
    /// [`Error::State`] unless in [`DecoderState::CaptureSetup`] and after [`Decoder::set_up`];
    /// those of [`ioctl::qbuf`] and [`ioctl::streamon`].
    pub fn start(&mut self) -> Result<(), Error> {
        self.expect("start", DecoderState::CaptureSetup)?;
        self.m2m.start_capture()?;
        self.state.set(DecoderState::Decoding);
        if self.draining.get() {
            self.stop_command()?;
        }
        Ok(())
    }

    /// Returns the next picture if it is finished; never blocks.
    ///
    /// # Errors
    /// - [`ErrorKind::NotReady`][]: no picture is finished.
    /// - [`Error::SourceChanged`]: the format of the stream is now known, or all pictures in the
    ///   old one were taken; see [`Decoder::set_up`].
    /// - [`ErrorKind::EndOfStream`]: the last picture after [`Decoder::drain`], or after an end
    ///   within the stream, was taken.
    /// - [`ErrorKind::StreamFailed`]: the driver failed; drop the decoder and create a new one.
    /// - [`ErrorKind::Disconnected`][]: the device was unplugged.
    pub fn take_picture(&self) -> Result<FinishedBuffer<'_>, Error> {
        match self.state.get() {
            DecoderState::CaptureSetup => return Err(Error::SourceChanged),
            DecoderState::Stopped => return Err(Error::EndOfStream),
            DecoderState::Initialization => {
                if self.m2m.source_changed()? {
                    self.state.set(DecoderState::CaptureSetup);
                    return Err(Error::SourceChanged);
                }
                return Err(Error::NotReady);
            }
            // Once the last picture is taken, such drivers refuse to return what they have read.
            DecoderState::Drain if self.quirks.collect_before_end => self.m2m.collect()?,
            DecoderState::Drain | DecoderState::Decoding => {}
        }
        match self.m2m.take() {
            Ok(picture) if picture.is_last() => {
                let end = self.last_taken()?;
                // Drivers flag either the last picture or an empty buffer after it. A picture is
                // returned first; the new state reports the end at the next call.
                if picture.is_empty() {
                    Err(end)
                } else {
                    Ok(picture)
                }
            }
            Ok(picture) => Ok(picture),
            // The flagged buffer was taken before, or the driver flags none.
            Err(error) if error.kind() == ErrorKind::EndOfStream => Err(self.last_taken()?),
            Err(error) => Err(error),
        }
    }

    /// Returns what the last buffer ended: the format, or the stream. The flag is the same for
    /// both; an event tells them apart.
    fn last_taken(&self) -> Result<Error, Error> {
        self.m2m.end();
        if self.m2m.source_changed()? {
            self.state.set(DecoderState::CaptureSetup);
            Ok(Error::SourceChanged)
        } else {
            self.draining.set(false);
            self.state.set(DecoderState::Stopped);
            Ok(Error::EndOfStream)
        }
    }

    /// Returns what to wait for before calling [`Decoder::take_picture`] again.
    #[must_use]
    pub fn wanted(&self) -> Ready {
        match self.state.get() {
            DecoderState::Initialization => Ready::EVENT,
            _ => Ready::CAPTURE,
        }
    }

    /// Waits for the next picture, in display order.
    ///
    /// It waits even if the decoder is short of input. To feed it in the same thread, wait with
    /// [`M2m::wait`] for [`Decoder::wanted`] and [`Ready::OUTPUT`].
    ///
    /// # Errors
    /// Those of [`Decoder::take_picture`], where [`ErrorKind::NotReady`] means that neither queue
    /// has a buffer; [`Error::TimedOut`] at the deadline.
    pub fn next_picture(&self, deadline_ns: Option<u64>) -> Result<FinishedBuffer<'_>, Error> {
        loop {
            match self.take_picture() {
                Err(error) if error.kind() == ErrorKind::NotReady => {}
                result => return result,
            }
            let ready = self.m2m.wait(self.wanted(), deadline_ns)?;
            // On an error alone, poll would keep returning at once: let the dequeue report it.
            if ready.contains(Ready::ERROR) && !ready.intersects(self.wanted()) {
                return self.take_picture();
            }
        }
    }

    /// Starts a drain: all pictures of what was submitted so far are returned, then
    /// [`ErrorKind::EndOfStream`].
    ///
    /// Before the capture queue is set up, the drain is postponed until it is. During and after a
    /// drain this does nothing.
    ///
    /// # Errors
    /// See [`ioctl::decoder_cmd`].
    #[doc(alias = "V4L2_DEC_CMD_STOP")]
    pub fn drain(&self) -> Result<(), Error> {
        let state = self.state.get();
        if state == DecoderState::Stopped || self.draining.replace(true) {
            return Ok(());
        }
        if state == DecoderState::Decoding {
            self.stop_command()?;
        }
        Ok(())
    }

    fn stop_command(&self) -> Result<(), Error> {
        match ioctl::decoder_cmd(self.m2m.output().fd(), CodecCommand::Stop) {
            Ok(()) => {}
            // After a change of format, the earlier drain is still in progress.
            Err(error) if error.kind() == ErrorKind::Busy => {}
            Err(error) => {
                self.draining.set(false);
                return Err(error);
            }
        }
        self.state.set(DecoderState::Drain);
        Ok(())
    }

    /// Resumes after a drain with what is submitted next in the same stream. With a driver that
    /// needs it ([`Quirks::end_outlives_start`]), submit from a key frame on.
    ///
    /// # Errors
    /// [`Error::State`] unless in [`DecoderState::Stopped`]; see [`ioctl::decoder_cmd`].
    #[doc(alias = "V4L2_DEC_CMD_START")]
    pub fn resume(&mut self) -> Result<(), Error> {
        self.expect("resume", DecoderState::Stopped)?;
        ioctl::decoder_cmd(self.m2m.output().fd(), CodecCommand::Start)?;
        self.m2m.go_on(self.quirks.end_outlives_start)?;
        self.state.set(DecoderState::Decoding);
        Ok(())
    }

    /// Seeks to another point of the stream, or to another stream of the codec.
    ///
    /// Submitted data and pictures that were not taken are dropped, and a drain ends. Submit from a
    /// key frame on, with its parameter sets.
    ///
    /// # Errors
    /// Those of stopping and starting a queue.
    pub fn seek(&mut self) -> Result<(), Error> {
        self.draining.set(false);
        // Stopping the output queue is the seek: it drops the input and keeps the stream's headers.
        self.m2m.stop_output()?;
        if self.m2m.capture().is_streaming() {
            self.m2m.stop_capture()?;
            // A change in the dropped input no longer matters; the next input reports its own.
            let changed = self.m2m.source_changed()?;
            self.m2m.start_output()?;
            if changed || self.state.get() == DecoderState::CaptureSetup {
                self.state.set(DecoderState::CaptureSetup);
            } else {
                self.m2m.start_capture()?;
                self.state.set(DecoderState::Decoding);
            }
            return Ok(());
        }
        self.m2m.start_output()
    }

    fn expect(&self, action: &'static str, state: DecoderState) -> Result<(), Error> {
        if self.state.get() == state {
            return Ok(());
        }
        let state = self.state.get().name();
        Err(Error::State { action, state })
    }
}

/// Returns the part of decoded pictures to display.
fn visible(device: &Device, format: &PixFormat) -> SelectionRect {
    let whole = SelectionRect {
        width: format.width,
        height: format.height,
        ..SelectionRect::default()
    };
    let Some(capture) = device.capture_type() else {
        return whole;
    };
    let inside = |rect: &SelectionRect| {
        let fits = |start: i32, len: u32, whole: u32| {
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            len > 0 && start.checked_add(len).is_some_and(|end| end <= whole)
        };
        fits(rect.left, rect.width, format.width) && fits(rect.top, rect.height, format.height)
    };
    device
        .selection(capture, SelectionTarget::Compose)
        .ok()
        .filter(inside)
        .unwrap_or(whole)
}
