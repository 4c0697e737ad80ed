// Generated from vendor-headers/sync_file.h (Linux 6.12, lp64). Do not edit.

pub type __s32 = core::ffi::c_int;
pub type __u32 = core::ffi::c_uint;
pub type __u64 = core::ffi::c_ulonglong;
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct sync_merge_data {
    pub name: [core::ffi::c_char; 32usize],
    pub fd2: __s32,
    pub fence: __s32,
    pub flags: __u32,
    pub pad: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of sync_merge_data"][::core::mem::size_of::<sync_merge_data>() - 48usize];
    ["Alignment of sync_merge_data"][::core::mem::align_of::<sync_merge_data>() - 4usize];
    ["Offset of field: sync_merge_data::name"]
        [::core::mem::offset_of!(sync_merge_data, name) - 0usize];
    ["Offset of field: sync_merge_data::fd2"]
        [::core::mem::offset_of!(sync_merge_data, fd2) - 32usize];
    ["Offset of field: sync_merge_data::fence"]
        [::core::mem::offset_of!(sync_merge_data, fence) - 36usize];
    ["Offset of field: sync_merge_data::flags"]
        [::core::mem::offset_of!(sync_merge_data, flags) - 40usize];
    ["Offset of field: sync_merge_data::pad"]
        [::core::mem::offset_of!(sync_merge_data, pad) - 44usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct sync_fence_info {
    pub obj_name: [core::ffi::c_char; 32usize],
    pub driver_name: [core::ffi::c_char; 32usize],
    pub status: __s32,
    pub flags: __u32,
    pub timestamp_ns: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of sync_fence_info"][::core::mem::size_of::<sync_fence_info>() - 80usize];
    ["Alignment of sync_fence_info"][::core::mem::align_of::<sync_fence_info>() - 8usize];
    ["Offset of field: sync_fence_info::obj_name"]
        [::core::mem::offset_of!(sync_fence_info, obj_name) - 0usize];
    ["Offset of field: sync_fence_info::driver_name"]
        [::core::mem::offset_of!(sync_fence_info, driver_name) - 32usize];
    ["Offset of field: sync_fence_info::status"]
        [::core::mem::offset_of!(sync_fence_info, status) - 64usize];
    ["Offset of field: sync_fence_info::flags"]
        [::core::mem::offset_of!(sync_fence_info, flags) - 68usize];
    ["Offset of field: sync_fence_info::timestamp_ns"]
        [::core::mem::offset_of!(sync_fence_info, timestamp_ns) - 72usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct sync_file_info {
    pub name: [core::ffi::c_char; 32usize],
    pub status: __s32,
    pub flags: __u32,
    pub num_fences: __u32,
    pub pad: __u32,
    pub sync_fence_info: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of sync_file_info"][::core::mem::size_of::<sync_file_info>() - 56usize];
    ["Alignment of sync_file_info"][::core::mem::align_of::<sync_file_info>() - 8usize];
    ["Offset of field: sync_file_info::name"]
        [::core::mem::offset_of!(sync_file_info, name) - 0usize];
    ["Offset of field: sync_file_info::status"]
        [::core::mem::offset_of!(sync_file_info, status) - 32usize];
    ["Offset of field: sync_file_info::flags"]
        [::core::mem::offset_of!(sync_file_info, flags) - 36usize];
    ["Offset of field: sync_file_info::num_fences"]
        [::core::mem::offset_of!(sync_file_info, num_fences) - 40usize];
    ["Offset of field: sync_file_info::pad"]
        [::core::mem::offset_of!(sync_file_info, pad) - 44usize];
    ["Offset of field: sync_file_info::sync_fence_info"]
        [::core::mem::offset_of!(sync_file_info, sync_fence_info) - 48usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct sync_set_deadline {
    pub deadline_ns: __u64,
    pub pad: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of sync_set_deadline"][::core::mem::size_of::<sync_set_deadline>() - 16usize];
    ["Alignment of sync_set_deadline"][::core::mem::align_of::<sync_set_deadline>() - 8usize];
    ["Offset of field: sync_set_deadline::deadline_ns"]
        [::core::mem::offset_of!(sync_set_deadline, deadline_ns) - 0usize];
    ["Offset of field: sync_set_deadline::pad"]
        [::core::mem::offset_of!(sync_set_deadline, pad) - 8usize];
};
