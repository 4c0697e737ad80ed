//! Pictures as the conversions see them: planes in the order Y, Cb, Cr, by rows and bands of rows.

use super::shape::{Kind, Shape, Sub, Yuv};
use super::{PictureError, unknown_source};
use crate::picture::{Extent, Picture, PictureMut, Plane, PlaneMut, Rect};

/// A picture to read.
///
/// # Invariants
/// Every plane holds the rows that its shape requires.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) shape: Shape,
    pub(super) width: usize,
    pub(super) height: usize,
    planes: [Plane<'a>; 3],
}

/// A picture to write.
///
/// # Invariants
/// As [`View`].
#[derive(Debug)]
pub(super) struct ViewMut<'a> {
    pub(super) shape: Shape,
    pub(super) width: usize,
    pub(super) height: usize,
    planes: [PlaneMut<'a>; 3],
}

impl<'a> View<'a> {
    /// Creates a view; `None` for a format that can't be converted.
    fn of(picture: &Picture<'a>) -> Option<Self> {
        let shape = Shape::of(picture.fourcc())?;
        let mut planes = [Plane::default(); 3];
        for (plane, from) in planes.iter_mut().zip(picture.planes()) {
            *plane = *from;
        }
        let (shape, swap) = in_order(shape);
        if swap {
            planes.swap(1, 2);
        }
        Some(Self {
            shape,
            width: picture.width() as usize,
            height: picture.height() as usize,
            planes,
        })
    }

    /// Returns the part of a picture that is to be converted.
    pub(super) fn cropped(picture: &Picture<'a>, crop: Option<Rect>) -> Result<Self, PictureError> {
        let view = Self::of(picture).ok_or_else(|| unknown_source(picture.fourcc()))?;
        let Some(rect) = crop else {
            return Ok(view);
        };
        let sub = view.shape.sub();
        let step = (sub.columns as u32, sub.rows as u32);
        let (width, height) = (picture.width(), picture.height());
        let fits = |start: u32, len: u32, whole: u32, step: u32| {
            let inside = start.checked_add(len).is_some_and(|end| end <= whole);
            len > 0 && start.is_multiple_of(step) && inside
        };
        if fits(rect.x, rect.width, width, step.0) && fits(rect.y, rect.height, height, step.1) {
            return Ok(view.crop(rect));
        }
        Err(PictureError::Crop {
            rect,
            width,
            height,
            step,
        })
    }

    /// Returns the luma alone, unless it shares its plane with chroma.
    pub(super) fn luma(&self) -> Self {
        let apart = self.shape.planes() > 1;
        let shape = if apart { Shape::Grey } else { self.shape };
        Self { shape, ..*self }
    }

    pub(super) fn plane(&self, plane: usize) -> Plane<'a> {
        self.planes[plane]
    }

    pub(super) fn extent(&self, plane: usize) -> Extent {
        self.shape.extent(plane, self.width, self.height)
    }

    pub(super) fn row(&self, plane: usize, row: usize) -> &'a [u8] {
        let Plane { data, stride } = self.planes[plane];
        &data[row * stride..][..self.extent(plane).row_bytes]
    }

    /// Returns the part inside `rect`, which lies inside and begins at whole chroma samples.
    fn crop(&self, rect: Rect) -> Self {
        let [x, y, width, height] = [rect.x, rect.y, rect.width, rect.height].map(|n| n as usize);
        let mut planes = self.planes;
        for (at, plane) in planes.iter_mut().enumerate().take(self.shape.planes()) {
            // The area to the left and above is an image of that size.
            let Extent { row_bytes, rows } = self.shape.extent(at, x, y);
            plane.data = &plane.data[rows * plane.stride + row_bytes..];
        }
        Self {
            shape: self.shape,
            width,
            height,
            planes,
        }
    }

    /// Returns rows `first` to `end` of the picture; `first` is the first row of a chroma row.
    pub(super) fn band(&self, first: usize, end: usize) -> Self {
        let mut planes = self.planes;
        for (at, plane) in planes.iter_mut().enumerate().take(self.shape.planes()) {
            let from = self.shape.extent(at, self.width, first).rows * plane.stride;
            let extent = self.shape.extent(at, self.width, end - first);
            let len = band_len(extent, &mut plane.stride, plane.data.len() - from);
            plane.data = &plane.data[from..][..len];
        }
        Self {
            shape: self.shape,
            width: self.width,
            height: end - first,
            planes,
        }
    }

    /// Returns whether the rows of every plane have their full padding, including the last row.
    pub(super) fn is_whole(&self) -> bool {
        (0..self.shape.planes()).all(|at| {
            let plane = self.planes[at];
            plane.data.len() >= plane.stride * self.extent(at).rows
        })
    }
}

