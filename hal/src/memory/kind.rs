//! The kind of file behind a descriptor, determined without blocking.
//!
//! A descriptor from another process may refer to a file that some process serves (FUSE, for
//! example). That process then decides when most calls return: `fstat`, `fstatfs`, an `ioctl`, a
//! seek to the end, and even `close`, which waits until written data is stored. A seek also waits
//! for a concurrent read through the same open file. The calls used here return at once:
//!
//! - `F_GET_SEALS` is answered by the kernel alone. It succeeds only for files in memory (memfd,
//!   tmpfs, hugetlbfs), whose size `fstat` returns without a lock.
//! - `statx` with `AT_STATX_DONT_SYNC` returns what the kernel has cached (FUSE since Linux 4.20).
//!   An inode without a type, which no file system may report, is one of the kernel's own objects,
//!   which no process serves: dma-buf, sync file, eventfd, epoll and others.
//!
//! # Huge pages
//!
//! A read from a hole in a file in memory gets a zeroed page, so holes do no harm. Huge pages come
//! from a pool, and a reader that hits a hole while the pool is empty gets `SIGBUS`. A file of
//! huge pages therefore counts as fixed only with all its pages present and sealed against punching
//! holes: `F_SEAL_WRITE`, or `F_SEAL_FUTURE_WRITE`, which leaves the owner its existing writable
//! mapping.
//!
//! # Source
//! `fcntl(2)`, `statx(2)`, `fallocate(2)`; kernel `fs/fuse/{dir,file}.c`, `fs/libfs.c`
//! (`alloc_anon_inode`), `mm/memfd.c`, `fs/hugetlbfs/inode.c`; `linux/magic.h`.

use rustix::fd::BorrowedFd;
use rustix::fs::{
    AtFlags, FileType, SealFlags, SeekFrom, StatxFlags, fcntl_get_seals, fstat, fstatfs, major,
    seek, statat, statx,
};
use rustix::io::Errno;

/// Magic number of the dma-buf file system.
const DMA_BUF_MAGIC: u64 = 0x444d_4142;
/// Magic number of hugetlbfs.
const HUGETLBFS_MAGIC: u32 = 0x9584_58f6;
/// Bytes of a block in `st_blocks`.
const BLOCK: u64 = 512;

/// The kind of file behind a descriptor.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A memfd, or another file in memory, with its seals.
    Memory(SealFlags),
    /// The same, made of huge pages (`MFD_HUGETLB`, hugetlbfs).
    HugePages(SealFlags),
    /// A dma-buf.
    DmaBuf,
    /// Another kernel object, such as a sync file or an eventfd.
    Object,
    /// Anything else: a file of a file system, a device, a socket, a pipe.
    Other,
}

impl Kind {
    /// Returns whether its seals prevent shrinking it and removing pages that a reader needs.
    pub fn cannot_shrink(self) -> bool {
        let no_holes = SealFlags::WRITE | SealFlags::FUTURE_WRITE;
        match self {
            Self::Memory(seals) => seals.contains(SealFlags::SHRINK),
            Self::HugePages(seals) => {
                seals.contains(SealFlags::SHRINK) && seals.intersects(no_holes)
            }
            Self::DmaBuf => true,
            Self::Object | Self::Other => false,
        }
    }
}

/// Returns the kind of `fd`. Never blocks.
///
/// # Errors
/// Those of `statx`: `EACCES` for a file in another user's FUSE file system.
pub fn of(fd: BorrowedFd<'_>) -> Result<Kind, Errno> {
    if let Ok(seals) = fcntl_get_seals(fd) {
        return Ok(match huge_page(fd)? {
            None => Kind::Memory(seals),
            Some(_) => Kind::HugePages(seals),
        });
    }
    if known(fd)?.file_type != FileType::Unknown {
        return Ok(Kind::Other);
    }
    // A kernel object: `fstatfs` asks no process.
    Ok(match fstatfs(fd) {
        Ok(stat) if stat.f_type as u64 == DMA_BUF_MAGIC => Kind::DmaBuf,
        _ => Kind::Object,
    })
}

