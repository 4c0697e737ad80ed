//! Operations of a reserved decoder core.
#![expect(
    unsafe_code,
    reason = "registers make the core read and write physical memory, for which only the caller \
              can vouch"
)]

use rustix::fd::{AsFd as _, BorrowedFd};

use super::{HantroDecoder, MAX_REGISTERS, ioctl};
use crate::Error;
use crate::hantro::Reservation;
use crate::hantro::reservation::Reserve;

/// Value that the driver writes to register 1 of a core that it has reset after 200 ms.
const TIMED_OUT: u32 = 0x4_0100;

impl Reserve for HantroDecoder {
    /// The core's index.
    type Core = u32;
    type Thread = ();

    fn release(fd: BorrowedFd<'_>, core: u32) -> Result<(), Error> {
        ioctl::dec_release(fd, core)
    }
}

impl Reservation<'_, HantroDecoder> {
    /// Returns the core's index.
    #[must_use]
    pub const fn core(&self) -> u32 {
        self.core
    }

    /// Reads all registers. The entries beyond
    /// [`CoreInfo::registers`](crate::hantro::CoreInfo::registers) keep their values, and so do the
    /// registers of G1 that the driver leaves out.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT when the driver expects another number of registers.
    pub fn pull(&self, registers: &mut [u32; MAX_REGISTERS]) -> Result<(), Error> {
        ioctl::dec_pull_reg(self.driver.fd.as_fd(), self.desc(), registers)
    }

    /// Writes all registers, number 1 last: bit 0 in it starts the core.
    ///
    /// The driver returns success even if it could not read `registers`.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT when the driver expects another number of registers.
    ///
    /// # Safety
    /// Addresses in registers must point to memory that the program reserves for the core until the
    /// core has finished.
    pub unsafe fn push(&mut self, registers: &[u32; MAX_REGISTERS]) -> Result<(), Error> {
        // SAFETY: the caller's promise; the size is that of the core's registers.
        unsafe { ioctl::dec_push_reg(self.driver.fd.as_fd(), self.desc(), registers) }
    }

    /// Waits until the core has finished, 200 ms at most, and reads all registers. Returns register
    /// 1, which has the status.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after 200 ms: the driver has reset the core.
    /// [`Error::Interrupted`]: a signal interrupted the wait.
    pub fn wait(&mut self, registers: &mut [u32; MAX_REGISTERS]) -> Result<u32, Error> {
        ioctl::dec_wait(self.driver.fd.as_fd(), self.desc(), registers)?;
        match registers[1] {
            TIMED_OUT => Err(Error::TimedOut),
            status => Ok(status),
        }
    }

    fn desc(&self) -> (u32, u32) {
        (self.core, self.info.len_bytes())
    }
}

static_assertions::assert_impl_all!(Reservation<'_, HantroDecoder>: Send, Sync);
