//! sync file: a descriptor of a fence, readable once the fence has signalled.
//!
//! [`export_sync_file`](super::dmabuf::export_sync_file) exports one of a dma-buf's fences; GPU and
//! display drivers provide their own. All sync files share one anonymous inode, so they have no
//! size and no identity.
//!
//! # Source
//! `linux/sync_file.h`; "Sync File API Guide" in the kernel's documentation.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::{Updater, ioctl};
use videostream_sys::sync_file::{SYNC_IOC_FILE_INFO, sync_file_info};

use super::MemoryError;
use super::kind::{self, Kind};
use crate::Call;
use crate::time::poll_until;

/// The state of the work behind a fence.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not finished.
    Active,
    /// Finished: what it has written is complete.
    Signalled,
    /// Failed with this error.
    Failed(Errno),
}

/// Returns the state of a sync file's fence. Never blocks: the ioctl is issued only for kernel
/// objects.
///
/// # Errors
/// [`MemoryError::NotASyncFile`]; [`MemoryError::System`] when the ioctl fails otherwise.
#[doc(alias = "SYNC_IOC_FILE_INFO")]
pub fn status(fd: BorrowedFd<'_>) -> Result<Status, MemoryError> {
    match kind::of(fd) {
        Ok(Kind::Object) => {}
        Ok(_) => return Err(MemoryError::NotASyncFile),
        Err(errno) => return Err(MemoryError::of(Call::Statx)(errno)),
    }
    match file_info(fd) {
        Ok(info) => Ok(match info.status {
            0 => Status::Active,
            1.. => Status::Signalled,
            error => Status::Failed(Errno::from_raw_os_error(error.wrapping_neg())),
        }),
        Err(Errno::NOTTY | Errno::INVAL | Errno::OPNOTSUPP | Errno::BADF) => {
            Err(MemoryError::NotASyncFile)
        }
        Err(errno) => Err(MemoryError::of(Call::SyncFileInfo)(errno)),
    }
}

/// Waits until the fence has signalled, at most until `deadline_ns` of `CLOCK_MONOTONIC`
/// (`u64::MAX`: no limit; a time in the past: checks once).
///
/// # Errors
/// [`MemoryError::TimedOut`]; [`MemoryError::FenceFailed`] for a fence that signalled an error;
/// those of [`status`].
pub fn wait(fd: BorrowedFd<'_>, deadline_ns: u64) -> Result<(), MemoryError> {
    loop {
        match status(fd)? {
            Status::Signalled => return Ok(()),
            Status::Failed(errno) => return Err(MemoryError::FenceFailed { errno }),
            Status::Active => {}
        }
        match poll_until(
            &mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)],
            deadline_ns,
        ) {
            Ok(false) => return Err(MemoryError::TimedOut),
            Ok(true) => {}
            Err(errno) => return Err(MemoryError::of(Call::Poll)(errno)),
        }
    }
}

#[expect(unsafe_code, reason = "the request is made here")]
fn file_info(fd: BorrowedFd<'_>) -> Result<sync_file_info, Errno> {
    // No room for the individual fences: asks for their combined status only.
    let mut info = sync_file_info::default();
    // SAFETY: the struct is the argument type from which the code was computed.
    let request = unsafe { Updater::<SYNC_IOC_FILE_INFO, sync_file_info>::new(&mut info) };
    // SAFETY: a sync file reads and writes the 56 bytes of `info`, which outlives the call, and
    // nothing else, since `num_fences` is 0; other anonymous files refuse a code of the letter
    // '>' that is not theirs.
    unsafe { ioctl(fd, request)? };
    Ok(info)
}

#[cfg(test)]
mod tests {
    use rustix::event::{EventfdFlags, epoll, eventfd};
    use rustix::fd::{AsFd as _, OwnedFd};
    use rustix::fs::{Mode, OFlags, open};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::super::memfd;
    use super::*;

    /// Returns files of kinds other than a sync file.
    fn others() -> [OwnedFd; 7] {
        let kind = SocketType::STREAM;
        let pair = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        let file = open("/proc/self/exe", OFlags::RDONLY, Mode::empty()).unwrap();
        let null = open("/dev/null", OFlags::RDONLY, Mode::empty()).unwrap();
        [
            memfd::create(c"test", 4096).unwrap(),
            pair.0,
            rustix::pipe::pipe().unwrap().0,
            file,
            null,
            eventfd(0, EventfdFlags::CLOEXEC).unwrap(),
            epoll::create(epoll::CreateFlags::CLOEXEC).unwrap(),
        ]
    }

    #[test]
    fn other_files_are_refused_without_a_wait() {
        for (at, fd) in others().into_iter().enumerate() {
            let refused = Err(MemoryError::NotASyncFile);
            assert_eq!(status(fd.as_fd()), refused, "{at}");
            assert_eq!(wait(fd.as_fd(), u64::MAX).map(|()| Status::Active), refused);
        }
    }
}
