//! The reserved core of an H1.
#![expect(
    unsafe_code,
    reason = "registers make the core read and write physical memory, for which only the caller \
              can vouch"
)]

use core::marker::PhantomData;

use rustix::fd::AsFd as _;

use super::{H1, MAX_REGISTERS, ioctl};
use crate::Error;
use crate::hantro::{CoreInfo, RegisterWindow};

/// The core, reserved until this value is dropped; it stays on its thread.
#[derive(Debug)]
pub struct Reservation<'a> {
    encoder: &'a mut H1,
    info: CoreInfo,
    released: bool,
    thread: PhantomData<*const ()>,
}

impl<'a> Reservation<'a> {
    /// Takes over a core that was reserved.
    pub(super) const fn new(encoder: &'a mut H1, info: CoreInfo) -> Self {
        Self {
            encoder,
            info,
            released: false,
            thread: PhantomData,
        }
    }

    /// Returns the location of its registers.
    #[must_use]
    pub const fn info(&self) -> CoreInfo {
        self.info
    }

    /// Maps the registers.
    ///
    /// # Errors
    /// [`Error::System`] for `mmap`.
    pub fn map(&self) -> Result<RegisterWindow<'_>, Error> {
        RegisterWindow::new(self.encoder.fd.as_fd(), self.info)
    }

    /// Reads registers from `first` on, by request; `first` counts registers.
    ///
    /// # Errors
    /// [`Error::NoRegisterRequests`] from all but the latest driver, which is noticed by what
    /// it leaves as it was. [`Error::PastEnd`] past the last register, or for none.
    pub fn read_registers(&self, first: usize, to: &mut [u32]) -> Result<(), Error> {
        self.info.check(first, to.len())?;
        // Registers may hold what stood here before, but not both.
        for before in [0x5555_5555, 0xaaaa_aaaa] {
            to.fill(before);
            ioctl::read_regs(self.encoder.fd.as_fd(), first, to)?;
            if to.iter().any(|&word| word != before) {
                return Ok(());
            }
        }
        Err(Error::NoRegisterRequests)
    }

    /// Writes registers from `first` on, by request; `first` counts registers.
    ///
    /// # Errors
    /// As [`Reservation::read_registers`].
    ///
    /// # Safety
    /// Addresses in registers must be of memory that the program has set aside for the core, until
    /// the core has finished.
    pub unsafe fn write_registers(&mut self, first: usize, from: &[u32]) -> Result<(), Error> {
        self.info.check(first, from.len())?;
        self.knows_requests()?;
        // SAFETY: the caller's promise.
        unsafe { ioctl::write_regs(self.encoder.fd.as_fd(), first, from) }
    }

    /// Starts the core with what its registers say, by request.
    ///
    /// # Errors
    /// [`Error::NoRegisterRequests`] from all but the latest driver: write the register that
    /// starts the core through a mapping.
    ///
    /// # Safety
    /// Every address in the registers is of memory that the program has set aside for the core,
    /// until the core has finished.
    pub unsafe fn enable(&mut self) -> Result<(), Error> {
        self.knows_requests()?;
        // SAFETY: the caller's promise.
        unsafe { ioctl::en_core(self.encoder.fd.as_fd()) }
    }

    /// Fails with other drivers, which would do nothing and return success.
    fn knows_requests(&self) -> Result<(), Error> {
        self.read_registers(0, &mut [0])
    }

    /// Waits until the core has finished, then reads all registers; what lies beyond
    /// [`CoreInfo::registers`] stays as it is. Whether drivers give up after a while is not known.
    ///
    /// # Errors
    /// [`Error::Interrupted`]: a signal was handled meanwhile. [`Error::System`]: what
    /// the driver answers.
    pub fn wait(&mut self, registers: &mut [u32; MAX_REGISTERS]) -> Result<(), Error> {
        ioctl::core_wait(self.encoder.fd.as_fd(), registers)
    }

    /// Releases the core, as drop does, and returns the driver's error.
    ///
    /// # Errors
    /// The driver's error; the possible ones are not documented.
    pub fn release(mut self) -> Result<(), Error> {
        self.released = true;
        ioctl::enc_release(self.encoder.fd.as_fd())
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.released {
            // No error is known; what it could not give back the driver does at close.
            let _ = ioctl::enc_release(self.encoder.fd.as_fd());
        }
    }
}

static_assertions::assert_not_impl_any!(Reservation<'_>: Send, Sync);
