//! A reserved decoder core.
#![expect(
    unsafe_code,
    reason = "registers make the core read and write physical memory, for which only the caller \
              can vouch"
)]

use rustix::fd::AsFd as _;

use super::{HantroDecoder, MAX_REGISTERS, ioctl};
use crate::hantro::{CoreInfo, RegisterWindow};
use crate::{Call, Error};

/// Value that the driver writes to register 1 of a core that it has reset after 200 ms.
const TIMED_OUT: u32 = 0x4_0100;

/// A core reserved for this value until it is dropped, on any thread.
///
/// Dropping it aborts what the core does. When the process ends, the driver releases the core, as
/// at any close of the node.
#[derive(Debug)]
pub struct Reservation<'a> {
    decoder: &'a mut HantroDecoder,
    core: u32,
    info: CoreInfo,
    released: bool,
}

impl<'a> Reservation<'a> {
    /// Takes over a core that was reserved.
    pub(super) fn new(decoder: &'a mut HantroDecoder, core: u32) -> Result<Self, Error> {
        let place = decoder.core_info(core).and_then(|info| {
            if info.registers() > MAX_REGISTERS {
                let call = Call::DecoderHwIoSize;
                return Err(Error::answer(call, "bytes of registers", info.len_bytes()));
            }
            Ok(info)
        });
        match place {
            Ok(info) => Ok(Self {
                decoder,
                core,
                info,
                released: false,
            }),
            Err(error) => {
                // The first error says more.
                let _ = ioctl::dec_release(decoder.fd.as_fd(), core);
                Err(error)
            }
        }
    }

    /// Returns the core's index.
    #[must_use]
    pub const fn core(&self) -> u32 {
        self.core
    }

    /// Returns the location of its registers.
    #[must_use]
    pub const fn info(&self) -> CoreInfo {
        self.info
    }

    /// Maps the registers.
    ///
    /// # Errors
    /// [`Error::System`] for `mmap`: EINVAL when the driver wants another offset, ENODEV
    /// when it has no mappings.
    pub fn map(&self) -> Result<RegisterWindow<'_>, Error> {
        RegisterWindow::new(self.decoder.fd.as_fd(), self.info)
    }

    /// Reads all registers; what lies beyond [`CoreInfo::registers`] stays as it is, and so do
    /// those of G1 that the driver leaves out.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT when the driver wants another number of registers.
    pub fn pull(&self, registers: &mut [u32; MAX_REGISTERS]) -> Result<(), Error> {
        ioctl::dec_pull_reg(self.decoder.fd.as_fd(), self.desc(), registers)
    }

    /// Writes all registers, number 1 last: bit 0 in it starts the core.
    ///
    /// The driver answers success also when it could not read the registers.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT when the driver wants another number of registers.
    ///
    /// # Safety
    /// Addresses in registers must be of memory that the program has set aside for the core, until
    /// the core has finished.
    pub unsafe fn push(&mut self, registers: &[u32; MAX_REGISTERS]) -> Result<(), Error> {
        // SAFETY: the caller's promise; the size is that of the core's registers.
        unsafe { ioctl::dec_push_reg(self.decoder.fd.as_fd(), self.desc(), registers) }
    }

    /// Waits until the core has finished, 200 ms at most, and reads all registers; gives number 1,
    /// which says how it has ended.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after 200 ms: the driver has reset the core.
    /// [`Error::Interrupted`]: a signal was handled meanwhile.
    pub fn wait(&mut self, registers: &mut [u32; MAX_REGISTERS]) -> Result<u32, Error> {
        ioctl::dec_wait(self.decoder.fd.as_fd(), self.desc(), registers)?;
        match registers[1] {
            TIMED_OUT => Err(Error::TimedOut),
            status => Ok(status),
        }
    }

    /// Releases the core, as drop does, and returns the driver's error.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT if the driver has reserved the core for another handle.
    pub fn release(mut self) -> Result<(), Error> {
        self.released = true;
        ioctl::dec_release(self.decoder.fd.as_fd(), self.core)
    }

    fn desc(&self) -> (u32, u32) {
        (self.core, self.info.len_bytes())
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.released {
            // What it could not give back the driver does at close.
            let _ = ioctl::dec_release(self.decoder.fd.as_fd(), self.core);
        }
    }
}

static_assertions::assert_impl_all!(Reservation<'_>: Send);
