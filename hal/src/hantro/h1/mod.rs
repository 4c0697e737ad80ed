//! The H1 encoder of i.MX8M Mini (`/dev/mxc_hantro_h1`).
//!
//! | driver | features |
//! |---|---|
//! | first | reports the location of the registers; sends `SIGIO` when the core has finished |
//! | second | also reservation |
//! | latest | also ioctls to access registers and to start the core |
//!
//! The first driver returns success for a reservation but does nothing: **with it, a reservation is
//! not exclusive**, and it cannot be told from the second driver. It is also unknown whether a core
//! belongs to the thread or to the handle, so a [`Reservation`] stays with its thread.

mod ioctl;
mod reservation;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::path::Arg;

use super::node::open;
use super::{CoreInfo, NodeKind, Reservation};
use crate::{Call, Error};

/// Number of cores of an H1; there is no request to query it.
pub const CORES: u32 = 1;

/// Maximum number of registers accepted for a core: one page.
pub const MAX_REGISTERS: usize = 1024;

/// The open node of an H1 encoder.
///
/// # Example
/// ```no_run
/// use videostream_hal::hantro::{NodeKind, h1::H1};
///
/// let mut encoder = H1::open(NodeKind::H1.path())?;
/// let core = encoder.reserve()?;
/// let product = core.map()?.read(0)? >> 16;
/// # Ok::<(), videostream_hal::Error>(())
/// ```
#[derive(Debug)]
pub struct H1 {
    fd: OwnedFd,
}

impl H1 {
    /// Opens a node.
    ///
    /// # Errors
    /// [`Error::System`]: `open` with ENOENT, EACCES. [`Error::WrongNode`]: not a node of this
    /// driver.
    pub fn open(path: impl Arg) -> Result<Self, Error> {
        let fd = open(path, NodeKind::H1)?;
        Ok(Self { fd })
    }

    /// Returns the location of the registers.
    ///
    /// # Errors
    /// [`Error::Answer`]: an invalid location, or more than [`MAX_REGISTERS`].
    pub fn core_info(&self) -> Result<CoreInfo, Error> {
        let base = ioctl::hw_offset(self.fd.as_fd())?;
        let len_bytes = ioctl::hw_io_size(self.fd.as_fd())?;
        let call = Call::EncoderHwIoSize;
        let info = CoreInfo::new((Call::EncoderHwOffset, base), (call, len_bytes))?;
        if info.registers() > MAX_REGISTERS {
            return Err(Error::answer(call, "bytes of registers", len_bytes));
        }
        Ok(info)
    }

    /// Reserves the core, and waits until it is free. There is no time-out. With the first driver
    /// this has no effect.
    ///
    /// # Errors
    /// [`Error::Interrupted`]: a signal interrupted the wait.
    /// [`Error::Answer`]: see [`H1::core_info`].
    pub fn reserve(&mut self) -> Result<Reservation<'_, Self>, Error> {
        let info = self.core_info()?;
        ioctl::enc_reserve(self.fd.as_fd())?;
        Reservation::new(self, (), Ok(info))
    }
}

impl AsFd for H1 {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
