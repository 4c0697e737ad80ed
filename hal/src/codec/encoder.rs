//! A stateful encoder: takes pictures through `Output` and returns packets through `Capture`.

use core::cell::Cell;

use super::setup::{set_crop, set_format, set_interval};
use super::{Buffers, FinishedBuffer, M2m, Quirks};
use crate::format::FourCc;
use crate::v4l2::ioctl::{self, CodecCommand};
use crate::v4l2::{Device, Fraction, PixFormat, Ready, SelectionRect};
use crate::{Error, ErrorKind};

/// The states of the kernel's encoder document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncoderState {
    /// Formats, buffers, and controls may be set; nothing is encoded.
    Initialization,
    /// Pictures are encoded.
    Encoding,
    /// The rest of what was submitted is encoded.
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

/// What to request of an encoder.
#[derive(Clone, Copy, Debug)]
pub struct EncoderRequest {
    /// Codec, such as [`FourCc::H264`].
    pub coded: FourCc,
    /// Maximum bytes of a packet; 0 leaves it to the driver.
    pub packet_size: u32,
    /// Format of the pictures: code and size, plus stride and colorimetry as far as known
    /// ([`PixFormat::new`]).
    pub raw: PixFormat,
    /// Seconds per picture; `None` leaves it to the driver.
    pub interval: Option<Fraction>,
    /// The part of each picture to encode; `None` for all of it.
    pub crop: Option<SelectionRect>,
}

