//! Frames of JPEG to pictures.

use videostream::hal::format::{FourCc, Layout};
use videostream::jpeg::{JpegDecoder, JpegError};
use videostream::{Error, Picture, PictureMut};

use crate::failure::Failure;

/// Frames of JPEG on their way to an encoder, or to raw video.
pub(crate) struct Unpacking {
    decoder: JpegDecoder,
    layout: Layout,
    bytes: Vec<u8>,
}

impl Unpacking {
    pub(crate) fn new(width: u32, height: u32) -> Result<Self, Failure> {
        let layout = Layout::new(FourCc::YU12, width, height).map_err(Error::from)?;
        Ok(Self {
            decoder: JpegDecoder::new(),
            bytes: vec![0; layout.size as usize],
            layout,
        })
    }

    pub(crate) fn unpack(
        &mut self,
        jpeg: &[u8],
    ) -> Result<Result<Picture<'_>, JpegError>, Failure> {
        let mut target = PictureMut::new(&mut self.bytes, &self.layout).map_err(Error::from)?;
        if let Err(error) = self.decoder.decode(jpeg, &mut target) {
            return Ok(Err(error));
        }
        Ok(Ok(
            Picture::new(&self.bytes, &self.layout).map_err(Error::from)?
        ))
    }
}

/// The bytes of a frame of JPEG.
pub(crate) fn bytes_of<'a>(packed: &Picture<'a>) -> &'a [u8] {
    packed.planes().first().map_or(&[][..], |plane| plane.data)
}
