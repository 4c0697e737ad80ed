//! Conversion between YUV formats of the same colorimetry: order, planes and subsampling.
//!
//! Chroma is averaged where it is downsampled, and repeated where it is upsampled.

use yuv::{BufferStoreMut, YuvPackedImage, YuvPackedImageMut, YuvPlanarImage, YuvPlanarImageMut};

use super::shape::{Kind, Shape, YUV422, Yuv};
use super::view::{View, ViewMut};

/// The chroma of grey.
const NEUTRAL: u8 = 128;

/// Copies `s` into `t`, of the same size; neither is RGB. `memory` holds a few rows.
pub(super) fn arrange(
    s: &View<'_>,
    t: &mut ViewMut<'_>,
    memory: &mut Vec<u8>,
) -> Result<(), &'static str> {
    if s.shape == t.shape {
        t.copy_from(s);
        return Ok(());
    }
    let Shape::Yuv(to) = t.shape else {
        return luma_only(s, t, memory);
    };
    if !is_packed(s.shape) && !is_packed(t.shape) {
        for row in 0..t.height {
            t.row(0, row).copy_from_slice(s.row(0, row));
        }
        if chroma_at_once(s, t) {
            return Ok(());
        }
    }
    let mut rows = Rows::carve(memory, s.width);
    for row in 0..t.height.div_ceil(to.sub.rows) {
        load(s, t, row, &mut rows)?;
        store(s, t, row, to, &mut rows)?;
    }
    Ok(())
}

/// Splits a row of chroma pairs into one row of Cb and one of Cr.
pub(super) fn split_pairs(pairs: &[u8], swapped: bool, u: &mut [u8], v: &mut [u8]) {
    let (first, second) = if swapped { (v, u) } else { (u, v) };
    let (pairs, _) = pairs.as_chunks::<2>();
    for ((pair, first), second) in pairs.iter().zip(first).zip(second) {
        [*first, *second] = *pair;
    }
}

fn join_pairs(u: &[u8], v: &[u8], swapped: bool, pairs: &mut [u8]) {
    let (first, second) = if swapped { (v, u) } else { (u, v) };
    let (pairs, _) = pairs.as_chunks_mut::<2>();
    for ((pair, first), second) in pairs.iter_mut().zip(first).zip(second) {
        *pair = [*first, *second];
    }
}

fn is_packed(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Yuv(Yuv {
            kind: Kind::Packed { .. },
            ..
        })
    )
}

/// Copies the chroma rows if each row of `s` becomes one of `t` without buffering. Returns whether
/// it did.
fn chroma_at_once(s: &View<'_>, t: &mut ViewMut<'_>) -> bool {
    let Shape::Yuv(to) = t.shape else {
        return true;
    };
    let rows = 0..t.extent(1).rows;
    match s.shape {
        Shape::Grey => {
            for plane in 1..t.shape.planes() {
                rows.clone().for_each(|row| t.row(plane, row).fill(NEUTRAL));
            }
        }
        Shape::Yuv(from) if from.sub == to.sub => match (from.kind, to.kind) {
            (Kind::Planar, Kind::Planar) => rows.for_each(|row| {
                t.row(1, row).copy_from_slice(s.row(1, row));
                t.row(2, row).copy_from_slice(s.row(2, row));
            }),
            (Kind::Planar, Kind::Semi) => rows.for_each(|row| {
                join_pairs(s.row(1, row), s.row(2, row), to.swapped, t.row(1, row));
            }),
            (Kind::Semi, Kind::Planar) => rows.for_each(|row| {
                let (u, v) = t.chroma_rows(row);
                split_pairs(s.row(1, row), from.swapped, u, v);
            }),
            // The shapes are unequal here, so the orders of Cb and Cr differ.
            (Kind::Semi, Kind::Semi) => rows.for_each(|row| {
                let pairs = t.row(1, row).chunks_exact_mut(2);
                for (to, from) in pairs.zip(s.row(1, row).chunks_exact(2)) {
                    (to[0], to[1]) = (from[1], from[0]);
                }
            }),
            _ => return false,
        },
        _ => return false,
    }
    true
}

