//! Sources that encode the pictures of another source.

use std::os::fd::BorrowedFd;

use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::allocate::Allocator;
use videostream_hal::ring::{Flags, MAX_PLANES};
use videostream_hal::time::deadline_in;

use super::{Pool, Reader, Source, SourceFrame};
use crate::codec::CodecError;
use crate::encode::{Encoder, EncoderConfig};
use crate::{Appearance, Result};

/// The frame that was submitted to the encoder.
type Submission = core::result::Result<Option<SourceFrame>, CodecError>;

/// How long to wait for a device's packet before taking the next picture.
const PACKET_NS: u64 = 1_000_000_000;

/// Encodes pictures of another source, to be shared. Each frame is a packet: an Annex B byte stream
/// in one buffer.
///
/// A new client gets a key frame next, with which alone it can start. When the source changes its
/// size or format, so do the packets, from a key frame on.
#[derive(Debug)]
pub struct EncodedSource<S> {
    reader: Reader<S>,
    encoder: Encoder,
    pool: Pool,
    buffers: u32,
    layout: Layout,
    sets: Vec<u8>,
    generation: u32,
    /// The requested appearance, and that of the source.
    asked: Appearance,
    shown: Appearance,
    left_out: u64,
    broken: u64,
}

impl<S: Source> EncodedSource<S> {
    /// Encodes the pictures of `source` into `buffers` buffers. Format and size in `config` have to
    /// be those of the source.
    ///
    /// # Errors
    /// [`Error::Codec`](crate::Error::Codec) for unsupported settings;
    /// [`Error::Memory`](crate::Error::Memory), [`Error::Access`](crate::Error::Access).
    pub fn new(source: S, config: &EncoderConfig, buffers: u32) -> Result<Self> {
        let config = &EncoderConfig {
            // The stride of the source, so that a device can read the pictures in place.
            stride: source.layout().planes().first().map(|plane| plane.stride),
            ..*config
        };
        let (asked, shown) = (config.shown(), source.appearance());
        let config = &with_appearance_of(&source, config, asked);
        let encoder = Encoder::new(config)?;
        let layout = layout(config);
        Ok(Self {
            reader: Reader::new(source)?,
            sets: encoder.parameter_sets().unwrap_or_default().to_vec(),
            encoder,
            pool: Pool::new(&Allocator::new(), layout, buffers)?,
            buffers,
            layout,
            generation: 0,
            asked,
            shown,
            left_out: 0,
            broken: 0,
        })
    }

    /// Returns the encoder.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Returns the number of pictures that were skipped because a packet can't hold their detail.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the number of pictures that were skipped because the source marked them as
    /// corrupted.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// Recreates the encoder if the source has changed.
    fn follow(&mut self) -> Result<()> {
        let now = self.reader.source().layout();
        let config = self.encoder.config();
        let was = (config.fourcc, config.width, config.height);
        let shown = self.reader.source().appearance();
        if was == (now.fourcc, now.width, now.height) && shown == self.shown {
            return Ok(());
        }
        self.shown = shown;
        let config = EncoderConfig {
            fourcc: now.fourcc,
            width: now.width,
            height: now.height,
            rate: self.reader.source().rate().unwrap_or(config.rate),
            crop: None,
            stride: now.planes().first().map(|plane| plane.stride),
            ..*config
        };
        let config = with_appearance_of(self.reader.source(), &config, self.asked);
        self.encoder = Encoder::new(&config)?;
        self.layout = layout(&config);
        self.pool = Pool::new(&Allocator::new(), self.layout, self.buffers)?;
        self.generation += 1;
        Ok(())
    }
}

/// Returns `config` with the requested appearance, completed by that of the source.
fn with_appearance_of(
    source: &impl Source,
    config: &EncoderConfig,
    asked: Appearance,
) -> EncoderConfig {
    // RGB is converted to NV12 or similar.
    let shown = source.appearance().converted(config.fourcc, FourCc::NV12);
    config.appearance(asked.or(shown))
}

/// Returns the layout of packets: one plane that is large enough for any of them.
fn layout(config: &EncoderConfig) -> Layout {
    let visible = config.visible();
    let pixels = u64::from(visible.width) * u64::from(visible.height);
    let size = u32::try_from(pixels * 3 / 2)
        .unwrap_or(u32::MAX)
        .max(64 << 10);
    Layout::opaque(
        config.codec.fourcc(),
        visible.width,
        visible.height,
        0,
        size,
    )
}

impl<S: Source> Source for EncodedSource<S> {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn behind(&self) -> Option<&dyn Source> {
        Some(self.reader.source())
    }

    fn behind_mut(&mut self) -> Option<&mut dyn Source> {
        Some(self.reader.source_mut())
    }

    fn appearance(&self) -> Appearance {
        self.encoder.config().shown()
    }

    fn buffer_count(&self) -> u32 {
        self.pool.len()
    }

    fn reserve(&self) -> u32 {
        1
    }

    fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
        self.pool.fds(index)
    }

    fn generation(&self) -> u32 {
        self.generation
    }

    fn take(&mut self) -> Result<Option<SourceFrame>> {
        if self.reader.source().appearance() != self.shown {
            self.follow()?;
        }
        // A device reads pictures in place.
        let in_place = self.encoder.device().is_some();
        let (encoder, broken) = (&mut self.encoder, &mut self.broken);
        let config = encoder.config();
        let expected = (config.fourcc, config.width, config.height);
        // Without a free buffer the picture is not encoded at all: a later packet would refer to
        // one that clients never get.
        let has_room = self.pool.has_free();
        let submitted = self
            .reader
            .next_borrowed(0, |frame| -> Result<Submission> {
                let (layout, taken) = (frame.layout(), *frame.source_frame());
                if taken.flags.contains(Flags::CORRUPTED) {
                    *broken += 1;
                    return Ok(Ok(None));
                }
                let is_same = (layout.fourcc, layout.width, layout.height) == expected;
                if !has_room || !is_same {
                    return Ok(Ok(None));
                }
                // The software encoder copies the picture; a device reads it in place, so it has to
                // be finished with the buffer before the source gets it back.
                if !in_place {
                    let submitted =
                        frame.see(|picture| encoder.submit(picture, taken.timestamp_ns))?;
                    return Ok(submitted.map(|()| Some(taken)));
                }
                let memory = frame.memory()?;
                let mut submit = || -> Submission {
                    let submitted = encoder.submit_dmabuf(&memory, taken.timestamp_ns)?;
                    encoder.finish_reading(&submitted)?;
                    encoder.wait(deadline_in(PACKET_NS))?;
                    Ok(Some(taken))
                };
                Ok(submit())
            })?;
        let submitted = submitted.transpose()?;
        let taken = match submitted {
            None | Some(Ok(None)) => {
                self.follow()?;
                return Ok(None);
            }
            Some(Ok(Some(taken))) => taken,
            Some(Err(CodecError::TooDetailed { .. })) => {
                self.left_out += 1;
                return Ok(None);
            }
            Some(Err(error)) => return Err(error.into()),
        };
        let Some(packet) = self.encoder.receive()? else {
            return Ok(None);
        };
        let bytes = packet.annex_b();
        let mut fits = false;
        let index = self.pool.fill(|target| {
            if let Some(plane) = target.planes().first_mut()
                && let Some(to) = plane.data.get_mut(..bytes.len())
            {
                to.copy_from_slice(bytes);
                fits = true;
            }
            Ok(())
        })?;
        let (len, key, pts_ns) = (bytes.len() as u32, packet.is_key(), packet.pts_ns());
        if key && !packet.parameter_sets().is_empty() {
            self.sets.clear();
            self.sets.extend_from_slice(packet.parameter_sets());
        }
        // The packet is lost, but later ones refer to its picture: start over with a key frame.
        let Some(index) = index else {
            self.encoder.force_key_frame();
            return Ok(None);
        };
        if !fits {
            self.pool.put(index);
            self.left_out += 1;
            self.encoder.force_key_frame();
            return Ok(None);
        }
        let flags = Flags::KEY_FRAME;
        Ok(Some(SourceFrame {
            index,
            timestamp_ns: pts_ns,
            bytes_used: len,
            data_offset: [0; MAX_PLANES],
            colorimetry: self.encoder.config().colorimetry.to_v4l2(),
            flags: if key {
                taken.flags | flags
            } else {
                taken.flags - flags
            },
            ..taken
        }))
    }

    fn requeue(&mut self, index: u32) -> Result<()> {
        self.pool.put(index);
        Ok(())
    }

    fn parameters(&self) -> Option<&[u8]> {
        Some(&self.sets)
            .filter(|sets| !sets.is_empty())
            .map(Vec::as_slice)
    }

    fn client_joined(&mut self) {
        self.encoder.force_key_frame();
    }
}

#[cfg(all(test, feature = "software"))]
mod tests {
    use videostream_hal::time::deadline_in;

    use super::*;
    use crate::bitstream::Codec;
    use crate::codec::Backend;
    use crate::colorimetry::Range;
    use crate::{Colorimetry, FrameRate, PatternSource, TestPattern};

    /// The test pattern with another appearance.
    struct Shown(PatternSource, Appearance);

    impl Source for Shown {
        fn layout(&self) -> Layout {
            self.0.layout()
        }

        fn appearance(&self) -> Appearance {
            self.1
        }

        fn buffer_count(&self) -> u32 {
            self.0.buffer_count()
        }

        fn reserve(&self) -> u32 {
            self.0.reserve()
        }

        fn buffer_fds(&self, index: u32) -> Vec<(BorrowedFd<'_>, u64)> {
            self.0.buffer_fds(index)
        }

        fn due_ns(&self) -> Option<u64> {
            self.0.due_ns()
        }

        fn take(&mut self) -> Result<Option<SourceFrame>> {
            self.0.take()
        }

        fn requeue(&mut self, index: u32) -> Result<()> {
            self.0.requeue(index)
        }
    }

    #[test]
    fn packets_follow_how_their_source_is_to_be_shown() {
        let rate = FrameRate::fps(100).unwrap();
        let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
        let shown = |colours: Colorimetry, aspect| Appearance {
            colorimetry: colours,
            sample_aspect: Some(aspect),
            chroma: None,
        };
        let first = shown(Colorimetry::BT601, (4, 3));
        let source = Shown(PatternSource::new(pattern, 4).unwrap(), first);
        // Only the range is requested.
        let config = EncoderConfig::new(Codec::H264, FourCc::NV12, 320, 240, rate)
            .backend(Backend::Software)
            .appearance(Range::Full.into());
        let mut encoded = EncodedSource::new(source, &config, 4).unwrap();
        let full = |colours| Colorimetry {
            range: Range::Full,
            ..colours
        };
        assert_eq!(
            encoded.appearance(),
            shown(full(Colorimetry::BT601), (4, 3))
        );
        encoded.reader.source_mut().1 = shown(Colorimetry::BT709, (2, 1));
        let deadline = deadline_in(60_000_000_000);
        loop {
            assert!(videostream_hal::time::now_ns() < deadline);
            if let Some(taken) = encoded.take().unwrap() {
                encoded.requeue(taken.index).unwrap();
                break;
            }
        }
        assert_eq!(
            encoded.appearance(),
            shown(full(Colorimetry::BT709), (2, 1))
        );
    }
}
