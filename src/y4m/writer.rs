//! Pictures to a file.

use std::io::{self, Write};

use videostream_hal::format::FourCc;
use y4m::VendorExtensionString;

use super::planar::Planar;
use super::{COLOURS, from_y4m};
use crate::colorimetry::{Appearance, Range};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

/// What stands in front of each picture.
const MARK: &[u8] = b"FRAME\n";

/// Writes pictures of one size and format.
pub struct Y4mWriter<W: Write> {
    to: y4m::Encoder<W>,
    fourcc: FourCc,
    width: u32,
    height: u32,
    planar: Planar,
    planes: [Vec<u8>; 3],
}

impl<W: Write> Y4mWriter<W> {
    /// Writes the header: for pictures of this format and size, at this rate, and how they are to be shown.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a format or size that Y4M can't hold; those of writing.
    pub fn new(
        to: W,
        (fourcc, width, height): (FourCc, u32, u32),
        rate: FrameRate,
        appearance: impl Into<Appearance>,
    ) -> io::Result<Self> {
        let planar = planar(fourcc)?;
        // A side that no picture can have is refused before memory for it is asked for.
        if !(1..=65_535).contains(&width) || !(1..=65_535).contains(&height) {
            return Err(invalid(format!(
                "pictures of {width}x{height}: sides must be from 1 to 65535"
            )));
        }
        let ratio = y4m::Ratio::new(rate.frames() as usize, rate.seconds() as usize);
        let mut header =
            y4m::encode(width as usize, height as usize, ratio).with_colorspace(planar.colorspace);
        let Appearance {
            colorimetry,
            sample_aspect,
        } = appearance.into();
        if let Some((wide, high)) = sample_aspect {
            header = header.with_pixel_aspect(y4m::Ratio::new(wide.into(), high.into()));
        }
        let range = match colorimetry.range {
            Range::Unspecified => None,
            Range::Full => Some("COLORRANGE=FULL".to_owned()),
            Range::Limited => Some("COLORRANGE=LIMITED".to_owned()),
        };
        let codes = colorimetry.codes().map(|[primaries, transfer, matrix]| {
            format!("{COLOURS}{primaries}:{transfer}:{matrix}")
        });
        for word in [range, codes].into_iter().flatten() {
            let word = VendorExtensionString::new(word.into_bytes()).map_err(from_y4m)?;
            header = header.append_vendor_extension(word);
        }
        let to = header.write_header(to).map_err(from_y4m)?;
        let planes = planar.extents(width, height);
        Ok(Self {
            to,
            fourcc,
            width,
            height,
            planar,
            planes: planes.map(|(count, rows)| vec![0; count * rows]),
        })
    }

    /// Bytes that a picture takes in the file.
    #[must_use]
    pub fn picture_bytes(&self) -> u64 {
        let samples: usize = self.planes.iter().map(Vec::len).sum();
        (MARK.len() + samples) as u64
    }

    /// Writes a picture.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for one of another size or format; those of writing.
    pub fn write(&mut self, picture: &Picture<'_>) -> io::Result<()> {
        let has = (picture.fourcc(), picture.width(), picture.height());
        let wants = (self.fourcc, self.width, self.height);
        if has != wants {
            return Err(invalid(format!(
                "a picture of {} {}x{}, but the file is for {} {}x{}",
                has.0, has.1, has.2, wants.0, wants.1, wants.2
            )));
        }
        self.planar.fill(picture, &mut self.planes);
        let planes = self.planes.each_ref().map(Vec::as_slice);
        let frame = y4m::Frame::new(planes, None);
        self.to.write_frame(&frame).map_err(from_y4m)
    }
}

fn planar(fourcc: FourCc) -> io::Result<Planar> {
    Planar::of(fourcc).ok_or_else(|| {
        invalid(format!(
            "Y4M can't hold {fourcc}: it holds YUV 4:2:0, 4:2:2 and 4:4:4 and grey of 8 bits, such as NV12, YU12, \
             YUYV, NV16, NV24 and GREY"
        ))
    })
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
