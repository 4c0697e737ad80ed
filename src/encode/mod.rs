//! Encoding pictures to H.264 and H.265.
//!
//! An [`Encoder`] takes [`Picture`]s and gives [`Packet`]s. Give it pictures with
//! [`Encoder::submit`] and take all packets that are ready with [`Encoder::receive`]; backends
//! differ in how many pictures they hold back, and the same loop serves all of them. At the end
//! [`Encoder::finish`] lets out what is held.
//!
//! | backend | needs | takes |
//! |---|---|---|
//! | [`Backend::Software`] | cargo feature `software`; for H.265 the system's libx265 (Debian: `libx265-199`) | every format of `convert::formats()`: YUV, RGB and grey of 8 bits; gives each packet at once |
//!
//! With YU12 and YV12 the software encoder reads the picture where it lies; NV12 and NV21 have their chroma
//! planes separated and the others are converted, in memory that is kept.

pub(crate) mod annex_b;
mod config;
mod error;
mod packet;
mod reader;
#[cfg(feature = "software")]
mod software;
#[cfg(not(feature = "software"))]
#[path = "none.rs"]
mod software;
pub(crate) mod sps;

pub use self::annex_b::access_units;
pub use self::config::{
    BACKEND_VARIABLE, Backend, Codec, EncoderConfig, Level, Profile, RateControl,
};
pub use self::error::EncodeError;
pub use self::packet::Packet;
pub use self::reader::AccessUnits;
pub use self::sps::{StreamInfo, has_b_slices, stream_info};
pub use crate::library::LibraryMissing;

use crate::frame_rate::FrameRate;
use crate::picture::Picture;

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
}

#[derive(Debug)]
enum Inner {
    Software(software::Software),
}

impl Encoder {
    /// Prepares an encoder.
    ///
    /// # Errors
    /// [`EncodeError`]: no backend for the codec (it says how to get one), or a value that
    /// the backend can't do, with its limits.
    pub fn new(config: &EncoderConfig) -> Result<Self, EncodeError> {
        if let (Backend::Auto, Ok(name)) = (config.backend, std::env::var(BACKEND_VARIABLE)) {
            // An empty variable counts as unset.
            if !["", "auto", "software"].contains(&name.to_ascii_lowercase().as_str()) {
                return Err(EncodeError::UnknownBackend(name));
            }
        }
        let inner = Inner::Software(software::Software::new(config)?);
        Ok(Self {
            config: *config,
            inner,
            finished: false,
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
        }
    }

    /// The parameter sets (for H.264 a sequence and a picture parameter set) as an Annex B byte stream,
    /// where the backend knows them before the first key frame.
    #[must_use]
    pub fn parameter_sets(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Software(software) => Some(software.parameter_sets()),
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
        if self.finished {
            return Err(EncodeError::Finished);
        }
        let has = (picture.fourcc(), picture.width(), picture.height());
        let wants = (self.config.fourcc, self.config.width, self.config.height);
        if has != wants {
            return Err(EncodeError::Mismatch { has, wants });
        }
        let visible = match self.config.crop {
            Some(rect) => picture.crop(rect)?,
            None => *picture,
        };
        match &mut self.inner {
            Inner::Software(software) => software.submit(&visible, pts_ns),
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
        }
    }

    /// Ends the stream: what is held back comes out of [`Encoder::receive`], and no more pictures are taken.
    ///
    /// # Errors
    /// [`EncodeError::Backend`].
    pub fn finish(&mut self) -> Result<(), EncodeError> {
        self.finished = true;
        Ok(())
    }

    /// Makes the next submitted picture a key frame.
    pub fn force_key_frame(&mut self) {
        match &mut self.inner {
            Inner::Software(software) => software.force_key_frame(),
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
        }
        self.config.rate = rate;
        Ok(())
    }
}
