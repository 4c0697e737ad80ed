//! Pictures from a file.

use std::io::{self, Read};

use videostream_hal::format::{FourCc, Layout};
use y4m::Colorspace;

use super::from_y4m;
use crate::colorimetry::Range;
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

/// No picture of a file may have more bytes than this: 8192x8192.
const MAX_BYTES: usize = 8192 * 8192 * 3 / 2;

/// Reads pictures of 4:2:0.
pub struct Y4mReader<R: Read> {
    from: y4m::Decoder<R>,
    layout: Layout,
    rate: FrameRate,
    bytes: Vec<u8>,
}

impl<R: Read> Y4mReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for anything but 4:2:0 of 8 bits; those of reading.
    pub fn new(from: R) -> io::Result<Self> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let limits = y4m::Limits { bytes: MAX_BYTES };
        let from = y4m::Decoder::new_with_limits(from, limits).map_err(from_y4m)?;
        if !matches!(
            from.get_colorspace(),
            Colorspace::C420 | Colorspace::C420jpeg | Colorspace::C420mpeg2 | Colorspace::C420paldv
        ) {
            let why = format!(
                "{:?} pictures: only 4:2:0 of 8 bits is read",
                from.get_colorspace()
            );
            return Err(invalid(why));
        }
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let (width, height) = (side(from.get_width()), side(from.get_height()));
        let layout =
            Layout::new(FourCc::YU12, width, height).map_err(|error| invalid(error.to_string()))?;
        let ratio = from.get_framerate();
        let rate = FrameRate::new(side(ratio.num), side(ratio.den))
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            from,
            layout,
            rate,
            bytes: vec![0; layout.size as usize],
        })
    }

    /// Size and format of every picture: YU12 without padding.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Pictures per second.
    #[must_use]
    pub fn rate(&self) -> FrameRate {
        self.rate
    }

    /// The range of values; limited where the file does not say.
    #[must_use]
    pub fn range(&self) -> Range {
        let mut words = self.from.get_raw_params().split(|byte| *byte == b' ');
        match words.any(|word| word == b"XCOLORRANGE=FULL") {
            true => Range::Full,
            false => Range::Limited,
        }
    }

    /// The next picture; `None` at the end, also in the middle of one.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(&mut self) -> io::Result<Option<Picture<'_>>> {
        let frame = match self.from.read_frame() {
            Ok(frame) => frame,
            Err(y4m::Error::EOF) => return Ok(None),
            Err(error) => return Err(from_y4m(error)),
        };
        let planes = [
            frame.get_y_plane(),
            frame.get_u_plane(),
            frame.get_v_plane(),
        ];
        for (plane, from) in self.layout.planes().iter().zip(planes) {
            let to = &mut self.bytes[plane.offset as usize..][..plane.size as usize];
            if to.len() != from.len() {
                let why = "a plane is of another size than the header says";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            to.copy_from_slice(from);
        }
        Picture::new(&self.bytes, &self.layout)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
    }
}
