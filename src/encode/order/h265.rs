//! In which order the pictures of an H.265 stream are shown, as their headers say it.
//!
//! Source: ITU-T H.265, clauses 7.3.1.2 (NAL unit header), 7.3.2.3 (picture parameter set), 7.3.6.1 (slice segment
//! header), 8.1.3 (leading pictures), 8.3.1 (picture order count), C.5.2 (output order).

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use super::{OrderError, Place};
use crate::encode::sps::{Bits, Hevc, hevc_info};

/// Types of NAL units: leading pictures, those that may be left out when decoding begins at the picture that
/// they lead, the ones that decoding can begin with, and the ends of a sequence.
const RADL: RangeInclusive<u8> = 6..=7;
const RASL: RangeInclusive<u8> = 8..=9;
const IRAP: RangeInclusive<u8> = 16..=23;
const IDR: RangeInclusive<u8> = 19..=20;
const CRA: u8 = 21;
const SPS: u8 = 33;
const PPS: u8 = 34;
const ENDS: RangeInclusive<u8> = 36..=37;

/// What a NAL unit is to the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A set of parameters.
    Set,
    /// The first slice of a picture.
    Picture(Picture),
    /// Another slice of it.
    Slice,
    /// No picture that follows refers to one before.
    End,
    /// Nothing that pictures need.
    Other,
}

/// What the first slice of a picture says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Where it stands among the others.
    pub(crate) place: Place,
    /// Pictures that may be held back to bring them into order.
    pub(crate) reorder: usize,
    /// Whether it is shown.
    pub(crate) shown: bool,
    /// It refers to pictures before the one that decoding began with.
    pub(crate) orphan: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pps {
    sps: u8,
    has_output_flag: bool,
    extra_bits: u8,
}

/// What is remembered of a stream.
#[derive(Debug)]
pub(crate) struct Order {
    sps: [Option<Hevc>; 16],
    pps: [Option<Pps>; 64],
    /// Order count of the last picture that others are counted from.
    previous: i64,
    /// The next picture that decoding can begin with is one that it begins with.
    fresh: bool,
    /// The leading pictures of the last such picture can't be decoded.
    orphans: bool,
}

impl Order {
    pub(crate) fn new() -> Self {
        Self {
            sps: [None; 16],
            pps: [None; 64],
            previous: 0,
            fresh: true,
            orphans: true,
        }
    }

    /// Decoding begins with the next picture, which is a key frame.
    #[cfg(feature = "software")]
    pub(crate) fn begin(&mut self) {
        self.fresh = true;
    }

    /// Reads a NAL unit.
    pub(crate) fn read(&mut self, nal: &[u8]) -> Result<Unit, OrderError> {
        let [first, second, ..] = *nal else {
            return Ok(Unit::Other);
        };
        let kind = first >> 1 & 0x3f;
        let layer = (first & 1) << 5 | second >> 3;
        if layer > 0 {
            return Ok(Unit::Other);
        }
        match kind {
            0..=31 if nal.get(2).is_some_and(|byte| byte & 0x80 == 0) => Ok(Unit::Slice),
            0..=31 => {
                let sublayer = second & 7;
                self.picture(nal, kind, sublayer).map(Unit::Picture)
            }
            32..=PPS => {
                match kind {
                    SPS => self.set(nal)?,
                    PPS => self.picture_set(nal).ok_or(OrderError::Headers)?,
                    _ => {}
                }
                Ok(Unit::Set)
            }
            kind if ENDS.contains(&kind) => {
                self.fresh = true;
                Ok(Unit::End)
            }
            _ => Ok(Unit::Other),
        }
    }

    fn set(&mut self, nal: &[u8]) -> Result<(), OrderError> {
        let (_, hevc) = hevc_info(nal).ok_or(OrderError::Headers)?;
        if hevc.order_bits > 16 || hevc.reorder > 15 {
            return Err(OrderError::Headers);
        }
        let place = self.sps.get_mut(usize::from(hevc.id));
        *place.ok_or(OrderError::Headers)? = Some(hevc);
        Ok(())
    }

    fn picture_set(&mut self, nal: &[u8]) -> Option<()> {
        let mut bits = Bits::new(nal.get(2..nal.len().min(32))?);
        let id = bits.ue()?;
        let sps = u8::try_from(bits.ue()?).ok()?;
        // Dependent slice segments.
        bits.skip(1);
        let pps = Pps {
            sps,
            has_output_flag: bits.flag()?,
            extra_bits: bits.bits(3)? as u8,
        };
        *self.pps.get_mut(usize::try_from(id).ok()?)? = Some(pps);
        Some(())
    }

    fn picture(&mut self, nal: &[u8], kind: u8, sublayer: u8) -> Result<Picture, OrderError> {
        let begins = IRAP.contains(&kind) && (self.fresh || kind != CRA);
        let (sps, shown, low) = self.header(nal, kind).ok_or(OrderError::Headers)?;
        if begins {
            self.fresh = false;
            self.orphans = true;
        } else if kind == CRA {
            self.orphans = false;
        }
        let whole = 1_i64 << sps.order_bits;
        let low = i64::from(low);
        let count = if begins {
            low
        } else {
            // The nearest to the one before.
            let base = self.previous - self.previous.rem_euclid(whole) + low;
            [base - whole, base, base + whole]
                .into_iter()
                .min_by_key(|count| ((count - self.previous).abs(), Reverse(*count)))
                .unwrap_or(base)
        };
        let leading = RADL.contains(&kind) || RASL.contains(&kind);
        // Even types below 16 are not referred to within their layer.
        let referred = kind >= 16 || kind % 2 == 1;
        if sublayer == 1 && referred && !leading {
            self.previous = count;
        }
        let orphan = RASL.contains(&kind) && self.orphans;
        Ok(Picture {
            place: Place { begins, count },
            reorder: usize::from(sps.reorder),
            shown: shown && !orphan,
            orphan,
        })
    }

    /// What the header of a first slice says: its sequence parameter set, whether the picture is shown, and the low
    /// bits of its order count.
    fn header(&self, nal: &[u8], kind: u8) -> Option<(Hevc, bool, u32)> {
        let mut bits = Bits::new(nal.get(2..nal.len().min(64))?);
        // First slice; of pictures that decoding can begin with, whether earlier ones are dropped.
        bits.skip(1 + usize::from(IRAP.contains(&kind)));
        let pps = (*self.pps.get(usize::try_from(bits.ue()?).ok()?)?)?;
        let sps = (*self.sps.get(usize::from(pps.sps))?)?;
        bits.skip(usize::from(pps.extra_bits));
        // Type of the slice.
        bits.ue()?;
        let shown = !pps.has_output_flag || bits.flag()?;
        let low = if IDR.contains(&kind) {
            0
        } else {
            bits.bits(sps.order_bits.into())?
        };
        Some((sps, shown, low))
    }
}
