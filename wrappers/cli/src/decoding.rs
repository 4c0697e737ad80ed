//! Shared packets to pictures.

use videostream::decode::{DecodeError, Decoder, DecoderConfig};
use videostream::encode::{Codec, Packet};
use videostream::{Frame, Picture, pattern};

use crate::failure::{Failure, GENERAL};

/// A decoder, made at the first packet, and what it has decoded.
#[derive(Default)]
pub(crate) struct Decoding {
    decoder: Option<Decoder>,
    pub(crate) pictures: u64,
    pub(crate) key_frames: u64,
    /// Packets before the first key frame, and damaged ones up to the next.
    missed: u64,
    /// Pictures of the pattern whose number is above that of the one before.
    pub(crate) numbered: u64,
    last: Option<u64>,
}

impl Decoding {
    /// Decodes a frame, a packet.
    pub(crate) fn frame(&mut self, frame: &Frame) -> Result<(), Failure> {
        let Some(codec) = Codec::of_packets(frame.fourcc()) else {
            let other = frame.fourcc();
            let why = format_args!("frames are {other}: --decode is for H264 and HEVC");
            return Err(Failure::unnamed(GENERAL, why));
        };
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new(&DecoderConfig::new(codec))?),
        };
        let pixels = frame.pixels()?;
        let all = pixels.plane(0);
        let used = all.len().min(frame.descriptor().bytes_used as usize);
        let time_ns = frame.timestamp_ns();
        let packet = Packet::new(codec, &all[..used], time_ns, time_ns);
        self.key_frames += u64::from(packet.is_key());
        match decoder.submit(&packet) {
            Ok(()) => {}
            // Begun in the middle, or frames were missed.
            Err(DecodeError::KeyFrameNeeded | DecodeError::Corrupt { .. }) => {
                self.missed += 1;
            }
            Err(error) => return Err(error.into()),
        }
        self.receive()
    }

    /// Packets without a picture: those that were missed, and those of a refresh that is not at its end.
    pub(crate) fn left_out(&self) -> u64 {
        self.missed + self.decoder.as_ref().map_or(0, Decoder::hidden)
    }

    /// Takes the pictures that the decoder has held back, at the end.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        if let Some(decoder) = &mut self.decoder {
            decoder.finish()?;
        }
        self.receive()
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(());
        };
        loop {
            let decoded = match decoder.receive() {
                Ok(Some(decoded)) => decoded,
                Ok(None) => return Ok(()),
                // It was taken before those of its sequence had come out.
                Err(DecodeError::Corrupt { .. }) => {
                    self.missed += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.pictures += 1;
            let number = pattern::read_number(decoded.picture()).ok();
            if number.is_some() && number > self.last {
                self.numbered += 1;
            }
            self.last = number.or(self.last);
        }
    }
}

/// Finds the first picture of shared packets.
#[derive(Default)]
pub(crate) struct First(Option<Decoder>);

impl First {
    /// Lets `look` see the picture of the next packet; `None` if none is whole yet: before a key frame, and in a refresh
    /// that takes several pictures. `sets` are the parameter sets of the stream, should the packet have none.
    pub(crate) fn see<T>(
        &mut self,
        codec: Codec,
        bytes: &[u8],
        sets: &[u8],
        look: impl FnOnce(&Picture<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        let whole;
        let mut packet = Packet::new(codec, bytes, 0, 0);
        if packet.is_key() && packet.parameter_sets().is_empty() {
            whole = [sets, bytes].concat();
            packet = Packet::new(codec, &whole, 0, 0);
        }
        let decoder = match &mut self.0 {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new(&DecoderConfig::new(codec))?),
        };
        let hidden = decoder.hidden();
        match decoder.submit(&packet) {
            Ok(()) if decoder.hidden() > hidden => return Ok(None),
            Ok(()) => {}
            Err(DecodeError::KeyFrameNeeded) => return Ok(None),
            // The next key frame may be better.
            Err(DecodeError::Corrupt { .. }) => {
                self.0 = None;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
        decoder.finish()?;
        let seen = decoder.receive()?.map(|decoded| look(decoded.picture()));
        self.0 = None;
        Ok(seen)
    }
}
