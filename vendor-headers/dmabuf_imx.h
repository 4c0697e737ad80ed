/*
 * Physical addresses of dma-bufs on i.MX: /dev/dmabuf_imx, and an extra request of NXP's kernels
 * on the dma-buf descriptor itself. Mainline has neither.
 */
#ifndef VIDEOSTREAM_DMABUF_IMX_H
#define VIDEOSTREAM_DMABUF_IMX_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The address of the first segment; 0 when the buffer could not be mapped. */
struct dmabuf_imx_phys_data {
	__u32 dmafd;
	__u64 phys;
};

/* The name of the heap, as later kernels answer it. */
struct dmabuf_imx_heap_name {
	__u32 dmafd;
	__u8 name[32];
};

/* The name of the heap, as earlier kernels answer it. */
struct dmabuf_imx_heap_name_16 {
	__u32 dmafd;
	__u8 name[16];
};

#define FLUSH_CACHE 0
#define INVALIDATE_CACHE 1

/* Cache maintenance by hand (latest kernels only). */
struct dmabuf_imx_sync {
	__u32 dmafd;
	__u32 operation;
};

/* Answer of DMA_BUF_IOCTL_PHYS. */
struct dma_buf_phys {
	unsigned long phys;
};

#define DMABUF_GET_PHYS _IOWR('M', 32, struct dmabuf_imx_phys_data)
#define DMABUF_GET_HEAP_NAME _IOWR('M', 33, struct dmabuf_imx_heap_name)
#define DMABUF_GET_HEAP_NAME_16 _IOWR('M', 33, struct dmabuf_imx_heap_name_16)
#define DMABUF_SYNC _IOWR('M', 34, struct dmabuf_imx_sync)

/* On a dma-buf descriptor. The kernel writes the answer, although the code says otherwise. */
#define DMA_BUF_IOCTL_PHYS _IOW('b', 10, struct dma_buf_phys)

#endif
