//! dma-buf: `linux/dma-buf.h`, requests on the descriptor of a shared buffer.

use core::ffi::c_char;

pub use crate::generated::dma_buf::*;

crate::ioctl::requests! {
    DMA_BUF_IOCTL_SYNC = _IOW(b'b', 0, dma_buf_sync);
    DMA_BUF_SET_NAME = _IOW(b'b', 1, *const c_char);
    DMA_BUF_SET_NAME_A = _IOW(b'b', 1, u32);
    DMA_BUF_SET_NAME_B = _IOW(b'b', 1, u64);
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE = _IOWR(b'b', 2, dma_buf_export_sync_file);
    DMA_BUF_IOCTL_IMPORT_SYNC_FILE = _IOW(b'b', 3, dma_buf_import_sync_file);
}