fn luma_only(s: &View<'_>, t: &mut ViewMut<'_>, memory: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut rows = Rows::carve(memory, s.width);
    for row in 0..t.height {
        match s.shape {
            Shape::Yuv(yuv) if is_packed(s.shape) => {
                unpack(yuv, s.row(0, row), t.row(0, row), &mut rows.chroma[0])?;
            }
            _ => t.row(0, row).copy_from_slice(s.row(0, row)),
        }
    }
    Ok(())
}

/// A few rows of components.
struct Rows<'a> {
    luma: &'a mut [u8],
    /// Two source rows, and one with the columns of the target.
    chroma: [Chroma<'a>; 3],
}

struct Chroma<'a> {
    u: &'a mut [u8],
    v: &'a mut [u8],
}

impl<'a> Rows<'a> {
    fn carve(memory: &'a mut Vec<u8>, width: usize) -> Self {
        let width = width.next_multiple_of(2);
        if memory.len() < 7 * width {
            memory.resize(7 * width, 0);
        }
        let mut parts = memory.chunks_exact_mut(width);
        let mut next = || parts.next().unwrap_or_default();
        let luma = next();
        let chroma = [(); 3].map(|()| Chroma {
            u: next(),
            v: next(),
        });
        Self { luma, chroma }
    }
}

/// Loads the target's chroma row `row` into the last of `rows`. If `s` is packed, this also copies
/// its luma to the target or to `rows`.
fn load(
    s: &View<'_>,
    t: &mut ViewMut<'_>,
    row: usize,
    rows: &mut Rows<'_>,
) -> Result<(), &'static str> {
    let [first, second, result] = &mut rows.chroma;
    let Shape::Yuv(from) = s.shape else {
        result.u.fill(NEUTRAL);
        result.v.fill(NEUTRAL);
        return Ok(());
    };
    let wanted = t.shape.sub();
    let luma_row = row * wanted.rows;
    let source = luma_row / from.sub.rows;
    let columns = s.width.div_ceil(from.sub.columns);
    load_row(s, from, source, t, rows.luma, first)?;
    if wanted.rows > from.sub.rows && luma_row + 1 < s.height {
        load_row(s, from, source + 1, t, rows.luma, second)?;
        average(&mut first.u[..columns], &second.u[..columns]);
        average(&mut first.v[..columns], &second.v[..columns]);
    }
    for (to, from_row) in [(&mut result.u, &first.u), (&mut result.v, &first.v)] {
        fit_columns(&from_row[..columns], from.sub.columns, to, wanted.columns);
    }
    Ok(())
}

/// Loads chroma row `row` of `s`. If `s` is packed, its luma goes to the target, or to `luma` if
/// that is packed, too.
fn load_row(
    s: &View<'_>,
    from: Yuv,
    row: usize,
    t: &mut ViewMut<'_>,
    luma: &mut [u8],
    to: &mut Chroma<'_>,
) -> Result<(), &'static str> {
    match from.kind {
        Kind::Planar => {
            let (u, v) = (s.row(1, row), s.row(2, row));
            to.u[..u.len()].copy_from_slice(u);
            to.v[..v.len()].copy_from_slice(v);
        }
        Kind::Semi => split_pairs(s.row(1, row), from.swapped, to.u, to.v),
        Kind::Packed { .. } => {
            let luma = if is_packed(t.shape) {
                &mut luma[..s.width]
            } else {
                t.row(0, row)
            };
            unpack(from, s.row(0, row), luma, to)?;
        }
    }
    Ok(())
}

