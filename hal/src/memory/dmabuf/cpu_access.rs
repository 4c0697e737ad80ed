//! Bracketed CPU access to a mapped buffer.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::{Setter, ioctl};
use videostream_sys::dma_buf::{
    DMA_BUF_IOCTL_SYNC, DMA_BUF_SYNC_END, DMA_BUF_SYNC_START, dma_buf_sync,
};

use super::SyncAccess;
use crate::Call;
use crate::memory::MemoryError;

/// `DMA_BUF_IOCTL_SYNC`: brackets the CPU's access to a mapped buffer.
///
/// From [`begin`](Self::begin) on, the CPU sees what devices wrote (caches are invalidated, fences
/// waited for); at the end, devices see what the CPU wrote (caches are flushed). Bracket every pass
/// over a buffer's memory, with the access that it makes, and end it before the buffer goes back to
/// a device.
///
/// Dropping ends the access and ignores errors; [`end`](Self::end) reports them.
///
/// # Invariants
/// While `bracketed`, a START with `access` has succeeded on `buffer` and no END has.
///
/// # Source
/// `linux/dma-buf.h`; "CPU Access to DMA Buffer Objects" in the kernel's dma-buf documentation.
#[derive(Debug)]
#[must_use = "the access ends when the guard is dropped"]
pub struct CpuAccess<'fd> {
    buffer: BorrowedFd<'fd>,
    access: SyncAccess,
    bracketed: bool,
}

impl<'fd> CpuAccess<'fd> {
    /// Starts access. Waits for the fences of devices that use the buffer, and retries when a
    /// signal interrupts.
    ///
    /// # Errors
    /// [`MemoryError::System`] with the exporter's error. A descriptor that is not a dma-buf is not
    /// an error: there is nothing to bracket.
    pub fn begin(buffer: BorrowedFd<'fd>, access: SyncAccess) -> Result<Self, MemoryError> {
        let bracketed = request_sync(buffer, DMA_BUF_SYNC_START | access.flags())?;
        Ok(Self {
            buffer,
            access,
            bracketed,
        })
    }

    /// Returns whether the access is bracketed, that is, whether the buffer is a dma-buf.
    pub fn is_bracketed(&self) -> bool {
        self.bracketed
    }

    /// Ends access; devices may use the buffer afterwards.
    ///
    /// # Errors
    /// [`MemoryError::System`] with the exporter's error; the access counts as ended.
    pub fn end(mut self) -> Result<(), MemoryError> {
        self.finish().map_err(MemoryError::of(Call::DmaBufSync))
    }

    fn finish(&mut self) -> Result<(), Errno> {
        // INVARIANT: cleared before END, so that END is issued once.
        if core::mem::replace(&mut self.bracketed, false) {
            sync(self.buffer, DMA_BUF_SYNC_END | self.access.flags())?;
        }
        Ok(())
    }
}

impl Drop for CpuAccess<'_> {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// Starts access without a guard, for interfaces whose callers end it themselves: each call must be
/// followed by [`end_access`] with the same access. Otherwise use [`CpuAccess::begin`].
///
/// Returns whether the buffer is a dma-buf; otherwise there is nothing to end.
///
/// # Errors
/// Those of [`CpuAccess::begin`].
pub fn begin_access(buffer: BorrowedFd<'_>, access: SyncAccess) -> Result<bool, MemoryError> {
    request_sync(buffer, DMA_BUF_SYNC_START | access.flags())
}

/// Ends the access that [`begin_access`] started. Returns whether the buffer is a dma-buf.
///
/// # Errors
/// Those of [`CpuAccess::end`].
pub fn end_access(buffer: BorrowedFd<'_>, access: SyncAccess) -> Result<bool, MemoryError> {
    request_sync(buffer, DMA_BUF_SYNC_END | access.flags())
}

/// Returns `false` for a file that is not a dma-buf and needs no bracket.
fn request_sync(buffer: BorrowedFd<'_>, flags: u32) -> Result<bool, MemoryError> {
    match sync(buffer, flags) {
        Ok(()) => Ok(true),
        Err(Errno::NOTTY) => Ok(false),
        Err(errno) => Err(MemoryError::of(Call::DmaBufSync)(errno)),
    }
}

fn sync(fd: BorrowedFd<'_>, flags: u32) -> Result<(), Errno> {
    loop {
        match sync_once(fd, flags) {
            // The kernel's documentation asks callers to retry in both cases.
            Err(Errno::INTR | Errno::AGAIN) => {}
            result => return result,
        }
    }
}

#[expect(unsafe_code, reason = "the request is made here")]
fn sync_once(fd: BorrowedFd<'_>, flags: u32) -> Result<(), Errno> {
    let argument = dma_buf_sync {
        flags: u64::from(flags),
    };
    // SAFETY: `dma_buf_sync` is the argument type from which the code was computed.
    let request = unsafe { Setter::<DMA_BUF_IOCTL_SYNC, dma_buf_sync>::new(argument) };
    // SAFETY: a dma-buf reads the 8 bytes of the argument and writes no memory of ours; other
    // files refuse a code of the letter 'b' that is not theirs.
    unsafe { ioctl(fd, request) }
}
