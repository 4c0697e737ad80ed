//! udmabuf: a dma-buf made of the pages of a memfd.
//!
//! For machines without dma-heap: the buffer's pages are ordinary memory, scattered and cached, so
//! virtual drivers and devices behind an IOMMU can import it, but a device that needs contiguous
//! memory cannot. The buffer pins the pages and outlives the memfd.

use core::ffi::CStr;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, SealFlags, fcntl_get_seals, openat};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use videostream_sys::udmabuf::{UDMABUF_CREATE, UDMABUF_FLAGS_CLOEXEC, udmabuf_create};

use super::MemoryError;

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
    /// [`MemoryError::UdmabufOpen`]: ENOENT when the kernel has no udmabuf, EACCES when permission
    /// is denied.
    pub fn open() -> Result<Self, MemoryError> {
        openat(
            CWD,
            UDMABUF_NODE,
            OFlags::RDWR | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(|device| Self { device })
        .map_err(|errno| MemoryError::UdmabufOpen { errno })
    }

    /// Makes a dma-buf of `size` bytes of `memfd`, from `offset` on, both in whole pages.
    ///
    /// The memfd must be sealed against shrinking and not against writing: `F_SEAL_SHRINK` set,
    /// neither `F_SEAL_WRITE` nor `F_SEAL_FUTURE_WRITE`.
    ///
    /// # Errors
    /// [`MemoryError::NotSealable`], [`MemoryError::MayShrink`] and
    /// [`MemoryError::WriteSealed`] for a memfd that the kernel would refuse;
    /// [`MemoryError::UdmabufCreate`]: EINVAL when the range is empty, not in whole pages, beyond
    /// the memfd's end or above the module's `size_limit_mb` (64 MiB by default).
    pub fn create(
        &self,
        memfd: BorrowedFd<'_>,
        offset: u64,
        size: u64,
    ) -> Result<OwnedFd, MemoryError> {
        let seals = fcntl_get_seals(memfd).map_err(|errno| MemoryError::NotSealable { errno })?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(MemoryError::MayShrink);
        }
        if seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
            return Err(MemoryError::WriteSealed);
        }
        create(self.device.as_fd(), memfd, offset, size).map_err(|errno| {
            MemoryError::UdmabufCreate {
                offset,
                size,
                errno,
            }
        })
    }
}

#[expect(
    unsafe_code,
    reason = "the request is made here, and its result becomes an owned fd"
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
    // computed from, and writes nothing; a node that is not udmabuf refuses the code.
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
        assert_eq!(refusal.unwrap_err(), MemoryError::MayShrink);
    }

    #[test]
    fn a_memfd_sealed_against_writing_is_refused() {
        for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
            let fd = sealed(SealFlags::SHRINK | seal);
            let refusal = not_the_device().create(fd.as_fd(), 0, 65536);
            assert_eq!(refusal.unwrap_err(), MemoryError::WriteSealed);
        }
    }

    #[test]
    fn a_descriptor_without_seals_is_refused() {
        let refusal = not_the_device().create(null().as_fd(), 0, 4096);
        assert_eq!(
            refusal.unwrap_err(),
            MemoryError::NotSealable {
                errno: Errno::INVAL
            }
        );
    }

    #[test]
    fn an_unsupported_request_is_reported() {
        let fd = sealed(SealFlags::SHRINK);
        let refusal = not_the_device().create(fd.as_fd(), 0, 65536).unwrap_err();
        assert_eq!(refusal.errno(), Errno::NOTTY);
    }
}
