//! Borrowed views of an image in memory: the planes, their strides, the size and the format.
//!
//! Everything that reads pixels takes a [`Picture`] (the pattern check, the encoders, snapshots),
//! and everything that writes them a [`PictureMut`]. Neither owns memory. Both are checked once,
//! when created: a plane has all the rows that it claims.

mod copy;
mod dmabuf;
mod error;
mod writable;

use videostream_hal::format::{FourCc, Layout, MAX_PLANES};

pub use self::dmabuf::DmaBufPicture;
pub use self::error::PictureError;
pub use self::writable::PictureMut;

/// One plane: its bytes from the first pixel on, and the distance between rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plane<'a> {
    /// The bytes, at least `stride * (rows - 1)` and one row's worth of pixels.
    pub data: &'a [u8],
    /// Bytes from the start of a row to the start of the next.
    pub stride: usize,
}

/// One writable plane.
#[derive(Debug, Default)]
pub struct PlaneMut<'a> {
    /// The bytes, at least `stride * (rows - 1)` and one row's worth of pixels.
    pub data: &'a mut [u8],
    /// Bytes from the start of a row to the start of the next.
    pub stride: usize,
}

/// Bytes of pixels in a row, and rows, of one plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Bytes that hold pixels in each row (the stride is this or more).
    pub row_bytes: usize,
    /// Number of rows.
    pub rows: usize,
}

/// Returns the planes of `width` x `height` pixels of a raw format whose rows lie one after the
/// other; `None` for compressed, tiled and unknown formats, and for sizes that overflow.
///
/// A subsampled plane of an odd size is rounded up.
#[must_use]
pub fn extents(fourcc: FourCc, width: u32, height: u32) -> Option<([Extent; MAX_PLANES], usize)> {
    let info = fourcc.info()?;
    if info.is_compressed() || info.tile != (1, 1) {
        return None;
    }
    let mut all = [Extent::default(); MAX_PLANES];
    for (extent, rule) in all.iter_mut().zip(info.planes) {
        let blocks = width.div_ceil(u32::from(rule.block_pixels)) as usize;
        extent.row_bytes = blocks.checked_mul(usize::from(rule.block_bytes))?;
        extent.rows = height.div_ceil(u32::from(rule.line_step)) as usize;
    }
    Some((all, info.planes.len()))
}

/// A borrowed image.
///
/// # Invariants
/// For the formats that [`extents`] knows, the picture has that many planes, and each of them holds
/// all of its rows.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    fourcc: FourCc,
    width: u32,
    height: u32,
    planes: [Plane<'a>; MAX_PLANES],
    count: usize,
}

impl<'a> Picture<'a> {
    /// Creates a view of `bytes`, which contain an image of this layout.
    ///
    /// # Errors
    /// [`PictureError`] when a plane does not fit into `bytes`, or a stride is too short for a row.
    ///
    /// ```
    /// use videostream::hal::format::{FourCc, Layout};
    /// use videostream::Picture;
    /// let layout = Layout::new(FourCc::NV12, 640, 480).unwrap();
    /// let bytes = vec![0; 640 * 480 * 3 / 2];
    /// let picture = Picture::new(&bytes, &layout)?;
    /// assert_eq!(picture.planes().len(), 2);
    /// # Ok::<(), videostream::PictureError>(())
    /// ```
    pub fn new(bytes: &'a [u8], layout: &Layout) -> Result<Self, PictureError> {
        one_memory(layout)?;
        let mut planes = [Plane::default(); MAX_PLANES];
        let described = layout.planes();
        for (index, (plane, from)) in planes.iter_mut().zip(described).enumerate() {
            let start = from.offset as usize;
            let end = start.saturating_add(from.size as usize);
            let data = bytes.get(start..end).ok_or(PictureError::TooShort {
                plane: index,
                needs: end,
                has: bytes.len(),
            })?;
            *plane = Plane {
                data,
                stride: from.stride as usize,
            };
        }
        Self::from_planes(
            layout.fourcc,
            layout.width,
            layout.height,
            &planes[..described.len()],
        )
    }

