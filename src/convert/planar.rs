//! Pictures as three planes in 4:2:0 for encoders, with as little copying as possible.

use videostream_hal::format::FourCc;

use super::arrange::split_pairs;
use super::shape::{Kind, Shape, YUV420, Yuv};
use super::view::{View, ViewMut};
use super::{Convert, Options, PictureError, transfer};
use crate::picture::{Picture, Plane};

const YU12: Shape = Shape::planar(YUV420);

impl Convert {
    /// Returns `source` in YU12: Y, Cb and Cr in 4:2:0. Without a change of colours, the planes of
    /// YU12 and YV12 and the luma of NV12 and NV21 are borrowed from `source`; converted planes are
    /// in memory of this converter.
    ///
    /// The crop rectangle applies, the filter does not: the size is kept.
    ///
    /// # Errors
    /// Those of [`Convert::convert`].
    ///
    /// ```
    /// # use videostream::convert::{Convert, Options};
    /// # use videostream::hal::format::{FourCc, Layout};
    /// # use videostream::Picture;
    /// let layout = Layout::new(FourCc::NV12, 640, 480)?;
    /// let bytes = vec![128; layout.size as usize];
    /// let mut convert = Convert::new();
    /// let planar = convert.to_yu12(&Picture::new(&bytes, &layout)?, &Options::default())?;
    /// assert_eq!(planar.planes()[0].data.as_ptr(), bytes.as_ptr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_yu12<'a>(
        &'a mut self,
        source: &Picture<'a>,
        options: &Options,
    ) -> Result<Picture<'a>, PictureError> {
        let s = View::cropped(source, options.crop)?;
        let options = &options.resolved(source.fourcc(), FourCc::YU12);
        let size = (s.width as u32, s.height as u32);
        let failed = |call| PictureError::Convert {
            call,
            from: (source.fourcc(), size.0, size.1),
            to: (FourCc::YU12, size.0, size.1),
        };
        let planes = match s.shape {
            Shape::Yuv(Yuv {
                kind: Kind::Planar,
                sub: YUV420,
                ..
            }) if options.from == options.to => [0, 1, 2].map(|plane| s.plane(plane)),
            Shape::Yuv(Yuv {
                kind: Kind::Semi,
                sub: YUV420,
                swapped,
            }) if options.from == options.to => {
                let [u, v] = self.split(&s, swapped);
                [s.plane(0), u, v]
            }
            _ => {
                let mut t = ViewMut::carve(&mut self.planar, YU12, s.width, s.height);
                transfer(&mut self.bands, &mut self.rows, &s, &mut t, options).map_err(failed)?;
                let planar = t.into_view();
                [0, 1, 2].map(|plane| planar.plane(plane))
            }
        };
        let checked = Picture::from_planes(FourCc::YU12, size.0, size.1, &planes);
        checked.map_err(|_: PictureError| failed("separating planes"))
    }

    fn split(&mut self, s: &View<'_>, swapped: bool) -> [Plane<'_>; 2] {
        let extent = YU12.extent(1, s.width, s.height);
        let size = extent.row_bytes * extent.rows;
        if self.planar.len() < 2 * size {
            self.planar.resize(2 * size, 0);
        }
        let (u, v) = self.planar[..2 * size].split_at_mut(size);
        let stride = extent.row_bytes;
        let rows = u.chunks_exact_mut(stride).zip(v.chunks_exact_mut(stride));
        for (row, (u, v)) in rows.enumerate() {
            split_pairs(s.row(1, row), swapped, u, v);
        }
        [Plane { data: u, stride }, Plane { data: v, stride }]
    }
}
