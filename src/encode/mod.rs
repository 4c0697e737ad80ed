//! Encoding pictures to H.264 and H.265.
//!
//! An [`Encoder`] takes [`Picture`]s and returns [`Packet`]s. Submit each picture with
//! [`Encoder::submit`] and take all ready packets with [`Encoder::receive`]. Backends differ in how
//! many pictures they hold back; the same loop serves all of them. [`Encoder::finish`] at the end
//! releases what is held back.
//!
//! | backend | needs | input |
//! |---|---|---|
//! | [`Backend::V4l2`] | a device with a stateful V4L2 driver | the formats of the driver |
//! | [`Backend::Software`], H.264 | cargo feature `software` | 8-bit YUV, RGB and grey |
//! | [`Backend::Software`], H.265 | also the system's libx265 | 8-bit YUV, RGB and grey |
//!
//! Hardware returns packets as they are done, software returns each packet at once. Software takes
//! every format of `convert::formats()`. On Debian libx265 is in the package `libx265-199`.
//!
//! The software encoder reads YU12 and YV12 in place. NV12 and NV21 have their chroma planes
//! separated, and other formats are converted, both in memory that is kept for reuse.

mod config;
mod copies;
mod level;
mod mapped;
#[cfg(feature = "software")]
mod software;
#[cfg(not(feature = "software"))]
#[path = "no_backend.rs"]
mod software;
mod v4l2;

pub use self::config::{EncoderConfig, Profile, RateControl};
pub use self::copies::{Copies, CopyReason, Submitted};
pub use crate::bitstream::{
    AccessUnits, Codec, Level, OrderError, Packet, ParameterSets, PictureOrder, StreamInfo,
    UnitFinder, access_units, has_b_slices, stream_info,
};
pub use crate::codec::{BACKEND_VARIABLE, Backend, CodecError, DevicePath, NoDevice};
pub use crate::library::LibraryMissing;

use std::os::fd::BorrowedFd;
use std::path::Path;

use videostream_hal::format::FourCc;

use self::mapped::MappedPictures;
use crate::picture::{DmaBufPicture, Picture};

/// Compiles the example of the guide.
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
    mapped: MappedPictures,
    copies: Copies,
}

#[derive(Debug)]
enum Inner {
    Software(Box<software::Software>),
    V4l2(Box<v4l2::V4l2>),
}

impl Encoder {
    /// Creates an encoder.
    ///
    /// # Errors
    /// [`CodecError`]: there is no backend for the codec (the error says how to get one), or the
    /// backend does not support a value, with its limits.
    pub fn new(config: &EncoderConfig) -> Result<Self, CodecError> {
        let backend = config.backend.chosen(config.device);
        let inner = match backend.map_err(CodecError::UnknownBackend)? {
            Backend::V4l2 => Inner::V4l2(Box::new(v4l2::V4l2::new(config)?)),
            Backend::Software => Inner::Software(Box::new(software::Software::new(config)?)),
            Backend::Auto => match v4l2::V4l2::new(config) {
                Ok(v4l2) => Inner::V4l2(Box::new(v4l2)),
                Err(refused) => match software::Software::new(config) {
                    Ok(software) => Inner::Software(Box::new(software)),
                    // If the other backend was not built, the device's error says more.
                    Err(CodecError::NoBackend { .. }) if refused.is_of_a_device() => {
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
            mapped: MappedPictures::default(),
            copies: Copies::default(),
        })
    }

    /// Returns the configuration, including later changes.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Returns the backend that encodes.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.inner {
            Inner::Software(_) => Backend::Software,
            Inner::V4l2(_) => Backend::V4l2,
        }
    }

