//! Credentials of a socket's peer, as the kernel recorded them at connect.
//!
//! Source: `unix(7)`, `SO_PEERCRED`; kernel `net/core/sock.c` (`SO_PEERGROUPS`, since Linux 4.13),
//! `include/uapi/asm-generic/socket.h`. All numbers are relative to the reader's namespaces: a
//! process that its PID namespace does not show has pid 0, a user that its user namespace does not
//! map has the overflow uid. rustix's `Pid` can't be 0, so the call is made here.

use core::ffi::{c_int, c_uint};

use rustix::fd::{AsRawFd as _, BorrowedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, read};
use syscalls::Sysno;

const SOL_SOCKET: c_int = 1;
const SO_PEERCRED: c_int = 17;
const SO_PEERGROUPS: c_int = 59;

/// Maximum supplementary groups of a process; one with more counts as having none.
const MAX_GROUPS: usize = 1024;
/// Ids in a user namespace that maps all of them.
const ALL_IDS: u64 = 4_294_967_295;
/// The default overflow uid.
const OVERFLOW_UID: u32 = 65534;

/// Credentials of a connected process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// 0 for a process that this PID namespace does not show.
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Credentials {
    pub(crate) fn of(socket: BorrowedFd<'_>) -> Result<Self, Errno> {
        let mut words = [0; 3];
        match option(socket, SO_PEERCRED, &mut words)? {
            3 => {
                let [pid, uid, gid] = words;
                Ok(Self { pid, uid, gid })
            }
            _ => Err(Errno::INVAL),
        }
    }
}

/// Returns whether the peer has a supplementary group that satisfies `wanted`.
pub(crate) fn has_group(socket: BorrowedFd<'_>, wanted: impl Fn(u32) -> bool) -> bool {
    let mut groups = [0; MAX_GROUPS];
    // ERANGE: more than fit. ENOPROTOOPT: the kernel lacks the option.
    let count = option(socket, SO_PEERGROUPS, &mut groups).unwrap_or(0);
    groups.iter().take(count).any(|&group| wanted(group))
}

/// Reads a socket option that is an array of words. Returns their number.
#[expect(unsafe_code, reason = "a system call that rustix does not cover")]
fn option(socket: BorrowedFd<'_>, name: c_int, into: &mut [u32]) -> Result<usize, Errno> {
    let mut bytes = size_of_val(into) as c_uint;
    // SAFETY: the kernel writes at most `bytes` bytes to `into`, which has as many and may hold
    // any, and one word to `bytes`; both live across the call.
    let answer = unsafe {
        syscalls::syscall!(
            Sysno::getsockopt,
            socket.as_raw_fd() as usize,
            SOL_SOCKET as usize,
            name as usize,
            into.as_mut_ptr(),
            &raw mut bytes
        )
    };
    match answer {
        Ok(_) => Ok((bytes as usize / size_of::<u32>()).min(into.len())),
        Err(errno) => Err(Errno::from_raw_os_error(errno.into_raw())),
    }
}

/// Returns the uid that stands for every user whom this process's user namespace does not map, or
/// `None` if it maps all, so that each uid is one user. Without `/proc`, assumes that some are
/// unmapped.
pub(crate) fn overflow_uid() -> Option<u32> {
    let mut space = [0; 4096];
    if read_file("/proc/self/uid_map", &mut space).is_some_and(maps_all) {
        return None;
    }
    let uid = read_file("/proc/sys/kernel/overflowuid", &mut space).and_then(number);
    Some(uid.unwrap_or(OVERFLOW_UID))
}

/// Returns whether the lines of a `uid_map` (first id inside, first outside, count) cover all ids.
fn maps_all(map: &[u8]) -> bool {
    let lines = map.split(|&byte| byte == b'\n');
    let counts = lines.filter_map(|line| {
        let words = line.split(u8::is_ascii_whitespace);
        let count = words.filter(|word| !word.is_empty()).nth(2)?;
        number(count)
    });
    counts.map(u64::from).sum::<u64>() >= ALL_IDS
}

fn number(text: &[u8]) -> Option<u32> {
    str::from_utf8(text).ok()?.trim().parse().ok()
}

fn read_file<'a>(path: &str, space: &'a mut [u8]) -> Option<&'a [u8]> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty()).ok()?;
    let len = read(&file, &mut *space).ok()?;
    space.get(..len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd as _;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn a_peer_is_this_process() {
        let flags = SocketFlags::CLOEXEC;
        let (a, _b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let peer = Credentials::of(a.as_fd()).unwrap();
        assert_eq!(peer.pid, std::process::id());
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.gid, rustix::process::getegid().as_raw());
        let own = rustix::process::getgroups().unwrap();
        for group in own {
            assert!(has_group(a.as_fd(), |other| other == group.as_raw()));
        }
        assert!(!has_group(a.as_fd(), |_| false));
    }

    #[test]
    fn what_is_no_socket_has_no_peer() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(Credentials::of(file.as_fd()), Err(Errno::NOTSOCK));
        assert!(!has_group(file.as_fd(), |_| true));
    }

    #[test]
    fn only_a_whole_map_has_all_users() {
        assert!(maps_all(b"         0          0 4294967295\n"));
        assert!(maps_all(b"0 100000 65536\n65536 165536 4294901759\n"));
        assert!(!maps_all(b"     65534       2000          1\n"));
        assert!(!maps_all(b"0 100000 65536\n"));
        assert!(!maps_all(b""));
    }
}
