//! Sample entries: the codec of a track, its parameter sets, and the appearance of its pictures.
//!
//! Source: ISO/IEC 14496-12, clause 12.1; ISO/IEC 14496-15, clauses 5.3 and 8.3.

use std::io;

use mp4_atom::{Avcc, Colr, Hvcc, Pasp};

use super::boxes::{child, children, parse, parse_child};
use super::{damaged, unsupported};
use crate::bitstream::Codec;
use crate::bitstream::ParameterSets;
use crate::colorimetry::{Appearance, Colorimetry, Range, reduced};

/// Offset of the boxes in a visual sample entry, and of its width and height.
const BOXES: usize = 78;
const SIZE: usize = 24;

/// An entry of `stsd`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) codec: Codec,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sets: ParameterSets,
    /// Size in bytes of the length field before each NAL unit.
    pub(super) length: usize,
    pub(super) appearance: Appearance,
}

/// Returns the entries of a `stsd`.
pub(super) fn all(stsd: &[u8]) -> io::Result<Vec<Entry>> {
    // The entries follow version, flags and entry count.
    let entries = children(stsd.get(8..).unwrap_or_default());
    entries
        .map(|(kind, body)| Entry::read(kind, body))
        .collect()
}

impl Entry {
    fn read(kind: [u8; 4], body: &[u8]) -> io::Result<Self> {
        let Some((head, boxes)) = body.split_at_checked(BOXES) else {
            return Err(damaged(format_args!(
                "a sample entry of {} bytes",
                body.len()
            )));
        };
        let side = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]).into();
        let (codec, sets, length) = match &kind {
            b"avc1" | b"avc2" | b"avc3" | b"avc4" => avc(boxes)?,
            b"hvc1" | b"hev1" | b"hvc2" | b"hev2" => hevc(boxes)?,
            _ => {
                let kind = kind.escape_ascii();
                return Err(unsupported(format_args!(
                    "its video is {kind}: only H.264 (avc1, avc3) and H.265 (hvc1, hev1) are \
                     supported"
                )));
            }
        };
        // Some files have several of these boxes; ICC profiles carry no code points.
        let colr = children(boxes).filter(|(kind, _)| kind == b"colr");
        let mut colr = colr.filter_map(|(_, body)| colours(parse(body).ok()?));
        let aspect: Option<Pasp> = parse_child(boxes).unwrap_or_default();
        let aspect = aspect.map(|pasp| reduced(pasp.h_spacing.into(), pasp.v_spacing.into()));
        Ok(Self {
            codec,
            width: side(SIZE),
            height: side(SIZE + 2),
            sets,
            length,
            appearance: Appearance {
                colorimetry: colr.next().unwrap_or_default(),
                sample_aspect: aspect.flatten(),
                chroma: None,
            },
        })
    }
}

fn avc(boxes: &[u8]) -> io::Result<(Codec, ParameterSets, usize)> {
    let avcc = child(boxes, b"avcC").ok_or_else(|| damaged("H.264 without avcC"))?;
    let avcc: Avcc = parse(avcc)?;
    let mut sets = ParameterSets::new(Codec::H264);
    let all = avcc.sequence_parameter_sets.iter();
    for set in all.chain(&avcc.picture_parameter_sets) {
        sets.add(set);
    }
    Ok((Codec::H264, sets, avcc.length_size.into()))
}

fn hevc(boxes: &[u8]) -> io::Result<(Codec, ParameterSets, usize)> {
    let hvcc = child(boxes, b"hvcC").ok_or_else(|| damaged("H.265 without hvcC"))?;
    let hvcc: Hvcc = parse(hvcc)?;
    let mut sets = ParameterSets::new(Codec::H265);
    for set in hvcc.arrays.iter().flat_map(|array| &array.nalus) {
        sets.add(set);
    }
    Ok((
        Codec::H265,
        sets,
        usize::from(hvcc.length_size_minus_one) + 1,
    ))
}

/// Returns the colorimetry in a box, if it has any.
fn colours(colr: Colr) -> Option<Colorimetry> {
    let (numbers, range) = match colr {
        Colr::Nclx {
            colour_primaries,
            transfer_characteristics,
            matrix_coefficients,
            full_range_flag,
        } => (
            [
                colour_primaries,
                transfer_characteristics,
                matrix_coefficients,
            ],
            match full_range_flag {
                true => Range::Full,
                false => Range::Limited,
            },
        ),
        Colr::Nclc {
            colour_primaries,
            transfer_characteristics,
            matrix_coefficients,
        } => (
            [
                colour_primaries,
                transfer_characteristics,
                matrix_coefficients,
            ],
            Range::Unspecified,
        ),
        _ => return None,
    };
    let colours = Colorimetry {
        range,
        ..Colorimetry::default()
    };
    // Values that are not code points of ITU-T H.273 count as unspecified.
    Some(colours.with_codes(numbers.map(|number| u8::try_from(number).unwrap_or(2))))
}
