//! Decoding on the CPU: H.264 with OpenH264, H.265 with the system's libde265.

mod h264;
mod h265;
mod library_picture;
mod openh264;
mod recovery;

use videostream_hal::v4l2::NodeKind;

use self::h264::H264;
use self::h265::H265;
use super::{CodecError, DecoderConfig};
use crate::bitstream::{Codec, Packet};
use crate::picture::Picture;

/// A software decoder.
#[derive(Debug)]
pub(super) struct Software(Library);

/// The decoder of a codec.
#[derive(Debug)]
enum Library {
    H264(Box<H264>),
    H265(Box<H265>),
}

impl Software {
    pub(super) fn new(config: &DecoderConfig) -> Result<Self, CodecError> {
        Ok(Self(match config.codec {
            Codec::H264 => Library::H264(Box::new(H264::new()?)),
            Codec::H265 => Library::H265(Box::new(H265::new()?)),
            Codec::Fwht | Codec::Mjpeg => {
                return Err(CodecError::NoBackend {
                    kind: NodeKind::Decoder,
                    codec: config.codec,
                });
            }
        }))
    }

    /// Returns the number of pictures accepted and dropped; 0 for H.265.
    pub(super) fn hidden(&self) -> u64 {
        match &self.0 {
            Library::H264(decoder) => decoder.hidden(),
            Library::H265(_) => 0,
        }
    }

    pub(super) fn submit(&mut self, packet: &Packet<'_>) -> Result<(), CodecError> {
        match &mut self.0 {
            Library::H264(decoder) => decoder.submit(packet),
            Library::H265(decoder) => decoder.submit(packet),
        }
    }

    pub(super) fn receive(
        &mut self,
        finished: bool,
    ) -> Result<Option<(Picture<'_>, u64)>, CodecError> {
        match &mut self.0 {
            Library::H264(decoder) => decoder.receive(finished),
            Library::H265(decoder) => decoder.receive(finished),
        }
    }
}
