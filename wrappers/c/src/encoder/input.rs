//! The pictures that an encoder is given.

use rustix::io::Errno;
use videostream::hal::format::{FourCc, Layout};
use videostream::{Picture, PictureMut, Rect};

use crate::frame::{Shape, convert, errno_of_picture};

/// Format, size and part of every picture, and memory for those that are converted first.
#[derive(Debug)]
pub(super) struct Input {
    layout: Layout,
    crop: Option<Rect>,
    converted: Vec<u8>,
}

impl PartialEq for Input {
    fn eq(&self, other: &Self) -> bool {
        let what = |input: &Self| (input.fourcc(), input.size(), input.crop);
        what(self) == what(other)
    }
}

impl Input {
    /// What pictures are converted to that the encoder does not take.
    pub(super) const CONVERTED: FourCc = FourCc::NV12;

    pub(super) fn of(shape: &Shape, crop: Option<Rect>) -> Result<Self, Errno> {
        Ok(Self {
            layout: shape.layout()?,
            crop,
            converted: Vec::new(),
        })
    }

    pub(super) fn fourcc(&self) -> FourCc {
        self.layout.fourcc
    }

    /// Width and height of the whole picture.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.layout.width, self.layout.height)
    }

    pub(super) fn crop(&self) -> Option<Rect> {
        self.crop
    }

    /// Width and height of what is encoded.
    pub(super) fn visible(&self) -> (u32, u32) {
        self.crop
            .map_or(self.size(), |crop| (crop.width, crop.height))
    }

    /// Gives `submit` the picture in `pixels` in the format that the encoder was opened with.
    pub(super) fn with_picture(
        &mut self,
        layout: &Layout,
        pixels: &[u8],
        wanted: FourCc,
        submit: impl FnOnce(&Picture<'_>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let picture = Picture::new(pixels, layout).map_err(errno_of_picture)?;
        if wanted == self.fourcc() {
            return submit(&picture);
        }
        let (width, height) = self.visible();
        let to = Layout::new(wanted, width, height).map_err(|_| Errno::INVAL)?;
        self.converted.resize(to.size as usize, 0);
        let mut place = PictureMut::new(&mut self.converted, &to).map_err(errno_of_picture)?;
        convert(&picture, &mut place, self.crop)?;
        submit(&place.as_picture())
    }
}
