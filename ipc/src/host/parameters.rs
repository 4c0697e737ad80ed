//! A codec's parameter sets, kept for clients that connect after their key frame.

#![expect(unsafe_code, reason = "fills a mapping that is not shared yet")]

use rustix::fd::OwnedFd;
use rustix::fs::SealFlags;
use videostream_hal::Call;
use videostream_hal::memory::{Access, Mapping, memfd};
use videostream_hal::ring::RingError;

use crate::Error;
use crate::MAX_PARAMETERS;

/// Parameter sets in a memfd sealed against writing.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) fd: OwnedFd,
    pub(super) size: u64,
    /// Different for each set, never 0.
    pub(super) generation: u32,
}

impl Parameters {
    pub(super) fn new(bytes: &[u8], generation: u32) -> Result<Self, Error> {
        if bytes.is_empty() || bytes.len() > MAX_PARAMETERS {
            return Err(Error::ParameterSize {
                bytes: bytes.len(),
                max: MAX_PARAMETERS,
            });
        }
        let os = |e| Error::os(Call::MemfdCreate, e);
        let fd = memfd::create(c"videostream-parameters", bytes.len()).map_err(os)?;
        let mut map = Mapping::new(&fd, bytes.len(), Access::ReadWrite).map_err(RingError::Map)?;
        // SAFETY: the memfd was made above and nobody else has it.
        if let Some(to) = unsafe { map.bytes_mut() } {
            to.copy_from_slice(bytes);
        }
        // F_SEAL_WRITE fails with EBUSY while there is a writable mapping.
        drop(map);
        memfd::seal(&fd, memfd::FIXED_SIZE | SealFlags::WRITE).map_err(os)?;
        Ok(Self {
            fd,
            size: bytes.len() as u64,
            generation: generation.max(1),
        })
    }
}
