//! Writing Y4M files.

use std::io::{self, Write};

use videostream_hal::format::FourCc;

use super::planar::{Planar, YUV420};
use super::{COLOURS, MAGIC, MARK};
use crate::colorimetry::{Appearance, ChromaSite, Range};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

/// Writes pictures of one size and format.
pub struct Y4mWriter<W: Write> {
    to: W,
    fourcc: FourCc,
    width: u32,
    height: u32,
    planar: Planar,
    planes: [Vec<u8>; 3],
}

impl<W: Write> Y4mWriter<W> {
    /// Writes the header, with format, size, rate and appearance of the pictures.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a format or size that Y4M can't hold; errors of writing.
    pub fn new(
        mut to: W,
        (fourcc, width, height): (FourCc, u32, u32),
        rate: FrameRate,
        appearance: impl Into<Appearance>,
    ) -> io::Result<Self> {
        let planar = planar(fourcc)?;
        // Check the size before allocating memory for it.
        if !(1..=65_535).contains(&width) || !(1..=65_535).contains(&height) {
            return Err(invalid(format!(
                "pictures of {width}x{height}: sides must be from 1 to 65535"
            )));
        }
        let Appearance {
            colorimetry,
            sample_aspect,
            chroma,
        } = appearance.into();
        let rate = format!("F{}:{}", rate.frames(), rate.seconds());
        let mut header = format!("{MAGIC}W{width} H{height} {rate}");
        if let Some((wide, high)) = sample_aspect {
            header += &format!(" A{wide}:{high}");
        }
        match colorimetry.range {
            Range::Unspecified => {}
            Range::Full => header += " XCOLORRANGE=FULL",
            Range::Limited => header += " XCOLORRANGE=LIMITED",
        }
        if let Some([primaries, transfer, matrix]) = colorimetry.codes() {
            header += &format!(" X{COLOURS}{primaries}:{transfer}:{matrix}");
        }
        let samples = match (planar.samples, chroma) {
            (YUV420, Some(ChromaSite::Left)) => "420mpeg2",
            (YUV420, Some(ChromaSite::TopLeft)) => "420paldv",
            // The position of chroma in V4L2's formats, JPEG, and conversions.
            (YUV420, _) => "420jpeg",
            (other, _) => other,
        };
        header += &format!(" C{samples}\n");
        to.write_all(header.as_bytes())?;
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

    /// Returns the bytes of a picture in the file.
    #[must_use]
    pub fn picture_bytes(&self) -> u64 {
        let samples: usize = self.planes.iter().map(Vec::len).sum();
        (MARK.len() + 1 + samples) as u64
    }

    /// Writes a picture.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a picture of another size or format; errors of writing.
    pub fn write(&mut self, picture: &Picture<'_>) -> io::Result<()> {
        let has = (picture.fourcc(), picture.width(), picture.height());
        let expected = (self.fourcc, self.width, self.height);
        if has != expected {
            return Err(invalid(format!(
                "a picture of {} {}x{}, but the file is for {} {}x{}",
                has.0, has.1, has.2, expected.0, expected.1, expected.2
            )));
        }
        self.planar.fill(picture, &mut self.planes);
        self.to.write_all(MARK)?;
        self.to.write_all(b"\n")?;
        self.planes
            .iter()
            .try_for_each(|plane| self.to.write_all(plane))
    }
}

fn planar(fourcc: FourCc) -> io::Result<Planar> {
    Planar::of(fourcc).ok_or_else(|| {
        invalid(format!(
            "Y4M can't hold {fourcc}: it holds YUV 4:2:0, 4:2:2 and 4:4:4 and grey of 8 bits, \
             such as NV12, YU12, YUYV, NV16, NV24 and GREY"
        ))
    })
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
