//! Adopting a listening socket, such as that of a service manager, which keeps it across restarts.

use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, getsockname, sockopt};

use crate::Error;
use crate::address::Address;
use videostream_hal::Call;

/// Checks that a host can serve the socket, and sets its flags like those of a host's own. Returns
/// its name.
pub(super) fn adopt(socket: &OwnedFd) -> Result<Address, Error> {
    let domain = sockopt::socket_domain(socket).map_err(|_| Error::Listener {
        why: "it is not a socket",
    })?;
    if domain != AddressFamily::UNIX {
        return Err(Error::Listener {
            why: "it is not a Unix socket",
        });
    }
    if sockopt::socket_type(socket).map_err(|e| Error::os(Call::Getsockopt, e))?
        != SocketType::SEQPACKET
    {
        return Err(Error::Listener {
            why: "its type is not SOCK_SEQPACKET \
                  (ListenSequentialPacket= of a systemd socket unit)",
        });
    }
    if !sockopt::socket_acceptconn(socket).map_err(|e| Error::os(Call::Getsockopt, e))? {
        return Err(Error::Listener {
            why: "it does not listen \
                  (Accept=yes of a systemd socket unit passes connections instead)",
        });
    }
    fcntl_setfd(socket, FdFlags::CLOEXEC).map_err(|e| Error::os(Call::Fcntl, e))?;
    let flags = fcntl_getfl(socket).map_err(|e| Error::os(Call::Fcntl, e))?;
    fcntl_setfl(socket, flags | OFlags::NONBLOCK).map_err(|e| Error::os(Call::Fcntl, e))?;
    name(socket)
}

fn name(socket: &OwnedFd) -> Result<Address, Error> {
    let name = getsockname(socket).map_err(|e| Error::os(Call::Getsockname, e))?;
    let name = SocketAddrUnix::try_from(name).map_err(|e| Error::os(Call::Getsockname, e))?;
    let address = match (name.path_bytes(), name.abstract_name()) {
        (Some(path), _) => Address::new(path)?,
        (None, Some(name)) => Address::new(name)?,
        (None, None) => {
            return Err(Error::Listener {
                why: "it has no name",
            });
        }
    };
    // Addresses tell a file from an abstract name by the leading slash.
    if address.is_file() != name.path_bytes().is_some() {
        return Err(Error::Listener {
            why: "its name is a relative path, or an abstract name that begins with a slash",
        });
    }
    Ok(address)
}
