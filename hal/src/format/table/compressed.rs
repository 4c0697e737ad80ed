//! Compressed pictures and streams.

use super::format_table;
use crate::format::{FormatInfo, FourCc};

const C: FormatInfo = FormatInfo::compressed();

format_table! {
    MJPG = FourCc::new(*b"MJPG"), "V4L2_PIX_FMT_MJPEG", "Motion JPEG" => C;
    JPEG = FourCc::new(*b"JPEG"), "V4L2_PIX_FMT_JPEG", "JFIF JPEG" => C;
    DVSD = FourCc::new(*b"dvsd"), "V4L2_PIX_FMT_DV", "DV" => C;
    MPEG = FourCc::new(*b"MPEG"), "V4L2_PIX_FMT_MPEG", "Multiplexed MPEG-1/2/4 stream" => C;
    H264 = FourCc::new(*b"H264"), "V4L2_PIX_FMT_H264", "H.264 with start codes (Annex B)" => C;
    AVC1 = FourCc::new(*b"AVC1"), "V4L2_PIX_FMT_H264_NO_SC", "H.264 without start codes" => C;
    M264 = FourCc::new(*b"M264"), "V4L2_PIX_FMT_H264_MVC", "H.264 multi-view" => C;
    S264 = FourCc::new(*b"S264"), "V4L2_PIX_FMT_H264_SLICE", "H.264 slices for stateless decoders" => C;
    HEVC = FourCc::new(*b"HEVC"), "V4L2_PIX_FMT_HEVC", "H.265 with start codes (Annex B)" => C;
    S265 = FourCc::new(*b"S265"), "V4L2_PIX_FMT_HEVC_SLICE", "H.265 slices for stateless decoders" => C;
    H263 = FourCc::new(*b"H263"), "V4L2_PIX_FMT_H263", "H.263" => C;
    MPG1 = FourCc::new(*b"MPG1"), "V4L2_PIX_FMT_MPEG1", "MPEG-1 elementary stream" => C;
    MPG2 = FourCc::new(*b"MPG2"), "V4L2_PIX_FMT_MPEG2", "MPEG-2 elementary stream" => C;
    MG2S = FourCc::new(*b"MG2S"), "V4L2_PIX_FMT_MPEG2_SLICE", "MPEG-2 slices for stateless decoders" => C;
    MPG4 = FourCc::new(*b"MPG4"), "V4L2_PIX_FMT_MPEG4", "MPEG-4 part 2 elementary stream" => C;
    XVID = FourCc::new(*b"XVID"), "V4L2_PIX_FMT_XVID", "Xvid" => C;
    VC1G = FourCc::new(*b"VC1G"), "V4L2_PIX_FMT_VC1_ANNEX_G", "VC-1, Annex G" => C;
    VC1L = FourCc::new(*b"VC1L"), "V4L2_PIX_FMT_VC1_ANNEX_L", "VC-1, Annex L" => C;
    VP80 = FourCc::new(*b"VP80"), "V4L2_PIX_FMT_VP8", "VP8" => C;
    VP8F = FourCc::new(*b"VP8F"), "V4L2_PIX_FMT_VP8_FRAME", "VP8 frames for stateless decoders" => C;
    VP90 = FourCc::new(*b"VP90"), "V4L2_PIX_FMT_VP9", "VP9" => C;
    VP9F = FourCc::new(*b"VP9F"), "V4L2_PIX_FMT_VP9_FRAME", "VP9 frames for stateless decoders" => C;
    AV1F = FourCc::new(*b"AV1F"), "V4L2_PIX_FMT_AV1_FRAME", "AV1 frames for stateless decoders" => C;
    FWHT = FourCc::new(*b"FWHT"), "V4L2_PIX_FMT_FWHT", "Fast Walsh Hadamard transform (vicodec)" => C;
    SFWH = FourCc::new(*b"SFWH"), "V4L2_PIX_FMT_FWHT_STATELESS", "FWHT frames for stateless decoders" => C;
    SPK0 = FourCc::new(*b"SPK0"), "V4L2_PIX_FMT_SPK", "Sorenson Spark" => C;
    RV30 = FourCc::new(*b"RV30"), "V4L2_PIX_FMT_RV30", "RealVideo 8" => C;
    RV40 = FourCc::new(*b"RV40"), "V4L2_PIX_FMT_RV40", "RealVideo 9 and 10" => C;
    S5CI = FourCc::new(*b"S5CI"), "V4L2_PIX_FMT_S5C_UYVY_JPG", "Interleaved UYVY and JPEG (S5C73M3)" => C;
}
