//! Reading Y4M files.

use std::io::{self, Read};

use videostream_hal::format::{FourCc, Layout};

use super::{COLOURS, MAGIC, MARK};
use crate::colorimetry::{Appearance, ChromaSite, Range};
use crate::frame_rate::FrameRate;
use crate::picture::{Picture, Plane};

/// Most pixels of a picture.
const MAX_PIXELS: u64 = 8192 * 8192;
/// Most bytes of a line of text.
const MAX_LINE: u64 = 1024;
/// Rate of files without one, as in other programs.
const DEFAULT_RATE: &str = "F25:1";

/// Reads pictures of 4:2:0, 4:2:2 and 4:4:4, and of luma alone.
pub struct Y4mReader<R: Read> {
    from: R,
    layout: Layout,
    rate: Option<FrameRate>,
    appearance: Appearance,
    interlaced: Option<char>,
    /// The last picture.
    bytes: Vec<u8>,
    /// Its number, from 1.
    number: u64,
}

impl<R: Read> Y4mReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for unsupported formats, more than 8 bits, and more than
    /// 8192x8192 pixels; errors of reading.
    pub fn new(mut from: R) -> io::Result<Self> {
        let header = header(&mut from)?;
        let fourcc = format(word(&header, 'C').unwrap_or("C420"))?;
        let (width, height) = size(&header)?;
        let mut appearance = appearance(&header);
        let range = &mut appearance.colorimetry.range;
        if fourcc == FourCc::GREY && *range == Range::Unspecified {
            *range = Range::Full;
        }
        let layout =
            Layout::new(fourcc, width, height).map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            from,
            layout,
            rate: rate(&header)?,
            appearance,
            interlaced: interlaced(&header),
            bytes: Vec::new(),
            number: 0,
        })
    }

    /// Returns size and format of every picture, without padding: YU12, 422P, YM24 or GREY.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns pictures per second; `None` if unspecified (`F0:0`).
    #[must_use]
    pub fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    /// Returns the appearance of the pictures, as far as specified: the range in `XCOLORRANGE`
    /// (full for grey by default), the sample aspect ratio in `A`, the position of chroma in `C`,
    /// and colours in `XH273`, a word of this library.
    #[must_use]
    pub fn appearance(&self) -> Appearance {
        self.appearance
    }

    /// Returns the first field of interlaced pictures: `t` (top), `b` (bottom) or `m` (mixed).
    /// `None` for progressive ones, and if unspecified.
    #[must_use]
    pub fn interlaced(&self) -> Option<char> {
        self.interlaced
    }

    /// Reads the next picture; returns `None` at the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends in the middle of a picture, with its
    /// number and how much of it exists; [`io::ErrorKind::InvalidData`] if no picture begins at
    /// this position; errors of reading.
    pub fn read(&mut self) -> io::Result<Option<Picture<'_>>> {
        let mark = line(&mut self.from)?;
        if mark.is_empty() {
            return Ok(None);
        }
        let text = mark.strip_suffix(b"\n");
        let word = text.unwrap_or(&mark).split(|byte| *byte == b' ').next();
        let fits = match text {
            Some(_) => word == Some(MARK),
            // The file ends in the middle of the word.
            None => (mark.len() as u64) < MAX_LINE && MARK.starts_with(word.unwrap_or_default()),
        };
        if !fits {
            let why = format!("no FRAME where picture {} should begin", self.number + 1);
            return Err(invalid(why));
        }
        self.number += 1;
        self.bytes.clear();
        let size = u64::from(self.layout.size);
        let has = self.from.by_ref().take(size).read_to_end(&mut self.bytes)?;
        if (has as u64) < size {
            let why = format!(
                "picture {} is truncated: {has} of {size} bytes",
                self.number
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        self.picture().map(Some)
    }

    /// Returns the last picture, whose planes follow each other.
    fn picture(&self) -> io::Result<Picture<'_>> {
        let layout = &self.layout;
        let mut planes = [Plane::default(); 3];
        let mut rest = &self.bytes[..];
        for (to, plane) in planes.iter_mut().zip(layout.planes()) {
            let (data, behind) = rest.split_at(plane.size as usize);
            let stride = plane.stride as usize;
            *to = Plane { data, stride };
            rest = behind;
        }
        let planes = &planes[..layout.planes().len()];
        Picture::from_planes(layout.fourcc, layout.width, layout.height, planes)
            .map_err(|error| invalid(error.to_string()))
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Reads the next line, with its line feed unless the file ends before.
#[expect(
    clippy::unbuffered_bytes,
    reason = "the bytes after the line belong to a picture"
)]
fn line(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    for byte in from.take(MAX_LINE).bytes() {
        line.push(byte?);
        if line.ends_with(b"\n") {
            break;
        }
    }
    Ok(line)
}

