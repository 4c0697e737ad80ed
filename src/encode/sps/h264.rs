//! Sequence parameter sets of H.264.
//!
//! Source: ITU-T H.264, clause 7.3.2.1 and annex E.

use super::{Bits, StreamInfo, visible};
use crate::encode::Level;
use crate::frame_rate::FrameRate;

/// What slices of an H.264 stream are read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avc {
    /// The number of the parameter set.
    pub(crate) id: u8,
    /// Whether the three colours are coded apart, and whether there is colour.
    pub(crate) colours_apart: bool,
    pub(crate) is_grey: bool,
    /// Bits of a frame's number.
    pub(crate) number_bits: u8,
    /// How pictures are counted in the order of showing: 0 to 2.
    pub(crate) order_type: u8,
    /// Bits of a picture's order count that its slices say.
    pub(crate) order_bits: u8,
    /// Whether all pictures are whole frames.
    pub(crate) frames_only: bool,
}

/// What an H.264 sequence parameter set, a NAL unit, says.
pub(crate) fn avc_info(sps: &[u8]) -> Option<(StreamInfo, Avc)> {
    let mut bits = Bits::new(sps.get(1..)?);
    let profile = bits.bits(8)? as u8;
    bits.skip(8);
    let level = bits.bits(8)? as u8;
    let id = bits.ue()?;
    let (mut chroma, mut colours_apart) = (1, false);
    if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
        chroma = bits.ue()?;
        if chroma == 3 {
            colours_apart = bits.flag()?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.skip(1);
        if bits.flag()? {
            let lists = if chroma == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let number_bits = bits.ue()?.checked_add(4)?;
    let order_type = bits.ue()?;
    let mut order_bits = 0;
    match order_type {
        0 => order_bits = bits.ue()?.checked_add(4)?,
        1 => {
            bits.skip(1);
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.skip(1);
    let across = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let down = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let frames_only = bits.flag()?;
    let fields = if frames_only { 1 } else { 2 };
    if !frames_only {
        bits.skip(1);
    }
    bits.skip(1);
    let crop = match bits.flag()? {
        true => [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?],
        false => [0; 4],
    };
    let (unit_x, unit_y) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let info = StreamInfo {
        width: visible(across, unit_x, crop[0], crop[1])?,
        height: visible(down.checked_mul(fields)?, unit_y * fields, crop[2], crop[3])?,
        profile,
        level: Level::from_h264_idc(level),
        rate: h264_rate(&mut bits),
        reordered: (profile == 66 || order_type == 2).then_some(false),
    };
    let avc = Avc {
        id: u8::try_from(id).ok()?,
        colours_apart,
        is_grey: chroma == 0,
        number_bits: u8::try_from(number_bits).ok()?,
        order_type: u8::try_from(order_type).ok()?,
        order_bits: u8::try_from(order_bits).ok()?,
        frames_only,
    };
    Some((info, avc))
}

fn scaling_list(bits: &mut Bits, size: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// The rate in the video usability information that follows.
fn h264_rate(bits: &mut Bits) -> Option<FrameRate> {
    if !bits.flag()? {
        return None;
    }
    // Aspect ratio, with numbers of its own if it is 255.
    if bits.flag()? && bits.bits(8)? == 255 {
        bits.skip(32);
    }
    // Overscan.
    if bits.flag()? {
        bits.skip(1);
    }
    // Video signal type, and colour description.
    if bits.flag()? {
        bits.skip(4);
        if bits.flag()? {
            bits.skip(24);
        }
    }
    // Chroma location.
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    if !bits.flag()? {
        return None;
    }
    // A unit is a field's time.
    let units = bits.bits(32)?.checked_mul(2)?;
    let scale = bits.bits(32)?;
    let divisor = gcd(units, scale);
    FrameRate::new(scale.checked_div(divisor)?, units.checked_div(divisor)?).ok()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
