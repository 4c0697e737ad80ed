//! The sample entry: codec and parameter sets, for `stsd`.
//!
//! Source: ISO/IEC 14496-15, clauses 5.3.3, 5.4.2 (AVC), 8.3.3 and 8.4.1 (HEVC).

use mp4_atom::{
    Avc1, Avc3, Avcc, AvccExt, Codec as SampleEntry, Colr, Hev1, Hvc1, HvcCArray, Hvcc, Jpeg, Pasp,
    Visual,
};

use crate::bitstream::Codec;
use crate::bitstream::{NalKind, ParameterSets, h264, h265};
use crate::colorimetry::{Appearance, Range};
use crate::record::RecordError;

/// Returns the sample entry of these sets. If different ones are among the samples (`in_band`), it
/// has another type, for players that otherwise read sets only here.
pub(super) fn of(
    codec: Codec,
    sets: &ParameterSets,
    in_band: bool,
    visual: Visual,
    appearance: &Appearance,
) -> Result<SampleEntry, RecordError> {
    let (colr, pasp) = (colr(appearance), pasp(appearance));
    let avcc = || avcc(sets).ok_or(RecordError::ParameterSets);
    let hvcc = || hvcc(sets, !in_band).ok_or(RecordError::ParameterSets);
    Ok(match (codec, in_band) {
        (Codec::H264, false) => SampleEntry::Avc1(Avc1 {
            visual,
            avcc: avcc()?,
            colr,
            pasp,
            ..Default::default()
        }),
        (Codec::H264, true) => SampleEntry::Avc3(Avc3 {
            visual,
            avcc: avcc()?,
            colr,
            pasp,
            ..Default::default()
        }),
        (Codec::H265, false) => SampleEntry::Hvc1(Hvc1 {
            visual,
            hvcc: hvcc()?,
            colr,
            pasp,
            ..Default::default()
        }),
        (Codec::H265, true) => SampleEntry::Hev1(Hev1 {
            visual,
            hvcc: hvcc()?,
            colr,
            pasp,
            ..Default::default()
        }),
        (Codec::Mjpeg, _) => SampleEntry::Jpeg(Jpeg {
            visual,
            colr,
            pasp,
            ..Default::default()
        }),
        (Codec::Fwht, _) => return Err(RecordError::ParameterSets),
    })
}

/// Returns the colours, if any are known (ISO/IEC 14496-12, clause 12.1.5).
fn colr(appearance: &Appearance) -> Option<Colr> {
    let colours = appearance.colorimetry;
    let is_said = colours.codes().is_some() || colours.range != Range::Unspecified;
    is_said.then(|| Colr::Nclx {
        colour_primaries: colours.primaries.0.into(),
        transfer_characteristics: colours.transfer.0.into(),
        matrix_coefficients: colours.matrix.0.into(),
        full_range_flag: colours.range == Range::Full,
    })
}

/// Returns the sample aspect ratio (clause 12.1.4).
fn pasp(appearance: &Appearance) -> Option<Pasp> {
    let (wide, high) = appearance.sample_aspect?;
    Pasp::new(wide.into(), high.into()).ok()
}

/// Returns all sets of a kind; `None` if the kind is missing, or one set is too long for the box.
fn of_kind(sets: &ParameterSets, kind: NalKind) -> Option<Vec<Vec<u8>>> {
    let sets: Vec<_> = sets.of_kind(kind).map(<[u8]>::to_vec).collect();
    let fit = sets.iter().all(|set| set.len() <= usize::from(u16::MAX));
    (fit && !sets.is_empty()).then_some(sets)
}

fn avcc(sets: &ParameterSets) -> Option<Avcc> {
    let (all_sps, all_pps) = (of_kind(sets, NalKind::Sps)?, of_kind(sets, NalKind::Pps)?);
    let sps = h264::Sps::read(&all_sps[0])?;
    let mut avcc = Avcc::new(&all_sps[0], &all_pps[0]).ok()?;
    avcc.sequence_parameter_sets = all_sps;
    avcc.picture_parameter_sets = all_pps;
    // Only these profiles have the extension (clause 5.3.3.1.2).
    avcc.ext = sps.is_high().then(|| AvccExt {
        chroma_format: sps.chroma_format,
        bit_depth_luma: sps.luma_bits,
        bit_depth_chroma: sps.chroma_bits,
        sequence_parameter_sets_ext: Vec::new(),
    });
    Some(avcc)
}

fn hvcc(sets: &ParameterSets, completeness: bool) -> Option<Hvcc> {
    let mut arrays = Vec::new();
    for kind in [NalKind::Vps, NalKind::Sps, NalKind::Pps] {
        let nalus = of_kind(sets, kind)?;
        arrays.push(HvcCArray {
            completeness,
            nal_unit_type: nalus[0][0] >> 1 & 0x3f,
            nalus,
        });
    }
    let about = h265::Sps::read(sets.of_kind(NalKind::Sps).next()?)?;
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
    hvcc.temporal_id_nested = about.is_nested;
    hvcc.length_size_minus_one = 3;
    hvcc.arrays = arrays;
    Some(hvcc)
}
