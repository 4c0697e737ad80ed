// Generated from vendor-headers/hx280enc_vc8000e.h (Linux 6.12, lp64). Do not edit.

pub const HX280ENC_IOC_MAGIC: u8 = 107u8;
pub const HX280ENC_IOC_MAXNR: u32 = 30;
pub type __u32 = core::ffi::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct enc_regs_buffer {
    pub core_id: __u32,
    pub regs: *mut __u32,
    pub offset: __u32,
    pub size: __u32,
    pub reserved: *mut __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of enc_regs_buffer"][::core::mem::size_of::<enc_regs_buffer>() - 32usize];
    ["Alignment of enc_regs_buffer"][::core::mem::align_of::<enc_regs_buffer>() - 8usize];
    ["Offset of field: enc_regs_buffer::core_id"]
        [::core::mem::offset_of!(enc_regs_buffer, core_id) - 0usize];
    ["Offset of field: enc_regs_buffer::regs"]
        [::core::mem::offset_of!(enc_regs_buffer, regs) - 8usize];
    ["Offset of field: enc_regs_buffer::offset"]
        [::core::mem::offset_of!(enc_regs_buffer, offset) - 16usize];
    ["Offset of field: enc_regs_buffer::size"]
        [::core::mem::offset_of!(enc_regs_buffer, size) - 20usize];
    ["Offset of field: enc_regs_buffer::reserved"]
        [::core::mem::offset_of!(enc_regs_buffer, reserved) - 24usize];
};
impl Default for enc_regs_buffer {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
