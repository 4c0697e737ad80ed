//! Decoding H.264 and H.265 to pictures.
//!
//! A [`Decoder`] takes [`Packet`]s and returns [`Decoded`] pictures, the reverse of an
//! [`Encoder`](crate::encode::Encoder): submit each packet with [`Decoder::submit`], take all ready
//! pictures with [`Decoder::receive`], and at the end release what is held back with
//! [`Decoder::finish`].
//!
//! | backend | needs | output |
//! |---|---|---|
//! | [`Backend::Software`], H.264 | cargo feature `software` | YU12 |
//! | [`Backend::Software`], H.265 | also the system's libde265 | YU12 |
//! | [`Backend::V4l2`] | a device with a stateful V4L2 driver | the driver's choice, mostly NV12 |
//!
//! Hardware returns pictures as they are done. OpenH264 holds back one picture in Main and High
//! profile, libde265 (Debian: `libde265-0`) as many as B pictures need.
//!
//! A packet holds one picture. [`access_units`](crate::encode::access_units) splits a byte stream
//! into packets. A stream may change its size at any key frame: all pictures of the old size come
//! first, then [`Decoded::is_new_size`] reports the new one.
//!
//! Pictures come in display order. If decoding starts at a key frame whose leading pictures refer
//! to earlier ones (an open group of pictures), these are accepted and dropped; if it starts with a
//! refresh over several pictures, so are those before its end.

#[cfg(not(feature = "software"))]
#[path = "no_backend.rs"]
mod software;
#[cfg(feature = "software")]
mod software;
mod v4l2;

pub use crate::codec::CodecError;

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use videostream_hal::format::{FourCc, Layout};

use crate::bitstream::ParameterSets;
use crate::bitstream::{Codec, Packet};
use crate::codec::{Backend, DevicePath};
use crate::colorimetry::{Appearance, ChromaSite};
use crate::picture::{Picture, PictureMut};

/// Configuration of a [`Decoder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecoderConfig {
    pub(crate) codec: Codec,
    pub(crate) backend: Backend,
    pub(crate) device: Option<DevicePath>,
    pub(crate) format: Option<FourCc>,
}

impl DecoderConfig {
    /// Creates a configuration for this codec with the best available backend. Size and profile are
    /// those of the stream.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            backend: Backend::Auto,
            device: None,
            format: None,
        }
    }

    /// Sets the backend.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// Sets the pixel format of pictures, by default the one that the backend prefers.
    #[must_use]
    pub fn format(self, fourcc: FourCc) -> Self {
        Self {
            format: Some(fourcc),
            ..self
        }
    }

    /// Sets the device, such as `/dev/video10`; [`Backend::Auto`] then means [`Backend::V4l2`].
    #[must_use]
    pub fn device(self, path: DevicePath) -> Self {
        Self {
            device: Some(path),
            ..self
        }
    }
}

/// Decodes one stream.
///
/// ```
/// # #[cfg(feature = "software")] {
/// use videostream::decode::{Decoder, DecoderConfig};
/// use videostream::encode::{Codec, Encoder, EncoderConfig};
/// use videostream::hal::format::{FourCc, Layout};
/// use videostream::{FrameRate, Picture};
///
/// let rate = FrameRate::fps(30)?;
/// let mut encoder = Encoder::new(&EncoderConfig::new(Codec::H264, FourCc::YU12, 320, 240, rate))?;
/// let mut decoder = Decoder::new(&DecoderConfig::new(Codec::H264))?;
/// let layout = Layout::new(FourCc::YU12, 320, 240)?;
/// let grey = vec![128; layout.size as usize];
/// encoder.submit(&Picture::new(&grey, &layout)?, 0)?;
/// while let Some(packet) = encoder.receive()? {
///     decoder.submit(&packet)?;
/// }
/// decoder.finish()?;
/// let decoded = decoder.receive()?.expect("one packet in, one picture out");
/// assert_eq!((decoded.picture().width(), decoded.pts_ns()), (320, 0));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    inner: Inner,
    /// The parameter sets of the stream so far, which may come only once.
    sets: ParameterSets,
    /// A key frame was submitted, so that decoding is possible.
    started: bool,
    finished: bool,
    size: Option<(u32, u32)>,
    /// Colours and sample aspect ratio from the parameter sets.
    appearance: Appearance,
}

#[derive(Debug)]
enum Inner {
    Software(Box<software::Software>),
    V4l2(Box<v4l2::V4l2>),
}

/// A picture and its presentation time.
type Shown<'a> = (Picture<'a>, u64);