fn store(
    s: &View<'_>,
    t: &mut ViewMut<'_>,
    row: usize,
    to: Yuv,
    rows: &mut Rows<'_>,
) -> Result<(), &'static str> {
    let Chroma { u, v } = &rows.chroma[2];
    match to.kind {
        Kind::Planar => {
            let (to_u, to_v) = t.chroma_rows(row);
            to_u.copy_from_slice(&u[..to_u.len()]);
            to_v.copy_from_slice(&v[..to_v.len()]);
        }
        Kind::Semi => join_pairs(u, v, to.swapped, t.row(1, row)),
        Kind::Packed { .. } => {
            let luma = if is_packed(s.shape) {
                &rows.luma[..s.width]
            } else {
                s.row(0, row)
            };
            pack(to, luma, &rows.chroma[2], t.row(0, row))?;
        }
    }
    Ok(())
}

fn average(to: &mut [u8], with: &[u8]) {
    for (to, with) in to.iter_mut().zip(with) {
        *to = (u16::from(*to) + u16::from(*with)).div_ceil(2) as u8;
    }
}

/// Resamples a row with one sample for `has` pixels to one sample for `wants` pixels.
fn fit_columns(from: &[u8], has: usize, to: &mut [u8], wants: usize) {
    if has == wants {
        to[..from.len()].copy_from_slice(from);
    } else if has < wants {
        for (to, pair) in to.iter_mut().zip(from.chunks(2)) {
            *to = match pair {
                [left, right] => (u16::from(*left) + u16::from(*right)).div_ceil(2) as u8,
                [last, ..] => *last,
                [] => return,
            };
        }
    } else {
        for (pair, from) in to.chunks_exact_mut(2).zip(from) {
            pair.fill(*from);
        }
    }
}

/// Splits a packed row into three.
fn unpack(
    from: Yuv,
    packed: &[u8],
    luma: &mut [u8],
    chroma: &mut Chroma<'_>,
) -> Result<(), &'static str> {
    let (width, half) = (luma.len(), luma.len().div_ceil(YUV422.columns));
    let (mut u, mut v) = (&mut chroma.u[..half], &mut chroma.v[..half]);
    if from.swapped {
        (u, v) = (v, u);
    }
    let mut planar = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride: small(width)?,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: small(half)?,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: small(half)?,
        width: small(width)?,
        height: 1,
    };
    let packed = YuvPackedImage {
        yuy: packed,
        yuy_stride: small(packed.len())?,
        width: small(width)?,
        height: 1,
    };
    match from.kind {
        Kind::Packed { luma_first: true } => yuv::yuyv422_to_yuv422(&mut planar, &packed),
        _ => yuv::uyvy422_to_yuv422(&mut planar, &packed),
    }
    .map_err(|_| "unpacking a row")
}

/// Packs three rows into one.
fn pack(to: Yuv, luma: &[u8], chroma: &Chroma<'_>, packed: &mut [u8]) -> Result<(), &'static str> {
    let (width, half) = (luma.len(), luma.len().div_ceil(YUV422.columns));
    let (mut u, mut v) = (&chroma.u[..half], &chroma.v[..half]);
    if to.swapped {
        (u, v) = (v, u);
    }
    let planar = YuvPlanarImage {
        y_plane: luma,
        y_stride: small(width)?,
        u_plane: u,
        u_stride: small(half)?,
        v_plane: v,
        v_stride: small(half)?,
        width: small(width)?,
        height: 1,
    };
    let mut packed = YuvPackedImageMut {
        yuy_stride: small(packed.len())?,
        yuy: BufferStoreMut::Borrowed(packed),
        width: small(width)?,
        height: 1,
    };
    match to.kind {
        Kind::Packed { luma_first: true } => yuv::yuv422_to_yuyv422(&mut packed, &planar),
        _ => yuv::yuv422_to_uyvy422(&mut packed, &planar),
    }
    .map_err(|_| "packing a row")
}

/// Converts a length to the library's type.
pub(super) fn small(value: usize) -> Result<u32, &'static str> {
    u32::try_from(value).map_err(|_| "counting bytes of a row")
}
