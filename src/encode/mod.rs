//! Encoding pictures to H.264 and H.265.
//!
//! An [`Encoder`] takes [`Picture`]s and gives [`Packet`]s. Give it pictures with
//! [`Encoder::submit`] and take all packets that are ready with [`Encoder::receive`]; backends
//! differ in how many pictures they hold back, and the same loop serves all of them. At the end
//! [`Encoder::finish`] lets out what is held.
//!
//! | backend | needs | takes |
//! |---|---|---|
//! | [`Backend::V4l2`] | a device with a stateful V4L2 driver | what the driver takes; gives packets as they are done |
//! | [`Backend::Software`] | cargo feature `software`; for H.265 the system's libx265 (Debian: `libx265-199`) | every format of `convert::formats()`: YUV, RGB and grey of 8 bits; gives each packet at once |
//!
//! With YU12 and YV12 the software encoder reads the picture where it lies; NV12 and NV21 have their chroma
//! planes separated and the others are converted, in memory that is kept.

mod backend;
mod config;
mod copies;
mod error;
pub(crate) mod fwht;
mod level;
mod mapped;
mod packet;
#[cfg(feature = "software")]
mod software;
#[cfg(not(feature = "software"))]
#[path = "none.rs"]
mod software;
mod v4l2;

pub use self::backend::{BACKEND_VARIABLE, Backend, DevicePath};
pub use self::config::{Codec, EncoderConfig, Level, Profile, RateControl};
pub use self::copies::{Copies, CopyReason, Submitted};
pub use self::error::EncodeError;
pub use self::packet::Packet;
pub use crate::bitstream::{
    AccessUnits, OrderError, ParameterSets, PictureOrder, StreamInfo, UnitFinder, access_units,
    has_b_slices, stream_info,
};
pub use crate::hardware::NoDevice;
pub use crate::library::LibraryMissing;

use std::os::fd::BorrowedFd;
use std::path::Path;

use videostream_hal::format::FourCc;

use self::mapped::Mapped;
use crate::frame_rate::FrameRate;
use crate::picture::{DmaBufPicture, Picture};

/// The example of the guide is compiled.
#[cfg(all(doctest, feature = "record"))]
#[doc = include_str!("../../docs/encoding.md")]
struct Guide;

/// Encodes pictures of one size and format.
///
/// ```
/// # #[cfg(feature = "software")] {
/// use videostream::encode::{Codec, Encoder, EncoderConfig};
/// use videostream::hal::format::{FourCc, Layout};
/// use videostream::{FrameRate, Picture};
///
/// let rate = FrameRate::fps(30)?;
/// let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 320, 240, rate);
/// let mut encoder = Encoder::new(&config)?;
/// let layout = Layout::new(FourCc::NV12, 320, 240)?;
/// let grey = vec![128; layout.size as usize];
/// for number in 0..3 {
///     encoder.submit(&Picture::new(&grey, &layout)?, rate.time_ns(number))?;
///     while let Some(packet) = encoder.receive()? {
///         assert_eq!(packet.is_key(), number == 0);
///     }
/// }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    config: EncoderConfig,
    inner: Inner,
    finished: bool,
    mapped: Mapped,
    copies: Copies,
}

#[derive(Debug)]
enum Inner {
    Software(Box<software::Software>),
    V4l2(Box<v4l2::V4l2>),
}