    /// Returns the device that encodes; `None` in software.
    #[must_use]
    pub fn device(&self) -> Option<&Path> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.path()),
        }
    }

    /// Returns the copies made on the way into the encoder.
    #[must_use]
    pub fn copies(&self) -> Copies {
        let why = match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => v4l2.copying(),
        };
        Copies { why, ..self.copies }
    }

    /// Returns a file descriptor for a program's own poll loop: readable when [`Encoder::receive`]
    /// may have a packet. `None` in software, which has it when [`Encoder::submit`] returns.
    #[must_use]
    pub fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.fd()),
        }
    }

    /// Returns the parameter sets (in H.264 a sequence and a picture parameter set) as an Annex B
    /// byte stream, if the backend knows them before the first key frame.
    #[must_use]
    pub fn parameter_sets(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Software(software) => Some(software.parameter_sets()),
            Inner::V4l2(v4l2) => v4l2.parameter_sets(),
        }
    }

    /// Submits a picture with presentation time `pts_ns` in nanoseconds, which its packet carries,
    /// too.
    ///
    /// # Errors
    /// [`CodecError::Mismatch`] for a picture of another format or size,
    /// [`CodecError::OutputWaiting`] if a packet has to be received first, [`CodecError::Finished`]
    /// after [`Encoder::finish`]. After [`CodecError::TooDetailed`] and [`CodecError::Backend`] the
    /// picture is lost, and the next one becomes a key frame.
    pub fn submit(&mut self, picture: &Picture<'_>, pts_ns: u64) -> Result<(), CodecError> {
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

    /// Submits a picture in dma-bufs, which a device reads in place, without a copy. It must not be
    /// written before [`Encoder::is_reading`] returns `false`.
    ///
    /// If the device or its driver does not accept it, it is copied, and so are all later ones;
    /// [`Encoder::copies`] counts them and gives the reason. Software encodes it at once.
    ///
    /// Every switch between this method and [`Encoder::submit`] makes the device start a new
    /// stream.
    ///
    /// # Errors
    /// Those of [`Encoder::submit`]; [`CodecError::Memory`] if the CPU has to
    /// read the memory and can't.
    pub fn submit_dmabuf(
        &mut self,
        picture: &DmaBufPicture<'_>,
        pts_ns: u64,
    ) -> Result<Submitted, CodecError> {
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

    /// Returns whether the encoder still reads a picture that was submitted in place.
    ///
    /// # Errors
    /// [`CodecError::Device`].
    pub fn is_reading(&mut self, picture: &Submitted) -> Result<bool, CodecError> {
        match (&mut self.inner, picture.0) {
            (Inner::V4l2(v4l2), Some(reading)) => v4l2.is_reading(reading),
            _ => Ok(false),
        }
    }

    /// Waits until the encoder has read a picture that was submitted in place.
    ///
    /// # Errors
    /// [`CodecError::OutputWaiting`] if a packet has to be received first; [`CodecError::Device`].
    pub fn finish_reading(&mut self, picture: &Submitted) -> Result<(), CodecError> {
        match (&mut self.inner, picture.0) {
            (Inner::V4l2(v4l2), Some(reading)) => v4l2.finish_reading(reading),
            _ => Ok(()),
        }
    }

    fn check(&self, has: (FourCc, u32, u32)) -> Result<(), CodecError> {
        if self.finished {
            return Err(CodecError::Finished);
        }
        let wants = (self.config.fourcc, self.config.width, self.config.height);
        if has != wants {
            return Err(CodecError::Mismatch { has, wants });
        }
        Ok(())
    }

    /// Waits until [`Encoder::receive`] has a packet or `deadline_ns` of `CLOCK_MONOTONIC` has
    /// passed, and returns whether it has one. A device works while the program does something
    /// else; software is done when [`Encoder::submit`] returns.
    ///
    /// # Errors
    /// [`CodecError::Device`].
    pub fn wait(&mut self, deadline_ns: u64) -> Result<bool, CodecError> {
        match &mut self.inner {
            Inner::Software(software) => Ok(software.is_ready()),
            Inner::V4l2(v4l2) => v4l2.wait(deadline_ns),
        }
    }

    /// Returns the next ready packet, or `None` if the encoder needs more pictures (after
    /// [`Encoder::finish`]: if there are no more packets).
    ///
    /// # Errors
    /// [`CodecError::Backend`].
    pub fn receive(&mut self) -> Result<Option<Packet<'_>>, CodecError> {
        match &mut self.inner {
            Inner::Software(software) => Ok(software.receive()),
            Inner::V4l2(v4l2) => v4l2.receive(self.finished),
        }
    }

    /// Ends the stream: [`Encoder::receive`] returns what was held back, and no more pictures are
    /// accepted.
    ///
    /// # Errors
    /// [`CodecError::Backend`].
    pub fn finish(&mut self) -> Result<(), CodecError> {
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

    /// Changes the bitrate in bits per second (the average with rate control `Variable`) from the
    /// next picture on. A lower peak is raised to it. H.265 in software continues with a key frame.
    ///
    /// # Errors
    /// [`CodecError::NoBitrate`] with a constant quantiser; [`CodecError::Value`] out of range;
    /// [`CodecError::Level`] beyond the requested level; [`CodecError::Backend`].
    pub fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        let control = self.config.rate_control.at(bits_per_second);
        let control = control.ok_or(CodecError::NoBitrate)?;
        match &mut self.inner {
            Inner::Software(software) => software.set_bitrate(control, bits_per_second)?,
            Inner::V4l2(v4l2) => v4l2.set_bitrate(control, bits_per_second)?,
        }
        self.config.rate_control = control;
        Ok(())
    }
}
