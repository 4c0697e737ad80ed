//! Hantro H1 encoder of i.MX8M Mini (`/dev/mxc_hantro_h1`), every generation of its driver.
//!
//! The first generation knows requests 3 to 10 and 13, the next one also 11 and 12, the latest
//! all. Codes state the size of a *pointer* to the argument, as the driver's header does.

use core::ffi::{c_uint, c_ulong};

pub use crate::generated::hx280enc::*;

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
    HX280ENC_IOCG_CORE_WAIT = _IOR(b'k', 13, *mut c_uint);
    HX280ENC_IOC_WRITE_REGS = _IOW(b'k', 14, *mut enc_regs_buffer);
    HX280ENC_IOC_READ_REGS = _IOR(b'k', 15, *mut enc_regs_buffer);
    HX280ENC_IOCG_EN_CORE = _IO(b'k', 16);
}
