//! dma-buf: what can be asked of the descriptor of a shared buffer.
//!
//! Memory here is either a dma-buf (from a heap, udmabuf or a driver) or a memfd. Both are mapped,
//! passed and compared alike: [`file_size`](super::mapping::file_size) and [`identity`] work on
//! both, and [`CpuAccess`] does nothing for a memfd, whose memory is always coherent.
//! [`is_dma_buf`](super::memfd::is_dma_buf) tells them apart.

use core::fmt;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::ioctl::{Setter, Updater, ioctl};
use videostream_sys::dma_buf::{
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, DMA_BUF_IOCTL_SYNC,
    DMA_BUF_NAME_LEN, DMA_BUF_SET_NAME_B, DMA_BUF_SYNC_END, DMA_BUF_SYNC_READ, DMA_BUF_SYNC_START,
    DMA_BUF_SYNC_WRITE, dma_buf_export_sync_file, dma_buf_import_sync_file, dma_buf_sync,
};

use crate::time::until;

/// What is done with a buffer: by the CPU in [`CpuAccess`], by whoever waits in fences.
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

/// `DMA_BUF_IOCTL_SYNC`: brackets the CPU's access to a mapped buffer.
///
/// From [`begin`](Self::begin) on, the CPU sees what devices wrote (caches are invalidated, fences
/// waited for); at the end, devices see what the CPU wrote (caches are flushed). Keep one around
/// every pass over a buffer's memory, with the access that is meant, and end it before the buffer
/// goes back to a device.
///
/// Dropping ends the access and swallows errors; [`end`](Self::end) reports them.
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
    /// Starts access. Waits until devices are done with the buffer, as far as they say so by
    /// fences, and starts again when a signal interrupts.
    ///
    /// # Errors
    /// [`DmaBufError::Ioctl`] with what the exporter answered. A descriptor that is no dma-buf is
    /// no error: there is nothing to bracket.
    pub fn begin(buffer: BorrowedFd<'fd>, access: SyncAccess) -> Result<Self, DmaBufError> {
        let bracketed = request_sync(buffer, DMA_BUF_SYNC_START | access.flags())?;
        Ok(Self {
            buffer,
            access,
            bracketed,
        })
    }

    /// Whether the buffer is a dma-buf, that is, whether the kernel was asked at all.
    pub fn is_bracketed(&self) -> bool {
        self.bracketed
    }

    /// Ends access; devices may use the buffer afterwards.
    ///
    /// # Errors
    /// [`DmaBufError::Ioctl`] with what the exporter answered; the access counts as ended.
    pub fn end(mut self) -> Result<(), DmaBufError> {
        self.finish()
            .map_err(|errno| DmaBufError::ioctl("DMA_BUF_IOCTL_SYNC", errno))
    }

    fn finish(&mut self) -> Result<(), Errno> {
        // INVARIANT: cleared before END, so that it is asked for once.
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

/// Starts access without a guard, for an interface whose callers end it themselves: every call is
/// to be followed by one of [`end_access`] with the same access. Else [`CpuAccess::begin`].
///
/// Returns whether the buffer is a dma-buf, that is, whether there is something to end.
///
/// # Errors
/// Those of [`CpuAccess::begin`].
pub fn begin_access(buffer: BorrowedFd<'_>, access: SyncAccess) -> Result<bool, DmaBufError> {
    request_sync(buffer, DMA_BUF_SYNC_START | access.flags())
}

/// Ends what [`begin_access`] started. Returns whether the buffer is a dma-buf.
///
/// # Errors
/// Those of [`CpuAccess::end`].
pub fn end_access(buffer: BorrowedFd<'_>, access: SyncAccess) -> Result<bool, DmaBufError> {
    request_sync(buffer, DMA_BUF_SYNC_END | access.flags())
}

/// `false` for what is no dma-buf, which has nothing to bracket.
fn request_sync(buffer: BorrowedFd<'_>, flags: u32) -> Result<bool, DmaBufError> {
    match sync(buffer, flags) {
        Ok(()) => Ok(true),
        Err(Errno::NOTTY) => Ok(false),
        Err(errno) => Err(DmaBufError::ioctl("DMA_BUF_IOCTL_SYNC", errno)),
    }
}

/// Which memory a descriptor stands for: equal for every descriptor of one dma-buf or memfd, in
/// every process.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// `st_dev` of the inode.
    pub device: u64,
    /// `st_ino` of the inode.
    pub inode: u64,
}

