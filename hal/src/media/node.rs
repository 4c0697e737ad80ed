//! Conversion between device numbers and nodes.

use core::fmt::Write as _;

use rustix::fs::{CWD, FileType, Mode, OFlags, major, minor, openat, stat};
use rustix::path::Arg;

use super::{DeviceNumber, MediaError};
use crate::{Call, Error, scan};

/// The path of a device node: `/dev/v4l-subdev3`.
pub type DevicePath = heapless::String<64>;

/// Maximum number of media devices that are listed.
pub const MAX_DEVICES: usize = 64;

/// Lists the media devices in `/dev`, by number.
///
/// # Errors
/// Those of opening and reading `/dev`. An empty list is not an error.
pub fn devices() -> Result<impl Iterator<Item = DevicePath>, MediaError> {
    let (numbers, is_full) = scan::numbers::<MAX_DEVICES>("/dev", "media").map_err(Error::from)?;
    if is_full {
        return Err(MediaError::TooSmall {
            what: "media devices",
            needed: MAX_DEVICES + 1,
            room: MAX_DEVICES,
        });
    }
    Ok(numbers.into_iter().map(|number| {
        let mut path = DevicePath::new();
        // `/dev/media` and five digits fit.
        let _ = write!(path, "/dev/media{number}");
        path
    }))
}

/// Returns the number of a device node; follows symbolic links.
///
/// # Errors
/// [`MediaError::Device`]: the error of `stat`, or `path` is not a character device.
pub fn device_number(path: impl Arg) -> Result<DeviceNumber, MediaError> {
    let stat = stat(path).map_err(|e| Error::system(Call::Stat, e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice {
        return Err(Error::Argument {
            name: "mode of a file that should be a device",
            value: stat.st_mode.into(),
        }
        .into());
    }
    let device = stat.st_rdev;
    Ok(DeviceNumber {
        major: major(device),
        minor: minor(device),
    })
}

/// Returns the node with a number, as the kernel names it in sysfs: `/dev/video8`.
///
/// # Errors
/// [`MediaError::Device`]: no device has the number, or sysfs is not mounted.
pub fn node_path(device: DeviceNumber) -> Result<DevicePath, MediaError> {
    let mut name = heapless::String::<64>::new();
    // Two numbers of ten digits fit.
    let _ = write!(name, "/sys/dev/char/{device}/uevent");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat(CWD, name.as_str(), flags, Mode::empty())
        .map_err(|e| Error::system(Call::Open, e))?;
    let mut text = [0; 512];
    let mut len = 0;
    while len < text.len() {
        let count =
            rustix::io::read(&file, &mut text[len..]).map_err(|e| Error::system(Call::Read, e))?;
        if count == 0 {
            break;
        }
        len += count;
    }
    path_in(&text[..len]).ok_or_else(|| {
        Error::answer(Call::Read, "bytes of uevent without DEVNAME", len as u64).into()
    })
}

/// Returns the value of `DEVNAME`, below `/dev`.
fn path_in(uevent: &[u8]) -> Option<DevicePath> {
    let text = core::str::from_utf8(uevent).ok()?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("DEVNAME="))?;
    let plain = name.split('/').all(|part| !part.is_empty() && part != "..");
    let mut path = DevicePath::new();
    (plain
        && path
            .push_str("/dev/")
            .and_then(|()| path.push_str(name))
            .is_ok())
    .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_name_stays_below_dev() {
        let path = path_in(b"MAJOR=81\nMINOR=3\nDEVNAME=v4l-subdev0\n").unwrap();
        assert_eq!(path.as_str(), "/dev/v4l-subdev0");
        for text in [
            &b"MAJOR=81\n"[..],
            b"DEVNAME=\n",
            b"DEVNAME=../etc/passwd\n",
            b"DEVNAME=\xff\n",
        ] {
            assert!(path_in(text).is_none());
        }
        let mut long = [b'x'; 100];
        long[..8].copy_from_slice(b"DEVNAME=");
        assert!(path_in(&long).is_none());
    }

    #[test]
    fn numbers_of_nodes_are_those_of_the_kernel() {
        let null = device_number("/dev/null").unwrap();
        assert_eq!((null.major, null.minor), (1, 3));
        assert!(device_number("/dev").is_err());
        assert!(device_number("/dev/no-such-node").is_err());
        if rustix::fs::access("/sys/dev/char/1:3", rustix::fs::Access::EXISTS).is_ok() {
            assert_eq!(node_path(null).unwrap().as_str(), "/dev/null");
        }
    }
}
