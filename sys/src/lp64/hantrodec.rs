// Generated from vendor-headers/hantrodec.h (Linux 6.12, lp64). Do not edit.

pub const HANTRODEC_IOC_MAGIC: u8 = 107u8;
pub const HANTRODEC_IOC_MAXNR: u32 = 29;
pub const DWL_CLIENT_TYPE_H264_DEC: u32 = 1;
pub const DWL_CLIENT_TYPE_MPEG4_DEC: u32 = 2;
pub const DWL_CLIENT_TYPE_JPEG_DEC: u32 = 3;
pub const DWL_CLIENT_TYPE_PP: u32 = 4;
pub const DWL_CLIENT_TYPE_VC1_DEC: u32 = 5;
pub const DWL_CLIENT_TYPE_MPEG2_DEC: u32 = 6;
pub const DWL_CLIENT_TYPE_VP6_DEC: u32 = 7;
pub const DWL_CLIENT_TYPE_AVS_DEC: u32 = 8;
pub const DWL_CLIENT_TYPE_RV_DEC: u32 = 9;
pub const DWL_CLIENT_TYPE_VP8_DEC: u32 = 10;
pub const DWL_CLIENT_TYPE_VP9_DEC: u32 = 11;
pub const DWL_CLIENT_TYPE_HEVC_DEC: u32 = 12;
pub type __u32 = core::ffi::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct core_desc {
    pub id: __u32,
    pub regs: *mut __u32,
    pub size: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of core_desc"][::core::mem::size_of::<core_desc>() - 24usize];
    ["Alignment of core_desc"][::core::mem::align_of::<core_desc>() - 8usize];
    ["Offset of field: core_desc::id"][::core::mem::offset_of!(core_desc, id) - 0usize];
    ["Offset of field: core_desc::regs"][::core::mem::offset_of!(core_desc, regs) - 8usize];
    ["Offset of field: core_desc::size"][::core::mem::offset_of!(core_desc, size) - 16usize];
};
impl Default for core_desc {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
