//! Which nodes there are, and which driver is behind a file.

use core::fmt;
use core::mem::MaybeUninit;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, fstat, major, minor, openat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::HantroError;
use crate::media::{DeviceNumber, node_path};

/// The drivers of Hantro nodes.
///
/// Their requests share one letter and many numbers, with other meanings: the name of the node
/// alone tells which driver it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// G1 and G2 decoders of i.MX8M Quad, Mini and Plus.
    Decoder,
    /// H1 encoder of i.MX8M Mini.
    H1,
    /// VC8000E encoder of i.MX8M Plus.
    Vc8000e,
}

impl NodeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Decoder, Self::H1, Self::Vc8000e];

    /// The name of the node below `/dev`.
    #[must_use]
    pub const fn node_name(self) -> &'static str {
        match self {
            Self::Decoder => "mxc_hantro",
            Self::H1 => "mxc_hantro_h1",
            Self::Vc8000e => "mxc_hantro_vc8000e",
        }
    }

    /// The path of the node.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Decoder => "/dev/mxc_hantro",
            Self::H1 => "/dev/mxc_hantro_h1",
            Self::Vc8000e => "/dev/mxc_hantro_vc8000e",
        }
    }

    /// One word, stable, for listings and files: `decoder` or `encoder`.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::H1 | Self::Vc8000e => "encoder",
        }
    }

    /// The driver of a node with this file name; `None` for any other name.
    #[must_use]
    pub fn of_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.node_name().as_bytes() == name)
    }
}

impl fmt::Display for NodeKind {
    /// With its article, for sentences: `the VC8000E encoder`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decoder => "the G1 and G2 decoders",
            Self::H1 => "the H1 encoder",
            Self::Vc8000e => "the VC8000E encoder",
        })
    }
}

/// The Hantro nodes in `/dev`, decoder first.
///
/// A node says no more than that its driver is there: NXP's libraries, or the daemon behind
/// `vsi_v4l2`, may use it as well.
///
/// # Errors
/// [`HantroError::System`]: what opening or reading `/dev` answers. No nodes are no error.
///
/// # Example
/// ```no_run
/// for kind in videostream_hal::hantro::nodes()? {
///     let path = kind.path();
/// }
/// # Ok::<(), videostream_hal::hantro::HantroError>(())
/// ```
pub fn nodes() -> Result<impl Iterator<Item = NodeKind>, HantroError> {
    nodes_in("/dev")
}

fn nodes_in(dir: impl Arg) -> Result<impl Iterator<Item = NodeKind>, HantroError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(CWD, dir, flags, Mode::empty()).map_err(|e| HantroError::system("open", e))?;
    let mut found = [false; NodeKind::ALL.len()];
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut entries = RawDir::new(&dir, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|e| HantroError::system("getdents", e))?;
        for (kind, found) in NodeKind::ALL.into_iter().zip(&mut found) {
            *found |= kind.node_name().as_bytes() == entry.file_name().to_bytes();
        }
    }
    let all = NodeKind::ALL.into_iter().zip(found);
    Ok(all.filter_map(|(kind, found)| found.then_some(kind)))
}

/// Opens a node for reading and writing, after making sure which driver is behind it.
///
/// The name is that of the kernel (sysfs), whatever the file is called: the wrong driver would
/// take some of the requests for others, and write more than there is room for.
pub(super) fn open(path: impl Arg, wanted: NodeKind) -> Result<OwnedFd, HantroError> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let fd = openat(CWD, path, flags, Mode::empty()).map_err(|e| HantroError::system("open", e))?;
    match kind_of(&fd)? {
        Some(found) if found == wanted => Ok(fd),
        found => Err(HantroError::WrongNode { wanted, found }),
    }
}

/// The driver behind an open file; `None` for a file that is no Hantro node.
fn kind_of(fd: impl AsFd) -> Result<Option<NodeKind>, HantroError> {
    let stat = fstat(fd).map_err(|e| HantroError::system("fstat", e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice {
        return Ok(None);
    }
    let device = DeviceNumber {
        major: major(stat.st_rdev),
        minor: minor(stat.st_rdev),
    };
    let path = match node_path(device) {
        Ok(path) => path,
        Err(crate::media::MediaError::Device(error)) => {
            // Without sysfs nothing tells drivers apart.
            let errno = error.errno().unwrap_or(Errno::NODEV);
            return Err(HantroError::system(
                "reading the device's name in /sys",
                errno,
            ));
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
    fn a_file_that_is_no_node_is_refused_with_what_is_wanted() {
        let wanted = NodeKind::Vc8000e;
        let refusal = HantroError::WrongNode {
            wanted,
            found: None,
        };
        let plain = std::env::temp_dir().join(std::format!("vsl-plain-{}", std::process::id()));
        std::fs::write(&plain, "").unwrap();
        let got = open(plain.to_str().unwrap(), wanted);
        std::fs::remove_file(&plain).unwrap();
        assert_eq!(got.unwrap_err(), refusal);
        let gone = open(plain.to_str().unwrap(), wanted).unwrap_err();
        assert_eq!(gone, HantroError::system("open", Errno::NOENT));
        // Containers may show no sysfs.
        if rustix::fs::access("/sys/dev/char/1:3", rustix::fs::Access::EXISTS).is_ok() {
            assert_eq!(open("/dev/null", wanted).unwrap_err(), refusal);
        }
    }
}
