//! A stateful decoder: a byte stream in through `Output`, pictures out through `Capture`.

use core::cell::Cell;
use core::ops::Deref;

use super::encoder::END;
use super::setup::set_format;
use super::{Buffers, Done, M2m, Quirks};
use crate::format::FourCc;
use crate::v4l2::ioctl::{self, CodecCommand};
use crate::v4l2::{
    Device, Error, ErrorKind, EventSelector, FormatFlags, PixFormat, Ready, SelectionRect,
    SelectionTarget,
};

/// The states of the kernel's decoder document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecoderState {
    /// The stream's headers are awaited: submit, and wait for [`Error::SourceChanged`].
    Initialization,
    /// Format and buffers of pictures are to be set up: [`Decoder::set_up`], [`Decoder::start`].
    CaptureSetup,
    /// Pictures come out.
    Decoding,
    /// What was submitted is being finished.
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

/// What a decoder is asked for.
#[derive(Clone, Copy, Debug)]
pub struct DecoderWishes {
    /// Codec, such as [`FourCc::H264`].
    pub coded: FourCc,
    /// Size of the pictures where it is known from elsewhere; needed only for formats whose stream does
    /// not tell.
    pub size: Option<(u32, u32)>,
    /// Bytes of the largest access unit; 0 leaves it to the driver.
    pub packet_size: u32,
}

/// The pictures of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureFormat {
    /// Format with the coded size, strides and sizes of buffers.
    pub format: PixFormat,
    /// The part to be shown.
    pub visible: SelectionRect,
}

/// A stateful decoder.
///
/// Reads as its [`M2m`], which has the queues and their buffers. Submit the stream; when
/// [`Decoder::take_picture`] says [`Error::SourceChanged`], at the start and whenever the stream
/// changes its size, take up the new format with [`Decoder::set_up`] and [`Decoder::start`].
/// Pictures come in the order in which they are shown, with the timestamp of the first buffer that they
/// came from, in whole microseconds.
///
/// Source: kernel page `userspace-api/media/v4l/dev-decoder.html`.
#[derive(Debug)]
pub struct Decoder {
    m2m: M2m,
    state: Cell<DecoderState>,
    /// A drain was asked for, and its end was not seen.
    draining: Cell<bool>,
    quirks: Quirks,
    coded: PixFormat,
    flags: FormatFlags,
}

impl Decoder {
    /// Sets the format of the stream, asks for the events of a decoder, allocates the output
    /// queue and starts it.
    ///
    /// # Errors
    /// - [`Error::NoFormat`]: the decoder has not this codec.
    /// - [`Error::WrongKind`]: the device is no memory-to-memory device.
    /// - [`ErrorKind::Busy`]: another handle has the only instance.
    /// - Those of [`ioctl::reqbufs`] and [`ioctl::streamon`].
    pub fn new(device: Device, wishes: &DecoderWishes, packets: Buffers) -> Result<Self, Error> {
        let mut m2m = M2m::new(device)?;
        let device = m2m.device();
        let output = m2m.output().buf_type();
        let quirks = Quirks::of(device.capabilities().driver());
        let (width, height) = match wishes.size {
            Some(size) if !quirks.placeholder_size => size,
            _ => (0, 0),
        };
        let mut wish = PixFormat::wish(wishes.coded, width, height);
        wish.planes[0].size_image = wishes.packet_size;
        let coded = set_format(device, output, &wish)?;
        let mut formats = device.formats(output).flatten();
        let flags = formats
            .find(|format| format.fourcc == wishes.coded)
            .map_or(FormatFlags::empty(), |format| format.flags);
        device.subscribe(EventSelector::SourceChange { input: 0 })?;
        // The mark on the last buffer is the contract; this event is asked for as the document says.
        let _ = device.subscribe(EventSelector::EndOfStream);
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

    /// The state.
    #[must_use]
    pub const fn state(&self) -> DecoderState {
        self.state.get()
    }

    /// The format of the stream, with the most bytes of a buffer.
    #[must_use]
    pub const fn coded_format(&self) -> &PixFormat {
        &self.coded
    }

    /// Whether a buffer may end anywhere in the stream. Where not, each holds one whole access
    /// unit.
    #[must_use]
    pub const fn takes_any_split(&self) -> bool {
        self.flags.contains(FormatFlags::CONTINUOUS_BYTESTREAM)
    }

    /// Whether the size may change inside the stream.
    #[must_use]
    pub const fn can_change_size(&self) -> bool {
        self.flags.contains(FormatFlags::DYN_RESOLUTION)
    }

    /// Both queues, to give their buffers memory.
    pub const fn m2m_mut(&mut self) -> &mut M2m {
        &mut self.m2m
    }

    /// Takes up the format of the stream and allocates the capture queue for it; buffers of the
    /// format before are freed. With a raw format of the program's choice, if the decoder has
    /// it. Buffers that are imported or lent get their memory next, then [`Decoder::start`].
    ///
    /// # Errors
    /// - [`Error::State`] but for [`DecoderState::CaptureSetup`].
    /// - [`Error::NoFormat`]: pictures of this stream do not come in this format.
    /// - Those of [`ioctl::reqbufs`].
    pub fn set_up(
        &mut self,
        raw: Option<FourCc>,
        pictures: Buffers,
    ) -> Result<PictureFormat, Error> {
        self.expect("set up capture", DecoderState::CaptureSetup)?;
        self.m2m.free_capture()?;
        // Whatever changed up to here is what is taken up now.
        self.m2m.source_changed()?;
        let device = self.m2m.device();
        let capture = self.m2m.capture().buf_type();
        let mut format = device.format(capture)?;
        if let Some(fourcc) = raw.filter(|&fourcc| fourcc != format.fourcc) {
            let mut wish = PixFormat::wish(fourcc, format.width, format.height);
            wish.colorimetry = format.colorimetry;
            format = set_format(device, capture, &wish)?;
        }
        let visible = visible(device, &format);
        self.m2m.allocate_capture(pictures)?;
        Ok(PictureFormat { format, visible })
    }

    /// Queues the capture buffers and starts that queue. A drain that was asked for goes on.
    ///
    /// # Errors
    /// [`Error::State`] but for [`DecoderState::CaptureSetup`], or before [`Decoder::set_up`];
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

    /// The next picture if there is one; never waits.
    ///
    /// # Errors
    /// - [`ErrorKind::NotReady`][]: none.
    /// - [`Error::SourceChanged`]: the format of the stream is known now, or all pictures in the
    ///   old one were taken; see [`Decoder::set_up`].
    /// - [`ErrorKind::EndOfStream`]: the last one after [`Decoder::drain`], or after an end in
    ///   the stream itself, was taken.
    /// - [`ErrorKind::StreamFailed`]: the driver gave up; drop the decoder and make a new one.
    /// - [`ErrorKind::Disconnected`][]: unplugged.
    pub fn take_picture(&self) -> Result<Done<'_>, Error> {
        match self.state.get() {
            DecoderState::CaptureSetup => return Err(Error::SourceChanged),
            DecoderState::Stopped => return Err(END),
            DecoderState::Initialization => {
                if self.m2m.source_changed()? {
                    self.state.set(DecoderState::CaptureSetup);
                    return Err(Error::SourceChanged);
                }
                return Err(Error::system("VIDIOC_DQBUF", rustix::io::Errno::AGAIN));
            }
            DecoderState::Drain if self.quirks.collect_before_end => self.m2m.collect()?,
            DecoderState::Drain | DecoderState::Decoding => {}
        }
        match self.m2m.take() {
            Ok(picture) if picture.is_last() => {
                let end = self.last_taken()?;
                if picture.is_empty() {
                    Err(end)
                } else {
                    Ok(picture)
                }
            }
            Ok(picture) => Ok(picture),
            Err(error) if error.kind() == ErrorKind::EndOfStream => Err(self.last_taken()?),
            Err(error) => Err(error),
        }
    }

