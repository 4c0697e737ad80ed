//! The order of an H.264 stream's pictures, as the headers of their slices say it.
//!
//! Source: ITU-T H.264, clauses 7.3.2.2 (picture parameter set), 7.3.3 (slice header), 8.2.1 (picture order count).

use super::{OrderError, Place};
use crate::encode::sps::{Avc, Bits, avc_info};

/// A header is shorter than this, also one with weights for every picture that it refers to.
const HEADER: usize = 1024;
/// The most pictures that a slice refers to.
const MAX_REFERENCES: u32 = 32;
/// "All pictures before are no longer referred to": counting begins anew behind a picture that says so.
const FORGET_ALL: u32 = 5;

#[derive(Debug, Clone, Copy)]
struct Pps {
    sps: u8,
    /// Slices say how the second field is counted.
    has_bottom: bool,
    /// How many pictures slices refer to, unless they say otherwise.
    references: [u32; 2],
    /// P slices have weights; B slices do if this is 1.
    weights_p: bool,
    weights_b: u32,
    has_redundant: bool,
}

/// What is remembered of a stream.
#[derive(Debug)]
pub(crate) struct Order {
    sps: [Option<Avc>; 32],
    pps: Vec<Option<Pps>>,
    /// Order count of the last picture that others refer to: its high part and its low part.
    previous: (i64, i64),
    /// Pictures are counted as they come.
    number: i64,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            sps: [None; 32],
            pps: vec![None; 256],
            previous: (0, 0),
            number: 0,
        }
    }
}

/// What a slice's header says.
struct Slice {
    /// Where the picture stands, its count in parts.
    low: i64,
    bottom: i64,
    /// The pictures before it are forgotten.
    forgets: bool,
}

