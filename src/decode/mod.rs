//! Decoding H.264 and H.265 to pictures.
//!
//! A [`Decoder`] takes [`Packet`]s and gives [`Decoded`] pictures, the same way round as an
//! [`Encoder`](crate::encode::Encoder): give it packets with [`Decoder::submit`], take all pictures that are
//! ready with [`Decoder::receive`] after each, and at the end let out what is held back with
//! [`Decoder::finish`].
//!
//! | backend | needs | gives |
//! |---|---|---|
//! | [`Backend::Software`], H.264 | cargo feature `software` | YU12; holds back one picture in Main and High profile |
//! | [`Backend::Software`], H.265 | and the system's libde265 (Debian: `libde265-0`) | YU12; holds back what B pictures need |
//! | [`Backend::V4l2`] | a device with a stateful V4L2 driver | what the driver prefers, mostly NV12; pictures as soon as they are done |
//!
//! Packets hold one picture each. A byte stream is divided into packets by
//! [`access_units`](crate::encode::access_units). A stream may change its size at any key frame:
//! all pictures of the old size come out first, then [`Decoded::is_new_size`] tells of the new one.
//!
//! Pictures come in the order in which they are shown. Where decoding begins at a key frame whose leading pictures refer
//! to what was before (an open group of pictures), those are taken and left out; so are, where it begins with a refresh
//! that takes several pictures, those up to its end.

mod error;
#[cfg(not(feature = "software"))]
#[path = "none.rs"]
mod software;
#[cfg(feature = "software")]
mod software;
mod v4l2;

pub use self::error::DecodeError;

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use videostream_hal::format::{FourCc, Layout};

use crate::bitstream::ParameterSets;
use crate::colorimetry::{Appearance, ChromaSite};
use crate::encode::{Backend, Codec, DevicePath, Packet};
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
    /// Decodes this codec with the best backend that is there. Size and profile are the stream's.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            backend: Backend::Auto,
            device: None,
            format: None,
        }
    }

    /// Who decodes.
    #[must_use]
    pub fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// The pixel format of pictures, instead of the one that the backend prefers.
    #[must_use]
    pub fn format(self, fourcc: FourCc) -> Self {
        Self {
            format: Some(fourcc),
            ..self
        }
    }

    /// Which device decodes, such as `/dev/video10`; with [`Backend::Auto`] it means [`Backend::V4l2`].
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
    /// The parameter sets of the stream so far, which may come once only.
    sets: ParameterSets,
    /// A key frame has come, so that what follows can be decoded.
    started: bool,
    finished: bool,
    size: Option<(u32, u32)>,
    /// What the parameter sets say.
    appearance: Appearance,
}

#[derive(Debug)]
enum Inner {
    Software(Box<software::Software>),
    V4l2(Box<v4l2::V4l2>),
}

/// A picture and when it is shown.
type Shown<'a> = (Picture<'a>, u64);

/// A decoded picture. It lies in the decoder's memory, until the decoder is used again.
#[derive(Debug, Clone, Copy)]
pub struct Decoded<'a> {
    picture: Picture<'a>,
    pts_ns: u64,
    new_size: bool,
    appearance: Appearance,
}

impl<'a> Decoded<'a> {
    /// The visible part of the picture.
    #[must_use]
    pub fn picture(&self) -> &Picture<'a> {
        &self.picture
    }

    /// When it is shown, in nanoseconds: the presentation time of its packet.
    #[must_use]
    pub fn pts_ns(&self) -> u64 {
        self.pts_ns
    }

    /// How it is to be shown, as far as the stream says.
    #[must_use]
    pub fn appearance(&self) -> Appearance {
        self.appearance
    }

    /// Whether the picture before had another size, or there was none.
    #[must_use]
    pub fn is_new_size(&self) -> bool {
        self.new_size
    }
}

