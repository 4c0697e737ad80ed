//! Picture parameter sets of H.264.
//!
//! Source: ITU-T H.264, clause 7.3.2.2.

use super::super::bits::Bits;

/// What slices are read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pps {
    pub(crate) id: u8,
    /// The sequence parameter set.
    pub(crate) sps: u8,
    /// Slices say how the second field is counted.
    pub(crate) has_bottom: bool,
    /// How many pictures slices refer to, unless they say otherwise.
    pub(crate) references: [u32; 2],
    /// P slices have weights; B slices do if this is 1.
    pub(crate) weights_p: bool,
    pub(crate) weights_b: u32,
    pub(crate) has_redundant: bool,
}

impl Pps {
    /// Reads a NAL unit; `None` if it makes no sense.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(nal.get(1..)?);
        let (id, sps) = (bits.ue_max(255)?, bits.ue_max(31)?);
        // The way of coding.
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

/// How macroblocks are dealt out to groups of slices: Baseline and Extended only.
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
            // As many bits as the number of groups needs.
            bits.skip(macroblocks.checked_mul((groups + 1).next_power_of_two().ilog2())?)?;
        }
        _ => {}
    }
    Some(())
}
