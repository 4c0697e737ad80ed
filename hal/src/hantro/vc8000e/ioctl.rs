//! The requests of the VC8000E driver, one function each.
//!
//! Source: `drivers/mxc/hantro_vc8000e` of NXP's kernels. The driver checks only the number of a
//! request; for unknown numbers it does nothing and returns 0.
#![expect(
    unsafe_code,
    reason = "each entry of the list promises what the driver reads and writes for that code, and \
              two requests carry a pointer to registers"
)]

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use videostream_sys::hx280enc_vc8000e as sys;

use crate::Error;
use crate::hantro::request::{all_copied, ask, ask_address, call, call_with_pointers, requests};

requests! {
    // Early drivers write an `unsigned long`, later ones 32 bits of it: either fits.
    HwOffset([u32; 2]) = HX280ENC_IOCGHWOFFSET;
    HwIoSize(u32) = HX280ENC_IOCGHWIOSIZE;
    Reserve(u32) = HX280ENC_IOCH_ENC_RESERVE;
    Release(u32) = HX280ENC_IOCH_ENC_RELEASE;
    CoreNum(u32) = HX280ENC_IOCG_CORE_NUM;
    EnCore(u32) = HX280ENC_IOCG_EN_CORE;
    CoreWait(u32) = HX280ENC_IOCG_CORE_WAIT;
    WriteRegs(sys::enc_regs_buffer) = HX280ENC_IOC_WRITE_REGS pointers;
    ReadRegs(sys::enc_regs_buffer) = HX280ENC_IOC_READ_REGS pointers;
}

/// `HX280ENC_IOCGHWOFFSET`: returns the physical address of a core's first register.
///
/// # Errors
/// EFAULT: no such core.
pub(super) fn hw_offset(fd: BorrowedFd<'_>, core: u32) -> Result<u64, Error> {
    ask_address::<HwOffset>(fd, core)
}

/// `HX280ENC_IOCGHWIOSIZE`: returns the size of a core's registers in bytes.
///
/// # Errors
/// EFAULT: no such core.
pub(super) fn hw_io_size(fd: BorrowedFd<'_>, core: u32) -> Result<u32, Error> {
    ask::<HwIoSize>(fd, core)
}

/// `HX280ENC_IOCG_CORE_NUM`: returns the number of cores.
pub(super) fn core_num(fd: BorrowedFd<'_>) -> Result<u32, Error> {
    ask::<CoreNum>(fd, 0)
}

/// `HX280ENC_IOCH_ENC_RESERVE`: waits for one core of a mask, without a time-out, and returns the
/// mask that was reserved.
///
/// # Errors
/// EINTR.
pub(super) fn enc_reserve(fd: BorrowedFd<'_>, mask: u8) -> Result<u32, Error> {
    // The mask is in bits 0 to 7, the count minus one in bits 28 to 30.
    Ok(ask::<Reserve>(fd, mask.into())? & 0xff)
}

/// `HX280ENC_IOCH_ENC_RELEASE`: releases cores. For cores of others it succeeds without effect.
pub(super) fn enc_release(fd: BorrowedFd<'_>, mask: u8) -> Result<(), Error> {
    ask::<Release>(fd, mask.into())?;
    Ok(())
}

/// `HX280ENC_IOCG_EN_CORE`: starts a core. The driver does not check the index.
///
/// # Errors
/// EPERM: not reserved by the caller; [`Error::RegistersLost`].
///
/// # Safety
/// See [`Reservation::enable`](crate::hantro::Reservation::enable).
pub(super) unsafe fn en_core(fd: BorrowedFd<'_>, core: u8) -> Result<(), Error> {
    let mut arg = u32::from(core);
    match call::<EnCore>(fd, &mut arg) {
        Ok(_) => Ok(()),
        Err(error) if error.errno() == Some(Errno::AGAIN) => Err(Error::RegistersLost),
        Err(error) => Err(error),
    }
}

/// A core's status, and its index.
pub(super) struct Waited {
    pub(super) core: u32,
    pub(super) status: u32,
}

/// `HX280ENC_IOCG_CORE_WAIT`: waits up to 200 ms for one core of a mask.
///
/// # Errors
/// EPERM: none has finished, or none is reserved.
pub(super) fn core_wait(fd: BorrowedFd<'_>, mask: u8) -> Result<Waited, Error> {
    let mut arg = u32::from(mask);
    let core = call::<CoreWait>(fd, &mut arg)?;
    Ok(Waited { core, status: arg })
}

/// `HX280ENC_IOC_READ_REGS`: reads registers from `first` on.
///
/// # Errors
/// EINVAL: past the end of the registers, no such core.
pub(super) fn read_regs(
    fd: BorrowedFd<'_>,
    core: u8,
    first: usize,
    to: &mut [u32],
) -> Result<(), Error> {
    let mut arg = buffer(core, first, to.as_mut_ptr(), to.len());
    // SAFETY: the driver writes `arg.size` bytes, which is the slice's size, to its start.
    all_copied::<ReadRegs>(unsafe { call_with_pointers::<ReadRegs>(fd, &mut arg) }?)
}

/// `HX280ENC_IOC_WRITE_REGS`: writes registers from `first` on.
///
/// # Errors
/// EINVAL: past the end of the registers, no such core.
///
/// # Safety
/// See [`Reservation::write_registers`](crate::hantro::Reservation::write_registers).
pub(super) unsafe fn write_regs(
    fd: BorrowedFd<'_>,
    core: u8,
    first: usize,
    from: &[u32],
) -> Result<(), Error> {
    let mut arg = buffer(core, first, from.as_ptr().cast_mut(), from.len());
    // SAFETY: the driver reads `arg.size` bytes, which is the slice's size, from its start, and
    // writes none.
    all_copied::<WriteRegs>(unsafe { call_with_pointers::<WriteRegs>(fd, &mut arg) }?)
}

/// Returns whether the driver has the two requests above: if so, it refuses to read 0 bytes with
/// EINVAL; if not, it does nothing and returns success.
pub(super) fn has_register_requests(fd: BorrowedFd<'_>) -> Result<bool, Error> {
    let mut arg = buffer(0, 0, core::ptr::null_mut(), 0);
    // SAFETY: there are no bytes to copy.
    match unsafe { call_with_pointers::<ReadRegs>(fd, &mut arg) } {
        Ok(_) => Ok(false),
        Err(error) => match error.errno() {
            Some(Errno::INVAL) => Ok(true),
            Some(Errno::NOTTY) => Ok(false),
            _ => Err(error),
        },
    }
}

fn buffer(core: u8, first: usize, registers: *mut u32, count: usize) -> sys::enc_regs_buffer {
    // Callers check the range against a window of at most 64 KiB.
    sys::enc_regs_buffer {
        core_id: core.into(),
        regs: registers,
        offset: 4 * first as u32,
        size: 4 * count as u32,
        ..Default::default()
    }
}
