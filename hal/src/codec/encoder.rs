//! A stateful encoder: pictures in through `Output`, packets out through `Capture`.

use core::cell::Cell;
use core::ops::Deref;

use rustix::io::Errno;

use super::setup::{set_crop, set_format, set_interval};
use super::{Buffers, Done, M2m, Quirks};
use crate::format::FourCc;
use crate::v4l2::ioctl::{self, CodecCommand};
use crate::v4l2::{Device, Error, ErrorKind, Fraction, PixFormat, Ready, SelectionRect};

/// The states of the kernel's encoder document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncoderState {
    /// Formats, buffers and controls may be set; nothing moves.
    Initialization,
    /// Pictures become packets.
    Encoding,
    /// What was submitted is being finished.
    Drain,
    /// The last packet was taken.
    Stopped,
}

impl EncoderState {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Initialization => "initialization",
            Self::Encoding => "encoding",
            Self::Drain => "drain",
            Self::Stopped => "stopped",
        }
    }
}

/// What an encoder is asked for.
#[derive(Clone, Copy, Debug)]
pub struct EncoderWishes {
    /// Codec, such as [`FourCc::H264`].
    pub coded: FourCc,
    /// Bytes that a packet may have; 0 leaves it to the driver.
    pub packet_size: u32,
    /// Pictures: format and size, stride and colours as far as they are known
    /// ([`PixFormat::wish`]).
    pub raw: PixFormat,
    /// Seconds per picture; `None` leaves it to the driver.
    pub interval: Option<Fraction>,
    /// The part of each picture that is encoded; `None` for all.
    pub crop: Option<SelectionRect>,
}

/// A stateful encoder.
///
/// Reads as its [`M2m`], which has the queues and their buffers. Made, given controls, allocated
/// and started in this order; then pictures are submitted and packets taken, independently of
/// each other. One picture may give none, one or several packets; the timestamp of a picture is
/// copied to its packets in whole microseconds.
///
/// Source: kernel page `userspace-api/media/v4l/dev-encoder.html`.
#[derive(Debug)]
pub struct Encoder {
    m2m: M2m,
    state: Cell<EncoderState>,
    quirks: Quirks,
    coded: PixFormat,
    raw: PixFormat,
    visible: SelectionRect,
    interval: Option<Fraction>,
}

impl Encoder {
    /// Sets formats, interval and crop rectangle of a device, in the order of the document; each
    /// is read back.
    ///
    /// # Errors
    /// - [`Error::NoFormat`]: the encoder has not this codec, or does not take these pictures.
    /// - [`Error::WrongKind`]: the device is no memory-to-memory device.
    /// - [`Error::Argument`]: the driver takes no pictures of this size, or cannot crop so.
    /// - [`ErrorKind::Busy`]: another handle has the only instance.
    pub fn new(device: Device, wishes: &EncoderWishes) -> Result<Self, Error> {
        let m2m = M2m::new(device)?;
        let device = m2m.device();
        let (output, capture) = (m2m.output().buf_type(), m2m.capture().buf_type());
        let mut coded = PixFormat::wish(wishes.coded, wishes.raw.width, wishes.raw.height);
        coded.planes[0].size_image = wishes.packet_size;
        coded.colorimetry = wishes.raw.colorimetry;
        set_format(device, capture, &coded)?;
        let raw = set_format(device, output, &wishes.raw)?;
        if raw.width < wishes.raw.width || raw.height < wishes.raw.height {
            return Err(Error::Argument {
                name: "picture size (width << 32 | height)",
                value: u64::from(wishes.raw.width) << 32 | u64::from(wishes.raw.height),
            });
        }
        let interval = match wishes.interval {
            Some(interval) => set_interval(device, wishes.coded, interval)?,
            None => None,
        };
        let whole = SelectionRect {
            width: wishes.raw.width,
            height: wishes.raw.height,
            ..SelectionRect::default()
        };
        let visible = set_crop(device, output, &raw, wishes.crop.unwrap_or(whole))?;
        // The size of packets follows from the pictures.
        let coded = device.format(capture)?;
        let quirks = Quirks::of(device.capabilities().driver());
        Ok(Self {
            m2m,
            state: Cell::new(EncoderState::Initialization),
            quirks,
            coded,
            raw,
            visible,
            interval,
        })
    }

