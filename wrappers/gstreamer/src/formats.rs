//! Pixel formats by GStreamer's names and the ring's codes.

use gst_video::{VideoFormat, VideoInfo};
use videostream::hal::format::{DrmFormat, FourCc, Layout, PlaneLayout};

/// Formats that both sides support, common ones first. If several codes mean one format, the first
/// is written.
pub(crate) const FORMATS: &[(VideoFormat, FourCc)] = &[
    (VideoFormat::Nv12, FourCc::NV12),
    (VideoFormat::I420, FourCc::YU12),
    (VideoFormat::Yuy2, FourCc::YUYV),
    (VideoFormat::Uyvy, FourCc::UYVY),
    (VideoFormat::Bgra, FourCc::AR24),
    (VideoFormat::Rgba, FourCc::AB24),
    (VideoFormat::Bgrx, FourCc::XR24),
    (VideoFormat::Rgbx, FourCc::XB24),
    (VideoFormat::Rgb, FourCc::RGB3),
    (VideoFormat::Bgr, FourCc::BGR3),
    (VideoFormat::Gray8, FourCc::GREY),
    (VideoFormat::Nv21, FourCc::NV21),
    (VideoFormat::Nv16, FourCc::NV16),
    (VideoFormat::Nv61, FourCc::NV61),
    (VideoFormat::Nv24, FourCc::NV24),
    (VideoFormat::Yv12, FourCc::YV12),
    (VideoFormat::Y42b, FourCc::YUV422P),
    (VideoFormat::Y444, FourCc::YM24),
    (VideoFormat::Yvyu, FourCc::YVYU),
    (VideoFormat::Vyuy, FourCc::VYUY),
    (VideoFormat::Argb, FourCc::BA24),
    (VideoFormat::Abgr, FourCc::RA24),
    (VideoFormat::Xrgb, FourCc::BX24),
    (VideoFormat::Xbgr, FourCc::RX24),
    (VideoFormat::Rgb16, FourCc::RGBP),
    (VideoFormat::Rgb15, FourCc::XR15),
    (VideoFormat::Gray16Le, FourCc::Y16),
    (VideoFormat::Gray16Be, FourCc::Y16_BE),
    (VideoFormat::P01010le, FourCc::P010),
    (VideoFormat::Y41b, FourCc::YUV411P),
    (VideoFormat::Yuv9, FourCc::YUV9),
    (VideoFormat::Yvu9, FourCc::YVU9),
    // Planes in separate memories, for which GStreamer has no formats of their own.
    (VideoFormat::Nv12, FourCc::NM12),
    (VideoFormat::Nv21, FourCc::NM21),
    (VideoFormat::Nv16, FourCc::NM16),
    (VideoFormat::I420, FourCc::YM12),
    (VideoFormat::Yv12, FourCc::YM21),
    (VideoFormat::Y42b, FourCc::YM16),
    // Names of the 2.x library.
    (VideoFormat::Rgbx, FourCc::new(*b"RGBX")),
    (VideoFormat::Bgrx, FourCc::new(*b"BGRX")),
];

/// Returns the ring's code for a format.
pub(crate) fn fourcc(format: VideoFormat) -> Option<FourCc> {
    let found = FORMATS.iter().find(|(known, _)| *known == format);
    found.map(|(_, fourcc)| *fourcc)
}

/// Returns the ring's code for a format with each plane in its own buffer, if there is one.
pub(crate) fn separate(format: VideoFormat) -> Option<FourCc> {
    let mut codes = FORMATS.iter().filter(|(known, _)| *known == format);
    let is_separate = |fourcc: FourCc| fourcc.info().is_some_and(|info| info.separate);
    codes.find_map(|(_, fourcc)| Some(*fourcc).filter(|fourcc| is_separate(*fourcc)))
}

/// Returns the layout of a picture without padding.
///
/// # Errors
/// Fails for formats and sizes without a layout.
pub(crate) fn tight(info: &VideoInfo) -> Result<Layout, String> {
    let code = fourcc(info.format()).ok_or("a format without a name")?;
    Layout::new(code, info.width(), info.height()).map_err(|error| error.to_string())
}

/// Returns the bytes that a plane with this stride takes; `None` if the stride is too small, or the
/// size overflows.
pub(crate) fn plane_needs(tight: &PlaneLayout, stride: u64) -> Option<u64> {
    let line = u64::from(tight.stride);
    let lines = tight.size.checked_div(tight.stride).unwrap_or(0);
    let before_last = u64::from(lines.saturating_sub(1)).checked_mul(stride)?;
    before_last.checked_add(line).filter(|_| stride >= line)
}

/// Returns GStreamer's format for DRM's four letters.
pub(crate) fn of_drm(letters: &str) -> Option<VideoFormat> {
    let mut padded = *b"    ";
    padded
        .get_mut(..letters.len())?
        .copy_from_slice(letters.as_bytes());
    video_format(DrmFormat::linear(padded).to_v4l2()?)
}

/// Returns GStreamer's format for a code of the ring.
pub(crate) fn video_format(fourcc: FourCc) -> Option<VideoFormat> {
    let old = |letters: &[u8; 4]| fourcc == FourCc::new(*letters);
    let found = FORMATS.iter().find(|(_, known)| *known == fourcc);
    match found {
        Some((format, _)) => Some(*format),
        None if old(b"RGBA") => Some(VideoFormat::Rgba),
        None if old(b"BGRA") => Some(VideoFormat::Bgra),
        None if old(b"I420") => Some(VideoFormat::I420),
        None if old(b"YUY2") => Some(VideoFormat::Yuy2),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drm_names_are_in_word_order() {
        assert_eq!(of_drm("XR24"), Some(VideoFormat::Bgrx));
        assert_eq!(of_drm("AB24"), Some(VideoFormat::Rgba));
        assert_eq!(of_drm("BG24"), Some(VideoFormat::Rgb));
        assert_eq!(of_drm("YU12"), Some(VideoFormat::I420));
        assert_eq!(of_drm("R8"), Some(VideoFormat::Gray8));
        assert_eq!(of_drm("NV12"), Some(VideoFormat::Nv12));
        assert_eq!(of_drm("longer"), None);
    }

    #[test]
    fn separate_planes_have_their_own_code() {
        assert_eq!(separate(VideoFormat::Nv12), Some(FourCc::NM12));
        assert_eq!(separate(VideoFormat::Yuy2), None);
    }

    /// Linear 8-bit formats that GStreamer does not have, or that were not needed yet.
    const LEFT_OUT: &[FourCc] = &[
        FourCc::NV42,
        FourCc::YUV3,
        FourCc::VUYA,
        FourCc::VUYX,
        FourCc::NM61,
        FourCc::YM61,
        FourCc::YM42,
    ];

    /// A new format in hal's table has to be added to `FORMATS` or to `LEFT_OUT`.
    #[test]
    fn formats_have_a_name_or_are_left_out() {
        for info in videostream::hal::format::formats() {
            if info.bits == 8 && info.tile == (1, 1) && info.drm.is_some() {
                let is_left_out = LEFT_OUT.contains(&info.fourcc);
                let has_a_name = video_format(info.fourcc).is_some();
                assert_ne!(has_a_name, is_left_out, "{}", info.fourcc);
            }
        }
    }

    #[test]
    fn every_code_comes_back() {
        for &(format, code) in FORMATS {
            assert_eq!(video_format(code), Some(format), "{code}");
            let written = fourcc(format).unwrap();
            assert_eq!(video_format(written), Some(format));
        }
    }
}
