//! Opening a camera, for this program alone.

use std::ffi::CStr;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, flock, fstat, open as open_file, stat};
use rustix::io::Errno;
use videostream::hal::v4l2::Device;

use super::Camera;
use crate::boundary::errno_of_device;

/// Opens the camera at a path and locks it against other programs of this interface.
///
/// # Errors
/// ENODEV: no device. ENOTTY: not a video device. EINVAL: one that delivers no pictures.
/// EWOULDBLOCK: another program has it. Those of `stat` and `open`.
pub(crate) fn open(path: &CStr) -> Result<Camera, Errno> {
    // First by name: opening something else may do things.
    is_device(stat(path)?.st_mode)?;
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = open_file(path, flags, Mode::empty())?;
    is_device(fstat(&fd)?.st_mode)?;
    flock(&fd, FlockOperation::NonBlockingLockExclusive)?;
    let camera = Camera::new(Device::from_fd(fd).map_err(errno_of_device)?);
    camera.queue()?;
    Ok(camera)
}

fn is_device(mode: u32) -> Result<(), Errno> {
    match FileType::from_raw_mode(mode) {
        FileType::CharacterDevice => Ok(()),
        _ => Err(Errno::NODEV),
    }
}
