//! dma-buf: operations on the descriptor of a shared buffer.
//!
//! Memory here is either a dma-buf (from a heap, udmabuf or a driver) or a memfd. Both are mapped,
//! passed and compared alike: [`file_size`](super::mapping::file_size) and [`identity`] work on
//! both, and [`CpuAccess`] does nothing for a memfd, whose memory is always coherent.
//! [`is_dma_buf`](super::memfd::is_dma_buf) tells them apart.

mod cpu_access;
mod fences;

use rustix::fd::BorrowedFd;
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::ioctl::{Setter, ioctl};
use videostream_sys::dma_buf::{
    DMA_BUF_NAME_LEN, DMA_BUF_SET_NAME_B, DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE,
};

pub use cpu_access::{CpuAccess, begin_access, end_access};
pub use fences::{export_sync_file, import_sync_file, wait};

use super::MemoryError;
use crate::Call;

/// How a buffer is accessed: by the CPU in [`CpuAccess`], by the work behind or after a fence.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SyncAccess {
    /// The buffer is read.
    #[doc(alias = "DMA_BUF_SYNC_READ")]
    Read,
    /// The buffer is written.
    #[doc(alias = "DMA_BUF_SYNC_WRITE")]
    Write,
    /// The buffer is read and written.
    #[doc(alias = "DMA_BUF_SYNC_RW")]
    ReadWrite,
}

impl SyncAccess {
    const fn flags(self) -> u32 {
        match self {
            Self::Read => DMA_BUF_SYNC_READ,
            Self::Write => DMA_BUF_SYNC_WRITE,
            Self::ReadWrite => DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE,
        }
    }
}

/// The identity of the memory behind a descriptor: equal for every descriptor of one dma-buf or
/// memfd, in every process.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// `st_dev` of the inode.
    pub device: u64,
    /// `st_ino` of the inode.
    pub inode: u64,
}

/// Returns the identity of the memory behind a descriptor (dma-bufs have their own inode since
/// Linux 5.3).
///
/// # Errors
/// [`MemoryError::System`] with the error of `fstat`.
pub fn identity(fd: BorrowedFd<'_>) -> Result<Identity, MemoryError> {
    let stat = fstat(fd).map_err(MemoryError::of(Call::Fstat))?;
    #[allow(
        clippy::unnecessary_cast,
        reason = "the width depends on the architecture"
    )]
    Ok(Identity {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
    })
}

/// Names a dma-buf for `/proc/PID/fdinfo` and debugfs: at most 31 bytes, without NUL.
///
/// # Errors
/// [`MemoryError::BufferName`] for a longer name; [`MemoryError::System`] with ENOTTY when the
/// descriptor is not a dma-buf.
#[doc(alias = "DMA_BUF_SET_NAME")]
pub fn set_name(fd: BorrowedFd<'_>, name: &str) -> Result<(), MemoryError> {
    let mut text = [0_u8; DMA_BUF_NAME_LEN as usize];
    if name.len() >= text.len() || name.contains('\0') {
        return Err(MemoryError::BufferName {
            len_bytes: name.len(),
        });
    }
    text[..name.len()].copy_from_slice(name.as_bytes());
    set_name_bytes(fd, text).map_err(MemoryError::of(Call::DmaBufSetName))
}

#[expect(unsafe_code, reason = "the request is made here")]
fn set_name_bytes(fd: BorrowedFd<'_>, name: [u8; DMA_BUF_NAME_LEN as usize]) -> Result<(), Errno> {
    // SAFETY: the argument is a string of at most 32 bytes, NUL included. The code states the size
    // of a u64, a historical mistake that the kernel's header keeps.
    let request =
        unsafe { Setter::<DMA_BUF_SET_NAME_B, [u8; DMA_BUF_NAME_LEN as usize]>::new(name) };
    // SAFETY: the kernel reads up to the NUL that the caller left in, and writes nothing.
    unsafe { ioctl(fd, request) }
}

#[cfg(test)]
mod tests {
    use rustix::fd::{AsFd as _, OwnedFd};
    use rustix::io::dup;

    use super::super::memfd;
    use super::*;

    fn shared_memory() -> OwnedFd {
        memfd::create(c"dmabuf-test", 4096).unwrap()
    }

    #[test]
    fn a_memfd_is_no_dma_buf_and_needs_no_bracket() {
        let fd = shared_memory();
        let access = CpuAccess::begin(fd.as_fd(), SyncAccess::ReadWrite).unwrap();
        assert!(!access.is_bracketed());
        access.end().unwrap();
    }

    #[test]
    fn nobody_waits_for_a_memfd() {
        let fd = shared_memory();
        for access in [SyncAccess::Read, SyncAccess::Write, SyncAccess::ReadWrite] {
            assert_eq!(wait(fd.as_fd(), access, 0), Ok(true), "{access:?}");
        }
    }

    #[test]
    fn only_duplicates_share_an_identity() {
        let (fd, other) = (shared_memory(), shared_memory());
        let copy = dup(&fd).unwrap();
        let of = |fd: &OwnedFd| identity(fd.as_fd()).unwrap();
        assert_eq!(of(&fd), of(&copy));
        assert_ne!(of(&fd), of(&other));
    }

    #[test]
    fn only_dma_bufs_take_names_and_fences() {
        let fd = shared_memory();
        let refused = [
            set_name(fd.as_fd(), "camera 0").unwrap_err(),
            export_sync_file(fd.as_fd(), SyncAccess::Read).unwrap_err(),
            import_sync_file(fd.as_fd(), fd.as_fd(), SyncAccess::Write).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.errno(), Errno::NOTTY, "{error:?}");
        }
    }

    #[test]
    fn a_name_that_does_not_fit_is_not_cut() {
        let fd = shared_memory();
        let long = "thirty-two bytes are one too many";
        assert_eq!(
            set_name(fd.as_fd(), long).unwrap_err(),
            MemoryError::BufferName {
                len_bytes: long.len()
            }
        );
        assert!(matches!(
            set_name(fd.as_fd(), "a\0b"),
            Err(MemoryError::BufferName { .. })
        ));
    }
}
