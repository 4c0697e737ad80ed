//! An open media device.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::path::Arg;
use videostream_sys::media as sys;

use super::ioctl::{self, MediaInfo, TopologyCounts};
use super::{LinkEnds, MediaError, Storage, Topology};
use crate::{Call, Error};

/// An open `/dev/mediaN`: the graph of a device, whose links can be enabled and disabled.
#[derive(Debug)]
pub struct MediaDevice {
    fd: OwnedFd,
    info: MediaInfo,
}

impl MediaDevice {
    /// Opens a media device for reading and writing, close-on-exec.
    ///
    /// Paths of 256 bytes and more are refused with `ENAMETOOLONG`, because nothing is allocated.
    ///
    /// # Errors
    /// [`MediaError::Device`]: no such node, permission denied, or (`ENOTTY`) not a media device.
    pub fn open(path: impl Arg) -> Result<Self, MediaError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let fd =
            openat(CWD, path, flags, Mode::empty()).map_err(|e| Error::system(Call::Open, e))?;
        let info = ioctl::device_info(fd.as_fd())?;
        Ok(Self { fd, info })
    }

    /// Returns driver, model, serial number, and bus.
    #[must_use]
    pub const fn info(&self) -> &MediaInfo {
        &self.info
    }

    /// Returns how much room [`MediaDevice::topology`] currently needs.
    ///
    /// # Errors
    /// See [`ioctl::g_topology`].
    pub fn counts(&self) -> Result<TopologyCounts, MediaError> {
        ioctl::g_topology(self.fd.as_fd(), None)
    }

    /// Reads the graph and checks it.
    ///
    /// # Errors
    /// - [`MediaError::TooSmall`]: not enough room. Devices may come and go between counting and
    ///   reading: count again then.
    /// - [`MediaError::Dangling`]: the driver refers to an object that it does not list.
    /// - [`MediaError::Device`]: the device was unplugged, or the driver returned invalid data.
    #[doc(alias = "MEDIA_IOC_G_TOPOLOGY")]
    pub fn topology<'s>(&self, storage: &'s mut Storage<'_>) -> Result<Topology<'s>, MediaError> {
        let counts = ioctl::g_topology(self.fd.as_fd(), Some(storage))?;
        if !has_pad_index(self.info.media_version()) {
            number_pads(storage, counts.pads);
        }
        Topology::new(storage, counts)
    }

    /// Enables or disables a link; does nothing if it is already in that state.
    ///
    /// # Errors
    /// - [`MediaError::NoLink`]: the topology has no such link.
    /// - [`MediaError::Immutable`]: it cannot be changed.
    /// - [`MediaError::LinkBusy`]: it cannot be changed while streaming.
    /// - [`MediaError::Device`]: any other error of the driver.
    #[doc(alias = "MEDIA_IOC_SETUP_LINK")]
    pub fn set_link(
        &self,
        topology: &Topology<'_>,
        ends: LinkEnds,
        enabled: bool,
    ) -> Result<(), MediaError> {
        let link = topology
            .link_between(ends)
            .ok_or(MediaError::NoLink { ends })?;
        if link.is_immutable() {
            return if link.is_enabled() == enabled {
                Ok(())
            } else {
                Err(MediaError::Immutable { ends })
            };
        }
        let others = link.raw_flags() & !sys::MEDIA_LNK_FL_ENABLED;
        let flags = if enabled {
            others | sys::MEDIA_LNK_FL_ENABLED
        } else {
            others
        };
        ioctl::setup_link(self.fd.as_fd(), ends, flags).map_err(|error| match error.errno() {
            Some(Errno::BUSY) => MediaError::LinkBusy { ends },
            _ => MediaError::Device(error),
        })
    }
}

impl AsFd for MediaDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `MEDIA_V2_PAD_HAS_INDEX`: older kernels leave the field 0.
const fn has_pad_index((major, minor, _): (u32, u32, u32)) -> bool {
    major > 4 || (major == 4 && minor >= 19)
}

/// Kernels without pad indices list the pads of an entity in order, so count them.
fn number_pads(storage: &mut Storage<'_>, count: usize) {
    for place in 0..count.min(storage.pads.len()) {
        let (before, rest) = storage.pads.split_at_mut(place);
        if let Some(pad) = rest.first_mut() {
            let same = before.iter().filter(|p| p.entity() == pad.entity());
            pad.0.index = same.count() as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::media::Pad;

    #[test]
    fn files_that_are_no_media_devices_are_refused() {
        for (path, kind) in [
            ("/dev/null", ErrorKind::NotSupported),
            ("/dev/no-such-node", ErrorKind::NotFound),
        ] {
            let error = MediaDevice::open(path).unwrap_err();
            assert!(
                matches!(error, MediaError::Device(e) if e.kind() == kind),
                "{error}"
            );
        }
    }

    #[test]
    fn pads_of_old_kernels_are_numbered_at_their_entity() {
        assert!(!has_pad_index((4, 18, 3)));
        assert!(has_pad_index((4, 19, 0)) && has_pad_index((6, 1, 0)));
        let mut pads = [Pad::default(); 4];
        for (pad, entity) in pads.iter_mut().zip([1, 2, 1, 2]) {
            pad.0.entity_id = entity;
        }
        let mut storage = Storage {
            entities: &mut [],
            interfaces: &mut [],
            pads: &mut pads,
            links: &mut [],
        };
        number_pads(&mut storage, 4);
        assert_eq!(pads.map(|pad| pad.index()), [0, 0, 1, 1]);
    }
}