/// The identity of the memory behind a descriptor (dma-bufs have their own inode since Linux 5.3).
///
/// # Errors
/// [`DmaBufError::Identity`] with the answer of `fstat`.
pub fn identity(fd: BorrowedFd<'_>) -> Result<Identity, DmaBufError> {
    let stat = fstat(fd).map_err(DmaBufError::Identity)?;
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
/// [`DmaBufError::Name`] for a longer name; [`DmaBufError::Ioctl`] with ENOTTY when the descriptor
/// is no dma-buf.
#[doc(alias = "DMA_BUF_SET_NAME")]
pub fn set_name(fd: BorrowedFd<'_>, name: &str) -> Result<(), DmaBufError> {
    let mut text = [0_u8; DMA_BUF_NAME_LEN as usize];
    if name.len() >= text.len() || name.contains('\0') {
        return Err(DmaBufError::Name {
            len_bytes: name.len(),
        });
    }
    text[..name.len()].copy_from_slice(name.as_bytes());
    set_name_bytes(fd, text).map_err(|errno| DmaBufError::ioctl("DMA_BUF_SET_NAME_B", errno))
}

/// `DMA_BUF_IOCTL_EXPORT_SYNC_FILE`: a fence that signals when devices are done with the buffer.
///
/// `access` is what the caller wants to do then: to read, it is enough that writers are done; to
/// write, all must be. A snapshot: later work is not in it. The descriptor becomes readable when
/// the fence signals.
///
/// # Errors
/// [`DmaBufError::Ioctl`]: ENOTTY before Linux 6.0 and for what is no dma-buf.
pub fn export_sync_file(fd: BorrowedFd<'_>, access: SyncAccess) -> Result<OwnedFd, DmaBufError> {
    export(fd, access.flags())
        .map_err(|errno| DmaBufError::ioctl("DMA_BUF_IOCTL_EXPORT_SYNC_FILE", errno))
}

/// `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`: makes the buffer's next users wait for a fence.
///
/// `access` is what the work behind the fence does to the buffer.
///
/// # Errors
/// [`DmaBufError::Ioctl`]: ENOTTY before Linux 6.0 and for what is no dma-buf, EINVAL when
/// `fence` is no sync file.
pub fn import_sync_file(
    fd: BorrowedFd<'_>,
    fence: BorrowedFd<'_>,
    access: SyncAccess,
) -> Result<(), DmaBufError> {
    import(fd, fence, access.flags())
        .map_err(|errno| DmaBufError::ioctl("DMA_BUF_IOCTL_IMPORT_SYNC_FILE", errno))
}

/// `poll` on a dma-buf: waits until devices are done with the buffer, as far as they say so by
/// fences, but only until `deadline_ns` of `CLOCK_MONOTONIC` (`u64::MAX` is for ever; a time that
/// is past looks once). `false`: they are not.
///
/// `access` is what the caller wants to do then, as in [`export_sync_file`]. What is no dma-buf is
/// waited for by nobody. A fence that comes after this look is not in it: [`CpuAccess::begin`]
/// waits for that one, however long it takes.
///
/// # Errors
/// [`DmaBufError::Poll`] with the answer of `poll`.
///
/// # Source
/// "Implicit Fence Poll Support" in the kernel's dma-buf documentation; Linux 3.17.
pub fn wait(fd: BorrowedFd<'_>, access: SyncAccess, deadline_ns: u64) -> Result<bool, DmaBufError> {
    let done = match access {
        SyncAccess::Read => PollFlags::IN,
        SyncAccess::Write | SyncAccess::ReadWrite => PollFlags::OUT,
    };
    loop {
        let left = until(deadline_ns);
        let timeout = (deadline_ns != u64::MAX).then_some(&left);
        match poll(&mut [PollFd::from_borrowed_fd(fd, done)], timeout) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(DmaBufError::Poll(errno)),
        }
    }
}

