//! dma-heap: `linux/dma-heap.h`.

pub use crate::generated::dma_heap::*;

crate::ioctl::requests! {
    DMA_HEAP_IOCTL_ALLOC = _IOWR(b'H', 0, dma_heap_allocation_data);
}
