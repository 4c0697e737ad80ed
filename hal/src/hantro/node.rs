//! The Hantro nodes, and the driver behind an open file.

use core::ops::ControlFlow;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, major, minor, openat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::NodeKind;
use crate::media::{DeviceNumber, node_path};
use crate::{Call, Error, scan};

/// Lists the Hantro nodes in `/dev`, decoder first.
///
/// A node only shows that its driver is loaded: NXP's libraries, or the daemon behind `vsi_v4l2`,
/// may use it as well.
///
/// # Errors
/// [`Error::System`]: `/dev` cannot be opened or read. An empty list is not an error.
///
/// # Example
/// ```no_run
/// for kind in videostream_hal::hantro::nodes()? {
///     let path = kind.path();
/// }
/// # Ok::<(), videostream_hal::Error>(())
/// ```
pub fn nodes() -> Result<impl Iterator<Item = NodeKind>, Error> {
    nodes_in("/dev")
}

fn nodes_in(dir: impl Arg) -> Result<impl Iterator<Item = NodeKind>, Error> {
    let mut found = [false; NodeKind::ALL.len()];
    scan::names(dir, |name| {
        for (kind, found) in NodeKind::ALL.into_iter().zip(&mut found) {
            *found |= kind.node_name().as_bytes() == name.to_bytes();
        }
        ControlFlow::Continue(())
    })?;
    let all = NodeKind::ALL.into_iter().zip(found);
    Ok(all.filter_map(|(kind, found)| found.then_some(kind)))
}

/// Opens a node for reading and writing, after checking which driver is behind it.
///
/// The kernel's name for the node (sysfs) decides, not the name of the file: another driver would
/// interpret some requests differently and write past the argument.
pub(super) fn open(path: impl Arg, wanted: NodeKind) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let fd = openat(CWD, path, flags, Mode::empty()).map_err(|e| Error::system(Call::Open, e))?;
    match kind_of(&fd)? {
        Some(found) if found == wanted => Ok(fd),
        found => Err(Error::WrongNode { wanted, found }),
    }
}

/// Returns the driver behind an open file; `None` for a file that is not a Hantro node.
fn kind_of(fd: impl AsFd) -> Result<Option<NodeKind>, Error> {
    let stat = fstat(fd).map_err(|e| Error::system(Call::Fstat, e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice {
        return Ok(None);
    }
    let device = DeviceNumber {
        major: major(stat.st_rdev),
        minor: minor(stat.st_rdev),
    };
    let path = match node_path(device) {
        Ok(path) => path,
        // Drivers can only be told apart through sysfs.
        Err(crate::media::MediaError::Device(error)) => {
            let errno = error.errno().unwrap_or(Errno::NODEV);
            return Err(Error::NoSysfs { errno });
        }
        Err(_) => return Ok(None),
    };
    let name = path.strip_prefix("/dev/").unwrap_or_default();
    Ok(NodeKind::of_name(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_drivers_own_names_are_nodes() {
        for kind in NodeKind::ALL {
            assert_eq!(NodeKind::of_name(kind.node_name().as_bytes()), Some(kind));
            assert_eq!(kind.path().strip_prefix("/dev/"), Some(kind.node_name()));
        }
        for name in [
            &b""[..],
            b"mxc_hantro_",
            b"mxc_hantro0",
            b"hantro",
            b"video0",
        ] {
            assert_eq!(NodeKind::of_name(name), None);
        }
    }

    #[test]
    fn nodes_are_found_by_name_decoder_first() {
        let dir = std::env::temp_dir().join(std::format!("vsl-hantro-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let list = || -> std::vec::Vec<_> { nodes_in(dir.to_str().unwrap()).unwrap().collect() };
        assert!(list().is_empty());
        for name in ["mxc_hantro_vc8000e", "mxc_hantro", "mxc_hantro_other"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let found = list();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(found, [NodeKind::Decoder, NodeKind::Vc8000e]);
    }

    #[test]
    fn a_file_that_is_no_node_is_refused() {
        let wanted = NodeKind::Vc8000e;
        let refusal = Error::WrongNode {
            wanted,
            found: None,
        };
        let plain = std::env::temp_dir().join(std::format!("vsl-plain-{}", std::process::id()));
        std::fs::write(&plain, "").unwrap();
        let got = open(plain.to_str().unwrap(), wanted);
        std::fs::remove_file(&plain).unwrap();
        assert_eq!(got.unwrap_err(), refusal);
        let gone = open(plain.to_str().unwrap(), wanted).unwrap_err();
        assert_eq!(gone, Error::system(Call::Open, Errno::NOENT));
        // Containers may have no sysfs.
        if rustix::fs::access("/sys/dev/char/1:3", rustix::fs::Access::EXISTS).is_ok() {
            assert_eq!(open("/dev/null", wanted).unwrap_err(), refusal);
        }
    }
}
