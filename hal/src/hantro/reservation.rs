//! A reserved core, as far as all drivers agree.

use core::fmt::Debug;
use core::marker::PhantomData;

use rustix::fd::{AsFd, BorrowedFd};

use super::{CoreInfo, RegisterWindow};
use crate::Error;

/// A driver whose cores can be reserved: [`H1`](super::h1::H1),
/// [`Vc8000e`](super::vc8000e::Vc8000e), [`HantroDecoder`](super::decoder::HantroDecoder).
#[expect(private_bounds, reason = "sealed: drivers are those of this crate")]
pub trait Driver: Reserve {}

impl<D: Reserve> Driver for D {}

/// How a driver reserves a core.
pub(super) trait Reserve: AsFd + Debug {
    /// How the driver identifies a reserved core.
    type Core: Copy + Debug;
    /// `*const ()` where only the thread that reserved a core can release it, else `()`.
    type Thread: Debug;

    /// Releases a core.
    fn release(fd: BorrowedFd<'_>, core: Self::Core) -> Result<(), Error>;
}

/// A reserved core, released on drop.
///
/// An encoder's core stays with its thread: the earlier driver of the VC8000E lets no other thread
/// release a core, and for the H1 this is unknown:
///
/// ```compile_fail
/// # use videostream_hal::hantro::vc8000e::Vc8000e;
/// # fn with(encoder: &mut Vc8000e) {
/// let core = encoder.reserve(1).unwrap();
/// std::thread::scope(|scope| scope.spawn(|| drop(core)));
/// # }
/// ```
///
/// A decoder's core may be sent to another thread:
///
/// ```
/// # use videostream_hal::hantro::decoder::{Client, HantroDecoder};
/// # fn with(decoder: &mut HantroDecoder) {
/// let core = decoder.reserve(Client::H264).unwrap();
/// std::thread::scope(|scope| scope.spawn(|| drop(core)).join()).unwrap();
/// # }
/// ```
///
/// Dropping it aborts the work of a decoder's core. The driver also releases the core when the node
/// is closed, such as at process exit.
///
/// # Invariants
/// `core` is what the driver has reserved for this thread or handle, until `is_released`.
#[derive(Debug)]
pub struct Reservation<'a, D: Driver> {
    pub(super) driver: &'a mut D,
    pub(super) core: D::Core,
    pub(super) info: CoreInfo,
    is_released: bool,
    thread: PhantomData<D::Thread>,
}

impl<'a, D: Driver> Reservation<'a, D> {
    /// Wraps a core that was reserved; releases it if `info` is an error.
    pub(super) fn new(
        driver: &'a mut D,
        core: D::Core,
        info: Result<CoreInfo, Error>,
    ) -> Result<Self, Error> {
        match info {
            Ok(info) => Ok(Self {
                driver,
                core,
                info,
                is_released: false,
                thread: PhantomData,
            }),
            Err(error) => {
                // The first error says more.
                let _ = D::release(driver.as_fd(), core);
                Err(error)
            }
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
    /// [`Error::System`] for `mmap`: EINVAL when the driver expects another offset, ENODEV
    /// when it does not support mappings.
    pub fn map(&self) -> Result<RegisterWindow<'_>, Error> {
        RegisterWindow::new(self.driver.as_fd(), self.info)
    }

    /// Releases the core, as drop does, and returns the error that drop ignores.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT when a decoder's core is reserved by another handle. Encoders have
    /// no known errors.
    pub fn release(mut self) -> Result<(), Error> {
        self.is_released = true;
        D::release(self.driver.as_fd(), self.core)
    }
}

impl<D: Driver> Drop for Reservation<'_, D> {
    fn drop(&mut self) {
        if !self.is_released {
            // If this fails, the driver releases the core at close.
            let _ = D::release(self.driver.as_fd(), self.core);
        }
    }
}
