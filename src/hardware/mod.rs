//! What encoders and decoders of the hardware (stateful V4L2 codecs) have in common.

mod clock;
mod find;
mod pages;

use videostream_hal::time::deadline_in;

pub(crate) use self::clock::Clock;
pub use self::find::NoDevice;
pub(crate) use self::find::find;
pub(crate) use self::pages::{Held, Pages};

/// Buffers of each queue, beside those that a driver keeps for itself.
pub(crate) const BUFFERS: u32 = 4;

/// How long a device that has work may do nothing: then it hangs.
const PATIENCE_NS: u64 = 10_000_000_000;

/// When a device that does nothing from now on is taken to hang.
pub(crate) fn patience() -> Option<u64> {
    Some(deadline_in(PATIENCE_NS))
}
