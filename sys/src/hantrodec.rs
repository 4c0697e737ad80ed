//! Hantro G1 and G2 decoders of i.MX8M (`/dev/mxc_hantro`): registers, reservation, interrupts.
//!
//! Codes state the size of a *pointer* to the argument, as the driver's header does.

use core::ffi::{c_int, c_uint, c_ulong};

pub use crate::generated::hantrodec::*;

crate::ioctl::requests! {
    HANTRODEC_PP_INSTANCE = _IO(b'k', 1);
    HANTRODEC_HW_PERFORMANCE = _IO(b'k', 2);
    HANTRODEC_IOCGHWOFFSET = _IOR(b'k', 3, *mut c_ulong);
    HANTRODEC_IOCGHWIOSIZE = _IOR(b'k', 4, *mut c_uint);
    HANTRODEC_IOC_CLI = _IO(b'k', 5);
    HANTRODEC_IOC_STI = _IO(b'k', 6);
    HANTRODEC_IOC_MC_OFFSETS = _IOR(b'k', 7, *mut c_ulong);
    HANTRODEC_IOC_MC_CORES = _IOR(b'k', 8, *mut c_uint);
    HANTRODEC_IOCS_DEC_PUSH_REG = _IOW(b'k', 9, *mut core_desc);
    HANTRODEC_IOCS_PP_PUSH_REG = _IOW(b'k', 10, *mut core_desc);
    HANTRODEC_IOCH_DEC_RESERVE = _IO(b'k', 11);
    HANTRODEC_IOCT_DEC_RELEASE = _IO(b'k', 12);
    HANTRODEC_IOCQ_PP_RESERVE = _IO(b'k', 13);
    HANTRODEC_IOCT_PP_RELEASE = _IO(b'k', 14);
    HANTRODEC_IOCX_DEC_WAIT = _IOWR(b'k', 15, *mut core_desc);
    HANTRODEC_IOCX_PP_WAIT = _IOWR(b'k', 16, *mut core_desc);
    HANTRODEC_IOCS_DEC_PULL_REG = _IOWR(b'k', 17, *mut core_desc);
    HANTRODEC_IOCS_PP_PULL_REG = _IOWR(b'k', 18, *mut core_desc);
    HANTRODEC_IOCG_CORE_WAIT = _IOR(b'k', 19, *mut c_int);
    HANTRODEC_IOX_ASIC_ID = _IOWR(b'k', 20, *mut u32);
    HANTRODEC_IOCG_CORE_ID = _IO(b'k', 21);
    HANTRODEC_DEBUG_STATUS = _IO(b'k', 29);
}