fn sync(fd: BorrowedFd<'_>, flags: u32) -> Result<(), Errno> {
    loop {
        match sync_once(fd, flags) {
            // The kernel's documentation asks for another try in both cases.
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

#[expect(unsafe_code, reason = "the request is made here")]
fn set_name_bytes(fd: BorrowedFd<'_>, name: [u8; DMA_BUF_NAME_LEN as usize]) -> Result<(), Errno> {
    // SAFETY: the argument is a string of at most 32 bytes, NUL included. The code states the size
    // of a u64, a historical mistake that the kernel's header keeps.
    let request =
        unsafe { Setter::<DMA_BUF_SET_NAME_B, [u8; DMA_BUF_NAME_LEN as usize]>::new(name) };
    // SAFETY: the kernel reads up to the NUL that the caller left in, and writes nothing.
    unsafe { ioctl(fd, request) }
}

#[expect(
    unsafe_code,
    reason = "the request is made here, and its answer becomes an owned fd"
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

/// Why a buffer's descriptor refused.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DmaBufError {
    /// A request failed.
    Ioctl {
        /// The request's name in C.
        request: &'static str,
        /// ENOTTY: not a dma-buf, or an older kernel.
        errno: Errno,
    },
    /// The identity could not be had.
    Identity(Errno),
    /// It can't be waited for.
    Poll(Errno),
    /// The name has a NUL or more than 31 bytes.
    Name {
        /// Its length.
        len_bytes: usize,
    },
}

impl DmaBufError {
    const fn ioctl(request: &'static str, errno: Errno) -> Self {
        Self::Ioctl { request, errno }
    }

    /// What the kernel answered; EINVAL for a name that was not even tried.
    pub fn errno(&self) -> Errno {
        match *self {
            Self::Ioctl { errno, .. } | Self::Identity(errno) | Self::Poll(errno) => errno,
            Self::Name { .. } => Errno::INVAL,
        }
    }
}

impl fmt::Display for DmaBufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ioctl { request, errno } if *errno == Errno::NOTTY => {
                write!(
                    f,
                    "{request}: {errno}; not a dma-buf, or the kernel is too old"
                )
            }
            Self::Ioctl { request, errno } => write!(f, "{request}: {errno}"),
            Self::Identity(errno) => write!(f, "the buffer's identity cannot be had: {errno}"),
            Self::Poll(errno) => write!(f, "poll on the buffer: {errno}"),
            Self::Name { len_bytes } => {
                write!(
                    f,
                    "a buffer's name has at most 31 bytes and no NUL, not {len_bytes} bytes"
                )
            }
        }
    }
}

impl core::error::Error for DmaBufError {}

#[cfg(test)]
mod tests {
    use rustix::fd::AsFd as _;
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
    fn a_duplicate_has_the_same_identity_and_another_memfd_has_not() {
        let (fd, other) = (shared_memory(), shared_memory());
        let copy = dup(&fd).unwrap();
        let of = |fd: &OwnedFd| identity(fd.as_fd()).unwrap();
        assert_eq!(of(&fd), of(&copy));
        assert_ne!(of(&fd), of(&other));
    }

    #[test]
    fn names_and_fences_are_refused_for_what_is_no_dma_buf() {
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
            DmaBufError::Name {
                len_bytes: long.len()
            }
        );
        assert!(matches!(
            set_name(fd.as_fd(), "a\0b"),
            Err(DmaBufError::Name { .. })
        ));
    }
}
