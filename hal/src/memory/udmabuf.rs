//! udmabuf: a dma-buf made of the pages of a memfd.
//!
//! For machines without dma-heap: the buffer's pages are ordinary memory, scattered and cached, so
//! virtual drivers and devices behind an IOMMU can import it, but a device that needs contiguous
//! memory cannot. The buffer pins the pages and outlives the memfd.

use core::ffi::CStr;
use core::fmt;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, SealFlags, fcntl_get_seals, openat};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use videostream_sys::udmabuf::{UDMABUF_CREATE, UDMABUF_FLAGS_CLOEXEC, udmabuf_create};

/// The device node.
pub const UDMABUF_NODE: &CStr = c"/dev/udmabuf";

/// An open `/dev/udmabuf`.
///
/// # Source
/// `linux/udmabuf.h` (Linux 4.20), `drivers/dma-buf/udmabuf.c`.
#[derive(Debug)]
pub struct Udmabuf {
    device: OwnedFd,
}

impl Udmabuf {
    /// Opens the device node.
    ///
    /// # Errors
    /// [`UdmabufError::Open`]: ENOENT when the kernel has no udmabuf, EACCES without the right.
    pub fn open() -> Result<Self, UdmabufError> {
        openat(
            CWD,
            UDMABUF_NODE,
            OFlags::RDWR | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(|device| Self { device })
        .map_err(UdmabufError::Open)
    }

    /// Makes a dma-buf of `size` bytes of `memfd`, from `offset` on, both in whole pages.
    ///
    /// The memfd must be sealed against shrinking and open to writing: `F_SEAL_SHRINK` set,
    /// neither `F_SEAL_WRITE` nor `F_SEAL_FUTURE_WRITE`.
    ///
    /// # Errors
    /// [`UdmabufError::NotSealable`], [`UdmabufError::MayShrink`] and
    /// [`UdmabufError::WriteSealed`] for a memfd that the kernel would refuse;
    /// [`UdmabufError::Create`]: EINVAL when the range is empty, not in whole pages, beyond the
    /// memfd's end or above the module's `size_limit_mb` (64 MiB by default).
    pub fn create(
        &self,
        memfd: BorrowedFd<'_>,
        offset: u64,
        size: u64,
    ) -> Result<OwnedFd, UdmabufError> {
        let seals = fcntl_get_seals(memfd).map_err(UdmabufError::NotSealable)?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(UdmabufError::MayShrink);
        }
        if seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
            return Err(UdmabufError::WriteSealed);
        }
        create(self.device.as_fd(), memfd, offset, size).map_err(|errno| UdmabufError::Create {
            offset,
            size,
            errno,
        })
    }
}

#[expect(
    unsafe_code,
    reason = "the request is made here, and its answer becomes an owned fd"
)]
fn create(
    device: BorrowedFd<'_>,
    memfd: BorrowedFd<'_>,
    offset: u64,
    size: u64,
) -> Result<OwnedFd, Errno> {
    let request = Create(udmabuf_create {
        memfd: memfd.as_raw_fd().cast_unsigned(),
        flags: UDMABUF_FLAGS_CLOEXEC,
        offset,
        size,
    });
    // SAFETY: the kernel reads the struct in `request`, which is of the type that the code was
    // computed from, and writes nothing; a node that is no udmabuf refuses the code.
    unsafe { rustix::ioctl::ioctl(device, request) }
}

/// The request returns the descriptor as its result, for which rustix has no ready-made type.
struct Create(udmabuf_create);

#[expect(
    unsafe_code,
    reason = "the trait states how the kernel uses the pointer"
)]
// SAFETY: code and struct belong together (`linux/udmabuf.h`), the kernel only reads the struct,
// and the return value of a call that did not fail is a new descriptor.
unsafe impl Ioctl for Create {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        UDMABUF_CREATE
    }

    fn as_ptr(&mut self) -> *mut core::ffi::c_void {
        (&raw mut self.0).cast()
    }

    unsafe fn output_from_ptr(
        answer: IoctlOutput,
        _: *mut core::ffi::c_void,
    ) -> rustix::io::Result<OwnedFd> {
        if answer < 0 {
            return Err(Errno::BADF);
        }
        // SAFETY: the kernel has just installed this descriptor for us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(answer) })
    }
}

