//! Copying pixels from one image to another.

use videostream_hal::format::FourCc;

use super::{Picture, PictureError, PictureMut, extents};

impl Picture<'_> {
    /// Copies the pixels into `target`, with any strides. It must have the same size, and the same
    /// format or one that differs only in the placement of planes. YU12 can go into NV12, too.
    ///
    /// # Errors
    /// [`PictureError::Target`] for another size or format; [`PictureError::Format`] for one whose
    /// rows are not known.
    pub fn copy_to(&self, target: &mut PictureMut<'_>) -> Result<(), PictureError> {
        let has = (target.fourcc(), target.width(), target.height());
        let wants = (self.fourcc, self.width, self.height);
        let (from, to) = (contiguous(self.fourcc), contiguous(has.0));
        let interleave = (from, to) == (FourCc::YU12, FourCc::NV12);
        if (has.1, has.2) != (wants.1, wants.2) || (from != to && !interleave) {
            return Err(PictureError::Target { has, wants });
        }
        let (extents, count) =
            extents(to, self.width, self.height).ok_or(PictureError::Format(self.fourcc))?;
        for (at, plane) in target.planes().iter_mut().enumerate().take(count) {
            let rows = plane.data.chunks_mut(plane.stride);
            let rows = rows.map(|row| &mut row[..extents[at].row_bytes]);
            if interleave && at == 1 {
                for ((row, u), v) in rows.zip(self.rows(1)).zip(self.rows(2)) {
                    for ((pair, u), v) in row.chunks_exact_mut(2).zip(u).zip(v) {
                        pair.copy_from_slice(&[*u, *v]);
                    }
                }
            } else {
                for (row, from) in rows.zip(self.rows(at)) {
                    row.copy_from_slice(from);
                }
            }
        }
        Ok(())
    }
}

fn contiguous(fourcc: FourCc) -> FourCc {
    let info = fourcc.info();
    info.and_then(|info| info.contiguous).unwrap_or(fourcc)
}