/// Returns the size in bytes of the memory behind `fd`; `None` if it is not memory. Never blocks.
///
/// # Errors
/// Those of [`of`], and of `fstat` and `lseek`.
pub fn memory_size(fd: BorrowedFd<'_>) -> Result<Option<u64>, Errno> {
    size_of(fd, of(fd)?)
}

/// Returns whether `fd` is memory of at least `size` bytes that nobody can shrink, so that a
/// mapping of it never faults: a memfd sealed against shrinking, or a dma-buf. A file of huge pages
/// must also have all its pages and be sealed against losing them. Never blocks.
///
/// # Errors
/// Those of `fstat` and `lseek`, and of `statx` where a seccomp filter forbids it.
pub fn is_fixed_memory(fd: BorrowedFd<'_>, size: u64) -> Result<bool, Errno> {
    // Seals first: what they forbid can't happen between this and the check of the pages.
    let kind = match of(fd) {
        Ok(kind) => kind,
        Err(errno @ (Errno::PERM | Errno::NOSYS)) => return Err(errno),
        Err(_) => Kind::Other,
    };
    Ok(kind.cannot_shrink()
        && size_of(fd, kind)?.is_some_and(|real| real >= size)
        && (!matches!(kind, Kind::HugePages(_)) || has_all_pages(fd)?))
}

/// Returns the user id of the owner of a file of at least `size` bytes, in memory or on a disk,
/// that may shrink: shrinking it kills processes that read past its new end. Returns `None` for
/// anything else: huge pages, devices, objects, files that a process may serve. Never blocks.
///
/// # Errors
/// Those of `fstat`.
pub fn owner_of_file(fd: BorrowedFd<'_>, size: u64) -> Result<Option<u32>, Errno> {
    let is_file = match of(fd) {
        Ok(Kind::Memory(_)) => true,
        // On a disk: `fstat` asks no process.
        Ok(Kind::Other) => !may_be_served(fd)? && known(fd)?.file_type == FileType::RegularFile,
        _ => false,
    };
    if !is_file {
        return Ok(None);
    }
    let stat = fstat(fd)?;
    let has = u64::try_from(stat.st_size).unwrap_or(0);
    Ok((has >= size).then_some(stat.st_uid))
}

/// Returns whether a file in memory has no holes.
#[allow(
    clippy::unnecessary_cast,
    reason = "the widths depend on the architecture"
)]
fn has_all_pages(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    let stat = fstat(fd)?;
    Ok((stat.st_blocks as u64).saturating_mul(BLOCK) >= stat.st_size as u64)
}

/// Returns the size in bytes of the huge pages that `fd` is made of; `None` for ordinary pages.
/// Never blocks.
pub(super) fn huge_page_of(fd: BorrowedFd<'_>) -> Option<usize> {
    fcntl_get_seals(fd).ok()?;
    huge_page(fd).ok().flatten()
}

/// Returns the size of a huge page in bytes, if the file in memory is made of them.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    reason = "the widths depend on the architecture"
)]
fn huge_page(fd: BorrowedFd<'_>) -> Result<Option<usize>, Errno> {
    let stat = fstatfs(fd)?;
    // `f_type` is signed on some architectures.
    Ok((stat.f_type as u32 == HUGETLBFS_MAGIC).then_some(stat.f_bsize as usize))
}

fn size_of(fd: BorrowedFd<'_>, kind: Kind) -> Result<Option<u64>, Errno> {
    match kind {
        #[allow(
            clippy::unnecessary_cast,
            reason = "the width depends on the architecture"
        )]
        Kind::Memory(_) | Kind::HugePages(_) => Ok(Some(fstat(fd)?.st_size as u64)),
        // `fstat` knows the size only since Linux 5.3.
        Kind::DmaBuf => seek(fd, SeekFrom::End(0)).map(Some),
        Kind::Object | Kind::Other => Ok(None),
    }
}

/// Returns whether a process may serve the file, so that even closing it may block: a regular file
/// that is neither in memory nor on a disk.
///
/// # Errors
/// Those of `statx` that say nothing about the file: `EPERM` where a seccomp filter forbids the
/// call. Treat such a descriptor as one that is served.
pub fn may_be_served(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    if fcntl_get_seals(fd).is_ok() {
        return Ok(false);
    }
    match known(fd) {
        // File systems without a device report major number 0. Only a regular file has data to
        // store when it is closed.
        Ok(known) => Ok(known.file_type == FileType::RegularFile && !known.has_device),
        Err(errno @ (Errno::PERM | Errno::NOSYS)) => Err(errno),
        Err(_) => Ok(true),
    }
}

