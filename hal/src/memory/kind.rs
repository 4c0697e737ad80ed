//! What a descriptor is, asked so that nobody can keep the asker waiting.
//!
//! A descriptor that another process sent may be of a file that some process serves (FUSE, say).
//! Most calls on it then end when that process likes: `fstat`, `fstatfs`, an `ioctl`, a seek to
//! the end, and even `close`, which waits until what was written is said to be stored. A seek
//! also waits for whoever reads through the same file at the time. The calls here end at once:
//!
//! - `F_GET_SEALS` is answered by the kernel alone; only files in memory (memfd, tmpfs,
//!   hugetlbfs) have an answer, and of those `fstat` tells the size without a lock.
//! - `statx` with `AT_STATX_DONT_SYNC` takes what the kernel knows already (FUSE since Linux 4.20).
//!   An inode without a type, which no file system may claim, is one of the kernel's own
//!   objects, which answer by themselves: dma-buf, sync file, eventfd, epoll and others.
//!
//! # Huge pages
//!
//! A page that is missing from a file in memory is given, zeroed, to whoever reads there: a hole
//! does no harm. Huge pages come from a pool, and a reader who finds a hole and the pool empty dies of
//! `SIGBUS`. So such a file counts as fixed only with all its pages in it, and sealed so that
//! nobody punches a hole: `F_SEAL_WRITE`, or `F_SEAL_FUTURE_WRITE`, which leaves its owner the
//! mapping to write by that it has.
//!
//! # Source
//! `fcntl(2)`, `statx(2)`, `fallocate(2)`; kernel `fs/fuse/{dir,file}.c`, `fs/libfs.c` (`alloc_anon_inode`),
//! `mm/memfd.c`, `fs/hugetlbfs/inode.c`; `linux/magic.h`.

use rustix::fd::BorrowedFd;
use rustix::fs::{
    AtFlags, FileType, SealFlags, SeekFrom, StatxFlags, fcntl_get_seals, fstat, fstatfs, major,
    seek, statat, statx,
};
use rustix::io::Errno;

/// The magic number of dma-bufs' file system.
const DMA_BUF_MAGIC: u64 = 0x444d_4142;
/// The magic number of huge pages' file system.
const HUGETLBFS_MAGIC: u32 = 0x9584_58f6;
/// What `st_blocks` counts in.
const BLOCK: u64 = 512;

/// What a descriptor is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A memfd, or another file in memory, with its seals.
    Memory(SealFlags),
    /// The same of huge pages (`MFD_HUGETLB`, hugetlbfs).
    HugePages(SealFlags),
    /// A dma-buf.
    DmaBuf,
    /// Another object of the kernel's own, such as a sync file or an eventfd.
    Object,
    /// Anything else: a file of a file system, a device, a socket, a pipe.
    Other,
}

impl Kind {
    /// Whether nobody can make it smaller, nor take pages out that a reader would miss.
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

/// What `fd` is. Never blocks, whatever it is.
///
/// # Errors
/// Those of `statx`: `EACCES` for a file of somebody else's FUSE file system.
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
    // An object of the kernel's own: no process is asked.
    Ok(match fstatfs(fd) {
        Ok(stat) if stat.f_type as u64 == DMA_BUF_MAGIC => Kind::DmaBuf,
        _ => Kind::Object,
    })
}

/// Bytes of the memory behind `fd`; `None` for what is no memory. Never blocks.
///
/// # Errors
/// Those of [`of`], and of `fstat` and `lseek`.
pub fn memory_size(fd: BorrowedFd<'_>) -> Result<Option<u64>, Errno> {
    size_of(fd, of(fd)?)
}

/// Whether `fd` is memory of at least `size` bytes that nobody can make smaller, so that a mapping
/// of it never faults: a memfd sealed against shrinking, or a dma-buf. One of huge pages has to
/// have all its pages, too, and to be sealed against losing them. Never blocks.
///
/// # Errors
/// Those of `fstat` and `lseek`, and of a `statx` that is forbidden.
pub fn is_fixed_memory(fd: BorrowedFd<'_>, size: u64) -> Result<bool, Errno> {
    // The seals first: what they forbid can't happen between this and the look at the pages.
    let kind = match of(fd) {
        Ok(kind) => kind,
        Err(errno @ (Errno::PERM | Errno::NOSYS)) => return Err(errno),
        Err(_) => Kind::Other,
    };
    Ok(kind.cannot_shrink()
        && size_of(fd, kind)?.is_some_and(|real| real >= size)
        && (!matches!(kind, Kind::HugePages(_)) || has_all_pages(fd)?))
}

