//! Conversion between YUV and RGB, and between orders of RGB, with the SIMD routines of the crate
//! `yuv`.
//!
//! The crate's routines work on whole rows and skip a last row without padding. So pictures are
//! converted in bands; the last band is copied if its padding is missing.

use super::arrange::arrange;
use super::order::{turn_left, turn_right};
use super::routines::{Coding, from_rgb, to_rgb};
use super::shape::{Kind, RGB, Rgb, Shape, Sub, YUV420};
use super::view::{View, ViewMut};

/// Number of rows converted at a time, even. Intermediate rows stay in the cache.
const BAND: usize = 16;

/// Memory for a band, kept for reuse.
#[derive(Debug, Default)]
pub(super) struct Bands {
    /// The last rows of a picture without padding at its end.
    source_end: Vec<u8>,
    target_end: Vec<u8>,
    /// RGB between two YUV formats.
    rgb: Vec<u8>,
    /// Separated planes on the way to or from the crate's routines.
    planar: Vec<u8>,
    /// Pixels whose fourth byte has moved.
    turned: Vec<u8>,
    /// A few rows.
    rows: Vec<u8>,
}

impl Bands {
    /// Converts `s` into `t`, of the same size. When neither is RGB, their range or matrix differs.
    pub(super) fn convert(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        from: Coding,
        to: Coding,
    ) -> Result<(), &'static str> {
        let whole = s.is_whole() && t.is_whole();
        let straight = if whole {
            s.height
        } else {
            (s.height - 1) / 2 * 2
        };
        for first in (0..straight).step_by(BAND) {
            let end = (first + BAND).min(straight);
            self.band(&s.band(first, end), &mut t.band(first, end), from, to)?;
        }
        if straight < s.height {
            let (end, rows) = (s.band(straight, s.height), s.height - straight);
            let (mut source, mut target) = (
                std::mem::take(&mut self.source_end),
                std::mem::take(&mut self.target_end),
            );
            let mut source_end = ViewMut::carve(&mut source, s.shape, s.width, rows);
            source_end.copy_from(&end);
            let mut target_end = ViewMut::carve(&mut target, t.shape, t.width, rows);
            let result = self.band(&source_end.as_view(), &mut target_end, from, to);
            t.band(straight, s.height).copy_from(&target_end.as_view());
            (self.source_end, self.target_end) = (source, target);
            result?;
        }
        Ok(())
    }

    fn band(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        from: Coding,
        to: Coding,
    ) -> Result<(), &'static str> {
        match (s.shape, t.shape) {
            (Shape::Rgb(rgb), _) => self.rgb_to_yuv(s, rgb, t, to),
            (_, Shape::Rgb(rgb)) => self.yuv_to_rgb(s, t, rgb, from),
            _ => {
                let mut memory = std::mem::take(&mut self.rgb);
                let mut between = ViewMut::carve(&mut memory, Shape::Rgb(RGB), s.width, s.height);
                let result = self
                    .yuv_to_rgb(s, &mut between, RGB, from)
                    .and_then(|()| self.rgb_to_yuv(&between.as_view(), RGB, t, to));
                self.rgb = memory;
                result
            }
        }
    }

    fn yuv_to_rgb(
        &mut self,
        s: &View<'_>,
        t: &mut ViewMut<'_>,
        rgb: Rgb,
        coding: Coding,
    ) -> Result<(), &'static str> {
        match without_routine(s.shape) {
            None => to_rgb(s, t, rgb, coding),
            Some(sub) => {
                let shape = Shape::planar(sub);
                let mut planar = ViewMut::carve(&mut self.planar, shape, s.width, s.height);
                arrange(s, &mut planar, &mut self.rows)?;
                to_rgb(&planar.as_view(), t, rgb, coding)
            }
        }?;
        if rgb.first {
            (0..t.height).for_each(|row| turn_right(t.row(0, row)));
        }
        Ok(())
    }

    fn rgb_to_yuv(
        &mut self,
        s: &View<'_>,
        rgb: Rgb,
        t: &mut ViewMut<'_>,
        coding: Coding,
    ) -> Result<(), &'static str> {
        let mut turned;
        let mut s = *s;
        if rgb.first {
            turned = ViewMut::carve(&mut self.turned, s.shape, s.width, s.height);
            for row in 0..s.height {
                turn_left(s.row(0, row), turned.row(0, row));
            }
            s = turned.as_view();
        }
        match without_routine(t.shape) {
            None => from_rgb(&s, rgb, t, coding),
            Some(sub) => {
                let shape = Shape::planar(sub);
                let mut planar = ViewMut::carve(&mut self.planar, shape, s.width, s.height);
                from_rgb(&s, rgb, &mut planar, coding)?;
                arrange(&planar.as_view(), t, &mut self.rows)
            }
        }
    }
}

/// Returns the subsampling of a shape that the crate has no routine for: its planes are separated
/// first.
fn without_routine(shape: Shape) -> Option<Sub> {
    match shape {
        Shape::Yuv(yuv) if yuv.kind == Kind::Planar => None,
        Shape::Yuv(yuv) if (yuv.kind, yuv.sub) == (Kind::Semi, YUV420) => None,
        Shape::Yuv(yuv) => Some(yuv.sub),
        Shape::Grey | Shape::Rgb(_) => None,
    }
}
