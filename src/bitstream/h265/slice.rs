//! Slice segment headers of H.265.
//!
//! Source: ITU-T H.265, clauses 7.3.1.2 (NAL unit header) and 7.3.6.1.

use std::ops::RangeInclusive;

use super::super::bits::Bits;
use super::{Pps, Sps};

/// NAL unit types: leading pictures, those of them that are skipped when decoding starts at the
/// picture they lead, and IRAP pictures, where decoding can start.
const RADL: RangeInclusive<u8> = 6..=7;
const RASL: RangeInclusive<u8> = 8..=9;
const IRAP: RangeInclusive<u8> = 16..=23;
const IDR: RangeInclusive<u8> = 19..=20;
const CRA: u8 = 21;

/// A parsed slice segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) kind: u8,
    pub(crate) sublayer: u8,
    pub(crate) is_first: bool,
    /// Whether the picture is displayed; not in dependent segments.
    pub(crate) is_shown: bool,
    /// The low bits of the order count; not in dependent segments.
    pub(crate) low: Option<u32>,
}

/// Returns the number of the slice's picture parameter set.
pub(crate) fn pps_of(nal: &[u8]) -> Option<usize> {
    let mut bits = Bits::new(nal.get(2..)?);
    first_flags(&mut bits, nal[0] >> 1 & 0x3f)?;
    bits.ue_max(63)
}

/// Reads `first_slice_segment_in_pic_flag`; skips `no_output_of_prior_pics_flag` of IRAP pictures.
fn first_flags(bits: &mut Bits<'_>, kind: u8) -> Option<bool> {
    let is_first = bits.flag()?;
    bits.skip(u32::from(IRAP.contains(&kind)))?;
    Some(is_first)
}

impl Slice {
    /// Parses the header of a NAL unit; `None` if it is invalid.
    pub(crate) fn read(nal: &[u8], pps: &Pps, sps: &Sps) -> Option<Self> {
        let (kind, sublayer) = (nal[0] >> 1 & 0x3f, nal.get(1)? & 7);
        let mut bits = Bits::new(nal.get(2..nal.len().min(64))?);
        let is_first = first_flags(&mut bits, kind)?;
        bits.ue()?;
        let mut slice = Self {
            kind,
            sublayer,
            is_first,
            is_shown: true,
            low: None,
        };
        if !is_first {
            let is_dependent = pps.has_dependent && bits.flag()?;
            bits.skip(sps.address_bits)?;
            if is_dependent {
                return Some(slice);
            }
        }
        bits.skip(pps.extra_bits.into())?;
        // Slice type.
        bits.ue_max::<u8>(2)?;
        slice.is_shown = !pps.has_output_flag || bits.flag()?;
        bits.skip(if sps.colours_apart { 2 } else { 0 })?;
        slice.low = Some(match IDR.contains(&kind) {
            true => 0,
            false => bits.bits(sps.count_bits.into())?,
        });
        Some(slice)
    }

    /// Returns whether decoding can start here (IRAP).
    pub(crate) fn is_irap(&self) -> bool {
        IRAP.contains(&self.kind)
    }

    /// Returns whether it starts a sequence wherever it is.
    pub(crate) fn is_idr_or_bla(&self) -> bool {
        self.is_irap() && self.kind < CRA
    }

    /// Returns whether the picture follows an IRAP picture in the stream and precedes it in display
    /// order.
    pub(crate) fn is_leading(&self) -> bool {
        RADL.contains(&self.kind) || self.is_rasl()
    }

    /// Returns whether it is a leading picture that may refer to pictures before the IRAP picture.
    pub(crate) fn is_rasl(&self) -> bool {
        RASL.contains(&self.kind)
    }

    /// Returns whether other pictures of its layer may refer to it.
    pub(crate) fn is_referred(&self) -> bool {
        self.kind >= 16 || self.kind % 2 == 1
    }
}
