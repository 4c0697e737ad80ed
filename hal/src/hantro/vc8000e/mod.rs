//! The VC8000E encoder of i.MX8M Plus (`/dev/mxc_hantro_vc8000e`), with both generations of its
//! driver.
//!
//! | | earlier driver | later driver |
//! |---|---|---|
//! | a core belongs to | the **thread** that reserved it | the open node |
//! | registers | mapped | mapped, or by ioctl ([`RegisterAccess::Requests`]) |
//!
//! No request tells whether the thread or the node owns a core. A [`Reservation`] is therefore
//! released by the thread that made it: it is not `Send`.

mod ioctl;
mod reservation;
mod status;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::path::Arg;

use super::node::open;
use super::{CoreInfo, NodeKind, Reservation};
use crate::{Call, Error};

pub use status::Status;

/// Maximum number of cores: requests have one bit for each.
pub const MAX_CORES: u32 = 8;

/// How the driver gives access to registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterAccess {
    /// Through a mapping only (earlier driver).
    Mapping,
    /// By ioctl as well (later driver), which also reaches registers of the secure world.
    Requests,
}

/// The open node of a VC8000E encoder.
///
/// The block has power and clock as long as the node is open.
///
/// # Example
/// ```no_run
/// use videostream_hal::hantro::{NodeKind, vc8000e::Vc8000e};
///
/// let mut encoder = Vc8000e::open(NodeKind::Vc8000e.path())?;
/// let info = encoder.core_info(0)?;
/// let core = encoder.reserve(0b1)?;
/// let registers = core.map()?;
/// let product = registers.read(0)? >> 16;
/// # Ok::<(), videostream_hal::Error>(())
/// ```
#[derive(Debug)]
pub struct Vc8000e {
    fd: OwnedFd,
    cores: u32,
    access: RegisterAccess,
}

impl Vc8000e {
    /// Opens a node and queries the number of cores and how registers are accessed.
    ///
    /// # Errors
    /// [`Error::System`]: `open` with ENOENT, EACCES. [`Error::WrongNode`]: not a node of this
    /// driver. [`Error::Answer`]: no cores, or more than [`MAX_CORES`].
    pub fn open(path: impl Arg) -> Result<Self, Error> {
        let fd = open(path, NodeKind::Vc8000e)?;
        let cores = ioctl::core_num(fd.as_fd())?;
        if !(1..=MAX_CORES).contains(&cores) {
            let call = Call::EncoderCoreNum;
            return Err(Error::answer(call, "number of cores", cores));
        }
        let access = if ioctl::has_register_requests(fd.as_fd())? {
            RegisterAccess::Requests
        } else {
            RegisterAccess::Mapping
        };
        Ok(Self { fd, cores, access })
    }

    /// Returns the number of cores: 1 on i.MX8M Plus.
    #[must_use]
    pub const fn cores(&self) -> u32 {
        self.cores
    }

    /// Returns how registers are accessed.
    #[must_use]
    pub const fn register_access(&self) -> RegisterAccess {
        self.access
    }

    /// Returns the location of a core's registers.
    ///
    /// # Errors
    /// [`Error::PastEnd`]: no such core. [`Error::Answer`]: an invalid location.
    pub fn core_info(&self, core: u32) -> Result<CoreInfo, Error> {
        if core >= self.cores {
            return Err(Error::PastEnd {
                name: "core",
                value: core.into(),
                end: self.cores.into(),
            });
        }
        let base = ioctl::hw_offset(self.fd.as_fd(), core)?;
        let len_bytes = ioctl::hw_io_size(self.fd.as_fd(), core)?;
        CoreInfo::new(
            (Call::EncoderHwOffset, base),
            (Call::EncoderHwIoSize, len_bytes),
        )
    }

    /// Reserves one of the cores in `mask` (bit 0 is core 0), and waits until one is free.
    ///
    /// The daemon behind the V4L2 nodes and NXP's library reserve the core for each picture. There
    /// is no time-out. A thread that already has a core and reserves it through another handle of
    /// the node deadlocks.
    ///
    /// # Errors
    /// [`Error::PastEnd`]: an empty mask, or a core that does not exist.
    /// [`Error::Interrupted`]: a signal interrupted the wait.
    /// [`Error::Answer`]: not one of these cores, or an invalid location of its registers; the
    /// core is released.
    pub fn reserve(&mut self, mask: u8) -> Result<Reservation<'_, Self>, Error> {
        let end = 1_u64 << self.cores;
        if mask == 0 || u64::from(mask) >= end {
            return Err(Error::PastEnd {
                name: "mask of cores",
                value: mask.into(),
                end,
            });
        }
        let obtained = ioctl::enc_reserve(self.fd.as_fd(), mask)?;
        // Whatever was reserved is released by this value, or on errors.
        self.take_over(mask, obtained)
    }
}

impl AsFd for Vc8000e {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
