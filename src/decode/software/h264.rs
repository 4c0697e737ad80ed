//! Decoding H.264 with OpenH264.

use super::library_picture::LibraryPicture;
use super::openh264::OpenH264;
use super::recovery::{Recovery, Step};
use crate::bitstream::{Codec, NalKind, Packet, ParameterSets, h264, nal_units};
use crate::codec::CodecError;
use crate::picture::Picture;

/// An OpenH264 decoder, and pending work to do before its next packet.
#[derive(Debug)]
pub(super) struct H264 {
    decoder: OpenH264,
    recovery: Recovery,
    /// Parameter sets that the decoder was given.
    sets: ParameterSets,
    /// A key frame that starts another sequence, and its time. Pictures that the decoder still
    /// holds have to be taken first, or they would be lost.
    next: Option<(Vec<u8>, u64)>,
    /// A picture that was not received yet, and its time.
    shown: Option<(LibraryPicture, u64)>,
    /// Parameter sets that came after a picture and belong before the next one.
    before: Vec<u8>,
    /// The last packet was damaged: once the held pictures are out, a new decoder takes over.
    is_damaged: bool,
    /// Number of pictures accepted and dropped because earlier frames are missing.
    hidden: u64,
}

impl H264 {
    pub(super) fn new() -> Result<Self, CodecError> {
        Ok(Self {
            decoder: OpenH264::new()?,
            recovery: Recovery::default(),
            sets: ParameterSets::new(Codec::H264),
            next: None,
            shown: None,
            before: Vec::new(),
            is_damaged: false,
            hidden: 0,
        })
    }

    pub(super) fn hidden(&self) -> u64 {
        self.hidden
    }

    pub(super) fn submit(&mut self, packet: &Packet<'_>) -> Result<(), CodecError> {
        if self.is_damaged && self.shown.is_none() {
            self.take_over()?;
        }
        if self.shown.is_some() || self.next.is_some() {
            return Err(CodecError::OutputWaiting);
        }
        if self.begins_sequence(packet)? {
            self.shown = self.decoder.flush()?;
            if self.shown.is_some() {
                self.next = Some((packet.annex_b().to_vec(), packet.pts_ns()));
                return Ok(());
            }
        }
        self.decode(packet.annex_b(), packet.pts_ns())
    }

    /// Returns whether a packet has other sequence parameter sets than those before.
    fn begins_sequence(&mut self, packet: &Packet<'_>) -> Result<bool, CodecError> {
        let had_some = self.sets.is_complete();
        let mut is_other = false;
        for (_, nal) in nal_units(packet.annex_b()) {
            let kind = NalKind::of(Codec::H264, nal);
            if kind == NalKind::Sps && !self.sets.contains(nal) {
                supported(nal)?;
            }
            is_other |= self.sets.add(nal) == Some(true) && kind == NalKind::Sps;
        }
        Ok(had_some && is_other)
    }

    pub(super) fn receive(
        &mut self,
        finished: bool,
    ) -> Result<Option<(Picture<'_>, u64)>, CodecError> {
        if self.shown.is_none()
            && let Some((bytes, pts_ns)) = &self.next
        {
            self.shown = self.decoder.flush()?;
            if self.shown.is_none() {
                let (bytes, pts_ns) = (bytes.clone(), *pts_ns);
                self.next = None;
                self.decode(&bytes, pts_ns)?;
            }
        }
        if self.shown.is_none() && self.is_damaged {
            self.take_over()?;
        }
        if self.shown.is_none() && finished {
            self.shown = self.decoder.flush()?;
        }
        let Some((shown, pts_ns)) = self.shown.take() else {
            return Ok(None);
        };
        Ok(Some((self.decoder.picture(&shown)?, pts_ns)))
    }

    fn decode(&mut self, bytes: &[u8], pts_ns: u64) -> Result<(), CodecError> {
        let (picture, behind) = divided(bytes);
        let decoded = match std::mem::take(&mut self.before) {
            before if before.is_empty() => self.decode_picture(picture, pts_ns),
            before => self.decode_picture(&[&before, picture].concat(), pts_ns),
        };
        if nal_units(behind).any(|(_, nal)| NalKind::of(Codec::H264, nal).is_set()) {
            self.before = behind.to_vec();
        }
        match decoded {
            Ok(shown) => {
                self.shown = shown;
                Ok(())
            }
            Err(error) => {
                self.is_damaged = true;
                Err(error)
            }
        }
    }

    fn decode_picture(
        &mut self,
        bytes: &[u8],
        pts_ns: u64,
    ) -> Result<Option<(LibraryPicture, u64)>, CodecError> {
        let step = self.recovery.step(bytes);
        self.hidden += u64::from(!step.is_shown());
        match step {
            Step::Whole => self.decoder.decode(bytes, pts_ns, true),
            Step::Begin {
                first,
                others,
                is_shown,
            } => {
                self.decoder.conceal(&first)?;
                for other in &others {
                    self.decoder.decode(other, pts_ns, false)?;
                }
                self.decoder.decode(bytes, pts_ns, is_shown)
            }
            Step::Hidden => self.decoder.decode(bytes, pts_ns, false),
            Step::Instead(other) => self.decoder.decode(&other, pts_ns, false),
            Step::Nothing => Ok(None),
        }
    }

    /// Takes the next picture held by a decoder that found damage, or replaces the decoder: its
    /// state would harm the next sequence.
    fn take_over(&mut self) -> Result<(), CodecError> {
        self.shown = self.decoder.flush().ok().flatten();
        if self.shown.is_none() {
            self.decoder = OpenH264::new()?;
            self.recovery = Recovery::default();
            self.sets = ParameterSets::new(Codec::H264);
            self.is_damaged = false;
        }
        Ok(())
    }
}

/// Splits a packet after its picture. The library drops a picture that anything follows in its
/// packet, such as the delimiter at the end of a stream.
fn divided(packet: &[u8]) -> (&[u8], &[u8]) {
    let mut end = packet.len();
    let mut has_picture = false;
    for (at, nal) in nal_units(packet) {
        if NalKind::of(Codec::H264, nal).is_slice() {
            (has_picture, end) = (true, packet.len());
        } else if has_picture {
            end = end.min(at);
        }
    }
    packet.split_at(end)
}

/// The profile with lossless streams.
const HIGH_444: u8 = 244;

/// Checks that the library can decode the stream of a sequence parameter set.
fn supported(nal: &[u8]) -> Result<(), CodecError> {
    let Some(sps) = h264::Sps::read(nal) else {
        // The library reports it itself.
        return Ok(());
    };
    let what = match (sps.chroma_format, sps.luma_bits, sps.chroma_bits) {
        (1, 8, 8) if !sps.frames_only => "interlaced H.264",
        (1, 8, 8) if sps.profile == HIGH_444 => "H.264 of the High 4:4:4 profile",
        (1, 8, 8) => return Ok(()),
        (0, ..) => "H.264 without colour (monochrome)",
        (1, ..) => "H.264 of more than 8 bits (High 10 profile)",
        (2, ..) => "H.264 of 4:2:2 (High 4:2:2 profile)",
        _ => "H.264 of 4:4:4 (High 4:4:4 profile)",
    };
    Err(CodecError::UnsupportedStream { what })
}
