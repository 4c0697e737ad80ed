//! The G1 and G2 decoders of i.MX8M (`/dev/mxc_hantro`): both generations of their driver.
//!
//! | | i.MX8M Quad | i.MX8M Mini and Plus |
//! |---|---|---|
//! | power and clock | while the node is open | from [`HantroDecoder::core_for`] on |
//! | cores | one of G1 and G2 at a time | independent |
//!
//! A core belongs to the open node in both, so that a [`Reservation`] may go to another thread.

mod client;
mod ioctl;
mod product;
mod reservation;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::path::Arg;

use super::node::{NodeKind, open};
use super::{CoreInfo, HantroError};

pub use client::Client;
pub use product::{AsicId, Product};
pub use reservation::Reservation;

/// Most cores that are believed of a driver: i.MX8M have two.
pub const MAX_CORES: u32 = 4;

/// Registers of a G2 core, the most that the driver copies.
pub const MAX_REGISTERS: usize = 265;

/// The open node of G1 and G2 decoders.
///
/// # Example
/// ```no_run
/// use videostream_hal::hantro::decoder::{Client, HantroDecoder, MAX_REGISTERS};
/// use videostream_hal::hantro::NodeKind;
///
/// let mut decoder = HantroDecoder::open(NodeKind::Decoder.path())?;
/// let core = decoder.reserve(Client::H264)?;
/// let mut registers = [0; MAX_REGISTERS];
/// core.pull(&mut registers)?;
/// # Ok::<(), videostream_hal::hantro::HantroError>(())
/// ```
#[derive(Debug)]
pub struct HantroDecoder {
    fd: OwnedFd,
    cores: u32,
}

impl HantroDecoder {
    /// Opens a node and asks how many cores there are.
    ///
    /// # Errors
    /// [`HantroError::System`]: `open` with ENOENT, EACCES, or ENOMEM beyond the 32 handles of the
    /// drivers of Mini and Plus. [`HantroError::WrongNode`]: another driver's node, or none.
    /// [`HantroError::Answer`]: no cores, or more than [`MAX_CORES`].
    pub fn open(path: impl Arg) -> Result<Self, HantroError> {
        let fd = open(path, NodeKind::Decoder)?;
        let cores = ioctl::mc_cores(fd.as_fd())?;
        if !(1..=MAX_CORES).contains(&cores) {
            let call = "HANTRODEC_IOC_MC_CORES";
            return Err(HantroError::answer(call, "number of cores", cores));
        }
        Ok(Self { fd, cores })
    }

    /// Cores that there are; core 0 is G1, core 1 is G2.
    #[must_use]
    pub const fn cores(&self) -> u32 {
        self.cores
    }

    /// Where the registers of a core lie.
    ///
    /// # Errors
    /// [`HantroError::Argument`]: no such core. [`HantroError::Answer`]: a place that cannot be.
    pub fn core_info(&self, core: u32) -> Result<CoreInfo, HantroError> {
        self.check(core)?;
        let base = ioctl::hw_offset(self.fd.as_fd(), core)?;
        let len_bytes = ioctl::hw_io_size(self.fd.as_fd(), core)?;
        CoreInfo::new(
            ("HANTRODEC_IOCGHWOFFSET", base),
            ("HANTRODEC_IOCGHWIOSIZE", len_bytes),
        )
    }

    /// The core for a codec, which on Mini and Plus has power and clock from now on, for this
    /// handle.
    ///
    /// # Errors
    /// [`HantroError::System`]: EFAULT for a codec that the driver does not know.
    /// [`HantroError::Answer`]: a core that does not exist.
    pub fn core_for(&self, client: Client) -> Result<u32, HantroError> {
        self.checked(
            "HANTRODEC_IOCG_CORE_ID",
            ioctl::core_id(self.as_fd(), client)?,
        )
    }

    /// Register 0 of a core, which has to have power: see [`HantroDecoder::core_for`].
    ///
    /// # Errors
    /// [`HantroError::Argument`]: no such core.
    pub fn asic_id(&self, core: u32) -> Result<AsicId, HantroError> {
        self.check(core)?;
        ioctl::asic_id(self.as_fd(), core).map(AsicId)
    }

    /// Reserves a core for a codec, and waits until it is free. There is no time-out.
    ///
    /// Gives the core power first, where the driver wants to be asked.
    ///
    /// # Errors
    /// [`HantroError::Interrupted`]: a signal was handled meanwhile.
    /// [`HantroError::System`]: EFAULT for a codec that the driver does not know.
    /// [`HantroError::Answer`]: a core that does not exist, or registers that cannot be.
    pub fn reserve(&mut self, client: Client) -> Result<Reservation<'_>, HantroError> {
        match self.core_for(client) {
            Ok(_) => {}
            // Where the request is not there, open has given power to the cores.
            Err(error) if error.errno() == Some(Errno::NOTTY) => {}
            Err(error) => return Err(error),
        }
        let core = ioctl::dec_reserve(self.as_fd(), client)?;
        // A number that is no core's cannot be given back; closing the node does.
        let core = self.checked("HANTRODEC_IOCH_DEC_RESERVE", core)?;
        Reservation::new(self, core)
    }

    fn check(&self, core: u32) -> Result<(), HantroError> {
        if core < self.cores {
            return Ok(());
        }
        Err(HantroError::Argument {
            name: "core",
            value: core.into(),
            end: self.cores.into(),
        })
    }

    fn checked(&self, call: &'static str, core: u32) -> Result<u32, HantroError> {
        match self.check(core) {
            Ok(()) => Ok(core),
            Err(_) => Err(HantroError::answer(call, "core", core)),
        }
    }
}

impl AsFd for HantroDecoder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
