//! Decoding shared packets into pictures.

use videostream::decode::{CodecError, Decoder, DecoderConfig};
use videostream::encode::{Codec, Packet};
use videostream::{Frame, Picture, pattern};

use crate::failure::{Failure, GENERAL};

/// A decoder, created at the first packet, and counts of what it has decoded.
#[derive(Default)]
pub(crate) struct Decoding {
    decoder: Option<Decoder>,
    pub(crate) pictures: u64,
    pub(crate) key_frames: u64,
    /// Packets before the first key frame, and from a damaged one up to the next key frame.
    missed: u64,
    /// Pictures of the pattern with a higher number than the previous one.
    pub(crate) numbered: u64,
    last: Option<u64>,
}

impl Decoding {
    /// Decodes a frame that holds one packet.
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
            // Joined in mid-stream, or frames were missed.
            Err(CodecError::KeyFrameNeeded | CodecError::Corrupt { .. }) => {
                self.missed += 1;
            }
            Err(error) => return Err(error.into()),
        }
        self.receive()
    }

    /// Returns the number of packets without a picture: those that could not be decoded, and those
    /// of an unfinished intra refresh.
    pub(crate) fn left_out(&self) -> u64 {
        self.missed + self.decoder.as_ref().map_or(0, Decoder::hidden)
    }

    /// Ends the stream and takes the pictures that the decoder still holds.
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
                // The damage was found only after the packet had been accepted.
                Err(CodecError::Corrupt { .. }) => {
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

/// Decodes the first picture of a shared stream.
#[derive(Default)]
pub(crate) struct First(Option<Decoder>);

impl First {
    /// Passes the picture of the next packet to `look`. Returns `None` if there is no complete
    /// picture yet: before a key frame, and during an intra refresh over several pictures. `sets`
    /// are the stream's parameter sets, for packets without them.
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
            Err(CodecError::KeyFrameNeeded) => return Ok(None),
            // Start over with the next key frame.
            Err(CodecError::Corrupt { .. }) => {
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