/// The user who owns a file of at least `size` bytes, in memory or on a disk, that may be made
/// smaller: whoever does so ends the processes that read what is gone. `None` for anything else:
/// huge pages, devices, objects, files that a process may serve. Never blocks.
///
/// # Errors
/// Those of `fstat`.
pub fn owner_of_file(fd: BorrowedFd<'_>, size: u64) -> Result<Option<u32>, Errno> {
    let is_file = match of(fd) {
        Ok(Kind::Memory(_)) => true,
        // On a disk: `fstat` asks nobody.
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

/// Whether a file in memory has no hole.
#[allow(
    clippy::unnecessary_cast,
    reason = "the widths depend on the architecture"
)]
fn has_all_pages(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    let stat = fstat(fd)?;
    Ok((stat.st_blocks as u64).saturating_mul(BLOCK) >= stat.st_size as u64)
}

/// Bytes that a mapping of the first `len` bytes of `fd` takes: whole huge pages for a file of such,
/// which has to be unmapped as it was mapped. Never blocks.
pub fn mapped_len(fd: BorrowedFd<'_>, len: usize) -> usize {
    let page = match fcntl_get_seals(fd) {
        Ok(_) => huge_page(fd).ok().flatten(),
        Err(_) => None,
    };
    page.and_then(|page| len.checked_next_multiple_of(page))
        .unwrap_or(len)
}

/// Bytes of a huge page, if the file in memory is of such.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    reason = "the widths depend on the architecture"
)]
fn huge_page(fd: BorrowedFd<'_>) -> Result<Option<usize>, Errno> {
    let stat = fstatfs(fd)?;
    // The type is signed in places.
    Ok((stat.f_type as u32 == HUGETLBFS_MAGIC).then_some(stat.f_bsize as usize))
}

fn size_of(fd: BorrowedFd<'_>, kind: Kind) -> Result<Option<u64>, Errno> {
    match kind {
        #[allow(
            clippy::unnecessary_cast,
            reason = "the width depends on the architecture"
        )]
        Kind::Memory(_) | Kind::HugePages(_) => Ok(Some(fstat(fd)?.st_size as u64)),
        // By fstat only since Linux 5.3.
        Kind::DmaBuf => seek(fd, SeekFrom::End(0)).map(Some),
        Kind::Object | Kind::Other => Ok(None),
    }
}

/// Whether a process may serve the file, so that even to close it may block: it is one with
/// contents, in no memory, and on no disk.
///
/// # Errors
/// Those of `statx` that say nothing about the file: `EPERM` where a seccomp filter forbids the call.
/// Such a descriptor is to be treated as one that is served.
pub fn may_be_served(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    if fcntl_get_seals(fd).is_ok() {
        return Ok(false);
    }
    match known(fd) {
        // File systems without a device have one of major number 0. Nothing but a file with
        // contents has something to store when it is closed.
        Ok(known) => Ok(known.file_type == FileType::RegularFile && !known.has_device),
        Err(errno @ (Errno::PERM | Errno::NOSYS)) => Err(errno),
        Err(_) => Ok(true),
    }
}

/// What the kernel knows of a file already.
struct Known {
    file_type: FileType,
    has_device: bool,
}

fn known(fd: BorrowedFd<'_>) -> Result<Known, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    // Asked for nothing, a file system that somebody else mounted answers with nothing, which
    // would look like no type.
    match statx(fd, c"", flags, StatxFlags::TYPE) {
        Ok(stat) if stat.stx_mask & StatxFlags::TYPE.bits() == 0 => Err(Errno::NOTSUP),
        Ok(stat) => Ok(Known {
            file_type: FileType::from_raw_mode(stat.stx_mode.into()),
            has_device: stat.stx_dev_major != 0,
        }),
        // Filters that do not know the call forbid it. The older call takes the same flags; on
        // 32-bit machines it is made of this one.
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
        // A file system without a disk (a container's) may be served, for all that is known.
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
    fn memory_opened_anew_tells_its_size_whatever_its_position() {
        use rustix::fd::AsRawFd as _;
        let memory = memfd::create(c"test", 4096).unwrap();
        let path = std::format!("/proc/self/fd/{}", memory.as_raw_fd());
        let again = open(path.as_str(), OFlags::RDONLY, Mode::empty()).unwrap();
        assert_eq!(memory_size(again.as_fd()), Ok(Some(4096)));
        assert_eq!(seek(&again, SeekFrom::Current(0)), Ok(0), "not moved");
    }
}
