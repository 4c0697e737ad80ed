//! Physical addresses of dma-bufs, where the kernel exposes them.
//!
//! NXP's kernels do, in one of two ways: a device node, `/dev/dmabuf_imx`, or an extra request on
//! the dma-buf itself. Mainline has neither. Only vendor libraries that program hardware by address
//! need this.

use core::ffi::CStr;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::ioctl::{Updater, ioctl};
use videostream_sys::dmabuf_imx::{
    DMA_BUF_IOCTL_PHYS, DMABUF_GET_PHYS, dma_buf_phys, dmabuf_imx_phys_data,
};

use super::MemoryError;
use super::memfd::is_dma_buf;

/// The node that translates descriptors.
pub const DMABUF_IMX_NODE: &CStr = c"/dev/dmabuf_imx";

/// Returns the physical address of a dma-buf's first byte, for a device on the SoC's bus.
///
/// The address is that of the first segment and says nothing about contiguity. Memory from a
/// contiguous heap has one segment.
///
/// # Errors
/// [`MemoryError::NotDmaBuf`] for other descriptors; [`MemoryError::NoPhysicalAddress`] with both
/// errors when the kernel has neither way; [`MemoryError::NotMapped`] when it returns address 0, as
/// drivers do for a buffer that they could not map.
pub fn physical_address(buffer: BorrowedFd<'_>) -> Result<u64, MemoryError> {
    if !is_dma_buf(buffer) {
        return Err(MemoryError::NotDmaBuf);
    }
    let address = match by_node(buffer) {
        Ok(address) => address,
        Err(node) => {
            by_buffer(buffer).map_err(|request| MemoryError::NoPhysicalAddress { node, request })?
        }
    };
    if address == 0 {
        Err(MemoryError::NotMapped)
    } else {
        Ok(address)
    }
}

#[expect(unsafe_code, reason = "the request is made here")]
fn by_node(buffer: BorrowedFd<'_>) -> Result<u64, Errno> {
    let node = openat(
        CWD,
        DMABUF_IMX_NODE,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut data = dmabuf_imx_phys_data {
        dmafd: buffer.as_raw_fd().cast_unsigned(),
        ..Default::default()
    };
    // SAFETY: the struct is the argument type from which the code was computed.
    let request = unsafe { Updater::<DMABUF_GET_PHYS, dmabuf_imx_phys_data>::new(&mut data) };
    // SAFETY: the driver reads and writes the 16 bytes of `data`, which outlives the call.
    unsafe { ioctl(&node, request)? };
    Ok(data.phys)
}

#[expect(unsafe_code, reason = "the request is made here")]
fn by_buffer(buffer: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut data = dma_buf_phys::default();
    // SAFETY: the struct is the argument type from which the code was computed.
    let request = unsafe { Updater::<DMA_BUF_IOCTL_PHYS, dma_buf_phys>::new(&mut data) };
    // SAFETY: the caller checked that this is a dma-buf, which either does not know the code or
    // writes the one word of `data`.
    unsafe { ioctl(buffer, request)? };
    #[allow(
        clippy::useless_conversion,
        reason = "unsigned long has 32 bits on armv7"
    )]
    Ok(u64::from(data.phys))
}

#[cfg(test)]
mod tests {
    use rustix::fd::AsFd as _;

    use super::super::memfd;
    use super::*;

    #[test]
    fn a_memfd_has_no_physical_address() {
        let fd = memfd::create(c"physical-test", 4096).unwrap();
        assert_eq!(physical_address(fd.as_fd()), Err(MemoryError::NotDmaBuf));
    }
}
