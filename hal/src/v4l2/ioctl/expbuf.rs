//! `VIDIOC_EXPBUF`.
#![expect(
    unsafe_code,
    reason = "the kernel returns a number that is a new descriptor"
)]

use rustix::fd::{BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::OFlags;
use videostream_sys::v4l2 as sys;

use super::request::{ExpBuf, call};
use crate::v4l2::BufType;
use crate::{Call, Error};

/// Access rights of an exported descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExportAccess {
    /// Map for reading, or import into another device.
    ReadOnly,
    /// Map for reading and writing.
    #[default]
    ReadWrite,
}

/// `VIDIOC_EXPBUF`: exports one plane of a driver buffer as a dma-buf descriptor (close-on-exec).
///
/// The descriptor keeps the memory alive after the buffer is freed and the device closed.
///
/// # Errors
/// - `EINVAL`: no such buffer or plane, or the queue's memory is not the driver's.
/// - `ENOTTY`: the driver cannot export.
/// - `EMFILE`: the program has too many open descriptors.
pub fn expbuf(
    fd: BorrowedFd<'_>,
    buf_type: BufType,
    index: u32,
    plane: u32,
    access: ExportAccess,
) -> Result<OwnedFd, Error> {
    let access = match access {
        ExportAccess::ReadOnly => OFlags::RDONLY,
        ExportAccess::ReadWrite => OFlags::RDWR,
    };
    let mut raw = sys::v4l2_exportbuffer {
        type_: buf_type.raw(),
        index,
        plane,
        flags: (OFlags::CLOEXEC | access).bits(),
        fd: -1,
        ..Default::default()
    };
    call::<ExpBuf>(fd, &mut raw)?;
    if raw.fd < 0 {
        return Err(Error::Answer {
            call: Call::ExpBuf,
            field: "fd",
            value: u64::from(raw.fd.cast_unsigned()),
        });
    }
    // SAFETY: the kernel installed this descriptor for us in the call that just succeeded, so
    // nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw.fd) })
}
