//! Setting a camera's format.

use rustix::io::Errno;
use videostream::hal::format::FourCc;
use videostream::hal::v4l2::{BufType, Device, PixFormat, Rounding, SelectionTarget};

use super::Setup;
use crate::boundary::errno_of_device;

/// Resets the crop, which an earlier program may have set. Many cameras cannot crop.
pub(super) fn reset_crop(device: &Device, queue: BufType) {
    if let Ok(whole) = device.selection(queue, SelectionTarget::CropDefault) {
        let _ = device.set_selection(queue, SelectionTarget::Crop, Rounding::Nearest, whole);
    }
}

/// Sets the requested format; zeroes keep the current values. The driver may choose another one.
///
/// # Errors
/// ENOTSUP for pictures with planes in separate memory, which a buffer can't represent.
pub(super) fn choose(device: &Device, queue: BufType, wanted: Setup) -> Result<PixFormat, Errno> {
    let current = device.format(queue).map_err(errno_of_device)?;
    let or = |wanted, current| if wanted == 0 { current } else { wanted };
    let width = or(wanted.width, current.width);
    let height = or(wanted.height, current.height);
    let set = |fourcc| {
        let requested = PixFormat::new(fourcc, width, height);
        device
            .set_format(queue, &requested)
            .map_err(errno_of_device)
    };
    let one_plane = |format: &PixFormat| format.plane_count == 1;
    let format = set(FourCc(or(wanted.fourcc, current.fourcc.0)))?;
    if one_plane(&format) {
        return Ok(format);
    }
    if wanted.fourcc != 0 {
        return Err(Errno::NOTSUP);
    }
    // What the device happened to be set to has several: any that has one.
    let formats = device.formats(queue).map_while(Result::ok);
    let mut one = formats.filter_map(|format| set(format.fourcc).ok().filter(one_plane));
    one.next().ok_or(Errno::NOTSUP)
}
