//! Socket names: a path that starts with `/` is a file, anything else an abstract name.
//!
//! Source: `unix(7)`. Abstract names have no permissions and vanish with their socket; files have a
//! mode, and remain when their host is killed. The next host of the same name replaces such a file.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::Error;
use videostream_hal::Call;

/// Maximum bytes of a path: all of `sun_path`, which needs no zero byte at its end.
pub const MAX_PATH: usize = 108;
/// Maximum bytes of an abstract name: `sun_path` less the zero byte at its beginning.
pub const MAX_ABSTRACT: usize = 107;

/// The name of a host's socket, stored inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    bytes: [u8; MAX_PATH],
    len: usize,
}

impl Address {
    /// Checks a name and copies it.
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
            return Err(Error::AddressTooLong {
                bytes: name.len(),
                max: most,
            });
        }
        let mut bytes = [0; MAX_PATH];
        bytes[..name.len()].copy_from_slice(name);
        Ok(Self {
            bytes,
            len: name.len(),
        })
    }

    /// Returns the name, without the zero byte of an abstract one.
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Returns whether the name is a file's path.
    pub fn is_file(&self) -> bool {
        self.name().starts_with(b"/")
    }

    pub(crate) fn socket_address(&self) -> Result<SocketAddrUnix, Error> {
        if self.is_file() {
            SocketAddrUnix::new(self.name())
        } else {
            SocketAddrUnix::new_abstract_name(self.name())
        }
        // A path of `MAX_PATH` bytes without a zero byte fits, which `new` has checked.
        .map_err(|_| Error::AddressInvalid)
    }

    /// Connects to the host of this name. The socket is non-blocking.
    pub(crate) fn connect(&self) -> Result<OwnedFd, Error> {
        match self.try_connect()? {
            Ok(socket) => Ok(socket),
            Err(Errno::NOENT | Errno::CONNREFUSED) => Err(Error::NoHost),
            // The host's backlog is full.
            Err(Errno::AGAIN) => Err(Error::TimedOut),
            Err(Errno::PROTOTYPE) => Err(Error::NotASocket),
            Err(errno) => Err(Error::os(Call::Connect, errno)),
        }
    }

    /// Connects once and returns the result of `connect(2)` as the inner one.
    pub(crate) fn try_connect(&self) -> Result<Result<OwnedFd, Errno>, Error> {
        let socket = new_socket()?;
        let address = self.socket_address()?;
        Ok(connect(&socket, &address).map(|()| socket))
    }
}

/// Creates a non-blocking socket.
pub(crate) fn new_socket() -> Result<OwnedFd, Error> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .map_err(|e| Error::os(Call::Socket, e))
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
        assert_eq!(
            too_long(&[b'x'; 108]),
            Error::AddressTooLong {
                bytes: 108,
                max: 107
            }
        );
        assert_eq!(
            too_long(&[b'/'; 109]),
            Error::AddressTooLong {
                bytes: 109,
                max: 108
            }
        );
    }

    #[test]
    fn the_longest_names_that_the_kernel_takes_are_served() {
        let pid = std::process::id();
        let padded = |name: std::string::String, len| std::format!("{name:x<len$}");
        let temporary = std::format!("{}", std::env::temp_dir().display());
        // The file's name has one byte: there is no room for a longer, temporary one.
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
        // Fails if a file is left.
        std::fs::remove_dir(&folder).unwrap();
    }
}
