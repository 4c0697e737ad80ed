//! Drawing pattern frames.

use videostream_hal::format::{FourCc, MAX_PLANES};

use super::PictureError;
use super::code::Code;
use super::geometry::Strip;
use super::paint::{self, BARS, BLACK, PlaneKind, Rgb, WHITE};
use super::strip::{StripBytes, content_hasher};
use crate::frame_rate::FrameRate;
use crate::picture::PictureMut;

/// Seconds that the bars take to scroll through the picture, unless that is less than two pixels a
/// frame.
const SCROLL_SECONDS: f64 = 8.0;

/// Draws numbered, self-checking test frames; see the [module](super).
///
/// ```
/// use videostream::hal::format::{FourCc, Layout};
/// use videostream::pattern::{self, TestPattern};
/// use videostream::{FrameRate, Picture, PictureMut};
///
/// let pattern = TestPattern::new(FourCc::NV12, 640, 480, FrameRate::fps(30)?)?;
/// let layout = Layout::new(FourCc::NV12, 640, 480).unwrap();
/// let mut bytes = vec![0; 640 * 480 * 3 / 2];
/// pattern.draw(7, &mut PictureMut::new(&mut bytes, &layout)?)?;
/// assert_eq!(pattern::verify(&Picture::new(&bytes, &layout)?)?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TestPattern {
    fourcc: FourCc,
    width: u32,
    height: u32,
    rate: FrameRate,
    planes: &'static [PlaneKind],
    strip: Strip,
    /// Pixels that the bars move per frame, even.
    step: usize,
    /// Two widths of bars for each plane, so that any shift is one slice.
    bars: [Vec<u8>; MAX_PLANES],
    /// A row of the box's edge, and one of its inside.
    edge: [Vec<u8>; MAX_PLANES],
    inside: [Vec<u8>; MAX_PLANES],
    /// Side of the box in pixels, even.
    side: usize,
}

impl TestPattern {
    /// Creates a pattern of `width` x `height` pixels; `rate` only determines its speed and when
    /// frames are due.
    ///
    /// # Errors
    /// [`PictureError::PatternFormat`] for a format other than NV12, YU12, YUYV and RGB3;
    /// [`PictureError::PatternSize`] for odd sizes and sizes outside
    /// [`MIN_WIDTH`](super::MIN_WIDTH) x [`MIN_HEIGHT`](super::MIN_HEIGHT) to
    /// [`MAX_SIDE`](super::MAX_SIDE) squared.
    pub fn new(
        fourcc: FourCc,
        width: u32,
        height: u32,
        rate: FrameRate,
    ) -> Result<Self, PictureError> {
        let planes = paint::planes(fourcc).ok_or(PictureError::PatternFormat(fourcc))?;
        let strip = Strip::new(width, height)?;
        let pixels = width as usize;
        let below = height as usize - strip.height();
        let side = pixels.min(below) / 4 * 2;
        let border = (side / 8).max(2) & !1;
        let step = (f64::from(width) / (SCROLL_SECONDS * rate.as_f64())) as usize & !1;

        // A row of pixels is made of pairs, since the two share their chroma.
        let row = |colour: &dyn Fn(usize) -> Rgb, pairs: usize| {
            let mut rows: [Vec<u8>; MAX_PLANES] = Default::default();
            for index in 0..pairs {
                let bytes = paint::pair(fourcc, colour(index));
                for ((row, kind), bytes) in rows.iter_mut().zip(planes).zip(&bytes) {
                    row.extend_from_slice(&bytes[..kind.pair_bytes]);
                }
            }
            rows
        };
        let pairs = pixels / 2;
        let bar = |index: usize| BARS[index % pairs * BARS.len() / pairs];
        let framed = |index: usize| {
            let at = 2 * index;
            if at < border || at >= side - border {
                WHITE
            } else {
                BLACK
            }
        };
        Ok(Self {
            fourcc,
            width,
            height,
            rate,
            planes,
            strip,
            step: step.max(2),
            bars: row(&bar, 2 * pairs),
            edge: row(&|_| WHITE, side / 2),
            inside: row(&framed, side / 2),
            side,
        })
    }

