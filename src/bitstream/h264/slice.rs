//! Slice headers of H.264.
//!
//! Source: ITU-T H.264, clause 7.3.3.

use super::super::bits::Bits;
use super::sps::Count;
use super::{Pps, Sps};

/// Upper bound in bytes of a header, even with weights for every reference picture.
const HEADER: usize = 1024;
/// The most pictures that a slice may refer to.
const MAX_REFERENCES: u32 = 32;
/// Memory management operation 5, "mark all reference pictures as unused": counting restarts after
/// a picture with it.
const FORGET_ALL: u32 = 5;
/// The most memory management operations in a slice; more are invalid.
const MAX_COMMANDS: u32 = 66;

/// A parsed slice header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) first_macroblock: u32,
    pub(crate) kind: Kind,
    pub(crate) picture: Picture,
    /// Redundant coded picture: used only if the primary one is damaged.
    pub(crate) is_redundant: bool,
    /// Memory management operation 5: all earlier pictures become unused for reference.
    pub(crate) forgets: bool,
}

/// The fields that all slices of a picture share (clause 7.4.1.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) pps: u8,
    pub(crate) number: u32,
    pub(crate) field: Field,
    pub(crate) is_referred: bool,
    /// `idr_pic_id` of an IDR picture.
    pub(crate) idr: Option<u32>,
    /// The low bits of the order count, or its offsets.
    pub(crate) count: [i32; 2],
}

/// Whether a picture is a frame, or which field of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Frame,
    Top,
    Bottom,
}

/// The prediction type of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// P and SP.
    P,
    B,
    /// I and SI.
    I,
}

/// Returns the number of the slice's picture parameter set.
pub(crate) fn pps_of(nal: &[u8]) -> Option<usize> {
    let mut bits = Bits::new(nal.get(1..)?);
    bits.ue()?;
    bits.ue()?;
    bits.ue_max(255)
}

impl Slice {
    /// Parses the header of a NAL unit; `None` if it is invalid.
    pub(crate) fn read(nal: &[u8], pps: &Pps, sps: &Sps) -> Option<Self> {
        let mut bits = Bits::new(nal.get(1..nal.len().min(HEADER))?);
        let bits = &mut bits;
        let (is_idr, is_referred) = (nal[0] & 0x1f == 5, nal[0] & 0x60 != 0);
        let first_macroblock = bits.ue()?;
        let kind = match bits.ue_max::<u8>(9)? % 5 {
            0 | 3 => Kind::P,
            1 => Kind::B,
            _ => Kind::I,
        };
        bits.ue()?;
        bits.skip(if sps.colours_apart { 2 } else { 0 })?;
        let number = bits.bits(sps.number_bits.into())?;
        let field = match !sps.frames_only && bits.flag()? {
            false => Field::Frame,
            true if bits.flag()? => Field::Bottom,
            true => Field::Top,
        };
        let idr = if is_idr { Some(bits.ue()?) } else { None };
        let count = count(bits, pps, sps, field)?;
        let is_redundant = pps.has_redundant && bits.ue()? > 0;
        let picture = Picture {
            pps: pps.id,
            number,
            field,
            is_referred,
            idr,
            count,
        };
        // Only reference pictures carry memory management operations, and an IDR picture drops all
        // others anyway.
        let forgets = is_referred && !is_idr && forgets(bits, kind, pps, sps)?;
        Some(Self {
            first_macroblock,
            kind,
            picture,
            is_redundant,
            forgets,
        })
    }
}

fn count(bits: &mut Bits<'_>, pps: &Pps, sps: &Sps, field: Field) -> Option<[i32; 2]> {
    let has_second = pps.has_bottom && field == Field::Frame;
    let mut count = [0; 2];
    match &sps.count {
        Count::Coded { bits: low } => {
            count[0] = bits.bits(u32::from(*low))? as i32;
            if has_second {
                count[1] = bits.se()?;
            }
        }
        Count::Cycle(cycle) if !cycle.always_zero => {
            count[0] = bits.se()?;
            if has_second {
                count[1] = bits.se()?;
            }
        }
        _ => {}
    }
    Some(count)
}

/// Reads the rest, up to the memory management operations. Returns whether they mark all earlier
/// pictures as unused.
fn forgets(bits: &mut Bits<'_>, kind: Kind, pps: &Pps, sps: &Sps) -> Option<bool> {
    let lists = match kind {
        Kind::P => 1,
        Kind::B => 2,
        Kind::I => 0,
    };
    if kind == Kind::B {
        bits.skip(1)?;
    }
    let mut references = pps.references;
    if lists > 0 && bits.flag()? {
        for count in &mut references[..lists] {
            *count = bits.ue_max::<u32>(MAX_REFERENCES - 1)? + 1;
        }
    }
    for _ in 0..lists {
        if bits.flag()? {
            while bits.ue()? != 3 {
                bits.ue()?;
            }
        }
    }
    if (pps.weights_p && lists == 1) || (pps.weights_b == 1 && lists == 2) {
        let has_colour = sps.chroma_format != 0 && !sps.colours_apart;
        skip_weights(bits, &references[..lists], has_colour)?;
    }
    let mut forgets = false;
    if bits.flag()? {
        for _ in 0..MAX_COMMANDS {
            match bits.ue()? {
                0 => return Some(forgets),
                1 | 2 | 4 | 6 => drop(bits.ue()?),
                3 => drop((bits.ue()?, bits.ue()?)),
                FORGET_ALL => forgets = true,
                _ => return None,
            }
        }
        return None;
    }
    Some(forgets)
}

/// Skips the prediction weights of each list.
fn skip_weights(bits: &mut Bits<'_>, lists: &[u32], has_colour: bool) -> Option<()> {
    bits.ue()?;
    if has_colour {
        bits.ue()?;
    }
    for &references in lists {
        for _ in 0..references {
            let counts = [(true, 2), (has_colour, 4)];
            for count in counts.into_iter().filter_map(|(is, n)| is.then_some(n)) {
                if bits.flag()? {
                    for _ in 0..count {
                        bits.se()?;
                    }
                }
            }
        }
    }
    Some(())
}
