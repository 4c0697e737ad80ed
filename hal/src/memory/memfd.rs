//! Anonymous files of sealed size and, on request, sealed content.
//!
//! Source: `memfd_create(2)`, `fcntl(2)` (`F_ADD_SEALS`), kernel `mm/memfd.c`.

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create,
};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::kind::{self, Kind};

/// Seals that fix the size: the file can't be truncated under a peer's mapping.
pub const FIXED_SIZE: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);
/// Seals that fix the size and allow writes through existing mappings only.
pub const FIXED_SIZE_READ_ONLY: SealFlags = FIXED_SIZE.union(SealFlags::FUTURE_WRITE);

/// Creates a zeroed memfd of `len` bytes that can be sealed later; `name` is shown in
/// `/proc/PID/fd`.
///
/// Requests a file that can't be executed, which kernels with `vm.memfd_noexec=2` require; falls
/// back to an ordinary one on kernels that do not know the flag (before 6.3).
///
/// # Errors
/// `ENOMEM`, `EMFILE`, `ENFILE` when memory or descriptors run out; `EFBIG` beyond `RLIMIT_FSIZE`.
pub fn create(name: &CStr, len: usize) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        other => other?,
    };
    set_size(&fd, len as u64)?;
    Ok(fd)
}

/// Sets the length of the file of `fd` in bytes.
///
/// A length above `RLIMIT_FSIZE` (`ulimit -f`, systemd's `LimitFSIZE=`) is an error here, also for
/// a file in memory: the kernel would send `SIGXFSZ`, which kills the process.
///
/// # Errors
/// `EFBIG` above that limit; those of `ftruncate`.
pub fn set_size(fd: impl AsFd, len: u64) -> Result<(), Errno> {
    let limit = getrlimit(Resource::Fsize).current;
    if limit.is_some_and(|limit| len > limit) {
        return Err(Errno::FBIG);
    }
    ftruncate(fd, len)
}

/// Adds `seals` to the file of `fd`.
///
/// # Errors
/// `EPERM` when the file is sealed against further seals; `EBUSY` for a write seal while writable
/// mappings exist.
pub fn seal(fd: impl AsFd, seals: SealFlags) -> Result<(), Errno> {
    fcntl_add_seals(fd, seals)
}

/// Returns whether nobody can shrink the file of `fd`, so that a mapping of it never faults: a
/// memfd sealed against shrinking, or a dma-buf, whose size never changes. For huge pages see
/// [`kind::is_fixed_memory`]. Never blocks.
pub fn cannot_shrink(fd: BorrowedFd<'_>) -> bool {
    kind::is_fixed_memory(fd, 0) == Ok(true)
}

/// Seals the file of `fd` against shrinking, if it is not fixed already. Returns whether nobody can
/// shrink it from now on: POSIX shared memory and other files cannot be sealed.
pub fn fix_length(fd: BorrowedFd<'_>) -> bool {
    cannot_shrink(fd)
        || (fcntl_get_seals(fd).is_ok()
            && seal(fd, SealFlags::SHRINK).is_ok()
            // Huge pages also have to be present and sealed against holes.
            && cannot_shrink(fd))
}

/// Returns whether `fd` is a dma-buf. Never blocks.
pub fn is_dma_buf(fd: BorrowedFd<'_>) -> bool {
    kind::of(fd) == Ok(Kind::DmaBuf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_memfd_keeps_its_size() {
        let fd = create(c"test", 4096).unwrap();
        assert!(!cannot_shrink(fd.as_fd()));
        seal(&fd, FIXED_SIZE).unwrap();
        assert!(cannot_shrink(fd.as_fd()));
        assert_eq!(ftruncate(&fd, 0), Err(Errno::PERM));
        assert_eq!(seal(&fd, SealFlags::WRITE), Err(Errno::PERM));
    }

    #[test]
    fn a_memfd_that_can_be_sealed_is_fixed() {
        let fd = create(c"test", 4096).unwrap();
        assert!(fix_length(fd.as_fd()));
        assert_eq!(ftruncate(&fd, 0), Err(Errno::PERM));
        // It can still grow.
        ftruncate(&fd, 8192).unwrap();
        let unsealable = memfd_create(c"test", MemfdFlags::CLOEXEC).unwrap();
        assert!(!fix_length(unsealable.as_fd()));
    }

    #[test]
    fn an_ordinary_file_may_shrink() {
        use rustix::fs::{Mode, OFlags, open};
        let file = open("/proc/self/exe", OFlags::RDONLY, Mode::empty()).unwrap();
        assert!(!cannot_shrink(file.as_fd()));
    }
}
