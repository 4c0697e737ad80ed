//! The G1 and G2 decoders of i.MX8M (`/dev/mxc_hantro`), with both generations of their driver.
//!
//! | | i.MX8M Quad | i.MX8M Mini and Plus |
//! |---|---|---|
//! | power and clock | while the node is open | from [`HantroDecoder::core_for`] on |
//! | cores | one of G1 and G2 at a time | independent |
//!
//! With both, a core belongs to the open node, so a [`Reservation`] may be sent to another thread.

mod client;
mod ioctl;
mod product;
mod reservation;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::path::Arg;

use super::node::open;
use super::{CoreInfo, NodeKind, Reservation};
use crate::{Call, Error};

pub use client::Client;
pub use product::{AsicId, Product};

/// Maximum number of cores accepted from a driver; i.MX8M has two.
pub const MAX_CORES: u32 = 4;

/// Registers of a G2 core, the maximum that the driver copies.
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
/// # Ok::<(), videostream_hal::Error>(())
/// ```
#[derive(Debug)]
pub struct HantroDecoder {
    fd: OwnedFd,
    cores: u32,
}

impl HantroDecoder {
    /// Opens a node and queries the number of cores.
    ///
    /// # Errors
    /// [`Error::System`]: `open` with ENOENT, EACCES, or ENOMEM beyond the 32 handles of the
    /// drivers of Mini and Plus. [`Error::WrongNode`]: not a node of this driver.
    /// [`Error::Answer`]: no cores, or more than [`MAX_CORES`].
    pub fn open(path: impl Arg) -> Result<Self, Error> {
        let fd = open(path, NodeKind::Decoder)?;
        let cores = ioctl::mc_cores(fd.as_fd())?;
        if !(1..=MAX_CORES).contains(&cores) {
            let call = Call::DecoderCores;
            return Err(Error::answer(call, "number of cores", cores));
        }
        Ok(Self { fd, cores })
    }

    /// Returns the number of cores; core 0 is G1, core 1 is G2.
    #[must_use]
    pub const fn cores(&self) -> u32 {
        self.cores
    }

    /// Returns the location of a core's registers.
    ///
    /// # Errors
    /// [`Error::PastEnd`]: no such core. [`Error::Answer`]: an invalid location.
    pub fn core_info(&self, core: u32) -> Result<CoreInfo, Error> {
        self.check(core)?;
        let base = ioctl::hw_offset(self.fd.as_fd(), core)?;
        let len_bytes = ioctl::hw_io_size(self.fd.as_fd(), core)?;
        CoreInfo::new(
            (Call::DecoderHwOffset, base),
            (Call::DecoderHwIoSize, len_bytes),
        )
    }

    /// Returns the core for a codec; on Mini and Plus, also enables its power and clock for this
    /// handle.
    ///
    /// # Errors
    /// [`Error::System`]: EFAULT for a codec that the driver does not know.
    /// [`Error::Answer`]: a core that does not exist.
    pub fn core_for(&self, client: Client) -> Result<u32, Error> {
        self.checked(Call::DecoderCoreId, ioctl::core_id(self.as_fd(), client)?)
    }

    /// Returns register 0 of a core, which must have power: see [`HantroDecoder::core_for`].
    ///
    /// # Errors
    /// [`Error::PastEnd`]: no such core.
    pub fn asic_id(&self, core: u32) -> Result<AsicId, Error> {
        self.check(core)?;
        ioctl::asic_id(self.as_fd(), core).map(AsicId)
    }

    /// Reserves a core for a codec, and waits until it is free. There is no time-out.
    ///
    /// Enables the core's power first, with drivers that have a request for it.
    ///
    /// # Errors
    /// [`Error::Interrupted`]: a signal interrupted the wait.
    /// [`Error::System`]: EFAULT for a codec that the driver does not know.
    /// [`Error::Answer`]: a core that does not exist, or an invalid location of its registers.
    pub fn reserve(&mut self, client: Client) -> Result<Reservation<'_, Self>, Error> {
        match self.core_for(client) {
            Ok(_) => {}
            // A driver without the request enables the power of all cores at open.
            Err(error) if error.errno() == Some(Errno::NOTTY) => {}
            Err(error) => return Err(error),
        }
        let core = ioctl::dec_reserve(self.as_fd(), client)?;
        // A core with an invalid number cannot be released here; closing the node releases it.
        let core = self.checked(Call::DecoderReserve, core)?;
        let info = self.core_info(core).and_then(|info| {
            if info.registers() > MAX_REGISTERS {
                let call = Call::DecoderHwIoSize;
                return Err(Error::answer(call, "bytes of registers", info.len_bytes()));
            }
            Ok(info)
        });
        Reservation::new(self, core, info)
    }

    fn check(&self, core: u32) -> Result<(), Error> {
        if core < self.cores {
            return Ok(());
        }
        Err(Error::PastEnd {
            name: "core",
            value: core.into(),
            end: self.cores.into(),
        })
    }

    fn checked(&self, call: Call, core: u32) -> Result<u32, Error> {
        match self.check(core) {
            Ok(()) => Ok(core),
            Err(_) => Err(Error::answer(call, "core", core)),
        }
    }
}

impl AsFd for HantroDecoder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
