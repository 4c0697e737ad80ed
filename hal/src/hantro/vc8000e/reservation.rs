//! A reserved core of a VC8000E.
#![expect(
    unsafe_code,
    reason = "registers make the core read and write physical memory, for which only the caller \
              can vouch"
)]

use core::marker::PhantomData;

use rustix::fd::AsFd as _;
use rustix::io::Errno;

use super::{RegisterAccess, Status, Vc8000e, ioctl};
use crate::hantro::{CoreInfo, RegisterWindow};
use crate::time::now_ns;
use crate::{Call, Error};

/// The driver waits 200 ms for a core; an error that returns much sooner is a refusal.
const REFUSED_WITHIN_NS: u64 = 100_000_000;

/// A core that nobody else uses until this value is dropped.
///
/// It stays with its thread, since the earlier driver lets no other thread give the core back:
///
/// ```compile_fail
/// # use videostream_hal::hantro::vc8000e::Vc8000e;
/// # fn with(encoder: &mut Vc8000e) {
/// let core = encoder.reserve(1).unwrap();
/// std::thread::scope(|scope| scope.spawn(|| drop(core)));
/// # }
/// ```
///
/// When the process ends the driver gives the core back, as at any close of the node.
///
/// # Invariants
/// `mask` holds what the driver has reserved for this thread.
#[derive(Debug)]
pub struct Reservation<'a> {
    encoder: &'a mut Vc8000e,
    mask: u8,
    core: u8,
    info: CoreInfo,
    released: bool,
    thread: PhantomData<*const ()>,
}

impl<'a> Reservation<'a> {
    /// Takes over the cores `obtained`, which have to be one of those in `wanted`.
    pub(super) fn new(encoder: &'a mut Vc8000e, wanted: u8, obtained: u32) -> Result<Self, Error> {
        let mask = (obtained & 0xff) as u8;
        let core = mask.trailing_zeros();
        let fits = mask.count_ones() == 1 && mask & wanted == mask;
        let place = if fits {
            encoder.core_info(core)
        } else {
            let call = Call::EncoderReserve;
            Err(Error::answer(call, "mask of cores", obtained))
        };
        match place {
            Ok(info) => Ok(Self {
                encoder,
                mask,
                // Below 8, as the only bit of a byte.
                core: core as u8,
                info,
                released: false,
                thread: PhantomData,
            }),
            Err(error) => {
                let existing = mask & ((1_u16 << encoder.cores) - 1) as u8;
                // The first error says more.
                let _ = ioctl::enc_release(encoder.fd.as_fd(), existing);
                Err(error)
            }
        }
    }

    /// Returns the core's index.
    #[must_use]
    pub const fn core(&self) -> u32 {
        self.core as u32
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
        RegisterWindow::new(self.encoder.fd.as_fd(), self.info)
    }

    /// Reads registers from `first` on, by request; `first` counts registers.
    ///
    /// # Errors
    /// [`Error::NoRegisterRequests`] from the earlier driver; [`Error::PastEnd`] past
    /// the last register, or for none.
    pub fn read_registers(&self, first: usize, to: &mut [u32]) -> Result<(), Error> {
        self.check_request(first, to.len())?;
        ioctl::read_regs(self.encoder.fd.as_fd(), self.core, first, to)
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
        self.check_request(first, from.len())?;
        // SAFETY: the caller's promise.
        unsafe { ioctl::write_regs(self.encoder.fd.as_fd(), self.core, first, from) }
    }

    fn check_request(&self, first: usize, count: usize) -> Result<(), Error> {
        match self.encoder.access {
            RegisterAccess::Mapping => Err(Error::NoRegisterRequests),
            RegisterAccess::Requests => self.info.check(first, count),
        }
    }

    /// Starts the core with what its registers say.
    ///
    /// # Errors
    /// [`Error::RegistersLost`]: the machine was suspended since they were written.
    /// [`Error::System`] with EPERM: the driver holds the core for somebody else.
    ///
    /// # Safety
    /// Every address in the registers is of memory that the program has set aside for the core,
    /// until the core has finished.
    pub unsafe fn enable(&mut self) -> Result<(), Error> {
        // SAFETY: the caller's promise; the index is that of a core that there is.
        unsafe { ioctl::en_core(self.encoder.fd.as_fd(), self.core) }
    }

    /// Waits until the core reports something, and says what.
    ///
    /// # Units
    /// `deadline_ns` on `CLOCK_MONOTONIC`. The driver waits 200 ms at a time and lets no signal
    /// interrupt it: the call ends up to that much later, and a moment in the past waits once.
    ///
    /// # Errors
    /// [`Error::TimedOut`] at the deadline. [`Error::System`] with EPERM: the driver
    /// holds the core for somebody else. [`Error::Answer`]: another core reported.
    pub fn wait(&mut self, deadline_ns: u64) -> Result<Status, Error> {
        loop {
            let begin = now_ns();
            match ioctl::core_wait(self.encoder.fd.as_fd(), self.mask) {
                Ok(waited) if waited.core == u32::from(self.core) => {
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

    /// Releases the core, as drop does, and returns the driver's error.
    ///
    /// # Errors
    /// The driver's error; the possible ones are not documented.
    pub fn release(mut self) -> Result<(), Error> {
        self.released = true;
        ioctl::enc_release(self.encoder.fd.as_fd(), self.mask)
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.released {
            // No error is known; what it could not give back the driver does at close.
            let _ = ioctl::enc_release(self.encoder.fd.as_fd(), self.mask);
        }
    }
}

static_assertions::assert_not_impl_any!(Reservation<'_>: Send, Sync);
