// Generated from vendor-headers/dmabuf_imx.h (Linux 6.12, ilp32). Do not edit.

pub const FLUSH_CACHE: u32 = 0;
pub const INVALIDATE_CACHE: u32 = 1;
pub type __u8 = core::ffi::c_uchar;
pub type __u32 = core::ffi::c_uint;
pub type __u64 = core::ffi::c_ulonglong;
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dmabuf_imx_phys_data {
    pub dmafd: __u32,
    pub phys: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dmabuf_imx_phys_data"][::core::mem::size_of::<dmabuf_imx_phys_data>() - 16usize];
    ["Alignment of dmabuf_imx_phys_data"][::core::mem::align_of::<dmabuf_imx_phys_data>() - 8usize];
    ["Offset of field: dmabuf_imx_phys_data::dmafd"]
        [::core::mem::offset_of!(dmabuf_imx_phys_data, dmafd) - 0usize];
    ["Offset of field: dmabuf_imx_phys_data::phys"]
        [::core::mem::offset_of!(dmabuf_imx_phys_data, phys) - 8usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dmabuf_imx_heap_name {
    pub dmafd: __u32,
    pub name: [__u8; 32usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dmabuf_imx_heap_name"][::core::mem::size_of::<dmabuf_imx_heap_name>() - 36usize];
    ["Alignment of dmabuf_imx_heap_name"][::core::mem::align_of::<dmabuf_imx_heap_name>() - 4usize];
    ["Offset of field: dmabuf_imx_heap_name::dmafd"]
        [::core::mem::offset_of!(dmabuf_imx_heap_name, dmafd) - 0usize];
    ["Offset of field: dmabuf_imx_heap_name::name"]
        [::core::mem::offset_of!(dmabuf_imx_heap_name, name) - 4usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dmabuf_imx_heap_name_16 {
    pub dmafd: __u32,
    pub name: [__u8; 16usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dmabuf_imx_heap_name_16"]
        [::core::mem::size_of::<dmabuf_imx_heap_name_16>() - 20usize];
    ["Alignment of dmabuf_imx_heap_name_16"]
        [::core::mem::align_of::<dmabuf_imx_heap_name_16>() - 4usize];
    ["Offset of field: dmabuf_imx_heap_name_16::dmafd"]
        [::core::mem::offset_of!(dmabuf_imx_heap_name_16, dmafd) - 0usize];
    ["Offset of field: dmabuf_imx_heap_name_16::name"]
        [::core::mem::offset_of!(dmabuf_imx_heap_name_16, name) - 4usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dmabuf_imx_sync {
    pub dmafd: __u32,
    pub operation: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dmabuf_imx_sync"][::core::mem::size_of::<dmabuf_imx_sync>() - 8usize];
    ["Alignment of dmabuf_imx_sync"][::core::mem::align_of::<dmabuf_imx_sync>() - 4usize];
    ["Offset of field: dmabuf_imx_sync::dmafd"]
        [::core::mem::offset_of!(dmabuf_imx_sync, dmafd) - 0usize];
    ["Offset of field: dmabuf_imx_sync::operation"]
        [::core::mem::offset_of!(dmabuf_imx_sync, operation) - 4usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct dma_buf_phys {
    pub phys: core::ffi::c_ulong,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of dma_buf_phys"][::core::mem::size_of::<dma_buf_phys>() - 4usize];
    ["Alignment of dma_buf_phys"][::core::mem::align_of::<dma_buf_phys>() - 4usize];
    ["Offset of field: dma_buf_phys::phys"][::core::mem::offset_of!(dma_buf_phys, phys) - 0usize];
};
