// Generated from vendor-headers/udmabuf.h (Linux 6.12, ilp32). Do not edit.

#[repr(C)]
#[derive(Default)]
pub struct __IncompleteArrayField<T>(::core::marker::PhantomData<T>, [T; 0]);
impl<T> __IncompleteArrayField<T> {
    #[inline]
    pub const fn new() -> Self {
        __IncompleteArrayField(::core::marker::PhantomData, [])
    }
    #[inline]
    pub fn as_ptr(&self) -> *const T {
        self as *const _ as *const T
    }
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self as *mut _ as *mut T
    }
    #[inline]
    pub unsafe fn as_slice(&self, len: usize) -> &[T] {
        unsafe { ::core::slice::from_raw_parts(self.as_ptr(), len) }
    }
    #[inline]
    pub unsafe fn as_mut_slice(&mut self, len: usize) -> &mut [T] {
        unsafe { ::core::slice::from_raw_parts_mut(self.as_mut_ptr(), len) }
    }
}
impl<T> ::core::fmt::Debug for __IncompleteArrayField<T> {
    fn fmt(&self, fmt: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        fmt.write_str("__IncompleteArrayField")
    }
}
pub const UDMABUF_FLAGS_CLOEXEC: u32 = 1;
pub type __u32 = core::ffi::c_uint;
pub type __u64 = core::ffi::c_ulonglong;
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct udmabuf_create {
    pub memfd: __u32,
    pub flags: __u32,
    pub offset: __u64,
    pub size: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of udmabuf_create"][::core::mem::size_of::<udmabuf_create>() - 24usize];
    ["Alignment of udmabuf_create"][::core::mem::align_of::<udmabuf_create>() - 8usize];
    ["Offset of field: udmabuf_create::memfd"]
        [::core::mem::offset_of!(udmabuf_create, memfd) - 0usize];
    ["Offset of field: udmabuf_create::flags"]
        [::core::mem::offset_of!(udmabuf_create, flags) - 4usize];
    ["Offset of field: udmabuf_create::offset"]
        [::core::mem::offset_of!(udmabuf_create, offset) - 8usize];
    ["Offset of field: udmabuf_create::size"]
        [::core::mem::offset_of!(udmabuf_create, size) - 16usize];
};
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct udmabuf_create_item {
    pub memfd: __u32,
    pub __pad: __u32,
    pub offset: __u64,
    pub size: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of udmabuf_create_item"][::core::mem::size_of::<udmabuf_create_item>() - 24usize];
    ["Alignment of udmabuf_create_item"][::core::mem::align_of::<udmabuf_create_item>() - 8usize];
    ["Offset of field: udmabuf_create_item::memfd"]
        [::core::mem::offset_of!(udmabuf_create_item, memfd) - 0usize];
    ["Offset of field: udmabuf_create_item::__pad"]
        [::core::mem::offset_of!(udmabuf_create_item, __pad) - 4usize];
    ["Offset of field: udmabuf_create_item::offset"]
        [::core::mem::offset_of!(udmabuf_create_item, offset) - 8usize];
    ["Offset of field: udmabuf_create_item::size"]
        [::core::mem::offset_of!(udmabuf_create_item, size) - 16usize];
};
#[repr(C)]
#[derive(Debug, Default)]
pub struct udmabuf_create_list {
    pub flags: __u32,
    pub count: __u32,
    pub list: __IncompleteArrayField<udmabuf_create_item>,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of udmabuf_create_list"][::core::mem::size_of::<udmabuf_create_list>() - 8usize];
    ["Alignment of udmabuf_create_list"][::core::mem::align_of::<udmabuf_create_list>() - 8usize];
    ["Offset of field: udmabuf_create_list::flags"]
        [::core::mem::offset_of!(udmabuf_create_list, flags) - 0usize];
    ["Offset of field: udmabuf_create_list::count"]
        [::core::mem::offset_of!(udmabuf_create_list, count) - 4usize];
    ["Offset of field: udmabuf_create_list::list"]
        [::core::mem::offset_of!(udmabuf_create_list, list) - 8usize];
};
