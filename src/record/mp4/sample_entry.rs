//! The sample entry: codec and parameter sets, for `stsd`.
//!
//! Source: ISO/IEC 14496-15, clauses 5.3.3 (AVC) and 8.3.3 (HEVC).

use mp4_atom::{Avc1, Avcc, AvccExt, Codec as SampleEntry, Hvc1, HvcCArray, Hvcc, Visual};

use crate::encode::Codec;
use crate::encode::annex_b::{NalKind, nal_units};
use crate::encode::sps;
use crate::record::RecordError;

pub(super) fn of(codec: Codec, sets: &[u8], visual: Visual) -> Result<SampleEntry, RecordError> {
    Ok(match codec {
        Codec::H264 => SampleEntry::Avc1(Avc1 {
            visual,
            avcc: avcc(sets)?,
            ..Default::default()
        }),
        Codec::H265 => SampleEntry::Hvc1(Hvc1 {
            visual,
            hvcc: hvcc(sets)?,
            ..Default::default()
        }),
        Codec::Fwht => return Err(RecordError::ParameterSets),
    })
}

/// The one parameter set of a kind. Several are possible in theory; then it is unclear which one counts.
fn of_kind(codec: Codec, sets: &[u8], kind: NalKind) -> Result<&[u8], RecordError> {
    let mut found = nal_units(sets)
        .map(|(_, nal)| nal)
        .filter(|nal| NalKind::of(codec, nal) == kind);
    found
        .next()
        .filter(|nal| nal.len() <= usize::from(u16::MAX) && found.next().is_none())
        .ok_or(RecordError::ParameterSets)
}

fn avcc(sets: &[u8]) -> Result<Avcc, RecordError> {
    let sps = of_kind(Codec::H264, sets, NalKind::Sps)?;
    let pps = of_kind(Codec::H264, sets, NalKind::Pps)?;
    let mut avcc = Avcc::new(sps, pps).map_err(|_| RecordError::ParameterSets)?;
    // High profile names its chroma format and bit depth, which in High is 4:2:0 of 8 bits.
    avcc.ext = (avcc.avc_profile_indication == 100).then(AvccExt::default);
    Ok(avcc)
}

fn hvcc(sets: &[u8]) -> Result<Hvcc, RecordError> {
    let mut arrays = Vec::new();
    for kind in [NalKind::Vps, NalKind::Sps, NalKind::Pps] {
        let set = of_kind(Codec::H265, sets, kind)?;
        arrays.push(HvcCArray {
            // None of them comes with the pictures.
            completeness: true,
            nal_unit_type: set[0] >> 1 & 0x3f,
            nalus: vec![set.to_vec()],
        });
    }
    let sps = of_kind(Codec::H265, sets, NalKind::Sps)?;
    let (_, about) = sps::hevc_info(sps).ok_or(RecordError::ParameterSets)?;
    let [profile, a, b, c, d, constraints @ .., level] = about.general;
    let mut hvcc = Hvcc::new();
    hvcc.general_profile_space = profile >> 6;
    hvcc.general_tier_flag = profile & 0x20 != 0;
    hvcc.general_profile_idc = profile & 0x1f;
    hvcc.general_profile_compatibility_flags = [a, b, c, d];
    hvcc.general_constraint_indicator_flags = constraints;
    hvcc.general_level_idc = level;
    hvcc.chroma_format_idc = about.chroma_format;
    hvcc.bit_depth_luma_minus8 = about.luma_bits - 8;
    hvcc.bit_depth_chroma_minus8 = about.chroma_bits - 8;
    hvcc.num_temporal_layers = about.temporal_layers;
    hvcc.temporal_id_nested = about.nested;
    hvcc.length_size_minus_one = 3;
    hvcc.arrays = arrays;
    Ok(hvcc)
}
