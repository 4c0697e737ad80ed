//! Byte streams of H.264 and H.265 (annex B): NAL units, parameter sets, access units, and the order in which pictures
//! are shown.
//!
//! Parsers of others were compared: those that read all three kinds of headers stop the program at damaged ones, or
//! refuse streams that players accept, such as pictures larger than the level that the stream says.

mod access_units;
mod bits;
pub(crate) mod h264;
pub(crate) mod h265;
mod info;
mod nal;
mod order;
pub(crate) mod sei;
mod sets;
#[cfg(test)]
pub(crate) mod testing;
mod vui;

pub use self::access_units::{AccessUnits, UnitFinder, access_units};
#[cfg(feature = "software")]
pub(crate) use self::bits::BitWriter;
pub use self::info::{StreamInfo, has_b_slices, stream_info};
pub(crate) use self::nal::{NalKind, nal_units};
pub(crate) use self::order::Place;
#[cfg(feature = "software")]
pub(crate) use self::order::first_slice;
pub use self::order::{OrderError, PictureOrder};
pub use self::sets::ParameterSets;

/// The largest side that either standard allows is below this.
const MAX_SIDE: u32 = 1 << 16;

/// A side of the visible part: without what is cut off at both ends, in units of so many pixels.
fn visible(coded: u32, unit: u32, before: u32, behind: u32) -> Option<u32> {
    let cut = before.checked_add(behind)?.checked_mul(unit)?;
    coded
        .checked_sub(cut)
        .filter(|side| (1..MAX_SIDE).contains(side))
}
