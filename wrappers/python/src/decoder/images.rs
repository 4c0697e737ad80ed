//! Motion-JPEG: each image by itself.

use videostream::PictureMut;
use videostream::hal::format::{FourCc, Layout};
use videostream::jpeg::{JpegDecoder, PictureError};

#[derive(Default)]
pub(super) struct Images {
    pub(super) decoder: JpegDecoder,
    pub(super) memory: Vec<u8>,
    pub(super) size: (u32, u32),
}

impl Images {
    pub(super) fn layout(&self) -> Result<Layout, PictureError> {
        let (width, height) = self.size;
        Layout::new(FourCc::YU12, width, height).map_err(|error| PictureError::JpegDamaged {
            reason: error.to_string(),
        })
    }

    /// Decodes an image of any size.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Result<(), PictureError> {
        if self.size == (0, 0) {
            self.size = (16, 16);
        }
        match self.decode_here(bytes) {
            // Retry with the image's own size.
            Err(PictureError::JpegSize { has, .. }) => {
                self.size = has;
                self.decode_here(bytes)
            }
            result => result,
        }
    }

    pub(super) fn decode_here(&mut self, bytes: &[u8]) -> Result<(), PictureError> {
        let layout = self.layout()?;
        self.memory.resize(layout.size as usize, 0);
        let damaged = |error: videostream::PictureError| PictureError::JpegDamaged {
            reason: error.to_string(),
        };
        let mut target = PictureMut::new(&mut self.memory, &layout).map_err(damaged)?;
        self.decoder.decode(bytes, &mut target)
    }
}
