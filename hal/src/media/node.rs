//! From device numbers to nodes and back.

use core::fmt::Write as _;
use core::mem::MaybeUninit;

use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, major, minor, openat, stat};
use rustix::path::Arg;

use super::{DeviceNumber, MediaError};
use crate::v4l2::Error;

/// The path of a device node: `/dev/v4l-subdev3`.
pub type DevicePath = heapless::String<64>;

/// Most media devices that are listed.
pub const MAX_DEVICES: usize = 64;

/// The media devices in `/dev`, by number.
///
/// # Errors
/// What opening or reading `/dev` answers. No devices are no error.
pub fn devices() -> Result<impl Iterator<Item = DevicePath>, MediaError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(CWD, "/dev", flags, Mode::empty()).map_err(|e| Error::system("open", e))?;
    let mut numbers = heapless::Vec::<u16, MAX_DEVICES>::new();
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut entries = RawDir::new(&dir, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|e| Error::system("getdents", e))?;
        if let Some(number) = number(entry.file_name().to_bytes()) {
            numbers.push(number).map_err(|_| MediaError::TooSmall {
                what: "media devices",
                needed: MAX_DEVICES + 1,
                room: MAX_DEVICES,
            })?;
        }
    }
    numbers.sort_unstable();
    Ok(numbers.into_iter().map(|number| {
        let mut path = DevicePath::new();
        // `/dev/media` and five digits fit.
        let _ = write!(path, "/dev/media{number}");
        path
    }))
}

/// The number in `mediaN`; `None` for any other name.
fn number(name: &[u8]) -> Option<u16> {
    let digits = name.strip_prefix(b"media")?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// The number of a device node, links followed.
///
/// # Errors
/// [`MediaError::Device`]: what `stat` answers, or `path` is not a character device.
pub fn device_number(path: impl Arg) -> Result<DeviceNumber, MediaError> {
    let stat = stat(path).map_err(|e| Error::system("stat", e))?;
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

/// The node with a number, as the kernel names it in sysfs: `/dev/video8`.
///
/// # Errors
/// [`MediaError::Device`]: no device has the number, or sysfs is not there.
pub fn node_path(device: DeviceNumber) -> Result<DevicePath, MediaError> {
    let mut name = heapless::String::<64>::new();
    // Two numbers of ten digits fit.
    let _ = write!(name, "/sys/dev/char/{device}/uevent");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file =
        openat(CWD, name.as_str(), flags, Mode::empty()).map_err(|e| Error::system("open", e))?;
    let mut text = [0; 512];
    let mut len = 0;
    while len < text.len() {
        let count =
            rustix::io::read(&file, &mut text[len..]).map_err(|e| Error::system("read", e))?;
        if count == 0 {
            break;
        }
        len += count;
    }
    path_in(&text[..len]).ok_or_else(|| {
        Error::Answer {
            call: "uevent",
            field: "bytes without DEVNAME",
            value: len as u64,
        }
        .into()
    })
}

/// The value of `DEVNAME` below `/dev`.
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
    fn only_media_and_a_number_is_a_media_device() {
        assert_eq!(number(b"media0"), Some(0));
        assert_eq!(number(b"media63"), Some(63));
        for name in [&b"media"[..], b"media-1", b"media1a", b"video0"] {
            assert_eq!(number(name), None);
        }
    }

    #[test]
    fn the_name_is_taken_from_the_event_and_stays_below_dev() {
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