impl<'a> ViewMut<'a> {
    /// Creates a view; `None` for a format that can't be converted to.
    pub(super) fn of(picture: &'a mut PictureMut<'_>) -> Option<Self> {
        let shape = Shape::of(picture.fourcc())?;
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let mut planes: [PlaneMut<'a>; 3] = Default::default();
        for (plane, from) in planes.iter_mut().zip(picture.planes()) {
            *plane = PlaneMut {
                data: from.data,
                stride: from.stride,
            };
        }
        let (shape, swap) = in_order(shape);
        if swap {
            planes.swap(1, 2);
        }
        Some(Self {
            shape,
            width,
            height,
            planes,
        })
    }

    /// Returns a picture without padding in `memory`, which grows when it is too small.
    pub(super) fn carve(
        memory: &'a mut Vec<u8>,
        shape: Shape,
        width: usize,
        height: usize,
    ) -> Self {
        let extents = [0, 1, 2].map(|at| shape.extent(at, width, height));
        let count = shape.planes();
        let size = |extent: &Extent| extent.row_bytes * extent.rows;
        let whole = extents[..count].iter().map(size).sum();
        if memory.len() < whole {
            memory.resize(whole, 0);
        }
        let mut rest = memory.as_mut_slice();
        let mut planes: [PlaneMut<'a>; 3] = Default::default();
        for (plane, extent) in planes.iter_mut().zip(extents).take(count) {
            let (data, behind) = rest.split_at_mut(size(&extent));
            let stride = extent.row_bytes;
            *plane = PlaneMut { data, stride };
            rest = behind;
        }
        Self {
            shape,
            width,
            height,
            planes,
        }
    }

    pub(super) fn plane(&mut self, plane: usize) -> PlaneMut<'_> {
        let PlaneMut { data, stride } = &mut self.planes[plane];
        let stride = *stride;
        PlaneMut { data, stride }
    }

    /// Returns all planes at once; those that the shape does not have are empty.
    pub(super) fn planes(&mut self) -> [PlaneMut<'_>; 3] {
        self.planes.each_mut().map(|plane| PlaneMut {
            data: plane.data,
            stride: plane.stride,
        })
    }

    pub(super) fn extent(&self, plane: usize) -> Extent {
        self.shape.extent(plane, self.width, self.height)
    }

    pub(super) fn row(&mut self, plane: usize, row: usize) -> &mut [u8] {
        let row_bytes = self.extent(plane).row_bytes;
        let PlaneMut { data, stride } = &mut self.planes[plane];
        &mut data[row * *stride..][..row_bytes]
    }

    /// Returns row `row` of planes 1 and 2.
    pub(super) fn chroma_rows(&mut self, row: usize) -> (&mut [u8], &mut [u8]) {
        let row_bytes = self.extent(1).row_bytes;
        let [_, u, v] = &mut self.planes;
        (
            &mut u.data[row * u.stride..][..row_bytes],
            &mut v.data[row * v.stride..][..row_bytes],
        )
    }

    pub(super) fn as_view(&self) -> View<'_> {
        let mut planes = [Plane::default(); 3];
        for (plane, from) in planes.iter_mut().zip(&self.planes) {
            *plane = Plane {
                data: from.data,
                stride: from.stride,
            };
        }
        View {
            shape: self.shape,
            width: self.width,
            height: self.height,
            planes,
        }
    }

    /// Converts to a view for reading.
    pub(super) fn into_view(self) -> View<'a> {
        View {
            shape: self.shape,
            width: self.width,
            height: self.height,
            planes: self.planes.map(|plane| Plane {
                data: plane.data,
                stride: plane.stride,
            }),
        }
    }

    /// Returns rows of the picture like [`View::band`].
    pub(super) fn band(&mut self, first: usize, end: usize) -> ViewMut<'_> {
        let (shape, width) = (self.shape, self.width);
        let mut planes = self.planes();
        for (at, plane) in planes.iter_mut().enumerate().take(shape.planes()) {
            let from = shape.extent(at, width, first).rows * plane.stride;
            let extent = shape.extent(at, width, end - first);
            let mut stride = plane.stride;
            let data = &mut std::mem::take(&mut plane.data)[from..];
            let len = band_len(extent, &mut stride, data.len());
            *plane = PlaneMut {
                data: &mut data[..len],
                stride,
            };
        }
        ViewMut {
            shape,
            width,
            height: end - first,
            planes,
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.as_view().is_whole()
    }

    /// Copies the pixels of a picture of the same shape and size.
    pub(super) fn copy_from(&mut self, from: &View<'_>) {
        for plane in 0..self.shape.planes() {
            for row in 0..self.extent(plane).rows {
                self.row(plane, row).copy_from_slice(from.row(plane, row));
            }
        }
    }
}

/// Returns the shape with the planes in order, and whether planes 1 and 2 have to be swapped.
fn in_order(shape: Shape) -> (Shape, bool) {
    match shape {
        Shape::Yuv(Yuv {
            kind: Kind::Planar,
            sub: Sub { columns, rows },
            swapped,
        }) => (Shape::planar(Sub { columns, rows }), swapped),
        _ => (shape, false),
    }
}

/// Returns the number of bytes in a band, with padding as far as `has` allows. A single row needs
/// none.
fn band_len(extent: Extent, stride: &mut usize, has: usize) -> usize {
    if extent.rows == 1 {
        *stride = extent.row_bytes;
    }
    has.min(*stride * extent.rows)
}
