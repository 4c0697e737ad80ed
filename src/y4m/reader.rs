//! Pictures from a file.

use std::io::{self, Chain, Cursor, Read};

use videostream_hal::format::{FourCc, Layout};
use y4m::Colorspace;

use super::COLOURS;
use crate::colorimetry::{Appearance, Range};
use crate::frame_rate::FrameRate;
use crate::picture::Picture;

/// No picture of a file may have more bytes than this: 8192x8192.
const MAX_BYTES: usize = 8192 * 8192 * 3 / 2;
/// No header has more bytes than this.
const MAX_HEADER: u64 = 1024;
/// What files begin with.
const MAGIC: &str = "YUV4MPEG2 ";

/// Reads pictures of 4:2:0.
pub struct Y4mReader<R: Read> {
    from: y4m::Decoder<Chain<Cursor<Vec<u8>>, R>>,
    layout: Layout,
    rate: Option<FrameRate>,
    appearance: Appearance,
    bytes: Vec<u8>,
}

impl<R: Read> Y4mReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for anything but 4:2:0 of 8 bits, and for a picture of more than
    /// 8192x8192 pixels; those of reading.
    pub fn new(mut from: R) -> io::Result<Self> {
        let header = header(&mut from)?;
        let limits = y4m::Limits { bytes: MAX_BYTES };
        let whole = Cursor::new(header.clone().into_bytes()).chain(from);
        let from = y4m::Decoder::new_with_limits(whole, limits)
            .map_err(|error| unreadable(error, &header))?;
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
        let rate = FrameRate::nearest(ratio.num as u64, ratio.den as u64);
        // Those who don't know it write 0:0.
        if rate.is_none() && (ratio.num, ratio.den) != (0, 0) {
            let why = format!("a rate of {}:{} can't be", ratio.num, ratio.den);
            return Err(invalid(why));
        }
        Ok(Self {
            from,
            layout,
            rate,
            appearance: appearance(&header),
            bytes: vec![0; layout.size as usize],
        })
    }

    /// Size and format of every picture: YU12 without padding.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Pictures per second; `None` where the file does not say (`F0:0`).
    #[must_use]
    pub fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    /// How the pictures are to be shown, as far as the file says: the range in `XCOLORRANGE`, the shape of samples in
    /// `A`, and colours in `XH273`, which is this library's own word.
    #[must_use]
    pub fn appearance(&self) -> Appearance {
        self.appearance
    }

    /// The next picture; `None` at the end, also in the middle of one.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where no picture begins; those of reading.
    pub fn read(&mut self) -> io::Result<Option<Picture<'_>>> {
        let frame = match self.from.read_frame() {
            Ok(frame) => frame,
            Err(y4m::Error::EOF) => return Ok(None),
            Err(y4m::Error::IoError(error)) => return Err(error),
            Err(_) => {
                return Err(invalid(
                    "no FRAME where the next picture should begin".into(),
                ));
            }
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
                return Err(invalid(why.into()));
            }
            to.copy_from_slice(from);
        }
        Picture::new(&self.bytes, &self.layout)
            .map(Some)
            .map_err(|error| invalid(error.to_string()))
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Reads the header, and checks what the library computes with unchecked.
#[expect(
    clippy::unbuffered_bytes,
    reason = "what comes behind it belongs to the first picture"
)]
fn header(from: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    for byte in from.by_ref().take(MAX_HEADER).bytes() {
        line.push(byte?);
        if line.ends_with(b"\n") {
            break;
        }
    }
    if !line.starts_with(MAGIC.as_bytes()) {
        return Err(invalid(format!("no Y4M: it does not begin with {MAGIC}")));
    }
    if !line.ends_with(b"\n") {
        return Err(invalid(format!(
            "no Y4M: its header has no end in {} bytes",
            line.len()
        )));
    }
    let header = String::from_utf8(line).map_err(|_| invalid("no Y4M: no text in front".into()))?;
    let side = |name| {
        let word = word(&header, name).unwrap_or("");
        let side = word.get(1..).and_then(|digits| digits.parse::<u64>().ok());
        side.filter(|side| (1..=MAX_BYTES as u64).contains(side))
            .ok_or_else(|| invalid(format!("a side of {word:?} in its header can't be")))
    };
    let (width, height) = (side('W')?, side('H')?);
    // Of two numbers below 2^27.
    if width * height > MAX_BYTES as u64 {
        return Err(invalid(format!(
            "pictures of {width}x{height}: no more pixels than those of 8192x8192 are read"
        )));
    }
    Ok(header)
}

/// The last word of a header with this letter in front, the one that counts.
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
    appearance.sample_aspect = aspect
        .map(|[wide, high]| (wide, high))
        .filter(|(wide, high)| *wide > 0 && *high > 0);
    appearance
}

/// Numbers with colons between them.
fn numbers<T: std::str::FromStr, const N: usize>(word: &str) -> Option<[T; N]> {
    let numbers: Result<Vec<_>, _> = word.split(':').map(str::parse).collect();
    numbers.ok()?.try_into().ok()
}

fn unreadable(error: y4m::Error, header: &str) -> io::Error {
    match error {
        y4m::Error::IoError(error) => error,
        y4m::Error::UnknownColorspace => {
            let word = word(header, 'C').unwrap_or("");
            invalid(format!("{word} pictures: only 4:2:0 of 8 bits is read"))
        }
        other => invalid(format!("its header is {:?}: {other}", header.trim_end())),
    }
}