    /// Allocates both queues. Buffers that are imported or lent get their memory next, those of
    /// the capture queue before [`Encoder::start`].
    ///
    /// # Errors
    /// Those of [`ioctl::reqbufs`].
    pub fn allocate(&mut self, pictures: Buffers, packets: Buffers) -> Result<(), Error> {
        self.expect("allocate", EncoderState::Initialization)?;
        self.m2m.allocate_output(pictures)?;
        self.m2m.allocate_capture(packets)
    }

    /// Both queues, to give their buffers memory.
    pub const fn m2m_mut(&mut self) -> &mut M2m {
        &mut self.m2m
    }

    /// Queues the capture buffers and starts both queues.
    ///
    /// # Errors
    /// Those of [`ioctl::qbuf`] and [`ioctl::streamon`].
    pub fn start(&mut self) -> Result<(), Error> {
        self.expect("start", EncoderState::Initialization)?;
        self.m2m.start_output()?;
        if let Err(error) = self.m2m.start_capture() {
            let _ = self.m2m.stop_output();
            return Err(error);
        }
        self.state.set(EncoderState::Encoding);
        Ok(())
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> EncoderState {
        self.state.get()
    }

    /// The format of packets: codec, size and the most bytes of one.
    #[must_use]
    pub const fn coded_format(&self) -> &PixFormat {
        &self.coded
    }

    /// The format of pictures, with the driver's strides and alignment.
    #[must_use]
    pub const fn raw_format(&self) -> &PixFormat {
        &self.raw
    }

    /// The part of each picture that is encoded.
    #[must_use]
    pub const fn visible(&self) -> SelectionRect {
        self.visible
    }

    /// Seconds per picture; `None` where the driver does not care.
    #[must_use]
    pub const fn interval(&self) -> Option<Fraction> {
        self.interval
    }

    /// Changes the rate at which pictures are expected, also while encoding.
    ///
    /// # Errors
    /// - [`ErrorKind::NotSupported`]: the driver has no rate.
    /// - [`ErrorKind::Busy`]: this driver cannot change it now.
    pub fn set_interval(&mut self, interval: Fraction) -> Result<Fraction, Error> {
        let set = set_interval(self.m2m.device(), self.coded.fourcc, interval)?;
        self.interval = set;
        set.ok_or(Error::system("VIDIOC_S_PARM", Errno::NOTTY))
    }

    /// The next packet if there is one; never waits.
    ///
    /// # Errors
    /// - [`ErrorKind::NotReady`][]: none.
    /// - [`ErrorKind::EndOfStream`]: the last one after [`Encoder::drain`] was taken.
    /// - [`ErrorKind::StreamFailed`]: the driver gave up; drop the encoder and make a new one.
    /// - [`ErrorKind::Disconnected`][]: unplugged.
    pub fn take_packet(&self) -> Result<Done<'_>, Error> {
        match self.state.get() {
            EncoderState::Initialization => return Err(self.wrong("take a packet")),
            EncoderState::Stopped => return Err(END),
            EncoderState::Drain if self.quirks.collect_before_end => self.m2m.collect()?,
            EncoderState::Drain | EncoderState::Encoding => {}
        }
        match self.m2m.take() {
            Ok(packet) if packet.is_last() => {
                self.state.set(EncoderState::Stopped);
                self.m2m.end();
                if packet.is_empty() {
                    Err(END)
                } else {
                    Ok(packet)
                }
            }
            Ok(packet) => Ok(packet),
            Err(error) => {
                if error.kind() == ErrorKind::EndOfStream {
                    self.state.set(EncoderState::Stopped);
                    self.m2m.end();
                }
                Err(error)
            }
        }
    }

