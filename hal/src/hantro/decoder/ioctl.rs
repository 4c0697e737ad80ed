//! The requests of the G1 and G2 decoder driver, one function each.
//!
//! Source: `drivers/mxc/hantro` and `drivers/mxc/hantro_845` of NXP's kernels. The driver refuses
//! unknown numbers with ENOTTY.
#![expect(
    unsafe_code,
    reason = "each entry of the list promises what the driver reads and writes for that code, and \
              three requests carry a pointer to registers"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::hantrodec as sys;

use super::{Client, MAX_REGISTERS};
use crate::Error;
use crate::hantro::request::{
    all_copied, ask, ask_address, call_by_value, call_with_pointers, requests,
};

requests! {
    // Declared with an `unsigned long`, of which the driver writes 32 bits: either fits.
    HwOffset([u32; 2]) = HANTRODEC_IOCGHWOFFSET;
    HwIoSize(u32) = HANTRODEC_IOCGHWIOSIZE;
    McCores(u32) = HANTRODEC_IOC_MC_CORES;
    AsicId(u32) = HANTRODEC_IOX_ASIC_ID;
    CoreId = HANTRODEC_IOCG_CORE_ID;
    Reserve = HANTRODEC_IOCH_DEC_RESERVE;
    Release = HANTRODEC_IOCT_DEC_RELEASE;
    PushReg(sys::core_desc) = HANTRODEC_IOCS_DEC_PUSH_REG pointers;
    PullReg(sys::core_desc) = HANTRODEC_IOCS_DEC_PULL_REG pointers;
    DecWait(sys::core_desc) = HANTRODEC_IOCX_DEC_WAIT pointers;
}

/// `HANTRODEC_IOCGHWOFFSET`: returns the physical address of a core's first register.
pub(super) fn hw_offset(fd: BorrowedFd<'_>, core: u32) -> Result<u64, Error> {
    ask_address::<HwOffset>(fd, core)
}

/// `HANTRODEC_IOCGHWIOSIZE`: returns the size of a core's registers in bytes.
pub(super) fn hw_io_size(fd: BorrowedFd<'_>, core: u32) -> Result<u32, Error> {
    ask::<HwIoSize>(fd, core)
}

/// `HANTRODEC_IOC_MC_CORES`: returns the number of cores.
pub(super) fn mc_cores(fd: BorrowedFd<'_>) -> Result<u32, Error> {
    ask::<McCores>(fd, 0)
}

/// `HANTRODEC_IOX_ASIC_ID`: returns register 0 of a core.
pub(super) fn asic_id(fd: BorrowedFd<'_>, core: u32) -> Result<u32, Error> {
    ask::<AsicId>(fd, core)
}

/// `HANTRODEC_IOCG_CORE_ID`: returns the core for a codec; on Mini and Plus, also enables its power
/// and clock.
pub(super) fn core_id(fd: BorrowedFd<'_>, client: Client) -> Result<u32, Error> {
    call_by_value::<CoreId>(fd, client.number())
}

/// `HANTRODEC_IOCH_DEC_RESERVE`: waits for a core for a codec, without a time-out, and returns its
/// index.
///
/// # Errors
/// EINTR; EFAULT for a codec that the driver does not know.
pub(super) fn dec_reserve(fd: BorrowedFd<'_>, client: Client) -> Result<u32, Error> {
    call_by_value::<Reserve>(fd, client.number())
}

/// `HANTRODEC_IOCT_DEC_RELEASE`: releases a core and aborts its work.
///
/// # Errors
/// EFAULT: the core is not reserved by this handle.
pub(super) fn dec_release(fd: BorrowedFd<'_>, core: u32) -> Result<(), Error> {
    call_by_value::<Release>(fd, core)?;
    Ok(())
}

/// `HANTRODEC_IOCS_DEC_PUSH_REG`: writes all registers, number 1 last, which starts the core.
///
/// # Safety
/// See [`Reservation::push`](crate::hantro::Reservation::push).
pub(super) unsafe fn dec_push_reg(
    fd: BorrowedFd<'_>,
    (core, len_bytes): (u32, u32),
    registers: &[u32; MAX_REGISTERS],
) -> Result<(), Error> {
    let mut arg = desc(core, len_bytes, registers.as_ptr().cast_mut());
    // SAFETY: the driver reads at most the registers of a core, for which the array has room, and
    // writes none.
    all_copied::<PushReg>(unsafe { call_with_pointers::<PushReg>(fd, &mut arg) }?)
}

/// `HANTRODEC_IOCS_DEC_PULL_REG`: reads all registers.
pub(super) fn dec_pull_reg(
    fd: BorrowedFd<'_>,
    (core, len_bytes): (u32, u32),
    registers: &mut [u32; MAX_REGISTERS],
) -> Result<(), Error> {
    let mut arg = desc(core, len_bytes, registers.as_mut_ptr());
    // SAFETY: the driver writes at most the registers of a core, for which the array has room.
    all_copied::<PullReg>(unsafe { call_with_pointers::<PullReg>(fd, &mut arg) }?)
}

/// `HANTRODEC_IOCX_DEC_WAIT`: waits up to 200 ms for a core, then reads all registers.
pub(super) fn dec_wait(
    fd: BorrowedFd<'_>,
    (core, len_bytes): (u32, u32),
    registers: &mut [u32; MAX_REGISTERS],
) -> Result<(), Error> {
    let mut arg = desc(core, len_bytes, registers.as_mut_ptr());
    // SAFETY: the driver writes at most the registers of a core, for which the array has room.
    all_copied::<DecWait>(unsafe { call_with_pointers::<DecWait>(fd, &mut arg) }?)
}

fn desc(core: u32, len_bytes: u32, registers: *mut u32) -> sys::core_desc {
    sys::core_desc {
        id: core,
        regs: registers,
        size: len_bytes,
    }
}
