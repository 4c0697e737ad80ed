//! Properties of an MP4 that another kind of file can't express.

use videostream::Appearance;
use videostream::colorimetry::Range;
use videostream::mp4::Mp4Info;

/// Lists what a byte stream of appearance `said` lacks. `hidden` frames are not to be shown.
pub(super) fn in_stream(info: &Mp4Info, said: Appearance, hidden: u64) -> Vec<String> {
    let shown = said.within(info.appearance);
    let colours = shown.colorimetry.codes();
    let colours = colours.filter(|codes| said.colorimetry.codes() != Some(*codes));
    let is_full = |colours: Appearance| colours.colorimetry.range == Range::Full;
    let aspect = |appearance: Appearance| {
        let (wide, high) = appearance.sample_aspect.unwrap_or((1, 1));
        (u32::from(wide), u32::from(high))
    };
    let ((wide, high), (own_wide, own_high)) = (aspect(shown), aspect(said));
    [
        turn(info).map(str::to_owned),
        (wide * own_high != own_wide * high).then(|| format!("pixel aspect ratio {wide}:{high}")),
        colours.map(|[primaries, transfer, matrix]| {
            format!("colours {primaries}/{transfer}/{matrix} (ITU-T H.273)")
        }),
        (is_full(shown) && !is_full(said)).then(|| "full range".to_owned()),
        times(info).map(str::to_owned),
        (hidden > 0).then(|| format!("{hidden} frames that are not shown")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Lists what raw video lacks.
pub(super) fn in_pictures(info: &Mp4Info) -> Vec<String> {
    let lost = [turn(info), times(info)];
    lost.into_iter().flatten().map(str::to_owned).collect()
}

/// Describes frame times, if the rate is not constant.
fn times(info: &Mp4Info) -> Option<&'static str> {
    (!info.is_even).then_some("the timestamps of a variable frame rate")
}

/// Describes the rotation of the MP4's matrix, if any.
fn turn(info: &Mp4Info) -> Option<&'static str> {
    let [a, b, _, c, d, ..] = info.matrix.map(i32::signum);
    match [a, b, c, d] {
        [1, 0, 0, 1] | [0, 0, 0, 0] => None,
        [0, 1, -1, 0] => Some("rotated by 90 degrees clockwise"),
        [-1, 0, 0, -1] => Some("rotated by 180 degrees"),
        [0, -1, 1, 0] => Some("rotated by 90 degrees counterclockwise"),
        [-1, 0, 0, 1] => Some("mirrored from left to right"),
        [1, 0, 0, -1] => Some("mirrored from top to bottom"),
        _ => Some("rotated or mirrored"),
    }
}
