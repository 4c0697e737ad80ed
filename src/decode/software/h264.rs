//! Decoding H.264 with OpenH264.

use super::openh264::OpenH264;
use super::shown::Shown;
use crate::decode::DecodeError;
use crate::encode::Packet;
use crate::picture::Picture;

/// An OpenH264 decoder, and what is to be done before it sees the next packet.
#[derive(Debug)]
pub(super) struct H264 {
    decoder: OpenH264,
    /// Parameter sets of the stream.
    sets: Vec<u8>,
    /// A key frame that starts another sequence, and its time. What the decoder holds of the one before has to
    /// come out first: it would be lost.
    next: Option<(Vec<u8>, u64)>,
    /// A picture that was not received yet, and its time.
    shown: Option<(Shown, u64)>,
}

impl H264 {
    pub(super) fn new() -> Result<Self, DecodeError> {
        Ok(Self {
            decoder: OpenH264::new()?,
            sets: Vec::new(),
            next: None,
            shown: None,
        })
    }

    pub(super) fn submit(&mut self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        if self.shown.is_some() || self.next.is_some() {
            return Err(DecodeError::FrameWaiting);
        }
        let sets = packet.parameter_sets();
        if !sets.is_empty() && sets != self.sets {
            if !self.sets.is_empty() {
                self.shown = self.decoder.flush()?;
            }
            self.sets = sets.to_vec();
            if self.shown.is_some() {
                self.next = Some((packet.annex_b().to_vec(), packet.pts_ns()));
                return Ok(());
            }
        }
        self.decode(packet.annex_b(), packet.pts_ns())
    }

    pub(super) fn receive(
        &mut self,
        finished: bool,
    ) -> Result<Option<(Picture<'_>, u64)>, DecodeError> {
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
        if self.shown.is_none() && finished {
            self.shown = self.decoder.flush()?;
        }
        let Some((shown, pts_ns)) = self.shown.take() else {
            return Ok(None);
        };
        Ok(Some((self.decoder.picture(&shown)?, pts_ns)))
    }

    fn decode(&mut self, bytes: &[u8], pts_ns: u64) -> Result<(), DecodeError> {
        match self.decoder.decode(bytes, pts_ns) {
            Ok(shown) => {
                self.shown = shown;
                Ok(())
            }
            Err(error) => {
                // What it remembers of the damaged sequence is of no use to the next one.
                self.decoder = OpenH264::new()?;
                self.sets.clear();
                Err(error)
            }
        }
    }
}
