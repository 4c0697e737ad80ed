//! Picture parameter sets of H.265.
//!
//! Source: ITU-T H.265, clause 7.3.2.3.

use super::super::bits::Bits;

/// The fields that slice headers depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pps {
    pub(crate) id: u8,
    /// Number of the sequence parameter set.
    pub(crate) sps: u8,
    /// Slice segments may depend on the header of the one before.
    pub(crate) has_dependent: bool,
    /// Slices carry whether their picture is displayed.
    pub(crate) has_output_flag: bool,
    pub(crate) extra_bits: u8,
}

impl Pps {
    /// Parses a NAL unit; `None` if it is invalid.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(nal.get(2..)?);
        Some(Self {
            id: bits.ue_max(63)?,
            sps: bits.ue_max(15)?,
            has_dependent: bits.flag()?,
            has_output_flag: bits.flag()?,
            extra_bits: bits.bits(3)? as u8,
        })
    }
}
