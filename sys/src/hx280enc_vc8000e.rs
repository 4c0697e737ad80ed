//! VC8000E encoder of i.MX8M Plus (`/dev/mxc_hantro_vc8000e`): its codes differ from those of
//! [`hx280enc`](crate::hx280enc) from number 13 on, under the same names.
//!
//! Codes state the size of a *pointer* to the argument, as the driver's header does.

use core::ffi::{c_uint, c_ulong};

pub use crate::generated::hx280enc_vc8000e::*;

crate::ioctl::requests! {
    HX280ENC_IOCGHWOFFSET = _IOR(b'k', 3, *mut c_ulong);
    HX280ENC_IOCGHWIOSIZE = _IOR(b'k', 4, *mut c_uint);
    HX280ENC_IOC_CLI = _IO(b'k', 5);
    HX280ENC_IOC_STI = _IO(b'k', 6);
    HX280ENC_IOCXVIRT2BUS = _IOWR(b'k', 7, *mut c_ulong);
    HX280ENC_IOCHARDRESET = _IO(b'k', 8);
    HX280ENC_IOCGSRAMOFFSET = _IOR(b'k', 9, *mut c_ulong);
    HX280ENC_IOCGSRAMEIOSIZE = _IOR(b'k', 10, *mut c_uint);
    HX280ENC_IOCH_ENC_RESERVE = _IOR(b'k', 11, *mut c_uint);
    HX280ENC_IOCH_ENC_RELEASE = _IOR(b'k', 12, *mut c_uint);
    HX280ENC_IOCG_CORE_NUM = _IOR(b'k', 13, *mut c_uint);
    HX280ENC_IOCG_EN_CORE = _IOR(b'k', 14, *mut c_uint);
    HX280ENC_IOCG_CORE_WAIT = _IOR(b'k', 19, *mut c_uint);
    HX280ENC_IOC_WRITE_REGS = _IOW(b'k', 20, *mut enc_regs_buffer);
    HX280ENC_IOC_READ_REGS = _IOR(b'k', 21, *mut enc_regs_buffer);
}
