//! Operations of the reserved core of an H1.
#![expect(
    unsafe_code,
    reason = "registers make the core read and write physical memory, for which only the caller \
              can vouch"
)]

use rustix::fd::{AsFd as _, BorrowedFd};

use super::{H1, MAX_REGISTERS, ioctl};
use crate::Error;
use crate::hantro::Reservation;
use crate::hantro::reservation::Reserve;

impl Reserve for H1 {
    type Core = ();
    type Thread = *const ();

    fn release(fd: BorrowedFd<'_>, (): ()) -> Result<(), Error> {
        ioctl::enc_release(fd)
    }
}

impl Reservation<'_, H1> {
    /// Reads registers from `first` on, by ioctl; `first` counts registers.
    ///
    /// # Errors
    /// [`Error::NoRegisterRequests`] with all but the latest driver, detected because they leave
    /// `to` unchanged. [`Error::PastEnd`] past the last register, or for an empty range.
    pub fn read_registers(&self, first: usize, to: &mut [u32]) -> Result<(), Error> {
        self.info.check(first, to.len())?;
        // Registers may happen to hold one of these values, but not both.
        for before in [0x5555_5555, 0xaaaa_aaaa] {
            to.fill(before);
            ioctl::read_regs(self.driver.fd.as_fd(), first, to)?;
            if to.iter().any(|&word| word != before) {
                return Ok(());
            }
        }
        Err(Error::NoRegisterRequests)
    }

    /// Writes registers from `first` on, by ioctl; `first` counts registers.
    ///
    /// # Errors
    /// Those of [`Reservation::read_registers`].
    ///
    /// # Safety
    /// Addresses in registers must point to memory that the program reserves for the core until the
    /// core has finished.
    pub unsafe fn write_registers(&mut self, first: usize, from: &[u32]) -> Result<(), Error> {
        self.info.check(first, from.len())?;
        self.knows_requests()?;
        // SAFETY: the caller's promise.
        unsafe { ioctl::write_regs(self.driver.fd.as_fd(), first, from) }
    }

    /// Starts the core as its registers specify, by ioctl.
    ///
    /// # Errors
    /// [`Error::NoRegisterRequests`] with all but the latest driver: write the register that
    /// starts the core through a mapping.
    ///
    /// # Safety
    /// Every address in the registers must point to memory that the program reserves for the core
    /// until the core has finished.
    pub unsafe fn enable(&mut self) -> Result<(), Error> {
        self.knows_requests()?;
        // SAFETY: the caller's promise.
        unsafe { ioctl::en_core(self.driver.fd.as_fd()) }
    }

    /// Fails with other drivers, which would do nothing and return success.
    fn knows_requests(&self) -> Result<(), Error> {
        self.read_registers(0, &mut [0])
    }

    /// Waits until the core has finished, then reads all registers; the entries beyond
    /// [`CoreInfo::registers`](crate::hantro::CoreInfo::registers) keep their values. Whether
    /// drivers give up after a while is not known.
    ///
    /// # Errors
    /// [`Error::Interrupted`]: a signal interrupted the wait. [`Error::System`]: the driver's
    /// error.
    pub fn wait(&mut self, registers: &mut [u32; MAX_REGISTERS]) -> Result<(), Error> {
        ioctl::core_wait(self.driver.fd.as_fd(), registers)
    }
}

static_assertions::assert_not_impl_any!(Reservation<'_, H1>: Send, Sync);
