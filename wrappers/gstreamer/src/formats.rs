//! GStreamer's names of pixel formats, and those of the ring.

use gst_video::VideoFormat;
use videostream::hal::format::FourCc;

/// Formats that both know, those first that are asked for first. Of several names for one format the first is written.
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
    // Separate planes, which GStreamer has as several memories of one format.
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

/// How the ring calls a format.
pub(crate) fn fourcc(format: VideoFormat) -> Option<FourCc> {
    let found = FORMATS.iter().find(|(known, _)| *known == format);
    found.map(|(_, fourcc)| *fourcc)
}

/// How GStreamer calls a format.
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
