//! A buffer's fences: export, import and waiting.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::ioctl::{Setter, Updater, ioctl};
use videostream_sys::dma_buf::{
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, dma_buf_export_sync_file,
    dma_buf_import_sync_file,
};

use super::SyncAccess;
use crate::Call;
use crate::memory::MemoryError;
use crate::time::poll_until;

/// `DMA_BUF_IOCTL_EXPORT_SYNC_FILE`: a fence that signals when devices are done with the buffer.
///
/// `access` is what the caller does next: reading waits for writers only, writing for all users.
/// The fence is a snapshot that later work is not part of. The descriptor becomes readable when it
/// signals.
///
/// # Errors
/// [`MemoryError::System`]: ENOTTY before Linux 6.0 and if `fd` is not a dma-buf.
pub fn export_sync_file(fd: BorrowedFd<'_>, access: SyncAccess) -> Result<OwnedFd, MemoryError> {
    export(fd, access.flags()).map_err(MemoryError::of(Call::DmaBufExportSyncFile))
}

/// `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`: makes the buffer's next users wait for a fence.
///
/// `access` is what the work behind the fence does to the buffer.
///
/// # Errors
/// [`MemoryError::System`]: ENOTTY before Linux 6.0 and if `fd` is not a dma-buf, EINVAL if
/// `fence` is not a sync file.
pub fn import_sync_file(
    fd: BorrowedFd<'_>,
    fence: BorrowedFd<'_>,
    access: SyncAccess,
) -> Result<(), MemoryError> {
    import(fd, fence, access.flags()).map_err(MemoryError::of(Call::DmaBufImportSyncFile))
}

/// `poll` on a dma-buf: waits for the fences of devices that use the buffer, at most until
/// `deadline_ns` of `CLOCK_MONOTONIC` (`u64::MAX`: no limit; a time in the past: checks once).
/// Returns whether all have signalled.
///
/// `access` is what the caller does next, as in [`export_sync_file`]. A file that is not a dma-buf
/// needs no wait. A fence added later is not covered: [`CpuAccess::begin`](super::CpuAccess::begin)
/// waits for that one, without a time-out.
///
/// # Errors
/// [`MemoryError::System`] with the error of `poll`.
///
/// # Source
/// "Implicit Fence Poll Support" in the kernel's dma-buf documentation; Linux 3.17.
pub fn wait(fd: BorrowedFd<'_>, access: SyncAccess, deadline_ns: u64) -> Result<bool, MemoryError> {
    let done = match access {
        SyncAccess::Read => PollFlags::IN,
        SyncAccess::Write | SyncAccess::ReadWrite => PollFlags::OUT,
    };
    let mut fds = [PollFd::from_borrowed_fd(fd, done)];
    poll_until(&mut fds, deadline_ns).map_err(MemoryError::of(Call::Poll))
}

#[expect(
    unsafe_code,
    reason = "the request is made here, and its result becomes an owned fd"
)]
fn export(fd: BorrowedFd<'_>, flags: u32) -> Result<OwnedFd, Errno> {
    let mut data = dma_buf_export_sync_file { flags, fd: -1 };
    // SAFETY: the struct is the argument type from which the code was computed.
    let request = unsafe {
        Updater::<DMA_BUF_IOCTL_EXPORT_SYNC_FILE, dma_buf_export_sync_file>::new(&mut data)
    };
    // SAFETY: the kernel reads and writes the 8 bytes of `data`, which outlives the call.
    unsafe { ioctl(fd, request)? };
    if data.fd < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: on success the kernel has just installed this descriptor, close-on-exec, for us.
    Ok(unsafe { OwnedFd::from_raw_fd(data.fd) })
}

#[expect(unsafe_code, reason = "the request is made here")]
fn import(fd: BorrowedFd<'_>, fence: BorrowedFd<'_>, flags: u32) -> Result<(), Errno> {
    let data = dma_buf_import_sync_file {
        flags,
        fd: fence.as_raw_fd(),
    };
    // SAFETY: the struct is the argument type from which the code was computed.
    let request =
        unsafe { Setter::<DMA_BUF_IOCTL_IMPORT_SYNC_FILE, dma_buf_import_sync_file>::new(data) };
    // SAFETY: the kernel reads the 8 bytes of the argument and writes no memory of ours.
    unsafe { ioctl(fd, request) }
}
