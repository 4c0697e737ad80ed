// Generated from vendor-headers/dma_buf.h (Linux 6.12, lp64). Do not edit.

pub const DMA_BUF_SYNC_READ: u32 = 1;
pub const DMA_BUF_SYNC_WRITE: u32 = 2;
pub const DMA_BUF_SYNC_RW: u32 = 3;
pub const DMA_BUF_SYNC_START: u32 = 0;
pub const DMA_BUF_SYNC_END: u32 = 4;
pub const DMA_BUF_SYNC_VALID_FLAGS_MASK: u32 = 7;
pub const DMA_BUF_NAME_LEN: u32 = 32;
pub type __s32 = core::ffi::c_int;
pub type __u32 = core::ffi::c_uint;
pub type __u64 = core::ffi::c_ulonglong;
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dma_buf_sync {
    pub flags: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dma_buf_sync"][::core::mem::size_of::<dma_buf_sync>() - 8usize];
    ["Alignment of dma_buf_sync"][::core::mem::align_of::<dma_buf_sync>() - 8usize];
    ["Offset of field: dma_buf_sync::flags"][::core::mem::offset_of!(dma_buf_sync, flags) - 0usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dma_buf_export_sync_file {
    pub flags: __u32,
    pub fd: __s32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dma_buf_export_sync_file"]
        [::core::mem::size_of::<dma_buf_export_sync_file>() - 8usize];
    ["Alignment of dma_buf_export_sync_file"]
        [::core::mem::align_of::<dma_buf_export_sync_file>() - 4usize];
    ["Offset of field: dma_buf_export_sync_file::flags"]
        [::core::mem::offset_of!(dma_buf_export_sync_file, flags) - 0usize];
    ["Offset of field: dma_buf_export_sync_file::fd"]
        [::core::mem::offset_of!(dma_buf_export_sync_file, fd) - 4usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dma_buf_import_sync_file {
    pub flags: __u32,
    pub fd: __s32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dma_buf_import_sync_file"]
        [::core::mem::size_of::<dma_buf_import_sync_file>() - 8usize];
    ["Alignment of dma_buf_import_sync_file"]
        [::core::mem::align_of::<dma_buf_import_sync_file>() - 4usize];
    ["Offset of field: dma_buf_import_sync_file::flags"]
        [::core::mem::offset_of!(dma_buf_import_sync_file, flags) - 0usize];
    ["Offset of field: dma_buf_import_sync_file::fd"]
        [::core::mem::offset_of!(dma_buf_import_sync_file, fd) - 4usize];
};