impl Decoder {
    /// Prepares a decoder.
    ///
    /// # Errors
    /// [`DecodeError::NoBackend`], [`DecodeError::UnknownBackend`], [`DecodeError::Library`] for H.265 where
    /// libde265 is missing (it names the package), [`DecodeError::Backend`].
    pub fn new(config: &DecoderConfig) -> Result<Self, DecodeError> {
        let backend = config.backend.chosen(config.device);
        let inner = match backend.map_err(DecodeError::UnknownBackend)? {
            Backend::V4l2 => Inner::V4l2(Box::new(v4l2::V4l2::new(config)?)),
            Backend::Software => Inner::Software(Box::new(in_software(config)?)),
            Backend::Auto => match v4l2::V4l2::new(config) {
                Ok(v4l2) => Inner::V4l2(Box::new(v4l2)),
                Err(refused) => match in_software(config) {
                    Ok(software) => Inner::Software(Box::new(software)),
                    // Without the one, what the other said is of interest.
                    Err(DecodeError::NoBackend(_)) if refused.is_of_a_device() => {
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

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// The backend that decodes.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.inner {
            Inner::Software(_) => Backend::Software,
            Inner::V4l2(_) => Backend::V4l2,
        }
    }

    /// Gives the decoder a packet.
    ///
    /// # Errors
    /// [`DecodeError::KeyFrameNeeded`] until the first key frame, and after an error: the packet is left
    /// out; [`DecodeError::Corrupt`]: the packet can't be decoded, and what depends on it neither (those before it come out
    /// of [`Decoder::receive`]);
    /// [`DecodeError::Unsupported`]: H.265 of more than 8 bits, or other than 4:2:0;
    /// [`DecodeError::FrameWaiting`] when a picture has to be received first;
    /// [`DecodeError::Codec`], [`DecodeError::Finished`], [`DecodeError::Backend`].
    pub fn submit(&mut self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        if self.finished {
            return Err(DecodeError::Finished);
        }
        if packet.codec() != self.config.codec {
            return Err(DecodeError::Codec {
                has: packet.codec(),
                wants: self.config.codec,
            });
        }
        if self.sets.add_all(packet.annex_b()) {
            let info = self.sets.info();
            let appearance = info.map(|info| info.appearance).unwrap_or_default();
            // Both standards have it so where nothing is said.
            let chroma = appearance.chroma.or(Some(ChromaSite::Left));
            self.appearance = Appearance {
                chroma,
                ..appearance
            };
        }
        if !self.started && !packet.is_key() {
            return Err(DecodeError::KeyFrameNeeded);
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
            Err(DecodeError::FrameWaiting) => {}
            _ => self.started = result.is_ok(),
        }
        result
    }

    /// The parameter sets that came before and that a packet does not bring along.
    fn missing_sets(&self, packet: &Packet<'_>) -> Vec<u8> {
        let mut own = ParameterSets::new(self.config.codec);
        own.add_all(packet.annex_b());
        self.sets.without(&own).to_bytes()
    }

    /// The next picture that is ready, or `None` when the decoder wants more packets (after
    /// [`Decoder::finish`]: when that was the last).
    ///
    /// # Errors
    /// [`DecodeError::Corrupt`], [`DecodeError::Backend`].
    pub fn receive(&mut self) -> Result<Option<Decoded<'_>>, DecodeError> {
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

    /// Writes the next picture that is ready into `target`, which has its size and is YU12 or NV12. Returns its
    /// presentation time in nanoseconds.
    ///
    /// # Errors
    /// Those of [`Decoder::receive`]; [`DecodeError::Target`] when `target` has another size or
    /// format: the picture is lost then.
    pub fn receive_into(
        &mut self,
        target: &mut PictureMut<'_>,
    ) -> Result<Option<u64>, DecodeError> {
        let Some(decoded) = self.receive()? else {
            return Ok(None);
        };
        decoded
            .picture
            .copy_to(target)
            .map_err(DecodeError::Target)?;
        Ok(Some(decoded.pts_ns))
    }

    /// How many pictures were taken and are not shown, since they refer to what was before the place where decoding
    /// began, or began again. OpenH264 tells; of H.265 and of hardware it is always 0.
    #[must_use]
    pub fn hidden(&self) -> u64 {
        match &self.inner {
            Inner::Software(software) => software.hidden(),
            Inner::V4l2(_) => 0,
        }
    }

    /// Ends the stream: what is held back comes out of [`Decoder::receive`], and no more packets are taken.
    ///
    /// # Errors
    /// [`DecodeError::Backend`].
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        self.finished = true;
        Ok(())
    }

    /// Forgets everything, to go on at another place of the stream with a key frame.
    ///
    /// # Errors
    /// [`DecodeError::Backend`].
    pub fn reset(&mut self) -> Result<(), DecodeError> {
        match &mut self.inner {
            Inner::Software(software) => **software = in_software(&self.config)?,
            Inner::V4l2(v4l2) => v4l2.reset()?,
        }
        (self.started, self.finished, self.size) = (false, false, None);
        Ok(())
    }

    /// Waits until [`Decoder::receive`] may have a picture, or `deadline_ns` of `CLOCK_MONOTONIC` has passed. Hardware
    /// works while the program does something else; the CPU has done all it can when [`Decoder::submit`] returns, so
    /// that there is nothing to wait for.
    ///
    /// # Errors
    /// [`DecodeError::Device`].
    pub fn wait(&mut self, deadline_ns: u64) -> Result<(), DecodeError> {
        match &mut self.inner {
            Inner::Software(_) => Ok(()),
            Inner::V4l2(v4l2) => v4l2.wait(deadline_ns),
        }
    }

    /// The device that decodes; `None` for software.
    #[must_use]
    pub fn device(&self) -> Option<&Path> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.path()),
        }
    }

    /// For a program's own poll loop: readable (or with an event, `POLLPRI`) when [`Decoder::receive`] may have a
    /// picture. `None` for software.
    #[must_use]
    pub fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.inner {
            Inner::Software(_) => None,
            Inner::V4l2(v4l2) => Some(v4l2.fd()),
        }
    }

    /// The memory of the picture that was received last, to be read by other hardware without a copy: a dma-buf for
    /// each memory part, and where the planes lie in them. It is the decoder's again when that is used again, and
    /// must not be written. `None` for software.
    ///
    /// # Errors
    /// [`DecodeError::Device`]: the driver can't export its memory.
    pub fn dma_buf(&mut self) -> Result<Option<(&[OwnedFd], &Layout)>, DecodeError> {
        match &mut self.inner {
            Inner::Software(_) => Ok(None),
            Inner::V4l2(v4l2) => v4l2.dma_buf(),
        }
    }
}

fn in_software(config: &DecoderConfig) -> Result<software::Software, DecodeError> {
    match config.format {
        Some(fourcc) if fourcc != FourCc::YU12 => Err(DecodeError::Format {
            fourcc,
            gives: "YU12",
        }),
        _ => software::Software::new(config),
    }
}
