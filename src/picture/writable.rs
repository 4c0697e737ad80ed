//! Images that can be drawn into.

use videostream_hal::format::{FourCc, Layout, MAX_PLANES};

use super::{Picture, PictureError, Plane, PlaneMut, check, one_memory};

/// A borrowed image that can be drawn into; see [`Picture`].
#[derive(Debug)]
pub struct PictureMut<'a> {
    fourcc: FourCc,
    width: u32,
    height: u32,
    planes: [PlaneMut<'a>; MAX_PLANES],
    count: usize,
}

impl<'a> PictureMut<'a> {
    /// Creates a view of `bytes` for an image of this layout.
    ///
    /// # Errors
    /// [`PictureError`] when a plane does not fit into `bytes`, planes overlap or are out of order,
    /// or a stride is too short for a row.
    pub fn new(bytes: &'a mut [u8], layout: &Layout) -> Result<Self, PictureError> {
        one_memory(layout)?;
        let mut planes: [PlaneMut<'a>; MAX_PLANES] = Default::default();
        let has = bytes.len();
        let described = layout.planes();
        let (mut rest, mut taken) = (bytes, 0);
        for (index, (plane, from)) in planes.iter_mut().zip(described).enumerate() {
            let start = from.offset as usize;
            let gap = start
                .checked_sub(taken)
                .ok_or(PictureError::Overlap { plane: index })?;
            let end = start.saturating_add(from.size as usize);
            let too_short = || PictureError::TooShort {
                plane: index,
                needs: end,
                has,
            };
            let (_, from_start) = rest.split_at_mut_checked(gap).ok_or_else(too_short)?;
            let (data, behind) = from_start
                .split_at_mut_checked(from.size as usize)
                .ok_or_else(too_short)?;
            *plane = PlaneMut {
                data,
                stride: from.stride as usize,
            };
            (rest, taken) = (behind, end);
        }
        let (fourcc, width, height, count) =
            (layout.fourcc, layout.width, layout.height, described.len());
        Self::checked(fourcc, width, height, planes, count)
    }

    /// Creates a view of planes at any addresses, for instance each in its own buffer.
    ///
    /// # Errors
    /// As [`Picture::from_planes`].
    pub fn from_planes(
        fourcc: FourCc,
        width: u32,
        height: u32,
        planes: impl IntoIterator<Item = PlaneMut<'a>>,
    ) -> Result<Self, PictureError> {
        let mut all: [PlaneMut<'a>; MAX_PLANES] = Default::default();
        let mut count = 0;
        for plane in planes {
            *all.get_mut(count).ok_or(PictureError::Planes {
                fourcc,
                has: count + 1,
            })? = plane;
            count += 1;
        }
        Self::checked(fourcc, width, height, all, count)
    }

    fn checked(
        fourcc: FourCc,
        width: u32,
        height: u32,
        planes: [PlaneMut<'a>; MAX_PLANES],
        count: usize,
    ) -> Result<Self, PictureError> {
        let lengths = planes[..count]
            .iter()
            .map(|plane| (plane.data.len(), plane.stride));
        check(fourcc, width, height, count, lengths)?;
        Ok(Self {
            fourcc,
            width,
            height,
            planes,
            count,
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
    pub fn planes(&mut self) -> &mut [PlaneMut<'a>] {
        &mut self.planes[..self.count]
    }

    /// Returns the same image, to be read.
    #[must_use]
    pub fn as_picture(&self) -> Picture<'_> {
        let mut planes = [Plane::default(); MAX_PLANES];
        for (plane, from) in planes.iter_mut().zip(&self.planes) {
            *plane = Plane {
                data: from.data,
                stride: from.stride,
            };
        }
        let (fourcc, width, height, count) = (self.fourcc, self.width, self.height, self.count);
        Picture {
            fourcc,
            width,
            height,
            planes,
            count,
        }
    }
}