    /// The next packet, in the order of decoding.
    ///
    /// # Errors
    /// Those of [`Encoder::take_packet`], where [`ErrorKind::NotReady`] means that neither queue
    /// has a buffer; [`Error::TimedOut`] at the deadline. A drain that a driver does not finish
    /// is ended by [`Encoder::reset`].
    pub fn next_packet(&self, deadline_ns: Option<u64>) -> Result<Done<'_>, Error> {
        loop {
            match self.take_packet() {
                Err(error) if error.kind() == ErrorKind::NotReady => {}
                result => return result,
            }
            let ready = self.m2m.wait(Ready::CAPTURE, deadline_ns)?;
            if ready.contains(Ready::ERROR) && !ready.contains(Ready::CAPTURE) {
                return self.take_packet();
            }
        }
    }

    /// Begins a drain: packets of all pictures submitted so far come out, then
    /// [`ErrorKind::EndOfStream`]. Pictures submitted from now on wait for [`Encoder::resume`].
    /// Nothing happens in a drain and after it.
    ///
    /// # Errors
    /// [`Error::State`] before the start; see [`ioctl::encoder_cmd`].
    #[doc(alias = "V4L2_ENC_CMD_STOP")]
    pub fn drain(&self) -> Result<(), Error> {
        match self.state.get() {
            EncoderState::Initialization => return Err(self.wrong("drain")),
            EncoderState::Drain | EncoderState::Stopped => return Ok(()),
            EncoderState::Encoding => {}
        }
        ioctl::encoder_cmd(self.m2m.output().fd(), CodecCommand::Stop)?;
        self.state.set(EncoderState::Drain);
        Ok(())
    }

    /// Goes on after a drain, in the same stream: later pictures may refer to earlier ones. With a
    /// driver that needs it ([`Quirks::end_outlives_start`]), in a new one.
    ///
    /// # Errors
    /// [`Error::State`] but for [`EncoderState::Stopped`]; see [`ioctl::encoder_cmd`].
    #[doc(alias = "V4L2_ENC_CMD_START")]
    pub fn resume(&mut self) -> Result<(), Error> {
        self.expect("resume", EncoderState::Stopped)?;
        ioctl::encoder_cmd(self.m2m.output().fd(), CodecCommand::Start)?;
        self.m2m.go_on(self.quirks.end_outlives_start)?;
        self.state.set(EncoderState::Encoding);
        Ok(())
    }

    /// Begins a new stream: the next packet is a key frame with parameter sets and refers to
    /// nothing before it. Packets not taken are lost; pictures that the driver has not read stay.
    /// A drain ends.
    ///
    /// # Errors
    /// [`Error::State`] before the start; those of stopping and starting a queue.
    pub fn reset(&mut self) -> Result<(), Error> {
        if self.state.get() == EncoderState::Initialization {
            return Err(self.wrong("reset"));
        }
        self.m2m.stop_capture()?;
        self.m2m.start_capture()?;
        self.state.set(EncoderState::Encoding);
        Ok(())
    }

    /// Drops the pictures that were submitted and not yet encoded. A drain is waited for first:
    /// not in [`EncoderState::Drain`].
    ///
    /// # Errors
    /// [`Error::State`]; those of stopping and starting a queue.
    pub fn discard(&mut self) -> Result<(), Error> {
        let state = self.state.get();
        if matches!(state, EncoderState::Initialization | EncoderState::Drain) {
            return Err(self.wrong("discard"));
        }
        self.m2m.stop_output()?;
        self.m2m.start_output()?;
        if state == EncoderState::Stopped {
            self.resume()?;
        }
        Ok(())
    }

    /// Ends the stream and frees the buffers; formats and controls stay, and
    /// [`Encoder::allocate`] comes next. Also the way back from [`ErrorKind::StreamFailed`].
    ///
    /// # Errors
    /// Those of stopping a queue and freeing its buffers.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.m2m.stop_all()?;
        self.state.set(EncoderState::Initialization);
        Ok(())
    }

    fn wrong(&self, action: &'static str) -> Error {
        let state = self.state.get().name();
        Error::State { action, state }
    }

    fn expect(&self, action: &'static str, state: EncoderState) -> Result<(), Error> {
        if self.state.get() == state {
            Ok(())
        } else {
            Err(self.wrong(action))
        }
    }
}

impl Deref for Encoder {
    type Target = M2m;

    fn deref(&self) -> &M2m {
        &self.m2m
    }
}

/// What `VIDIOC_DQBUF` answers after the last buffer.
pub(super) const END: Error = Error::System {
    call: "VIDIOC_DQBUF",
    errno: Errno::PIPE,
};
