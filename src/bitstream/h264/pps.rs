//! Picture parameter sets of H.264.
//!
//! Source: ITU-T H.264, clause 7.3.2.2.

use super::super::bits::Bits;

/// The fields that slice headers depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pps {
    pub(crate) id: u8,
    /// Number of the sequence parameter set.
    pub(crate) sps: u8,
    /// Slices carry the order count of the second field.
    pub(crate) has_bottom: bool,
    /// Default number of pictures that slices refer to.
    pub(crate) references: [u32; 2],
    /// P slices carry weights; B slices do if `weights_b` is 1.
    pub(crate) weights_p: bool,
    pub(crate) weights_b: u32,
    pub(crate) has_redundant: bool,
}

impl Pps {
    /// Parses a NAL unit; `None` if it is invalid.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(nal.get(1..)?);
        let (id, sps) = (bits.ue_max(255)?, bits.ue_max(31)?);
        // Entropy coding mode.
        bits.skip(1)?;
        let has_bottom = bits.flag()?;
        let groups = bits.ue_max(7)?;
        if groups > 0 {
            skip_slice_groups(&mut bits, groups)?;
        }
        let references = [bits.ue_max::<u32>(31)? + 1, bits.ue_max::<u32>(31)? + 1];
        let (weights_p, weights_b) = (bits.flag()?, bits.bits(2)?);
        for _ in 0..3 {
            bits.se()?;
        }
        bits.skip(2)?;
        Some(Self {
            id,
            sps,
            has_bottom,
            references,
            weights_p,
            weights_b,
            has_redundant: bits.flag()?,
        })
    }
}

/// Skips the map of macroblocks to slice groups (Baseline and Extended profiles only).
fn skip_slice_groups(bits: &mut Bits<'_>, groups: u32) -> Option<()> {
    match bits.ue_max::<u32>(6)? {
        0 => {
            for _ in 0..=groups {
                bits.ue()?;
            }
        }
        2 => {
            for _ in 0..groups * 2 {
                bits.ue()?;
            }
        }
        3..=5 => {
            bits.skip(1)?;
            bits.ue()?;
        }
        6 => {
            let macroblocks = bits.ue()?.checked_add(1)?;
            // Group numbers are as wide as the highest one needs.
            bits.skip(macroblocks.checked_mul((groups + 1).next_power_of_two().ilog2())?)?;
        }
        _ => {}
    }
    Some(())
}
