//! Physical addresses of dma-bufs in NXP's kernels: `/dev/dmabuf_imx`, and
//! [`DMA_BUF_IOCTL_PHYS`] on the dma-buf descriptor itself.

pub use crate::generated::dmabuf_imx::*;

crate::ioctl::requests! {
    DMABUF_GET_PHYS = _IOWR(b'M', 32, dmabuf_imx_phys_data);
    DMABUF_GET_HEAP_NAME = _IOWR(b'M', 33, dmabuf_imx_heap_name);
    DMABUF_GET_HEAP_NAME_16 = _IOWR(b'M', 33, dmabuf_imx_heap_name_16);
    DMABUF_SYNC = _IOWR(b'M', 34, dmabuf_imx_sync);
    DMA_BUF_IOCTL_PHYS = _IOW(b'b', 10, dma_buf_phys);
}
