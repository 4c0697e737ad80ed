// Generated from vendor-headers/dma_heap.h (Linux 6.12, lp64). Do not edit.

pub const DMA_HEAP_VALID_HEAP_FLAGS: u32 = 0;
pub type __u32 = core::ffi::c_uint;
pub type __u64 = core::ffi::c_ulonglong;
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dma_heap_allocation_data {
    pub len: __u64,
    pub fd: __u32,
    pub fd_flags: __u32,
    pub heap_flags: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dma_heap_allocation_data"]
        [::core::mem::size_of::<dma_heap_allocation_data>() - 24usize];
    ["Alignment of dma_heap_allocation_data"]
        [::core::mem::align_of::<dma_heap_allocation_data>() - 8usize];
    ["Offset of field: dma_heap_allocation_data::len"]
        [::core::mem::offset_of!(dma_heap_allocation_data, len) - 0usize];
    ["Offset of field: dma_heap_allocation_data::fd"]
        [::core::mem::offset_of!(dma_heap_allocation_data, fd) - 8usize];
    ["Offset of field: dma_heap_allocation_data::fd_flags"]
        [::core::mem::offset_of!(dma_heap_allocation_data, fd_flags) - 12usize];
    ["Offset of field: dma_heap_allocation_data::heap_flags"]
        [::core::mem::offset_of!(dma_heap_allocation_data, heap_flags) - 16usize];
};