impl Encoder {
    /// Prepares an encoder.
    ///
    /// # Errors
    /// [`EncodeError`]: no backend for the codec (it says how to get one), or a value that
    /// the backend can't do, with its limits.
    pub fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        let backend = config.backend.chosen(config.device);
        let inner = match backend.map_err(EncodeError::UnknownBackend)? {
            Backend::V4l2 => Inner::V4l2(Box::new(v4l2::V4l2::new(config)?)),
            Backend::Software => Inner::Software(Box::new(software::Software::new(config)?)),
            Backend::Auto => match v4l2::V4l2::new(config) {
                Ok(v4l2) => Inner::V4l2(Box::new(v4l2)),
                Err(refused) => match software::Software::new(config) {
                    Ok(software) => Inner::Software(Box::new(software)),
                    // Without the one, what the other said is of interest.
                    Err(EncodeError::NoBackend(_)) if refused.is_of_a_device() => {
                        return Err(refused);
                    }
                    Err(error) => return Err(error),
                },
            },
        };
        Ok(Self {
            config: *config,
            inner,
            finished: false,
            mapped: Mapped::default(),
            copies: Copies::default(),
        })
    }

    /// The configuration, with later changes.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The backend that encodes.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.inner {
            Inner::Software(_) => Backend::Software,
            Inner::V4l2(_) => Backend::V4l2,
        }
    }

    /// The device that encodes; `None` for software.
    #[must_use]
    pub fn device(&self) -> Option<&Path> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.path()),
        }
    }

    /// What was copied on the way into the encoder.
    #[must_use]
    pub fn copies(&self) -> Copies {
        let why = match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => v4l2.copying(),
        };
        Copies { why, ..self.copies }
    }

    /// For a program's own poll loop: readable when [`Encoder::receive`] may have a packet. `None` for software,
    /// which has it when [`Encoder::submit`] returns.
    #[must_use]
    pub fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.fd()),
        }
    }

    /// The parameter sets (for H.264 a sequence and a picture parameter set) as an Annex B byte stream,
    /// where the backend knows them before the first key frame.
    #[must_use]
    pub fn parameter_sets(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Software(software) => Some(software.parameter_sets()),
            Inner::V4l2(v4l2) => v4l2.parameter_sets(),
        }
    }

    /// Gives the encoder a picture to be shown at `pts_ns` nanoseconds; the packet carries the same time.
    ///
    /// # Errors
    /// [`EncodeError::Mismatch`] for a picture of another format or size,
    /// [`EncodeError::PacketWaiting`] when a packet has to be received first,
    /// [`EncodeError::Finished`] after [`Encoder::finish`]. After [`EncodeError::TooDetailed`] and
    /// [`EncodeError::Backend`] the picture is lost, and the next one starts with a key frame.
    pub fn submit(&mut self, picture: &Picture<'_>, pts_ns: u64) -> Result<(), EncodeError> {
        self.check((picture.fourcc(), picture.width(), picture.height()))?;
        let bytes = match &mut self.inner {
            Inner::Software(software) => {
                let visible = match self.config.crop {
                    Some(rect) => picture.crop(rect)?,
                    None => *picture,
                };
                software.submit(&visible, pts_ns)?
            }
            Inner::V4l2(v4l2) => v4l2.submit(picture, pts_ns)?,
        };
        self.copies.pictures += u64::from(bytes > 0);
        self.copies.bytes += bytes;
        Ok(())
    }

    /// Gives the encoder a picture in dma-bufs, which a device reads where it lies: nothing is copied. Until
    /// [`Encoder::is_reading`] is `false` nobody may write it.
    ///
    /// Where the device or its driver does not take it so, it is copied, and so are all that follow;
    /// [`Encoder::copies`] counts them and says why. Software encodes it at once.
    ///
    /// Mixed with [`Encoder::submit`], every change between the two makes the device begin a new stream.
    ///
    /// # Errors
    /// Those of [`Encoder::submit`]; [`EncodeError::Map`], [`EncodeError::DmaBuf`] for memory that has to be read by
    /// the CPU and can't be.
    pub fn submit_dmabuf(
        &mut self,
        picture: &DmaBufPicture<'_>,
        pts_ns: u64,
    ) -> Result<Submitted, EncodeError> {
        let layout = picture.layout();
        self.check((layout.fourcc, layout.width, layout.height))?;
        if let Inner::V4l2(v4l2) = &mut self.inner
            && let Some(reading) = v4l2.import(picture, pts_ns)?
        {
            return Ok(Submitted(Some(reading)));
        }
        let mut mapped = std::mem::take(&mut self.mapped);
        let seen = mapped.look(picture, |picture| self.submit(picture, pts_ns));
        self.mapped = mapped;
        seen??;
        Ok(Submitted(None))
    }

    /// Whether the encoder still reads a picture that was submitted where it lies.
    ///
    /// # Errors
    /// [`EncodeError::Device`].
    pub fn is_reading(&mut self, picture: &Submitted) -> Result<bool, EncodeError> {
        match (&mut self.inner, picture.0) {
            (Inner::V4l2(v4l2), Some(reading)) => v4l2.is_reading(reading),
            _ => Ok(false),
        }
    }

    /// Waits until the encoder has read a picture that was submitted where it lies.
    ///
    /// # Errors
    /// [`EncodeError::PacketWaiting`] when a packet has to be received first; [`EncodeError::Device`].
    pub fn finish_reading(&mut self, picture: &Submitted) -> Result<(), EncodeError> {
        match (&mut self.inner, picture.0) {
            (Inner::V4l2(v4l2), Some(reading)) => v4l2.finish_reading(reading),
            _ => Ok(()),
        }
    }

    fn check(&self, has: (FourCc, u32, u32)) -> Result<(), EncodeError> {
        if self.finished {
            return Err(EncodeError::Finished);
        }
        let wants = (self.config.fourcc, self.config.width, self.config.height);
        if has != wants {
            return Err(EncodeError::Mismatch { has, wants });
        }
        Ok(())
    }

    /// Waits until [`Encoder::receive`] has a packet, or `deadline_ns` of `CLOCK_MONOTONIC` has passed; whether it has.
    /// A device works while the program does something else; software has done all it can when
    /// [`Encoder::submit`] returns.
    ///
    /// # Errors
    /// [`EncodeError::Device`].
    pub fn wait(&mut self, deadline_ns: u64) -> Result<bool, EncodeError> {
        match &mut self.inner {
            Inner::Software(software) => Ok(software.is_ready()),
            Inner::V4l2(v4l2) => v4l2.wait(deadline_ns),
        }
    }

    /// The next packet that is ready, or `None` when the encoder wants more pictures (after
    /// [`Encoder::finish`]: when that was the last).
    ///
    /// # Errors
    /// [`EncodeError::Backend`].
    pub fn receive(&mut self) -> Result<Option<Packet<'_>>, EncodeError> {
        match &mut self.inner {
            Inner::Software(software) => Ok(software.receive()),
            Inner::V4l2(v4l2) => v4l2.receive(self.finished),
        }
    }

    /// Ends the stream: what is held back comes out of [`Encoder::receive`], and no more pictures are taken.
    ///
    /// # Errors
    /// [`EncodeError::Backend`].
    pub fn finish(&mut self) -> Result<(), EncodeError> {
        if let (Inner::V4l2(v4l2), false) = (&mut self.inner, self.finished) {
            v4l2.finish()?;
        }
        self.finished = true;
        Ok(())
    }

    /// Makes the next submitted picture a key frame.
    pub fn force_key_frame(&mut self) {
        match &mut self.inner {
            Inner::Software(software) => software.force_key_frame(),
            Inner::V4l2(v4l2) => v4l2.force_key_frame(),
        }
    }

    /// Changes the bitrate (with rate control `Variable`: the average), in bits per second, from the next
    /// picture on. A peak that is below is raised to it. H.265 in software goes on with a key frame.
    ///
    /// # Errors
    /// [`EncodeError::NoBitrate`] with a constant quantiser; [`EncodeError::Value`] out of range;
    /// [`EncodeError::Level`] beyond the level that was asked for; [`EncodeError::Backend`].
    pub fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError> {
        let control = self.config.rate_control.at(bits_per_second);
        let control = control.ok_or(EncodeError::NoBitrate)?;
        match &mut self.inner {
            Inner::Software(software) => software.set_bitrate(control, bits_per_second)?,
            Inner::V4l2(v4l2) => v4l2.set_bitrate(control, bits_per_second)?,
        }
        self.config.rate_control = control;
        Ok(())
    }

    /// Changes the rate at which pictures are expected, from the next picture on. H.265 in software goes on
    /// with a key frame.
    ///
    /// # Errors
    /// [`EncodeError::Value`] out of range; [`EncodeError::Backend`].
    pub fn set_frame_rate(&mut self, rate: FrameRate) -> Result<(), EncodeError> {
        match &mut self.inner {
            Inner::Software(software) => software.set_frame_rate(rate)?,
            Inner::V4l2(v4l2) => v4l2.set_frame_rate(rate)?,
        }
        self.config.rate = rate;
        Ok(())
    }
}