    /// Creates a view of memory parts that contain an image of this layout. `part` returns the
    /// bytes of a memory part, and how many of them to skip before its planes; a plane outside of
    /// them is empty.
    ///
    /// # Errors
    /// As [`Picture::from_planes`].
    pub(crate) fn in_parts(
        layout: &Layout,
        part: impl Fn(usize) -> Option<(&'a [u8], u32)>,
    ) -> Result<Self, PictureError> {
        let mut planes = [Plane::default(); MAX_PLANES];
        let described = layout.planes();
        for (to, plane) in planes.iter_mut().zip(described) {
            let Some((bytes, skip)) = part(plane.memory as usize) else {
                continue;
            };
            let start = plane.offset as usize + skip as usize;
            let end = start.saturating_add(plane.size as usize).min(bytes.len());
            to.data = bytes.get(start..end).unwrap_or_default();
            to.stride = plane.stride as usize;
        }
        let planes = &planes[..described.len()];
        Self::from_planes(layout.fourcc, layout.width, layout.height, planes)
    }

    /// Creates a view of planes at any addresses, for instance each in its own buffer.
    ///
    /// # Errors
    /// [`PictureError`] when the size is zero, the number of planes is not the format's, a stride
    /// is too short for a row or a plane too short for its rows.
    pub fn from_planes(
        fourcc: FourCc,
        width: u32,
        height: u32,
        planes: &[Plane<'a>],
    ) -> Result<Self, PictureError> {
        check(
            fourcc,
            width,
            height,
            planes.len(),
            planes.iter().map(|plane| (plane.data.len(), plane.stride)),
        )?;
        let mut all = [Plane::default(); MAX_PLANES];
        all[..planes.len()].copy_from_slice(planes);
        // INVARIANT: `check` has compared every plane with `extents`.
        Ok(Self {
            fourcc,
            width,
            height,
            planes: all,
            count: planes.len(),
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

    /// Returns the planes, in the order of the format.
    #[must_use]
    pub fn planes(&self) -> &[Plane<'a>] {
        &self.planes[..self.count]
    }

    /// Returns the pixels of each row of plane `index`, without the padding behind them; nothing
    /// for a plane that does not exist and for formats outside [`extents`].
    pub fn rows(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let extent = extents(self.fourcc, self.width, self.height)
            .map_or_else(Extent::default, |(all, _)| {
                all.get(index).copied().unwrap_or_default()
            });
        let plane = self.planes.get(index).copied().unwrap_or_default();
        (0..extent.rows).map(move |row| &plane.data[row * plane.stride..][..extent.row_bytes])
    }

    /// Returns the part of the picture at (`x`, `y`) of `width` x `height` pixels.
    ///
    /// Nothing is copied. Both corners have to be even, since chroma is shared by 2 x 2 pixels.
    ///
    /// # Errors
    /// [`PictureError`] when the rectangle is odd, empty or outside, or the format is not one of
    /// [`extents`].
    pub fn crop(&self, rect: Rect) -> Result<Self, PictureError> {
        let outside = || PictureError::Crop {
            rect,
            width: self.width,
            height: self.height,
            step: (2, 2),
        };
        let fits = |start: u32, len: u32, limit| {
            start.is_multiple_of(2)
                && len > 0
                && start.checked_add(len).is_some_and(|end| end <= limit)
        };
        if !fits(rect.x, rect.width, self.width) || !fits(rect.y, rect.height, self.height) {
            return Err(outside());
        }
        // The area left of and above the corner is an image of that size.
        let (skip, count) =
            extents(self.fourcc, rect.x, rect.y).ok_or(PictureError::Format(self.fourcc))?;
        let mut planes = self.planes;
        for (plane, skip) in planes.iter_mut().zip(skip).take(count) {
            let start = skip.rows * plane.stride + skip.row_bytes;
            plane.data = plane.data.get(start..).ok_or_else(outside)?;
        }
        Self::from_planes(self.fourcc, rect.width, rect.height, &planes[..count])
    }
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    /// Pixels left of it.
    pub x: u32,
    /// Pixels above it.
    pub y: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

fn one_memory(layout: &Layout) -> Result<(), PictureError> {
    match layout.memory_planes() {
        0 | 1 => Ok(()),
        memories => Err(PictureError::Memories {
            fourcc: layout.fourcc,
            memories,
        }),
    }
}

fn check(
    fourcc: FourCc,
    width: u32,
    height: u32,
    count: usize,
    planes: impl Iterator<Item = (usize, usize)>,
) -> Result<(), PictureError> {
    if width == 0 || height == 0 {
        return Err(PictureError::Empty { width, height });
    }
    if count == 0 || count > MAX_PLANES {
        return Err(PictureError::Planes { fourcc, has: count });
    }
    let Some((extents, expected)) = extents(fourcc, width, height) else {
        return Ok(());
    };
    if count != expected {
        return Err(PictureError::Planes { fourcc, has: count });
    }
    for (plane, ((has, stride), extent)) in planes.zip(extents).enumerate() {
        if stride < extent.row_bytes {
            return Err(PictureError::Stride {
                plane,
                stride,
                row_bytes: extent.row_bytes,
            });
        }
        let needs = (extent.rows - 1)
            .checked_mul(stride)
            .and_then(|all| all.checked_add(extent.row_bytes));
        let needs = needs.unwrap_or(usize::MAX);
        if has < needs {
            return Err(PictureError::TooShort { plane, needs, has });
        }
    }
    Ok(())
}
