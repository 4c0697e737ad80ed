//! GStreamer's names of pixel formats, and those of the ring.

use gst_video::{VideoFormat, VideoInfo};
use videostream::hal::format::{DrmFormat, FourCc, Layout, PlaneLayout};

/// Formats that both sides know, the usual ones first. Where several codes stand for one format, the first
/// one is written.
pub(crate) const FORMATS: [(VideoFormat, FourCc); 40] = [
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
    // Planes in separate memories, which GStreamer has no other formats for.
    (VideoFormat::Nv12, FourCc::NM12),
    (VideoFormat::Nv21, FourCc::NM21),
    (VideoFormat::Nv16, FourCc::NM16),
    (VideoFormat::I420, FourCc::YM12),
    (VideoFormat::Yv12, FourCc::YM21),
    (VideoFormat::Y42b, FourCc::YM16),
    // As programs of the 2.x library call them.
    (VideoFormat::Rgbx, FourCc::new(*b"RGBX")),
    (VideoFormat::Bgrx, FourCc::new(*b"BGRX")),
];

/// The ring's code for a format.
pub(crate) fn fourcc(format: VideoFormat) -> Option<FourCc> {
    let found = FORMATS.iter().find(|(known, _)| *known == format);
    found.map(|(_, fourcc)| *fourcc)
}

/// The ring's code for the same format with each plane in a buffer of its own, where there is one.
pub(crate) fn separate(format: VideoFormat) -> Option<FourCc> {
    let mut codes = FORMATS.iter().filter(|(known, _)| *known == format);
    let is_separate = |fourcc: FourCc| fourcc.info().is_some_and(|info| info.separate);
    codes.find_map(|(_, fourcc)| Some(*fourcc).filter(|fourcc| is_separate(*fourcc)))
}

/// The least that pictures of this format and size take.
///
/// # Errors
/// What there is no layout for.
pub(crate) fn tight(info: &VideoInfo) -> Result<Layout, String> {
    let code = fourcc(info.format()).ok_or("a format without a name")?;
    Layout::new(code, info.width(), info.height()).map_err(|error| error.to_string())
}

/// The bytes that a plane takes whose lines are so far apart; `None` if they are too close, or the sum too large.
pub(crate) fn plane_needs(tight: &PlaneLayout, stride: u64) -> Option<u64> {
    let line = u64::from(tight.stride);
    let lines = tight.size.checked_div(tight.stride).unwrap_or(0);
    let before_last = u64::from(lines.saturating_sub(1)).checked_mul(stride)?;
    before_last.checked_add(line).filter(|_| stride >= line)
}

/// GStreamer's format for DRM's four letters.
pub(crate) fn of_drm(letters: &str) -> Option<VideoFormat> {
    let mut padded = *b"    ";
    padded
        .get_mut(..letters.len())?
        .copy_from_slice(letters.as_bytes());
    video_format(DrmFormat::linear(padded).to_v4l2()?)
}

/// GStreamer's format for a code of the ring.
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

    #[test]
    fn every_code_comes_back() {
        for (format, code) in FORMATS {
            assert_eq!(video_format(code), Some(format), "{code}");
            let written = fourcc(format).unwrap();
            assert_eq!(video_format(written), Some(format));
        }
    }
}