/// Reads the header, which is the first line.
fn header(from: &mut impl Read) -> io::Result<String> {
    let line = line(from)?;
    if !line.starts_with(MAGIC.as_bytes()) {
        return Err(invalid(format!(
            "not a Y4M file: it does not begin with {MAGIC}"
        )));
    }
    if !line.ends_with(b"\n") {
        return Err(invalid(format!(
            "not a Y4M file: its header has no end in {} bytes",
            line.len()
        )));
    }
    // Comments may be in any encoding.
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn size(header: &str) -> io::Result<(u32, u32)> {
    let side = |name| {
        let word = word(header, name).unwrap_or("");
        let side = word.get(1..).and_then(|digits| digits.parse::<u32>().ok());
        side.filter(|side| *side > 0)
            .ok_or_else(|| invalid(format!("invalid side {word:?} in its header")))
    };
    let (width, height) = (side('W')?, side('H')?);
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(invalid(format!(
            "pictures of {width}x{height}: more pixels than 8192x8192, which is the limit"
        )));
    }
    Ok((width, height))
}

/// Parses the rate; programs that don't know it write 0:0.
fn rate(header: &str) -> io::Result<Option<FrameRate>> {
    let word = word(header, 'F').unwrap_or(DEFAULT_RATE);
    let fail = || invalid(format!("invalid rate {word:?} in its header"));
    let [frames, seconds] = numbers(&word[1..]).ok_or_else(fail)?;
    match FrameRate::nearest(frames, seconds) {
        None if (frames, seconds) != (0, 0) => Err(fail()),
        rate => Ok(rate),
    }
}

/// Returns the format as which pictures with this word are read.
fn format(word: &str) -> io::Result<FourCc> {
    match word {
        // They differ in the position of chroma.
        "C420" | "C420jpeg" | "C420mpeg2" | "C420paldv" => Ok(FourCc::YU12),
        "C422" => Ok(FourCc::YUV422P),
        "C444" => Ok(FourCc::YM24),
        "Cmono" => Ok(FourCc::GREY),
        _ => Err(invalid(format!(
            "{word} pictures: only 4:2:0, 4:2:2, 4:4:4 and grey of 8 bits are supported"
        ))),
    }
}

/// Returns the last word of a header that starts with this letter; it overrides earlier ones.
fn word(header: &str, name: char) -> Option<&str> {
    let words = header.trim_end().split(' ').skip(1);
    words.filter(|word| word.starts_with(name)).last()
}

fn appearance(header: &str) -> Appearance {
    let mut appearance = Appearance::default();
    let colours = &mut appearance.colorimetry;
    for word in header.trim_end().split(' ').skip(1) {
        match word.strip_prefix('X') {
            Some("COLORRANGE=FULL") => colours.range = Range::Full,
            Some("COLORRANGE=LIMITED") => colours.range = Range::Limited,
            Some(word) => {
                let codes = word.strip_prefix(COLOURS).and_then(numbers);
                if let Some([primaries, transfer, matrix]) = codes {
                    *colours = colours.with_codes([primaries, transfer, matrix]);
                }
            }
            None => {}
        }
    }
    let aspect = word(header, 'A').and_then(|word| numbers(&word[1..]));
    appearance.chroma = match word(header, 'C') {
        Some("C420mpeg2") => Some(ChromaSite::Left),
        Some("C420jpeg") => Some(ChromaSite::Center),
        Some("C420paldv") => Some(ChromaSite::TopLeft),
        _ => None,
    };
    appearance.sample_aspect = aspect
        .map(|[wide, high]| (wide, high))
        .filter(|(wide, high)| *wide > 0 && *high > 0);
    appearance
}

fn interlaced(header: &str) -> Option<char> {
    let order = word(header, 'I')?.chars().nth(1)?;
    matches!(order, 't' | 'b' | 'm').then_some(order)
}

/// Parses numbers separated by colons.
fn numbers<T: std::str::FromStr, const N: usize>(word: &str) -> Option<[T; N]> {
    let numbers: Result<Vec<_>, _> = word.split(':').map(str::parse).collect();
    numbers.ok()?.try_into().ok()
}