    /// Returns the pixel format.
    #[must_use]
    pub fn fourcc(&self) -> FourCc {
        self.fourcc
    }

    /// Returns the width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the frame rate.
    #[must_use]
    pub fn rate(&self) -> FrameRate {
        self.rate
    }

    /// Draws frame `number`. Memory is only written, each byte once (the strip's twice), so that
    /// memory without a read cache is no slower than a copy to it.
    ///
    /// # Errors
    /// [`PictureError::Target`] when `picture` has another format or size.
    pub fn draw(&self, number: u64, picture: &mut PictureMut<'_>) -> Result<(), PictureError> {
        let has = (picture.fourcc(), picture.width(), picture.height());
        let wants = (self.fourcc, self.width, self.height);
        if has != wants {
            return Err(PictureError::Target { has, wants });
        }
        let (left, top) = self.box_at(number);
        let mut hasher = content_hasher(number);
        for (index, (kind, plane)) in self.planes.iter().zip(picture.planes()).enumerate() {
            let bytes = |pixels: usize| pixels / 2 * kind.pair_bytes;
            let row_bytes = bytes(self.width as usize);
            for row in 0..self.height as usize / kind.rows_per_row {
                let y = row * kind.rows_per_row;
                let shift = bytes(self.shift(number, y));
                let bars = &self.bars[index][shift..][..row_bytes];
                let target = &mut plane.data[row * plane.stride..][..row_bytes];
                if y < self.strip.height() {
                    let start = bytes(self.strip.width());
                    target[start..].copy_from_slice(&bars[start..]);
                    hasher.update(&bars[start..]);
                } else if (top..top + self.side).contains(&y) {
                    let (start, end) = (bytes(left), bytes(left + self.side));
                    let border = (self.side / 8).max(2) & !1;
                    let on_edge = y < top + border || y >= top + self.side - border;
                    let middle = if on_edge {
                        &self.edge[index]
                    } else {
                        &self.inside[index]
                    };
                    for (range, from) in [
                        (0..start, &bars[..start]),
                        (start..end, &middle[..]),
                        (end..row_bytes, &bars[end..]),
                    ] {
                        target[range].copy_from_slice(from);
                        hasher.update(from);
                    }
                } else {
                    target.copy_from_slice(bars);
                    hasher.update(bars);
                }
            }
        }
        let code = Code {
            number,
            content: hasher.finalize(),
        };
        let cells = StripBytes::new(self.fourcc, self.strip);
        for (index, (kind, plane)) in self.planes.iter().zip(picture.planes()).enumerate() {
            for (cell_row, bits) in code.to_rows().into_iter().enumerate() {
                let (bytes, len) = cells.row(index, kind, bits);
                let rows = self.strip.cell / kind.rows_per_row;
                for row in cell_row * rows..(cell_row + 1) * rows {
                    plane.data[row * plane.stride..][..len].copy_from_slice(&bytes[..len]);
                }
            }
        }
        Ok(())
    }

    /// Pixels that the bars are shifted in the row of pixels `y`: even, less than the width.
    fn shift(&self, number: u64, y: usize) -> usize {
        let width = self.width as usize;
        let scrolled = (number % u64::from(self.width)) as usize * self.step;
        (scrolled + y / 8 * 2) % width
    }

    /// Left and top of the box in pixels, both even.
    fn box_at(&self, number: u64) -> (usize, usize) {
        let bounce = |range: usize, step: u64| {
            // There and back again, in steps of two pixels.
            let half = (range / 2) as u64;
            if half == 0 {
                return 0;
            }
            let at = (number % (2 * half)) * step % (2 * half);
            (if at > half { 2 * half - at } else { at }) as usize * 2
        };
        let right = self.width as usize - self.side;
        let below = self.height as usize - self.strip.height() - self.side;
        (bounce(right, 2), self.strip.height() + bounce(below, 1))
    }
}
