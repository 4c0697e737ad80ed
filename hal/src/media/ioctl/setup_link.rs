//! `MEDIA_IOC_SETUP_LINK`.

use rustix::fd::BorrowedFd;
use videostream_sys::media as sys;

use super::request::{SetupLink, call};
use crate::Error;
use crate::media::{LinkEnds, PadRef};

/// `MEDIA_IOC_SETUP_LINK`: sets the flags of a link, `MEDIA_LNK_FL_*`.
///
/// All flags except `ENABLED` must equal the link's current flags.
///
/// # Errors
/// - `EINVAL`: no such link, or it is immutable.
/// - `EBUSY`: one of its entities is streaming, and the link is not dynamic.
/// - `ENODEV`: the device was unplugged.
pub fn setup_link(fd: BorrowedFd<'_>, ends: LinkEnds, flags: u32) -> Result<(), Error> {
    let mut raw = sys::media_link_desc {
        source: pad(ends.source, sys::MEDIA_PAD_FL_SOURCE)?,
        sink: pad(ends.sink, sys::MEDIA_PAD_FL_SINK)?,
        flags,
        ..Default::default()
    };
    call::<SetupLink>(fd, &mut raw)
}

fn pad(pad: PadRef, flags: u32) -> Result<sys::media_pad_desc, Error> {
    Ok(sys::media_pad_desc {
        entity: pad.entity,
        index: u16::try_from(pad.index).map_err(|_| Error::Argument {
            name: "index of a pad",
            value: pad.index.into(),
        })?,
        flags,
        ..Default::default()
    })
}
