//! `VIDIOC_G_SELECTION` and `VIDIOC_S_SELECTION`.

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{GSelection, SSelection, call};
use crate::Error;
use crate::v4l2::BufType;

/// `V4L2_SEL_TGT_*`: selects a rectangle.
///
/// On capture queues, *crop* is the part of the sensor or signal that is captured, *compose* the
/// part of the buffer that it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum SelectionTarget {
    /// The part that is captured.
    Crop = sys::V4L2_SEL_TGT_CROP,
    /// The default crop rectangle.
    CropDefault = sys::V4L2_SEL_TGT_CROP_DEFAULT,
    /// The largest possible crop rectangle.
    CropBounds = sys::V4L2_SEL_TGT_CROP_BOUNDS,
    /// All pixels of the sensor, including those that cannot be captured.
    NativeSize = sys::V4L2_SEL_TGT_NATIVE_SIZE,
    /// The part of the buffer that is written.
    Compose = sys::V4L2_SEL_TGT_COMPOSE,
    /// The default compose rectangle.
    ComposeDefault = sys::V4L2_SEL_TGT_COMPOSE_DEFAULT,
    /// The largest possible compose rectangle.
    ComposeBounds = sys::V4L2_SEL_TGT_COMPOSE_BOUNDS,
    /// The part that is written, including padding.
    ComposePadded = sys::V4L2_SEL_TGT_COMPOSE_PADDED,
}

/// How the driver may round a rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearest.
    #[default]
    Nearest,
    /// Never smaller (`V4L2_SEL_FLAG_GE`).
    Up,
    /// Never larger (`V4L2_SEL_FLAG_LE`).
    Down,
    /// Not at all: fails with `ERANGE` instead.
    Exact,
}

impl Rounding {
    /// Returns `V4L2_SEL_FLAG_*`.
    pub(crate) const fn raw(self) -> u32 {
        match self {
            Self::Nearest => 0,
            Self::Up => sys::V4L2_SEL_FLAG_GE,
            Self::Down => sys::V4L2_SEL_FLAG_LE,
            Self::Exact => sys::V4L2_SEL_FLAG_GE | sys::V4L2_SEL_FLAG_LE,
        }
    }
}

/// `struct v4l2_rect`: a rectangle in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_rect")]
pub struct SelectionRect {
    /// Pixels from the left edge; may be negative for bounds around the active area.
    pub left: i32,
    /// Lines from the top edge.
    pub top: i32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl SelectionRect {
    pub(crate) const fn from_raw(raw: sys::v4l2_rect) -> Self {
        Self {
            left: raw.left,
            top: raw.top,
            width: raw.width,
            height: raw.height,
        }
    }

    pub(crate) const fn to_raw(self) -> sys::v4l2_rect {
        sys::v4l2_rect {
            left: self.left,
            top: self.top,
            width: self.width,
            height: self.height,
        }
    }
}

/// `VIDIOC_G_SELECTION`: returns a rectangle of a queue.
///
/// # Errors
/// - `EINVAL`: the queue has no such rectangle.
/// - `ENODATA`: not available at the selected input.
/// - `ENOTTY`: the driver has no selections.
pub fn g_selection(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    target: SelectionTarget,
) -> Result<SelectionRect, Error> {
    let mut raw = sys::v4l2_selection {
        type_: buf_type.raw(),
        target: target as u32,
        ..Default::default()
    };
    call::<GSelection>(fd, &mut raw)?;
    Ok(SelectionRect::from_raw(raw.r))
}

/// `VIDIOC_S_SELECTION`: sets a rectangle of a queue and returns what the driver rounded it to.
///
/// Crop, compose, and format depend on each other: set them in this order and read all of them
/// back.
///
/// # Errors
/// - `EINVAL`: the queue has no such rectangle, or it cannot be set.
/// - `ERANGE`: it is not possible with this rounding.
/// - `EBUSY`: buffers are allocated.
/// - `ENODATA`: not available at the selected input.
/// - `ENOTTY`: the driver has no selections.
pub fn s_selection(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    target: SelectionTarget,
    rounding: Rounding,
    rect: SelectionRect,
) -> Result<SelectionRect, Error> {
    let mut raw = sys::v4l2_selection {
        type_: buf_type.raw(),
        target: target as u32,
        flags: rounding.raw(),
        r: rect.to_raw(),
        ..Default::default()
    };
    call::<SSelection>(fd, &mut raw)?;
    Ok(SelectionRect::from_raw(raw.r))
}
