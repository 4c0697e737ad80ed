//! Raw video in files: YUV4MPEG2 (`.y4m`), which ffmpeg, mpv and most encoders read and write.
//!
//! Pictures are 4:2:0 of 8 bits, one after the other, at one rate. Needs the cargo feature `record`.

use std::io::{self, Read, Write};

use videostream_hal::format::{FourCc, Layout};
use y4m::Colorspace;

use crate::frame_rate::FrameRate;
use crate::picture::{Picture, PictureMut};

/// No picture of a file may have more bytes than this: 8192x8192.
const MAX_BYTES: usize = 8192 * 8192 * 3 / 2;

/// Writes pictures of one size.
pub struct Y4mWriter<W: Write> {
    to: y4m::Encoder<W>,
    layout: Layout,
    bytes: Vec<u8>,
}

impl<W: Write> Y4mWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a size that has no layout; those of writing.
    pub fn new(to: W, width: u32, height: u32, rate: FrameRate) -> io::Result<Self> {
        let layout = Layout::new(FourCc::YU12, width, height)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        let ratio = y4m::Ratio::new(rate.frames() as usize, rate.seconds() as usize);
        let to = y4m::encode(width as usize, height as usize, ratio)
            .with_colorspace(Colorspace::C420jpeg)
            .write_header(to)
            .map_err(from_y4m)?;
        Ok(Self {
            to,
            layout,
            bytes: vec![0; layout.size as usize],
        })
    }

    /// Writes a picture, YU12 or NV12.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for one of another size or format; those of writing.
    pub fn write(&mut self, picture: &Picture<'_>) -> io::Result<()> {
        let invalid = |error: crate::PictureError| {
            io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
        };
        let mut target = PictureMut::new(&mut self.bytes, &self.layout).map_err(invalid)?;
        picture.copy_to(&mut target).map_err(invalid)?;
        let [y, u, v] = [0, 1, 2].map(|at| {
            let plane = self.layout.planes[at];
            &self.bytes[plane.offset as usize..][..plane.size as usize]
        });
        let frame = y4m::Frame::new([y, u, v], None);
        self.to.write_frame(&frame).map_err(from_y4m)
    }
}

/// Reads pictures.
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

fn from_y4m(error: y4m::Error) -> io::Error {
    match error {
        y4m::Error::IoError(error) => error,
        y4m::Error::EOF => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let rate = FrameRate::new(30_000, 1_001).unwrap();
        for (width, height) in [(64, 48), (66, 50), (33, 17)] {
            let layout = Layout::new(FourCc::YU12, width, height).unwrap();
            let mut file = Vec::new();
            let mut writer = Y4mWriter::new(&mut file, width, height, rate).unwrap();
            let pictures: Vec<Vec<u8>> = (0..3)
                .map(|seed| (0..layout.size).map(|at| (at * 7 + seed) as u8).collect())
                .collect();
            for bytes in &pictures {
                writer
                    .write(&Picture::new(bytes, &layout).unwrap())
                    .unwrap();
            }
            drop(writer);
            let mut reader = Y4mReader::new(&file[..]).unwrap();
            assert_eq!((reader.layout().width, reader.rate()), (width, rate));
            for bytes in &pictures {
                let picture = reader.read().unwrap().unwrap();
                let read: Vec<u8> = (0..3)
                    .flat_map(|at| picture.rows(at))
                    .flatten()
                    .copied()
                    .collect();
                let wrote = Picture::new(bytes, &layout).unwrap();
                let wrote: Vec<u8> = (0..3)
                    .flat_map(|at| wrote.rows(at))
                    .flatten()
                    .copied()
                    .collect();
                assert!(read == wrote);
            }
            assert!(reader.read().unwrap().is_none());
            // A file that ends in the middle of a picture.
            let mut reader = Y4mReader::new(&file[..file.len() - 5]).unwrap();
            assert!(reader.read().unwrap().is_some() && reader.read().unwrap().is_some());
            assert!(reader.read().unwrap().is_none());
        }
    }

    #[test]
    fn other_formats_and_nonsense_are_refused() {
        for header in [
            "YUV4MPEG2 W4 H4 F30:1 C444\n",
            "YUV4MPEG2 W4 H4 F30:0 C420\n",
            "YUV4MPEG2 W0 H4 F30:1 C420\n",
            "YUV4MPEG2 W99999999 H99999999 F30:1 C420\n",
            "RIFF",
            "",
        ] {
            assert!(Y4mReader::new(header.as_bytes()).is_err(), "{header}");
        }
    }
}
