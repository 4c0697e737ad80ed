//! Socket names: a path that starts with `/` is a file, anything else an abstract name.
//!
//! Source: `unix(7)`. Abstract names have no permissions and vanish with their socket;
//! files have a mode, and stay behind when their host is killed. The next host takes such
//! a stale file over, but only after nobody answered on it.

use core::fmt::Write as _;

use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::fs::{
    CWD, FileType, Mode, OFlags, RenameFlags, chmod, lstat, open, renameat, renameat_with, unlink,
};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

use crate::Error;

/// Most bytes of a path: all of `sun_path`, which needs no zero byte at its end.
pub const MAX_PATH: usize = 108;
/// Most bytes of an abstract name: `sun_path` less the zero byte at its beginning.
pub const MAX_ABSTRACT: usize = 107;
/// Clients that may knock at once.
const BACKLOG: i32 = 64;

/// The name of a host's socket, kept without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    bytes: [u8; MAX_PATH],
    len: usize,
}

impl Address {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::AddressTooLong`] over [`MAX_PATH`] or [`MAX_ABSTRACT`] bytes,
    /// [`Error::AddressInvalid`] if it is empty or holds a zero byte.
    pub fn new(name: &[u8]) -> Result<Self, Error> {
        if name.is_empty() || name.contains(&0) {
            return Err(Error::AddressInvalid);
        }
        let most = if name.starts_with(b"/") {
            MAX_PATH
        } else {
            MAX_ABSTRACT
        };
        if name.len() > most {
            return Err(Error::AddressTooLong(name.len(), most));
        }
        let mut bytes = [0; MAX_PATH];
        bytes[..name.len()].copy_from_slice(name);
        Ok(Self {
            bytes,
            len: name.len(),
        })
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether the name is a file's path.
    pub fn is_file(&self) -> bool {
        self.name().starts_with(b"/")
    }

    fn socket_address(&self) -> Result<SocketAddrUnix, Error> {
        if self.is_file() {
            SocketAddrUnix::new(self.name())
        } else {
            SocketAddrUnix::new_abstract_name(self.name())
        }
        .map_err(|e| Error::Os("socket address", e))
    }

    /// Connects to the host of this name; the socket never blocks.
    pub(crate) fn connect(&self) -> Result<OwnedFd, Error> {
        let socket = new_socket()?;
        match connect(&socket, &self.socket_address()?) {
            Ok(()) => Ok(socket),
            Err(Errno::NOENT | Errno::CONNREFUSED) => Err(Error::NoHost),
            // The host has not yet come to accept those who knocked before.
            Err(Errno::AGAIN) => Err(Error::TimedOut),
            Err(Errno::PROTOTYPE) => Err(Error::NotASocket),
            Err(errno) => Err(Error::Os("connect", errno)),
        }
    }

    /// Binds and listens. A file gets `mode` before anybody can connect to it, and replaces
    /// a socket file that a dead host left.
    pub(crate) fn bind(&self, mode: u32) -> Result<(OwnedFd, Option<FileId>), Error> {
        let socket = new_socket()?;
        if !self.is_file() {
            match bind(&socket, &self.socket_address()?) {
                Ok(()) => {}
                Err(Errno::ADDRINUSE) => return Err(Error::AddressInUse),
                Err(errno) => return Err(Error::Os("bind", errno)),
            }
            listen(&socket, BACKLOG).map_err(|e| Error::Os("listen", e))?;
            return Ok((socket, None));
        }
        let (temporary, _folder) = self.temporary()?;
        let _ = unlink(temporary.name());
        bind(&socket, &temporary.socket_address()?).map_err(|e| Error::Os("bind", e))?;
        let id = self.put_in_place(&socket, &temporary, mode);
        if id.is_err() {
            let _ = unlink(temporary.name());
        }
        Ok((socket, Some(id?)))
    }

    fn put_in_place(&self, socket: &OwnedFd, temporary: &Self, mode: u32) -> Result<FileId, Error> {
        let mode = Mode::from_raw_mode(mode);
        chmod(temporary.name(), mode).map_err(|e| Error::Os("chmod", e))?;
        listen(socket, BACKLOG).map_err(|e| Error::Os("listen", e))?;
        let id = FileId::of(temporary).ok_or(Error::Os("stat", Errno::NOENT))?;
        let (from, to) = (temporary.name(), self.name());
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(id),
            Err(Errno::EXIST) => {}
            // A file system without this call: the check below does, less strictly.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            Err(errno) => return Err(Error::Os("rename", errno)),
        }
        if let Ok(stat) = lstat(to)
            && FileType::from_raw_mode(stat.st_mode) != FileType::Socket
        {
            return Err(Error::NotASocket);
        }
        match self.connect() {
            Err(Error::NoHost) => {}
            Err(e @ Error::Os(..)) => return Err(e),
            _ => return Err(Error::AddressInUse),
        }
        renameat(CWD, from, CWD, to).map_err(|e| Error::Os("rename", e))?;
        Ok(id)
    }

    /// A name in the same folder, of this process alone, and what it needs to stay valid: a name
    /// that would be too long goes by the folder's descriptor.
    fn temporary(&self) -> Result<(Self, Option<OwnedFd>), Error> {
        let slash = self.name().iter().rposition(|&b| b == b'/').unwrap_or(0);
        let folder = &self.name()[..slash];
        if let Some(name) = temporary_in(folder) {
            return Ok((name, None));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(folder, flags, Mode::empty()).map_err(|e| Error::Os("open", e))?;
        let mut path = heapless::String::<32>::new();
        let fits = write!(path, "/proc/self/fd/{}", folder.as_raw_fd()).is_ok();
        let name = temporary_in(path.as_bytes()).filter(|_| fits);
        Ok((name.ok_or(Error::AddressInvalid)?, Some(folder)))
    }

    /// Removes the file if it is still the one that was bound.
    pub(crate) fn unlink(&self, id: FileId) {
        if FileId::of(self) == Some(id) {
            let _ = unlink(self.name());
        }
    }
}

/// `None`: it would be too long.
fn temporary_in(folder: &[u8]) -> Option<Address> {
    let mut name = heapless::Vec::<u8, MAX_PATH>::new();
    name.extend_from_slice(folder).ok()?;
    let pid = rustix::process::getpid().as_raw_nonzero();
    write!(name, "/.vsl{pid}").ok()?;
    Address::new(&name).ok()
}

/// Which file a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the fields' types differ between architectures"
    )]
    fn of(address: &Address) -> Option<Self> {
        let stat = lstat(address.name()).ok()?;
        Some(Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        })
    }
}

fn new_socket() -> Result<OwnedFd, Error> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .map_err(|e| Error::Os("socket", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(Address::new(b"/run/camera").unwrap().is_file());
        assert!(!Address::new(b"camera").unwrap().is_file());
        assert_eq!(Address::new(b""), Err(Error::AddressInvalid));
        assert_eq!(Address::new(b"a\0b"), Err(Error::AddressInvalid));
        let too_long = |name: &[u8]| Address::new(name).unwrap_err();
        assert_eq!(too_long(&[b'x'; 108]), Error::AddressTooLong(108, 107));
        assert_eq!(too_long(&[b'/'; 109]), Error::AddressTooLong(109, 108));
    }

    #[test]
    fn the_longest_names_that_the_kernel_takes_are_served() {
        let pid = std::process::id();
        let padded = |name: std::string::String, len| std::format!("{name:x<len$}");
        let temporary = std::format!("{}", std::env::temp_dir().display());
        // A last part of one byte, which leaves no room for a longer one beside it.
        let folder = padded(std::format!("{temporary}/videostream-{pid}-"), MAX_PATH - 2);
        std::fs::create_dir(&folder).unwrap();
        let path = std::format!("{folder}/s");
        let name = padded(std::format!("videostream-{pid}-"), MAX_ABSTRACT);
        for (name, len) in [(&path, 108), (&name, 107)] {
            assert_eq!(name.len(), len);
            let address = Address::new(name.as_bytes()).unwrap();
            let (_socket, file) = address.bind(0o600).unwrap();
            address.connect().unwrap();
            if let Some(file) = file {
                address.unlink(file);
            }
        }
        // Nothing is left in it.
        std::fs::remove_dir(&folder).unwrap();
    }
}
