//! Operations of a reserved core of a VC8000E.
#![expect(
    unsafe_code,
    reason = "registers make the core read and write physical memory, for which only the caller \
              can vouch"
)]

use rustix::fd::{AsFd as _, BorrowedFd};
use rustix::io::Errno;

use super::{RegisterAccess, Status, Vc8000e, ioctl};
use crate::hantro::Reservation;
use crate::hantro::reservation::Reserve;
use crate::time::now_ns;
use crate::{Call, Error};

/// The driver waits 200 ms for a core; an error that returns much sooner is a refusal.
const REFUSED_WITHIN_NS: u64 = 100_000_000;

impl Reserve for Vc8000e {
    /// The core's bit in masks.
    type Core = u8;
    type Thread = *const ();

    fn release(fd: BorrowedFd<'_>, core: u8) -> Result<(), Error> {
        ioctl::enc_release(fd, core)
    }
}

impl Vc8000e {
    /// Wraps the cores `obtained`, which must be exactly one of those in `wanted`.
    pub(super) fn take_over(
        &mut self,
        wanted: u8,
        obtained: u32,
    ) -> Result<Reservation<'_, Self>, Error> {
        let mask = (obtained & 0xff) as u8;
        if mask.count_ones() == 1 && mask & wanted == mask {
            let info = self.core_info(mask.trailing_zeros());
            return Reservation::new(self, mask, info);
        }
        let existing = mask & ((1_u16 << self.cores) - 1) as u8;
        let answer = Error::answer(Call::EncoderReserve, "mask of cores", obtained);
        Reservation::new(self, existing, Err(answer))
    }
}

impl Reservation<'_, Vc8000e> {
    /// Returns the core's index.
    #[must_use]
    pub const fn core(&self) -> u32 {
        self.core.trailing_zeros()
    }

    /// Returns the index for requests: that of the only bit of a byte, below 8.
    const fn index(&self) -> u8 {
        self.core.trailing_zeros() as u8
    }

    /// Reads registers from `first` on, by ioctl; `first` counts registers.
    ///
    /// # Errors
    /// [`Error::NoRegisterRequests`] with the earlier driver; [`Error::PastEnd`] past the last
    /// register, or for an empty range.
    pub fn read_registers(&self, first: usize, to: &mut [u32]) -> Result<(), Error> {
        self.check_request(first, to.len())?;
        ioctl::read_regs(self.driver.fd.as_fd(), self.index(), first, to)
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
        self.check_request(first, from.len())?;
        // SAFETY: the caller's promise.
        unsafe { ioctl::write_regs(self.driver.fd.as_fd(), self.index(), first, from) }
    }

    fn check_request(&self, first: usize, count: usize) -> Result<(), Error> {
        match self.driver.access {
            RegisterAccess::Mapping => Err(Error::NoRegisterRequests),
            RegisterAccess::Requests => self.info.check(first, count),
        }
    }

    /// Starts the core as its registers specify.
    ///
    /// # Errors
    /// [`Error::RegistersLost`]: the machine was suspended since they were written.
    /// [`Error::System`] with EPERM: the core is not reserved by this thread or handle.
    ///
    /// # Safety
    /// Every address in the registers must point to memory that the program reserves for the core
    /// until the core has finished.
    pub unsafe fn enable(&mut self) -> Result<(), Error> {
        // SAFETY: the caller's promise; the index is that of an existing core.
        unsafe { ioctl::en_core(self.driver.fd.as_fd(), self.index()) }
    }

    /// Waits until the core reports a status, and returns it.
    ///
    /// # Units
    /// `deadline_ns` is on `CLOCK_MONOTONIC`. The driver waits 200 ms at a time and is not
    /// interrupted by signals: the call may return that much after the deadline, and a time in the
    /// past waits once.
    ///
    /// # Errors
    /// [`Error::TimedOut`] at the deadline. [`Error::System`] with EPERM: the core is not reserved
    /// by this thread or handle. [`Error::Answer`]: another core reported.
    pub fn wait(&mut self, deadline_ns: u64) -> Result<Status, Error> {
        loop {
            let begin = now_ns();
            match ioctl::core_wait(self.driver.fd.as_fd(), self.core) {
                Ok(waited) if waited.core == self.core() => {
                    return Ok(Status::from_bits_retain(waited.status));
                }
                Ok(waited) => {
                    let call = Call::EncoderCoreWait;
                    return Err(Error::answer(call, "core", waited.core));
                }
                // The driver returns -1 whether it has waited or not.
                Err(error) if error.errno() == Some(Errno::PERM) => {
                    let now = now_ns();
                    if now - begin < REFUSED_WITHIN_NS {
                        return Err(error);
                    }
                    if now >= deadline_ns {
                        return Err(Error::TimedOut);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

static_assertions::assert_not_impl_any!(Reservation<'_, Vc8000e>: Send, Sync);