/// Why no buffer could be made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum UdmabufError {
    /// `/dev/udmabuf` could not be opened.
    Open(Errno),
    /// The descriptor has no seals: it is no memfd, or EBADF.
    NotSealable(Errno),
    /// The memfd lacks `F_SEAL_SHRINK`.
    MayShrink,
    /// The memfd has `F_SEAL_WRITE` or `F_SEAL_FUTURE_WRITE`.
    WriteSealed,
    /// `UDMABUF_CREATE` failed.
    Create {
        /// Where the range starts in the memfd, in bytes.
        offset: u64,
        /// Length of the range in bytes.
        size: u64,
        /// EINVAL: range not in whole pages, outside the memfd or too large.
        errno: Errno,
    },
}

impl UdmabufError {
    /// What the kernel answered, or would have.
    pub fn errno(&self) -> Errno {
        match *self {
            Self::Open(errno) | Self::NotSealable(errno) | Self::Create { errno, .. } => errno,
            Self::MayShrink | Self::WriteSealed => Errno::INVAL,
        }
    }
}

impl fmt::Display for UdmabufError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(errno) => write!(f, "/dev/udmabuf cannot be opened: {errno}"),
            Self::NotSealable(errno) => {
                write!(
                    f,
                    "udmabuf needs a memfd, and this descriptor has no seals: {errno}"
                )
            }
            Self::MayShrink => f.write_str("udmabuf needs a memfd sealed with F_SEAL_SHRINK"),
            Self::WriteSealed => f.write_str(
                "udmabuf refuses a memfd sealed with F_SEAL_WRITE or F_SEAL_FUTURE_WRITE",
            ),
            Self::Create {
                offset,
                size,
                errno,
            } => write!(
                f,
                "no udmabuf of {size} bytes at offset {offset} (UDMABUF_CREATE): {errno}; the \
                 range must be whole pages inside the memfd, by default at most 64 MiB"
            ),
        }
    }
}

impl core::error::Error for UdmabufError {}

#[cfg(test)]
mod tests {
    use super::super::memfd;
    use super::*;

    /// Stands in for the device where only the checks before the request matter.
    fn not_the_device() -> Udmabuf {
        Udmabuf { device: null() }
    }

    fn null() -> OwnedFd {
        openat(CWD, "/dev/null", OFlags::RDONLY, Mode::empty()).unwrap()
    }

    fn sealed(seals: SealFlags) -> OwnedFd {
        let fd = memfd::create(c"udmabuf-test", 65536).unwrap();
        memfd::seal(&fd, seals).unwrap();
        fd
    }

    #[test]
    fn a_memfd_that_may_shrink_is_refused() {
        let fd = sealed(SealFlags::GROW);
        let refusal = not_the_device().create(fd.as_fd(), 0, 65536);
        assert_eq!(refusal.unwrap_err(), UdmabufError::MayShrink);
    }

    #[test]
    fn a_memfd_sealed_against_writing_is_refused() {
        for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
            let fd = sealed(SealFlags::SHRINK | seal);
            let refusal = not_the_device().create(fd.as_fd(), 0, 65536);
            assert_eq!(refusal.unwrap_err(), UdmabufError::WriteSealed);
        }
    }

    #[test]
    fn a_descriptor_without_seals_is_refused() {
        let refusal = not_the_device().create(null().as_fd(), 0, 4096);
        assert_eq!(
            refusal.unwrap_err(),
            UdmabufError::NotSealable(Errno::INVAL)
        );
    }

    #[test]
    fn an_unsupported_request_is_reported() {
        let fd = sealed(SealFlags::SHRINK);
        let refusal = not_the_device().create(fd.as_fd(), 0, 65536).unwrap_err();
        assert_eq!(refusal.errno(), Errno::NOTTY);
    }
}
