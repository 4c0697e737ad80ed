//! Crops, scales and converts pictures: any of [`formats`] to any other, of any size.
//!
//! A [`Convert`] keeps the memory and the filter weights that it needs: after the first picture of
//! a kind nothing is allocated. Pictures of the right format and size cost one copy.
//!
//! Subsampled chroma is averaged from the pixels that share it, and repeated for them on the way
//! back. Scaling filters each plane of the source to the size that it needs, chroma straight from
//! its own resolution; alpha is scaled as a fourth colour.
//!
//! Needs the cargo feature `convert` (`software` and `snapshot` contain it).

mod arrange;
mod order;
mod planar;
mod rgb;
mod routines;
mod scale;
mod shape;
mod view;

use videostream_hal::format::{self, FourCc};

use self::arrange::arrange;
use self::order::reorder;
use self::rgb::Bands;
use self::routines::Coding;
use self::scale::Scaling;
use self::shape::{Kind, Shape, YUV444, Yuv};
use self::view::{View, ViewMut};
use crate::colorimetry::{Colorimetry, Matrix, Range, usual_range};
pub use crate::picture::PictureError;
use crate::picture::{Picture, PictureMut, Rect};

/// The example of the guide is run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/conversion.md")]
struct Guide;

/// Options of a conversion. By default the whole picture is converted and its colorimetry is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The part of the source to take; all of it by default. It begins at whole chroma samples: at
    /// even columns in 4:2:2, at even columns and rows in 4:2:0.
    pub crop: Option<Rect>,
    /// Colorimetry of the source; ignored if that is RGB. The default is BT.601, in full range for
    /// grey and in limited range for all others.
    pub from: Colorimetry,
    /// Colorimetry of the target; ignored if that is RGB. The default is that of the source, or
    /// that of `from` if the source is RGB.
    pub to: Colorimetry,
    /// The filter to scale with, if the sizes differ.
    pub filter: Filter,
}

/// The filter for scaling. When shrinking a picture, all of them use every source pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Filter {
    /// Linear between the nearest pixels: fast, and without overshoot.
    #[default]
    Bilinear,
    /// Catmull-Rom cubics: sharper.
    Cubic,
    /// Lanczos with three lobes: the sharpest, with ringing at edges.
    Lanczos,
}

/// Converts pictures.
///
/// ```
/// use videostream::convert::{Convert, Options};
/// use videostream::hal::format::{FourCc, Layout};
/// use videostream::{Picture, PictureMut};
///
/// let camera = Layout::new(FourCc::NV12, 640, 480)?;
/// let screen = Layout::new(FourCc::RGB3, 320, 240)?;
/// let grey = vec![128; camera.size as usize];
/// let mut rgb = vec![0; screen.size as usize];
/// let mut convert = Convert::new();
/// convert.convert(
///     &Picture::new(&grey, &camera)?,
///     &mut PictureMut::new(&mut rgb, &screen)?,
///     &Options::default(),
/// )?;
/// assert_eq!(rgb[..3], [130; 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Convert {
    bands: Bands,
    scaling: Scaling,
    /// The separated planes of a packed picture, for scaling.
    unpacked: Vec<u8>,
    /// A scaled picture, before its colours are converted.
    scaled: Vec<u8>,
    /// Planes that an encoder reads.
    planar: Vec<u8>,
    /// A few rows.
    rows: Vec<u8>,
}

/// Returns the formats that can be converted from and to.
pub fn formats() -> impl Iterator<Item = FourCc> {
    let all = format::formats().map(|info| info.fourcc);
    all.filter(|fourcc| is_known(*fourcc))
}

/// Returns whether `fourcc` is one of [`formats`].
#[must_use]
pub fn is_known(fourcc: FourCc) -> bool {
    Shape::of(fourcc).is_some()
}

/// Checks that both formats are known, before there are pictures.
///
/// # Errors
/// [`PictureError::ConvertFrom`], [`PictureError::ConvertTo`].
pub fn check(from: FourCc, to: FourCc) -> Result<(), PictureError> {
    check_source(from)?;
    check_target(to)
}

/// Checks that pictures of a format can be converted, before there are pictures.
///
/// # Errors
/// [`PictureError::ConvertFrom`].
pub fn check_source(from: FourCc) -> Result<(), PictureError> {
    match is_known(from) {
        true => Ok(()),
        false => Err(unknown_source(from)),
    }
}

/// Checks that pictures can be converted to a format, before there are pictures.
///
/// # Errors
/// [`PictureError::ConvertTo`].
pub fn check_target(to: FourCc) -> Result<(), PictureError> {
    match is_known(to) {
        true => Ok(()),
        false => Err(unknown_target(to)),
    }
}

