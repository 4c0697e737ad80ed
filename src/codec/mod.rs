//! Shared parts of encoders and decoders: the choice of a backend, and the devices and buffers of
//! hardware codecs (stateful V4L2).

mod backend;
mod clock;
mod error;
mod find;
mod mapped_buffers;

use videostream_hal::time::deadline_in;

pub use self::backend::{BACKEND_VARIABLE, Backend, DevicePath};
pub(crate) use self::clock::Clock;
pub use self::error::CodecError;
pub use self::find::NoDevice;
pub(crate) use self::find::find;
pub(crate) use self::mapped_buffers::{MappedBuffers, OutBuffer};

/// Buffers of each queue, in addition to those that a driver keeps for itself.
pub(crate) const BUFFERS: u32 = 4;

/// How long a device with work may make no progress before it is considered stuck.
const STALL_TIMEOUT_NS: u64 = 10_000_000_000;

/// Returns the deadline for a device to make progress, from now.
pub(crate) fn stall_deadline() -> Option<u64> {
    Some(deadline_in(STALL_TIMEOUT_NS))
}
