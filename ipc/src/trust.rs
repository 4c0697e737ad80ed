//! Trust in memory that can shrink.
//!
//! A process that truncates it kills, by `SIGBUS`, the processes that read it. A host therefore
//! sends such memory only to clients of its own user, and a client accepts it only from a host of
//! its own user or root: these could kill each other anyway. The file's owner is checked as well,
//! so that a host can't pass off another user's file as its own.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::process::geteuid;
use videostream_hal::Call;
use videostream_hal::memory::kind;

use crate::Error;
use crate::credentials::{Credentials, overflow_uid};

/// Returns whether `uid` is this process's user and not `overflow_uid`, which stands for all
/// unmapped users.
pub(crate) fn is_own(uid: u32, overflow_uid: Option<u32>) -> bool {
    uid == geteuid().as_raw() && Some(uid) != overflow_uid
}

/// Returns whether `uid` is this process's user or root, which could kill it anyway.
fn is_trusted(uid: u32) -> bool {
    uid == 0 || is_own(uid, overflow_uid())
}

/// Returns whether a connection's peer runs as this process's user or root.
pub(crate) fn trusts_peer(socket: impl AsFd) -> bool {
    let peer = Credentials::of(socket.as_fd());
    peer.is_ok_and(|peer| is_trusted(peer.uid))
}

/// Returns whether `fd` is a file of at least `size` bytes that belongs to this process's user or
/// root. Never blocks.
pub(crate) fn is_of_the_user(fd: BorrowedFd<'_>, size: u64) -> Result<bool, Error> {
    let owner = kind::owner_of_file(fd, size);
    let owner = owner.map_err(|e| Error::os(Call::Statx, e))?;
    Ok(owner.is_some_and(is_trusted))
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use videostream_hal::memory::memfd;

    use super::*;

    #[test]
    fn the_user_is_trusted_and_another_is_not() {
        let own = geteuid().as_raw();
        assert!(is_own(own, None));
        assert!(!is_own(own, Some(own)));
        assert!(!is_own(own.wrapping_add(1), None));
        let flags = SocketFlags::CLOEXEC;
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        assert!(trusts_peer(pair.0));
    }

    #[test]
    fn only_files_of_the_user_that_are_long_enough_do() {
        let memory = memfd::create(c"test", 4096).unwrap();
        assert_eq!(is_of_the_user(memory.as_fd(), 4096), Ok(true));
        assert_eq!(is_of_the_user(memory.as_fd(), 4097), Ok(false));
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        assert_eq!(is_of_the_user(pipe.as_fd(), 0), Ok(false));
    }
}