fn unknown_source(fourcc: FourCc) -> PictureError {
    let known = formats().collect();
    PictureError::ConvertFrom { fourcc, known }
}

fn unknown_target(fourcc: FourCc) -> PictureError {
    let known = formats().collect();
    PictureError::ConvertTo { fourcc, known }
}

/// The options of a conversion, with defaults filled in.
struct Resolved {
    from: Coding,
    to: Coding,
    filter: Filter,
}

impl Options {
    fn resolved(&self, from: FourCc, to: FourCc) -> Resolved {
        let target = match Shape::of(from) {
            Some(Shape::Rgb(_)) => self.to,
            _ => {
                let is_said = self.to.matrix != Matrix::UNSPECIFIED;
                Colorimetry {
                    matrix: if is_said {
                        self.to.matrix
                    } else {
                        self.from.matrix
                    },
                    range: match self.to.range {
                        Range::Unspecified if self.from.range == Range::Unspecified => {
                            usual_range(from)
                        }
                        Range::Unspecified => self.from.range,
                        range => range,
                    },
                    ..self.to
                }
            }
        };
        Resolved {
            from: self.from.to_yuv(from),
            to: target.to_yuv(to),
            filter: self.filter,
        }
    }
}

impl Convert {
    /// Creates a converter. It allocates memory with the first picture.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Converts `source` into `target`, of any formats, sizes and strides. Padding between the rows
    /// of `target` is left unchanged.
    ///
    /// # Errors
    /// [`PictureError::ConvertFrom`] and [`PictureError::ConvertTo`] for other formats than
    /// [`formats`], [`PictureError::Crop`] for a rectangle outside the picture, or
    /// [`PictureError::Convert`] for sizes that the scaler does not support; the content of
    /// `target` is then undefined.
    pub fn convert(
        &mut self,
        source: &Picture<'_>,
        target: &mut PictureMut<'_>,
        options: &Options,
    ) -> Result<(), PictureError> {
        let s = View::cropped(source, options.crop)?;
        let to = (target.fourcc(), target.width(), target.height());
        let mut t = ViewMut::of(target).ok_or_else(|| unknown_target(to.0))?;
        let from = (source.fourcc(), s.width as u32, s.height as u32);
        let options = &options.resolved(from.0, to.0);
        self.scale_and_convert(&s, &mut t, options)
            .map_err(|call| PictureError::Convert { call, from, to })
    }

    fn scale_and_convert(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        options: &Resolved,
    ) -> Result<(), &'static str> {
        if (s.width, s.height) == (t.width, t.height) {
            return transfer(&mut self.bands, &mut self.rows, s, t, options);
        }
        let unpacked;
        let mut s = *s;
        if t.shape == Shape::Grey && options.from == options.to {
            s = s.luma();
        }
        if let Shape::Yuv(Yuv {
            kind: Kind::Packed { .. },
            sub,
            ..
        }) = s.shape
        {
            let shape = Shape::planar(sub);
            let mut planar = ViewMut::carve(&mut self.unpacked, shape, s.width, s.height);
            arrange(&s, &mut planar, &mut self.rows)?;
            unpacked = planar;
            s = unpacked.as_view();
        }
        let shape = shape_to_scale(s.shape, t.shape, options);
        if shape == t.shape {
            return self.scaling.scale(&s, t, options.filter);
        }
        let mut scaled = ViewMut::carve(&mut self.scaled, shape, t.width, t.height);
        self.scaling.scale(&s, &mut scaled, options.filter)?;
        transfer(
            &mut self.bands,
            &mut self.rows,
            &scaled.as_view(),
            t,
            options,
        )
    }
}

/// Converts between pictures of the same size.
fn transfer(
    bands: &mut Bands,
    rows: &mut Vec<u8>,
    s: &View<'_>,
    t: &mut ViewMut<'_>,
    options: &Resolved,
) -> Result<(), &'static str> {
    match (s.shape, t.shape) {
        (Shape::Rgb(from), Shape::Rgb(to)) => reorder(s, from, t, to, rows),
        (Shape::Grey | Shape::Yuv(_), Shape::Grey | Shape::Yuv(_))
            if options.from == options.to =>
        {
            arrange(s, t, rows)
        }
        _ => bands.convert(s, t, options.from, options.to),
    }
}

/// Returns the shape in which `source` is scaled: its planes, with the subsampling of the target.
/// If the colours change, each pixel gets its own chroma (4:4:4).
fn shape_to_scale(source: Shape, target: Shape, options: &Resolved) -> Shape {
    let Shape::Yuv(from) = source else {
        return source;
    };
    let sub = match target {
        Shape::Yuv(to) if options.from == options.to => to.sub,
        _ => YUV444,
    };
    Shape::Yuv(Yuv { sub, ..from })
}