/// A stateful encoder.
///
/// [`Encoder::m2m`] has the queues and their buffers. Create the encoder, set controls, allocate,
/// and start, in this order; then submit pictures and take packets independently of each other. One
/// picture may result in no packet, one, or several; its timestamp is copied to its packets in
/// whole microseconds.
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
    /// Sets the formats, interval, and crop rectangle of a device, in the order of the kernel's
    /// document, and checks how the driver adjusted them.
    ///
    /// # Errors
    /// - [`Error::NoFormat`]: the encoder does not support the codec or the picture format.
    /// - [`Error::WrongKind`]: the device is not a memory-to-memory device.
    /// - [`Error::PictureSize`], [`Error::Rectangle`]: the driver does not support the picture size
    ///   or the crop rectangle.
    /// - [`ErrorKind::Busy`]: another handle has the only instance.
    pub fn new(device: Device, request: &EncoderRequest) -> Result<Self, Error> {
        let m2m = M2m::new(device)?;
        let device = m2m.device();
        let (output, capture) = (m2m.output().buf_type(), m2m.capture().buf_type());
        let mut coded = PixFormat::new(request.coded, request.raw.width, request.raw.height);
        coded.planes[0].size_image = request.packet_size;
        coded.colorimetry = request.raw.colorimetry;
        set_format(device, capture, &coded)?;
        let raw = set_format(device, output, &request.raw)?;
        if raw.width < request.raw.width || raw.height < request.raw.height {
            return Err(Error::PictureSize {
                width: request.raw.width,
                height: request.raw.height,
            });
        }
        let interval = match request.interval {
            Some(interval) => set_interval(device, request.coded, interval)?,
            None => None,
        };
        let whole = SelectionRect {
            width: request.raw.width,
            height: request.raw.height,
            ..SelectionRect::default()
        };
        let visible = set_crop(device, output, &raw, request.crop.unwrap_or(whole))?;
        // The packet size follows from the picture format, so read it after that is set.
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

    /// Allocates both queues. Imported buffers need their memory next, those of the capture queue
    /// before [`Encoder::start`].
    ///
    /// # Errors
    /// Those of [`ioctl::reqbufs`].
    pub fn allocate(&mut self, pictures: Buffers, packets: Buffers) -> Result<(), Error> {
        self.expect("allocate", EncoderState::Initialization)?;
        self.m2m.allocate_output(pictures)?;
        self.m2m.allocate_capture(packets)
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

    /// Returns the state.
    #[must_use]
    pub const fn state(&self) -> EncoderState {
        self.state.get()
    }

    /// Returns the format of packets: codec, size, and the maximum bytes of a packet.
    #[must_use]
    pub const fn coded_format(&self) -> &PixFormat {
        &self.coded
    }

    /// Returns the format of pictures, with the driver's strides and alignment.
    #[must_use]
    pub const fn raw_format(&self) -> &PixFormat {
        &self.raw
    }

    /// Returns the part of each picture that is encoded.
    #[must_use]
    pub const fn visible(&self) -> SelectionRect {
        self.visible
    }

    /// Returns the seconds per picture; `None` if the driver has no frame interval.
    #[must_use]
    pub const fn interval(&self) -> Option<Fraction> {
        self.interval
    }

    /// Changes the seconds per picture, also while encoding.
    ///
    /// # Errors
    /// - [`ErrorKind::NotSupported`]: the driver has no frame interval.
    /// - [`ErrorKind::Busy`]: the driver cannot change it now.
    pub fn set_interval(&mut self, interval: Fraction) -> Result<Fraction, Error> {
        let set = set_interval(self.m2m.device(), self.coded.fourcc, interval)?;
        self.interval = set;
        set.ok_or(Error::Missing {
            ability: "frame interval",
        })
    }

    /// Returns the next packet if it is finished; never blocks.
    ///
    /// # Errors
    /// - [`ErrorKind::NotReady`][]: no packet is finished.
    /// - [`ErrorKind::EndOfStream`]: the last packet after [`Encoder::drain`] was taken.
    /// - [`ErrorKind::StreamFailed`]: the driver failed; drop the encoder and create a new one.
    /// - [`ErrorKind::Disconnected`][]: the device was unplugged.
    pub fn take_packet(&self) -> Result<FinishedBuffer<'_>, Error> {
        match self.state.get() {
            EncoderState::Initialization => return Err(self.wrong("take a packet")),
            EncoderState::Stopped => return Err(Error::EndOfStream),
            // Once the last packet is taken, such drivers refuse to return what they have read.
            EncoderState::Drain if self.quirks.collect_before_end => self.m2m.collect()?,
            EncoderState::Drain | EncoderState::Encoding => {}
        }
        match self.m2m.take() {
            Ok(packet) if packet.is_last() => {
                self.state.set(EncoderState::Stopped);
                self.m2m.end();
                // Drivers flag either the last packet or an empty buffer after it. A packet is
                // returned first; the new state reports the end at the next call.
                if packet.is_empty() {
                    Err(Error::EndOfStream)
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

    /// Waits for the next packet, in decoding order.
    ///
    /// If a driver does not finish a drain, end it with [`Encoder::reset`].
    ///
    /// # Errors
    /// Those of [`Encoder::take_packet`], where [`ErrorKind::NotReady`] means that neither queue
    /// has a buffer; [`Error::TimedOut`] at the deadline.
    pub fn next_packet(&self, deadline_ns: Option<u64>) -> Result<FinishedBuffer<'_>, Error> {
        loop {
            match self.take_packet() {
                Err(error) if error.kind() == ErrorKind::NotReady => {}
                result => return result,
            }
            let ready = self.m2m.wait(Ready::CAPTURE, deadline_ns)?;
            // On an error alone, poll would keep returning at once: let the dequeue report it.
            if ready.contains(Ready::ERROR) && !ready.contains(Ready::CAPTURE) {
                return self.take_packet();
            }
        }
    }

    /// Starts a drain: packets of all pictures submitted so far are returned, then
    /// [`ErrorKind::EndOfStream`].
    ///
    /// Pictures submitted from now on wait for [`Encoder::resume`]. During and after a drain this
    /// does nothing.
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

    /// Resumes after a drain, in the same stream: later pictures may refer to earlier ones. With a
    /// driver that needs it ([`Quirks::end_outlives_start`]), a new stream begins.
    ///
    /// # Errors
    /// [`Error::State`] unless in [`EncoderState::Stopped`]; see [`ioctl::encoder_cmd`].
    #[doc(alias = "V4L2_ENC_CMD_START")]
    pub fn resume(&mut self) -> Result<(), Error> {
        self.expect("resume", EncoderState::Stopped)?;
        ioctl::encoder_cmd(self.m2m.output().fd(), CodecCommand::Start)?;
        self.m2m.go_on(self.quirks.end_outlives_start)?;
        self.state.set(EncoderState::Encoding);
        Ok(())
    }

    /// Begins a new stream: the next packet is a key frame with parameter sets and does not refer
    /// to earlier pictures.
    ///
    /// Packets that were not taken are lost; pictures that the driver has not read stay submitted.
    /// A drain ends.
    ///
    /// # Errors
    /// [`Error::State`] before the start; those of stopping and starting a queue.
    pub fn reset(&mut self) -> Result<(), Error> {
        if self.state.get() == EncoderState::Initialization {
            return Err(self.wrong("reset"));
        }
        // Restarting the capture queue alone is the reset of the encoder document.
        self.m2m.stop_capture()?;
        self.m2m.start_capture()?;
        self.state.set(EncoderState::Encoding);
        Ok(())
    }

    /// Drops the pictures that were submitted but not encoded yet. Not possible in
    /// [`EncoderState::Drain`]: finish the drain first.
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

    /// Ends the stream and frees the buffers. Formats and controls stay; call [`Encoder::allocate`]
    /// next. This also recovers from [`ErrorKind::StreamFailed`].
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