/// A decoded picture. It borrows the decoder's memory until the decoder is used again.
#[derive(Debug, Clone, Copy)]
pub struct Decoded<'a> {
    picture: Picture<'a>,
    pts_ns: u64,
    new_size: bool,
    appearance: Appearance,
}

impl<'a> Decoded<'a> {
    /// Returns the visible part of the picture.
    #[must_use]
    pub fn picture(&self) -> &Picture<'a> {
        &self.picture
    }

    /// Returns the presentation time of its packet in nanoseconds.
    #[must_use]
    pub fn pts_ns(&self) -> u64 {
        self.pts_ns
    }

    /// Returns colours and sample aspect ratio, as far as the stream carries them.
    #[must_use]
    pub fn appearance(&self) -> Appearance {
        self.appearance
    }

    /// Returns whether the picture is the first, or differs in size from the one before.
    #[must_use]
    pub fn is_new_size(&self) -> bool {
        self.new_size
    }
}

impl Decoder {
    /// Creates a decoder.
    ///
    /// # Errors
    /// [`CodecError::NoBackend`], [`CodecError::UnknownBackend`], [`CodecError::Library`] for H.265
    /// if libde265 is missing (the error names the package), [`CodecError::Backend`].
    pub fn new(config: &DecoderConfig) -> Result<Self, CodecError> {
        let backend = config.backend.chosen(config.device);
        let inner = match backend.map_err(CodecError::UnknownBackend)? {
            Backend::V4l2 => Inner::V4l2(Box::new(v4l2::V4l2::new(config)?)),
            Backend::Software => Inner::Software(Box::new(in_software(config)?)),
            Backend::Auto => match v4l2::V4l2::new(config) {
                Ok(v4l2) => Inner::V4l2(Box::new(v4l2)),
                Err(refused) => match in_software(config) {
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
            sets: ParameterSets::new(config.codec),
            started: false,
            finished: false,
            size: None,
            appearance: Appearance::default(),
        })
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Returns the backend that decodes.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.inner {
            Inner::Software(_) => Backend::Software,
            Inner::V4l2(_) => Backend::V4l2,
        }
    }

    /// Submits a packet.
    ///
    /// # Errors
    /// [`CodecError::KeyFrameNeeded`] until the first key frame, and after an error: the packet is
    /// dropped; [`CodecError::Corrupt`]: the packet and those that depend on it can't be decoded
    /// (earlier ones still come from [`Decoder::receive`]); [`CodecError::UnsupportedStream`]:
    /// H.265 of more than 8 bits, or other than 4:2:0; [`CodecError::OutputWaiting`] if a picture
    /// has to be received first; [`CodecError::Codec`], [`CodecError::Finished`],
    /// [`CodecError::Backend`].
    pub fn submit(&mut self, packet: &Packet<'_>) -> Result<(), CodecError> {
        if self.finished {
            return Err(CodecError::Finished);
        }
        if packet.codec() != self.config.codec {
            return Err(CodecError::Codec {
                has: packet.codec(),
                wants: self.config.codec,
            });
        }
        if self.sets.add_all(packet.annex_b()) {
            let info = self.sets.info();
            let appearance = info.map(|info| info.appearance).unwrap_or_default();
            // The default of both standards.
            let chroma = appearance.chroma.or(Some(ChromaSite::Left));
            self.appearance = Appearance {
                chroma,
                ..appearance
            };
        }
        if !self.started && !packet.is_key() {
            return Err(CodecError::KeyFrameNeeded);
        }
        let missing = match self.started {
            true => Vec::new(),
            false => self.missing_sets(packet),
        };
        let whole = match missing.is_empty() {
            true => None,
            false => Some([&missing, packet.annex_b()].concat()),
        };
        let packet = match &whole {
            Some(bytes) => &Packet::new(packet.codec(), bytes, packet.pts_ns(), packet.dts_ns()),
            None => packet,
        };
        let result = match &mut self.inner {
            Inner::Software(software) => software.submit(packet),
            Inner::V4l2(v4l2) => v4l2.submit(packet),
        };
        match result {
            Err(CodecError::OutputWaiting) => {}
            _ => self.started = result.is_ok(),
        }
        result
    }

    /// Returns the known parameter sets that a packet lacks.
    fn missing_sets(&self, packet: &Packet<'_>) -> Vec<u8> {
        let mut own = ParameterSets::new(self.config.codec);
        own.add_all(packet.annex_b());
        self.sets.without(&own).to_bytes()
    }

    /// Returns the next ready picture, or `None` if the decoder needs more packets (after
    /// [`Decoder::finish`]: if there are no more pictures).
    ///
    /// # Errors
    /// [`CodecError::Corrupt`], [`CodecError::Backend`].
    pub fn receive(&mut self) -> Result<Option<Decoded<'_>>, CodecError> {
        let received = match &mut self.inner {
            Inner::Software(software) => software.receive(self.finished),
            Inner::V4l2(v4l2) => v4l2.receive(self.finished),
        };
        let shown = match received {
            Ok(shown) => shown,
            Err(error) => {
                self.started = false;
                return Err(error);
            }
        };
        Ok(shown.map(|(picture, pts_ns)| {
            let size = Some((picture.width(), picture.height()));
            let new_size = self.size != size;
            self.size = size;
            Decoded {
                picture,
                pts_ns,
                new_size,
                appearance: self.appearance,
            }
        }))
    }

