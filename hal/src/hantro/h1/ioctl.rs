//! The requests of the H1 driver, one function each.
//!
//! Source: `drivers/mxc/hantro_845_h1` of NXP's kernels and the header `hx280enc.h`. The first
//! driver does nothing for unknown codes and returns 0.
#![expect(
    unsafe_code,
    reason = "each entry of the list promises what the driver reads and writes for that code, and \
              two requests carry a pointer to registers"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::hx280enc as sys;

use super::MAX_REGISTERS;
use crate::Error;
use crate::hantro::request::{
    all_copied, ask, ask_address, call, call_by_value, call_with_pointers, requests,
};

requests! {
    // Declared with an `unsigned long`, of which the driver may write 32 bits: either fits.
    HwOffset([u32; 2]) = HX280ENC_IOCGHWOFFSET;
    HwIoSize(u32) = HX280ENC_IOCGHWIOSIZE;
    Reserve(u32) = HX280ENC_IOCH_ENC_RESERVE;
    Release(u32) = HX280ENC_IOCH_ENC_RELEASE;
    // Declared with a number, but all registers are written.
    CoreWait([u32; MAX_REGISTERS]) = HX280ENC_IOCG_CORE_WAIT;
    WriteRegs(sys::enc_regs_buffer) = HX280ENC_IOC_WRITE_REGS pointers;
    ReadRegs(sys::enc_regs_buffer) = HX280ENC_IOC_READ_REGS pointers;
    EnCore = HX280ENC_IOCG_EN_CORE;
}

/// `HX280ENC_IOCGHWOFFSET`: returns the physical address of the first register.
pub(super) fn hw_offset(fd: BorrowedFd<'_>) -> Result<u64, Error> {
    ask_address::<HwOffset>(fd, 0)
}

/// `HX280ENC_IOCGHWIOSIZE`: returns the size of the registers in bytes.
pub(super) fn hw_io_size(fd: BorrowedFd<'_>) -> Result<u32, Error> {
    ask::<HwIoSize>(fd, 0)
}

/// `HX280ENC_IOCH_ENC_RESERVE`: waits for the core, without a time-out. The argument is not used.
///
/// # Errors
/// EINTR.
pub(super) fn enc_reserve(fd: BorrowedFd<'_>) -> Result<(), Error> {
    call::<Reserve>(fd, &mut 0)?;
    Ok(())
}

/// `HX280ENC_IOCH_ENC_RELEASE`: releases the core. The argument is not used.
pub(super) fn enc_release(fd: BorrowedFd<'_>) -> Result<(), Error> {
    call::<Release>(fd, &mut 0)?;
    Ok(())
}

/// `HX280ENC_IOCG_CORE_WAIT`: waits for the core, then reads all registers.
pub(super) fn core_wait(
    fd: BorrowedFd<'_>,
    registers: &mut [u32; MAX_REGISTERS],
) -> Result<(), Error> {
    call::<CoreWait>(fd, registers)?;
    Ok(())
}

/// `HX280ENC_IOCG_EN_CORE`: starts the core.
///
/// # Safety
/// See [`Reservation::enable`](crate::hantro::Reservation::enable).
pub(super) unsafe fn en_core(fd: BorrowedFd<'_>) -> Result<(), Error> {
    call_by_value::<EnCore>(fd, 0)?;
    Ok(())
}

/// `HX280ENC_IOC_READ_REGS`: reads registers from `first` on.
pub(super) fn read_regs(fd: BorrowedFd<'_>, first: usize, to: &mut [u32]) -> Result<(), Error> {
    let mut arg = buffer(first, to.as_mut_ptr(), to.len());
    // SAFETY: the driver writes `arg.size` bytes, which is the slice's size, to its start.
    all_copied::<ReadRegs>(unsafe { call_with_pointers::<ReadRegs>(fd, &mut arg) }?)
}

/// `HX280ENC_IOC_WRITE_REGS`: writes registers from `first` on.
///
/// # Safety
/// See [`Reservation::write_registers`](crate::hantro::Reservation::write_registers).
pub(super) unsafe fn write_regs(
    fd: BorrowedFd<'_>,
    first: usize,
    from: &[u32],
) -> Result<(), Error> {
    let mut arg = buffer(first, from.as_ptr().cast_mut(), from.len());
    // SAFETY: the driver reads `arg.size` bytes, which is the slice's size, from its start, and
    // writes none.
    all_copied::<WriteRegs>(unsafe { call_with_pointers::<WriteRegs>(fd, &mut arg) }?)
}

fn buffer(first: usize, registers: *mut u32, count: usize) -> sys::enc_regs_buffer {
    // Callers check the range against the number of registers, which is small.
    sys::enc_regs_buffer {
        regs: registers,
        offset: 4 * first as u32,
        size: 4 * count as u32,
        ..Default::default()
    }
}
