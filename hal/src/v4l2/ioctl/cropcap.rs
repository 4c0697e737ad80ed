//! `VIDIOC_CROPCAP`.

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{CropCap, call};
use crate::v4l2::{BufType, Error, Fraction};

/// `VIDIOC_CROPCAP`: width by height of a sample, as the signal or sensor has them. The kernel says 1/1 for drivers
/// that say nothing.
///
/// # Errors
/// - `EINVAL`: the queue is of no video.
/// - `ENODATA`: not at the selected input.
/// - `ENOTTY`: the driver has no selections.
pub fn sample_aspect(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<Fraction, Error> {
    let mut raw = sys::v4l2_cropcap {
        type_: buf_type.raw(),
        ..Default::default()
    };
    call::<CropCap>(fd, &mut raw)?;
    // The document's `pixelaspect` is height by width.
    let aspect = raw.pixelaspect;
    Ok(Fraction::new(aspect.denominator, aspect.numerator))
}
