//! Byte streams of H.264 and H.265 (annex B): NAL units, parameter sets, access units, and display
//! order.
//!
//! Existing parsers were compared: those that read all three kinds of headers panic on damaged ones
//! or refuse streams that players accept, such as pictures larger than the stream's level allows.

mod access_units;
mod bits;
mod codec;
mod fwht;
pub(crate) mod h264;
pub(crate) mod h265;
mod info;
mod nal;
mod order;
mod packet;
pub(crate) mod sei;
mod sets;
#[cfg(test)]
pub(crate) mod testing;
mod vui;

pub use self::access_units::{AccessUnits, UnitFinder, access_units};
#[cfg(feature = "software")]
pub(crate) use self::bits::BitWriter;
pub use self::codec::{Codec, Level};
pub use self::info::{StreamInfo, has_b_slices, stream_info};
pub(crate) use self::nal::{NalKind, nal_units};
pub(crate) use self::order::DisplayPosition;
#[cfg(feature = "software")]
pub(crate) use self::order::first_slice;
pub use self::order::{OrderError, PictureOrder};
pub use self::packet::Packet;
pub use self::sets::ParameterSets;

/// Upper bound (exclusive) of a picture side in both standards.
const MAX_SIDE: u32 = 1 << 16;

/// Returns the visible length of a picture side: `coded` less the cropping at both ends, in
/// multiples of `unit`.
fn visible(coded: u32, unit: u32, before: u32, behind: u32) -> Option<u32> {
    let cut = before.checked_add(behind)?.checked_mul(unit)?;
    coded
        .checked_sub(cut)
        .filter(|side| (1..MAX_SIDE).contains(side))
}