    /// Writes the next ready picture into `target`, which has its size and is YU12 or NV12. Returns
    /// its presentation time in nanoseconds.
    ///
    /// # Errors
    /// Those of [`Decoder::receive`]; [`CodecError::Picture`] if `target` has another size or
    /// format: the picture is then lost.
    pub fn receive_into(&mut self, target: &mut PictureMut<'_>) -> Result<Option<u64>, CodecError> {
        let Some(decoded) = self.receive()? else {
            return Ok(None);
        };
        decoded
            .picture
            .copy_to(target)
            .map_err(CodecError::Picture)?;
        Ok(Some(decoded.pts_ns))
    }

    /// Returns the number of pictures that were accepted and dropped because they refer to others
    /// before the point where decoding started or restarted. Only OpenH264 reports them; for H.265
    /// and hardware it is always 0.
    #[must_use]
    pub fn hidden(&self) -> u64 {
        match &self.inner {
            Inner::Software(software) => software.hidden(),
            Inner::V4l2(_) => 0,
        }
    }

    /// Ends the stream: [`Decoder::receive`] returns what was held back, and no more packets are
    /// accepted.
    ///
    /// # Errors
    /// [`CodecError::Backend`].
    pub fn finish(&mut self) -> Result<(), CodecError> {
        self.finished = true;
        Ok(())
    }

    /// Discards all data, to continue elsewhere in the stream with a key frame.
    ///
    /// # Errors
    /// [`CodecError::Backend`].
    pub fn reset(&mut self) -> Result<(), CodecError> {
        match &mut self.inner {
            Inner::Software(software) => **software = in_software(&self.config)?,
            Inner::V4l2(v4l2) => v4l2.reset()?,
        }
        (self.started, self.finished, self.size) = (false, false, None);
        Ok(())
    }

    /// Waits until [`Decoder::receive`] may have a picture or `deadline_ns` of `CLOCK_MONOTONIC`
    /// has passed. Hardware works while the program does something else; software is done when
    /// [`Decoder::submit`] returns, so there is nothing to wait for.
    ///
    /// # Errors
    /// [`CodecError::Device`].
    pub fn wait(&mut self, deadline_ns: u64) -> Result<(), CodecError> {
        match &mut self.inner {
            Inner::Software(_) => Ok(()),
            Inner::V4l2(v4l2) => v4l2.wait(deadline_ns),
        }
    }

    /// Returns the device that decodes; `None` in software.
    #[must_use]
    pub fn device(&self) -> Option<&Path> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.path()),
        }
    }

    /// Returns a file descriptor for a program's own poll loop: readable (or with an event,
    /// `POLLPRI`) when [`Decoder::receive`] may have a picture. `None` in software.
    #[must_use]
    pub fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.fd()),
        }
    }

    /// Returns the memory of the picture received last, for other hardware to read without a copy:
    /// a dma-buf for each memory part, and the layout of the planes in them. It must not be
    /// written, and not be read after the next use of the decoder. `None` in software.
    ///
    /// # Errors
    /// [`CodecError::Device`]: the driver can't export its memory.
    pub fn dma_buf(&mut self) -> Result<Option<(&[OwnedFd], &Layout)>, CodecError> {
        match &mut self.inner {
            Inner::Software(_) => Ok(None),
            Inner::V4l2(v4l2) => v4l2.dma_buf(),
        }
    }
}

fn in_software(config: &DecoderConfig) -> Result<software::Software, CodecError> {
    match config.format {
        Some(fourcc) if fourcc != FourCc::YU12 => Err(CodecError::OutputFormat {
            fourcc,
            gives: "YU12",
        }),
        _ => software::Software::new(config),
    }
}