impl Order {
    /// Reads a NAL unit: where the picture stands that it is a slice of.
    pub(crate) fn read(&mut self, nal: &[u8]) -> Result<Option<Place>, OrderError> {
        let kind = nal.first().map_or(0, |byte| byte & 0x1f);
        match kind {
            7 => {
                let (_, avc) = avc_info(nal).ok_or(OrderError::Headers)?;
                let valid = avc.number_bits <= 16 && avc.order_bits <= 16;
                let place = self.sps.get_mut(usize::from(avc.id)).filter(|_| valid);
                *place.ok_or(OrderError::Headers)? = Some(avc);
                Ok(None)
            }
            8 => {
                self.picture_set(nal).ok_or(OrderError::Headers)?;
                Ok(None)
            }
            1 | 2 | 5 if nal.get(1).is_some_and(|byte| byte & 0x80 != 0) => {
                self.picture(nal, kind == 5).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn picture_set(&mut self, nal: &[u8]) -> Option<()> {
        let mut bits = Bits::new(&nal[1..nal.len().min(64)]);
        let id = usize::try_from(bits.ue()?).ok()?;
        let sps = u8::try_from(bits.ue()?).ok()?;
        // The way of coding.
        bits.skip(1);
        let has_bottom = bits.flag()?;
        // Slice groups, of profiles without B pictures.
        if bits.ue()? > 0 {
            return None;
        }
        let references = [bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?];
        let (weights_p, weights_b) = (bits.flag()?, bits.bits(2)?);
        for _ in 0..3 {
            bits.se()?;
        }
        bits.skip(2);
        *self.pps.get_mut(id)? = Some(Pps {
            sps,
            has_bottom,
            references,
            weights_p,
            weights_b,
            has_redundant: bits.flag()?,
        });
        Some(())
    }

    fn picture(&mut self, nal: &[u8], is_idr: bool) -> Result<Place, OrderError> {
        let mut bits = Bits::new(&nal[1..nal.len().min(HEADER)]);
        let found = first_words(&mut bits).and_then(|(kind, pps)| {
            let pps = (*self.pps.get(pps)?)?;
            Some((kind, pps, (*self.sps.get(usize::from(pps.sps))?)?))
        });
        let (kind, pps, sps) = found.ok_or(OrderError::Headers)?;
        let is_referred = nal[0] & 0x60 != 0;
        if sps.order_type == 1 {
            return Err(OrderError::CountType);
        }
        if is_field(&mut bits, &sps).ok_or(OrderError::Headers)? {
            return Err(OrderError::Fields);
        }
        if is_idr {
            self.previous = (0, 0);
        }
        let slice = rest(&mut bits, kind, &pps, &sps, (is_idr, is_referred));
        let slice = slice.ok_or(OrderError::Headers)?;
        if sps.order_type == 2 {
            self.number += 1;
            return Ok(Place {
                begins: is_idr,
                count: self.number,
            });
        }
        let whole = 1_i64 << sps.order_bits;
        let (high, low) = self.previous;
        let high = if slice.low < low && low - slice.low >= whole / 2 {
            high + whole
        } else if slice.low > low && slice.low - low > whole / 2 {
            high - whole
        } else {
            high
        };
        let count = high + slice.low;
        if slice.forgets {
            // It counts as 0 for those behind it, but for the distance between its fields.
            let low = -slice.bottom.min(0);
            self.previous = (0, low);
            return Ok(Place {
                begins: true,
                count: 0,
            });
        }
        if is_referred {
            self.previous = (high, slice.low);
        }
        Ok(Place {
            begins: is_idr,
            count: count + slice.bottom.min(0),
        })
    }
}

/// The slice's type, and the number of its picture parameter set.
fn first_words(bits: &mut Bits) -> Option<(u32, usize)> {
    bits.ue()?;
    let kind = bits.ue()? % 5;
    Some((kind, usize::try_from(bits.ue()?).ok()?))
}

/// Reads up to where slices of frames and of fields differ; which one it is.
fn is_field(bits: &mut Bits, sps: &Avc) -> Option<bool> {
    bits.skip(if sps.colours_apart { 2 } else { 0 });
    bits.skip(sps.number_bits.into());
    Some(!sps.frames_only && bits.flag()?)
}

/// Reads what follows, up to what the picture does to earlier ones.
fn rest(
    bits: &mut Bits,
    kind: u32,
    pps: &Pps,
    sps: &Avc,
    (is_idr, is_referred): (bool, bool),
) -> Option<Slice> {
    const P: u32 = 0;
    const B: u32 = 1;
    const SP: u32 = 3;
    let mut slice = Slice {
        low: 0,
        bottom: 0,
        forgets: false,
    };
    if is_idr {
        bits.ue()?;
    }
    if sps.order_type == 0 {
        slice.low = bits.bits(sps.order_bits.into())?.into();
        if pps.has_bottom {
            slice.bottom = bits.se()?.into();
        }
    }
    // Only a picture that others refer to says what to do with earlier ones; none is left before an IDR picture.
    if is_idr || !is_referred {
        return Some(slice);
    }
    if pps.has_redundant {
        bits.ue()?;
    }
    if kind == B {
        bits.skip(1);
    }
    let lists = match kind {
        P | SP => 1,
        B => 2,
        _ => 0,
    };
    let mut references = pps.references;
    if lists > 0 && bits.flag()? {
        for count in &mut references[..lists] {
            *count = bits.ue()?.checked_add(1)?;
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
        let has_colour = !sps.is_grey && !sps.colours_apart;
        weights(bits, &references[..lists], has_colour)?;
    }
    if bits.flag()? {
        loop {
            let what = bits.ue()?;
            match what {
                0 => break,
                1 | 2 | 4 | 6 => drop(bits.ue()?),
                3 => drop((bits.ue()?, bits.ue()?)),
                FORGET_ALL => slice.forgets = true,
                _ => return None,
            }
        }
    }
    Some(slice)
}

/// Reads over the weights of the pictures in each list.
fn weights(bits: &mut Bits, lists: &[u32], has_colour: bool) -> Option<()> {
    bits.ue()?;
    if has_colour {
        bits.ue()?;
    }
    for &references in lists {
        for _ in 0..(references <= MAX_REFERENCES).then_some(references)? {
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