    /// Tells what the last picture was the last of.
    fn last_taken(&self) -> Result<Error, Error> {
        self.m2m.end();
        if self.m2m.source_changed()? {
            self.state.set(DecoderState::CaptureSetup);
            Ok(Error::SourceChanged)
        } else {
            self.draining.set(false);
            self.state.set(DecoderState::Stopped);
            Ok(END)
        }
    }

    /// What to wait for, so that [`Decoder::take_picture`] has news.
    #[must_use]
    pub fn wanted(&self) -> Ready {
        match self.state.get() {
            DecoderState::Initialization => Ready::EVENT,
            _ => Ready::CAPTURE,
        }
    }

    /// The next picture, in the order in which they are shown. Waits although the decoder may be
    /// short of input: to feed it in the same thread, wait with [`M2m::wait`] for
    /// [`Decoder::wanted`] and [`Ready::OUTPUT`].
    ///
    /// # Errors
    /// Those of [`Decoder::take_picture`], where [`ErrorKind::NotReady`] means that neither
    /// queue has a buffer; [`Error::TimedOut`] at the deadline.
    pub fn next_picture(&self, deadline_ns: Option<u64>) -> Result<Done<'_>, Error> {
        loop {
            match self.take_picture() {
                Err(error) if error.kind() == ErrorKind::NotReady => {}
                result => return result,
            }
            let ready = self.m2m.wait(self.wanted(), deadline_ns)?;
            if ready.contains(Ready::ERROR) && !ready.intersects(self.wanted()) {
                return self.take_picture();
            }
        }
    }

    /// Begins a drain: all pictures of what was submitted so far come out, then
    /// [`ErrorKind::EndOfStream`]. While capture is not set up, the drain begins with it. Nothing
    /// happens in a drain and after it.
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
            // After a change of format: the drain from before it goes on.
            Err(error) if error.kind() == ErrorKind::Busy => {}
            Err(error) => {
                self.draining.set(false);
                return Err(error);
            }
        }
        self.state.set(DecoderState::Drain);
        Ok(())
    }

    /// Goes on after a drain, with what is submitted next in the same stream; with a driver that needs
    /// it ([`Quirks::end_outlives_start`]), from a key frame on.
    ///
    /// # Errors
    /// [`Error::State`] but for [`DecoderState::Stopped`]; see [`ioctl::decoder_cmd`].
    #[doc(alias = "V4L2_DEC_CMD_START")]
    pub fn resume(&mut self) -> Result<(), Error> {
        self.expect("resume", DecoderState::Stopped)?;
        ioctl::decoder_cmd(self.m2m.output().fd(), CodecCommand::Start)?;
        self.m2m.go_on(self.quirks.end_outlives_start)?;
        self.state.set(DecoderState::Decoding);
        Ok(())
    }

    /// Goes to another point of the stream, or to another stream of the codec: what was submitted is
    /// dropped, and so are pictures that were not taken. Submit from a key frame on, with
    /// its parameter sets. A drain ends.
    ///
    /// # Errors
    /// Those of stopping and starting a queue.
    pub fn seek(&mut self) -> Result<(), Error> {
        self.draining.set(false);
        self.m2m.stop_output()?;
        if self.m2m.capture().is_streaming() {
            self.m2m.stop_capture()?;
            // A change that the dropped input brought is of no interest; what comes next tells
            // its own.
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

impl Deref for Decoder {
    type Target = M2m;

    fn deref(&self) -> &M2m {
        &self.m2m
    }
}

/// The part of decoded pictures that is to be shown.
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
