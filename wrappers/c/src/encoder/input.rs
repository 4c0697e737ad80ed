//! Input pictures of an encoder.

use std::fmt;

use rustix::io::Errno;
use videostream::Colorimetry;
use videostream::hal::format::{FourCc, Layout};
use videostream::{Picture, PictureMut, Rect};

use crate::frame::{Shape, convert, errno_of_picture};

/// Format, size and part of every picture, and memory for those that are converted first.
#[derive(Debug)]
pub(super) struct Input {
    layout: Layout,
    crop: Option<Rect>,
    /// Of the converted picture.
    memory: Vec<u8>,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.size();
        write!(f, "{} {width}x{height}", self.fourcc())?;
        match self.crop {
            Some(Rect {
                x,
                y,
                width,
                height,
            }) => write!(f, ", of it {width}x{height} at ({x}, {y})"),
            None => Ok(()),
        }
    }
}

impl PartialEq for Input {
    fn eq(&self, other: &Self) -> bool {
        let what = |input: &Self| (input.fourcc(), input.size(), input.crop);
        what(self) == what(other)
    }
}

impl Input {
    /// The format to which pictures are converted if the encoder does not accept theirs.
    const CONVERTED: FourCc = FourCc::NV12;

    pub(super) fn of(shape: &Shape, crop: Option<Rect>) -> Result<Self, Errno> {
        Ok(Self {
            layout: shape.layout()?,
            crop,
            memory: Vec::new(),
        })
    }

    pub(super) fn fourcc(&self) -> FourCc {
        self.layout.fourcc
    }

    /// Where the first picture lies in its memory.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The same picture in a format that every encoder accepts.
    pub(super) fn converted(&self) -> Result<Layout, Errno> {
        let (width, height) = self.visible();
        Layout::new(Self::CONVERTED, width, height).map_err(|_| Errno::INVAL)
    }

    /// Width and height of the whole picture.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.layout.width, self.layout.height)
    }

    pub(super) fn crop(&self) -> Option<Rect> {
        self.crop
    }

    /// Width and height of the encoded part.
    pub(super) fn visible(&self) -> (u32, u32) {
        self.crop
            .map_or(self.size(), |crop| (crop.width, crop.height))
    }

    /// Calls `submit` with the picture in `pixels`, converted if the encoder was opened with
    /// another format; `colours` are those before and after the conversion.
    pub(super) fn with_picture(
        &mut self,
        layout: &Layout,
        pixels: &[u8],
        (wanted, colours): (FourCc, (Colorimetry, Colorimetry)),
        submit: impl FnOnce(&Picture<'_>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let picture = Picture::new(pixels, layout).map_err(errno_of_picture)?;
        if wanted == self.fourcc() {
            return submit(&picture);
        }
        let to = self.converted()?;
        self.memory.resize(to.size as usize, 0);
        let mut place = PictureMut::new(&mut self.memory, &to).map_err(errno_of_picture)?;
        convert(&picture, &mut place, self.crop, colours)?;
        submit(&place.as_picture())
    }
}