/// Attributes of a file from the kernel's cache.
struct Known {
    file_type: FileType,
    has_device: bool,
}

fn known(fd: BorrowedFd<'_>) -> Result<Known, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    // Without the mask, a file system that another user mounted returns no fields, which would look
    // like an inode without a type.
    match statx(fd, c"", flags, StatxFlags::TYPE) {
        Ok(stat) if stat.stx_mask & StatxFlags::TYPE.bits() == 0 => Err(Errno::NOTSUP),
        Ok(stat) => Ok(Known {
            file_type: FileType::from_raw_mode(stat.stx_mode.into()),
            has_device: stat.stx_dev_major != 0,
        }),
        // Seccomp filters that do not know `statx` forbid it. `fstatat` takes the same flags; on
        // 32-bit machines it is built on `statx`.
        Err(Errno::PERM | Errno::NOSYS) => statat(fd, c"", flags).map(|stat| Known {
            file_type: FileType::from_raw_mode(stat.st_mode),
            has_device: major(stat.st_dev) != 0,
        }),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fd::AsFd as _;
    use rustix::fs::{Mode, OFlags, open};

    use super::super::memfd;
    use super::*;

    #[test]
    fn memory_objects_and_files_are_told_apart() {
        let memory = memfd::create(c"test", 5000).unwrap();
        memfd::seal(&memory, memfd::FIXED_SIZE).unwrap();
        let event = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let file = open("/proc/self/status", OFlags::RDONLY, Mode::empty()).unwrap();
        let null = open("/dev/null", OFlags::RDONLY, Mode::empty()).unwrap();
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        let kind = Kind::Memory(fcntl_get_seals(&memory).unwrap());
        assert!(kind.cannot_shrink());
        let expected = [
            (&memory, kind, Some(5000), false),
            (&event, Kind::Object, None, false),
            (&file, Kind::Other, None, true),
            (&null, Kind::Other, None, false),
            (&pipe, Kind::Other, None, false),
        ];
        for (at, (fd, kind, size, is_served)) in expected.into_iter().enumerate() {
            assert_eq!(of(fd.as_fd()), Ok(kind), "{at}");
            assert_eq!(memory_size(fd.as_fd()), Ok(size), "{at}");
            assert_eq!(may_be_served(fd.as_fd()), Ok(is_served), "{at}");
        }
    }

    #[test]
    fn files_have_an_owner_and_other_things_none() {
        let own = rustix::process::geteuid().as_raw();
        let memory = memfd::create(c"test", 5000).unwrap();
        let path = std::env::temp_dir().join(std::format!("owner-{}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.set_len(5000).unwrap();
        // A file system without a disk (a container's) may be served, as far as can be known.
        let on_disk = (!may_be_served(file.as_fd()).unwrap()).then_some(own);
        assert_eq!(owner_of_file(memory.as_fd(), 5000), Ok(Some(own)));
        assert_eq!(owner_of_file(memory.as_fd(), 5001), Ok(None));
        assert_eq!(owner_of_file(file.as_fd(), 5000), Ok(on_disk));
        let null = open("/dev/null", OFlags::RDONLY, Mode::empty()).unwrap();
        let served = open("/proc/self/status", OFlags::RDONLY, Mode::empty()).unwrap();
        let event = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        for fd in [&null, &served, &event] {
            assert_eq!(owner_of_file(fd.as_fd(), 0), Ok(None));
        }
    }

    #[test]
    fn reopened_memory_reports_its_size() {
        use rustix::fd::AsRawFd as _;
        let memory = memfd::create(c"test", 4096).unwrap();
        let path = std::format!("/proc/self/fd/{}", memory.as_raw_fd());
        let reopened = open(path.as_str(), OFlags::RDONLY, Mode::empty()).unwrap();
        assert_eq!(memory_size(reopened.as_fd()), Ok(Some(4096)));
        assert_eq!(seek(&reopened, SeekFrom::Current(0)), Ok(0), "not moved");
    }
}
