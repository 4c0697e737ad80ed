//! `VIDIOC_CROPCAP`.

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::request::{CropCap, call};
use crate::Error;
use crate::v4l2::{BufType, Fraction};

/// `VIDIOC_CROPCAP`: returns the sample aspect ratio (width by height) of the signal or sensor. The
/// kernel returns 1/1 for drivers that do not report it.
///
/// # Errors
/// - `EINVAL`: the queue is not a video queue.
/// - `ENODATA`: not available at the selected input.
/// - `ENOTTY`: the driver has no selections.
pub fn sample_aspect(fd: BorrowedFd<'_>, buf_type: BufType) -> Result<Fraction, Error> {
    let mut raw = sys::v4l2_cropcap {
        type_: buf_type.raw(),
        ..Default::default()
    };
    call::<CropCap>(fd, &mut raw)?;
    // `pixelaspect` is documented as height by width.
    let aspect = raw.pixelaspect;
    Ok(Fraction::new(aspect.denominator, aspect.numerator))
}
