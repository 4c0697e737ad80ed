//! A reserved core: what all drivers have in common.

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
    /// What the driver calls a reserved core.
    type Core: Copy + Debug;
    /// `*const ()` where only the thread that reserved a core can give it back, else `()`.
    type Thread: Debug;

    /// Gives a core back.
    fn release(fd: BorrowedFd<'_>, core: Self::Core) -> Result<(), Error>;
}

/// A core that nobody else uses until this value is dropped.
///
/// The cores of encoders stay with their thread, since the earlier driver of the VC8000E lets no
/// other thread give the core back and nobody knows it of the H1:
///
/// ```compile_fail
/// # use videostream_hal::hantro::vc8000e::Vc8000e;
/// # fn with(encoder: &mut Vc8000e) {
/// let core = encoder.reserve(1).unwrap();
/// std::thread::scope(|scope| scope.spawn(|| drop(core)));
/// # }
/// ```
///
/// The core of a decoder may go to another thread:
///
/// ```
/// # use videostream_hal::hantro::decoder::{Client, HantroDecoder};
/// # fn with(decoder: &mut HantroDecoder) {
/// let core = decoder.reserve(Client::H264).unwrap();
/// std::thread::scope(|scope| scope.spawn(|| drop(core)).join()).unwrap();
/// # }
/// ```
///
/// Dropping it aborts what a decoder's core does. When the process ends the driver gives the core
/// back, as at any close of the node.
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
    /// Takes over a core that was reserved; gives it back if there is no `info`.
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
    /// [`Error::System`] for `mmap`: EINVAL when the driver wants another offset, ENODEV
    /// when it has no mappings.
    pub fn map(&self) -> Result<RegisterWindow<'_>, Error> {
        RegisterWindow::new(self.driver.as_fd(), self.info)
    }

    /// Gives the core back, as drop does, and says how that went.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT when the driver of a decoder holds the core for somebody else.
    /// None is known of the encoders.
    pub fn release(mut self) -> Result<(), Error> {
        self.is_released = true;
        D::release(self.driver.as_fd(), self.core)
    }
}

impl<D: Driver> Drop for Reservation<'_, D> {
    fn drop(&mut self) {
        if !self.is_released {
            // What it could not give back the driver does at close.
            let _ = D::release(self.driver.as_fd(), self.core);
        }
    }
}
