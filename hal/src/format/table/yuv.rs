//! Luma and colour difference: packed, semi-planar and planar.

use super::format_table;
use crate::format::Subsampling::{self, Yuv410, Yuv411, Yuv420, Yuv422, Yuv444};
use crate::format::{FormatInfo, FourCc, PlaneRule, modifier};

const Y: PlaneRule = PlaneRule::new(1, 1, 1);
const Y16: PlaneRule = PlaneRule::new(2, 1, 1);

// Semi-planar: luma, then both colours interleaved.
const SEMI_420: &[PlaneRule] = &[Y, PlaneRule::new(2, 2, 2)];
const SEMI_422: &[PlaneRule] = &[Y, PlaneRule::new(2, 2, 1)];
const SEMI_444: &[PlaneRule] = &[Y, PlaneRule::new(2, 1, 1)];
const SEMI_420_16: &[PlaneRule] = &[Y16, PlaneRule::new(4, 2, 2)];
/// Four samples of 10 bits in five bytes.
const SEMI_420_10: &[PlaneRule] = &[PlaneRule::new(5, 4, 1), PlaneRule::new(5, 4, 2)];
const SEMI_422_10: &[PlaneRule] = &[PlaneRule::new(5, 4, 1), PlaneRule::new(5, 4, 1)];

// Planar: luma and each colour in separate planes.
const PLANAR_420: &[PlaneRule] = &[Y, PlaneRule::new(1, 2, 2), PlaneRule::new(1, 2, 2)];
const PLANAR_422: &[PlaneRule] = &[Y, PlaneRule::new(1, 2, 1), PlaneRule::new(1, 2, 1)];
const PLANAR_444: &[PlaneRule] = &[Y, Y, Y];
const PLANAR_411: &[PlaneRule] = &[Y, PlaneRule::new(1, 4, 1), PlaneRule::new(1, 4, 1)];
const PLANAR_410: &[PlaneRule] = &[Y, PlaneRule::new(1, 4, 4), PlaneRule::new(1, 4, 4)];

// Packed: everything in one plane.
const PACKED_422: &[PlaneRule] = &[PlaneRule::new(4, 2, 1)];
const PACKED_422_16: &[PlaneRule] = &[PlaneRule::new(8, 2, 1)];
const PACKED_411: &[PlaneRule] = &[PlaneRule::new(12, 8, 1)];
const WORD: &[PlaneRule] = &[PlaneRule::new(2, 1, 1)];
const THREE: &[PlaneRule] = &[PlaneRule::new(3, 1, 1)];
const FOUR: &[PlaneRule] = &[PlaneRule::new(4, 1, 1)];
const SIX: &[PlaneRule] = &[PlaneRule::new(6, 1, 1)];

const fn yuv(sub: Subsampling, bits: u8, planes: &'static [PlaneRule]) -> FormatInfo {
    FormatInfo::yuv(sub, bits, planes)
}

format_table! {
    NV12 = FourCc::new(*b"NV12"), "V4L2_PIX_FMT_NV12", "YUV 4:2:0 semi-planar, Y and CbCr" => yuv(Yuv420, 8, SEMI_420).drm(b"NV12");
    NV21 = FourCc::new(*b"NV21"), "V4L2_PIX_FMT_NV21", "YUV 4:2:0 semi-planar, Y and CrCb" => yuv(Yuv420, 8, SEMI_420).drm(b"NV21");
    NV16 = FourCc::new(*b"NV16"), "V4L2_PIX_FMT_NV16", "YUV 4:2:2 semi-planar, Y and CbCr" => yuv(Yuv422, 8, SEMI_422).drm(b"NV16");
    NV61 = FourCc::new(*b"NV61"), "V4L2_PIX_FMT_NV61", "YUV 4:2:2 semi-planar, Y and CrCb" => yuv(Yuv422, 8, SEMI_422).drm(b"NV61");
    NV24 = FourCc::new(*b"NV24"), "V4L2_PIX_FMT_NV24", "YUV 4:4:4 semi-planar, Y and CbCr" => yuv(Yuv444, 8, SEMI_444).drm(b"NV24");
    NV42 = FourCc::new(*b"NV42"), "V4L2_PIX_FMT_NV42", "YUV 4:4:4 semi-planar, Y and CrCb" => yuv(Yuv444, 8, SEMI_444).drm(b"NV42");
    P010 = FourCc::new(*b"P010"), "V4L2_PIX_FMT_P010", "YUV 4:2:0 semi-planar, 10 bit in the high bits of 16" => yuv(Yuv420, 10, SEMI_420_16).drm(b"P010");
    P012 = FourCc::new(*b"P012"), "V4L2_PIX_FMT_P012", "YUV 4:2:0 semi-planar, 12 bit in the high bits of 16" => yuv(Yuv420, 12, SEMI_420_16).drm(b"P012");
    NV15 = FourCc::new(*b"NV15"), "V4L2_PIX_FMT_NV15", "YUV 4:2:0 semi-planar, 10 bit packed" => yuv(Yuv420, 10, SEMI_420_10).drm(b"NV15");
    NV20 = FourCc::new(*b"NV20"), "V4L2_PIX_FMT_NV20", "YUV 4:2:2 semi-planar, 10 bit packed" => yuv(Yuv422, 10, SEMI_422_10).drm(b"NV20");

    YU12 = FourCc::new(*b"YU12"), "V4L2_PIX_FMT_YUV420", "YUV 4:2:0 planar, Y, Cb and Cr (I420)" => yuv(Yuv420, 8, PLANAR_420).drm(b"YU12");
    YV12 = FourCc::new(*b"YV12"), "V4L2_PIX_FMT_YVU420", "YUV 4:2:0 planar, Y, Cr and Cb" => yuv(Yuv420, 8, PLANAR_420).drm(b"YV12");
    YUV422P = FourCc::new(*b"422P"), "V4L2_PIX_FMT_YUV422P", "YUV 4:2:2 planar, Y, Cb and Cr" => yuv(Yuv422, 8, PLANAR_422).drm(b"YU16");
    YUV411P = FourCc::new(*b"411P"), "V4L2_PIX_FMT_YUV411P", "YUV 4:1:1 planar, Y, Cb and Cr" => yuv(Yuv411, 8, PLANAR_411).drm(b"YU11");
    YUV9 = FourCc::new(*b"YUV9"), "V4L2_PIX_FMT_YUV410", "YUV 4:1:0 planar, Y, Cb and Cr" => yuv(Yuv410, 8, PLANAR_410).drm(b"YUV9");
    YVU9 = FourCc::new(*b"YVU9"), "V4L2_PIX_FMT_YVU410", "YUV 4:1:0 planar, Y, Cr and Cb" => yuv(Yuv410, 8, PLANAR_410).drm(b"YVU9");

    YUYV = FourCc::new(*b"YUYV"), "V4L2_PIX_FMT_YUYV", "YUV 4:2:2 packed, bytes Y Cb Y Cr" => yuv(Yuv422, 8, PACKED_422).drm(b"YUYV");
    UYVY = FourCc::new(*b"UYVY"), "V4L2_PIX_FMT_UYVY", "YUV 4:2:2 packed, bytes Cb Y Cr Y" => yuv(Yuv422, 8, PACKED_422).drm(b"UYVY");
    YVYU = FourCc::new(*b"YVYU"), "V4L2_PIX_FMT_YVYU", "YUV 4:2:2 packed, bytes Y Cr Y Cb" => yuv(Yuv422, 8, PACKED_422).drm(b"YVYU");
    VYUY = FourCc::new(*b"VYUY"), "V4L2_PIX_FMT_VYUY", "YUV 4:2:2 packed, bytes Cr Y Cb Y" => yuv(Yuv422, 8, PACKED_422).drm(b"VYUY");
    YYUV = FourCc::new(*b"YYUV"), "V4L2_PIX_FMT_YYUV", "YUV 4:2:2 packed, bytes Y Y Cb Cr" => yuv(Yuv422, 8, PACKED_422);
    Y210 = FourCc::new(*b"Y210"), "V4L2_PIX_FMT_Y210", "YUV 4:2:2 packed, 10 bit in the high bits of 16" => yuv(Yuv422, 10, PACKED_422_16).drm(b"Y210");
    Y212 = FourCc::new(*b"Y212"), "V4L2_PIX_FMT_Y212", "YUV 4:2:2 packed, 12 bit in the high bits of 16" => yuv(Yuv422, 12, PACKED_422_16).drm(b"Y212");
    Y216 = FourCc::new(*b"Y216"), "V4L2_PIX_FMT_Y216", "YUV 4:2:2 packed, 16 bit" => yuv(Yuv422, 16, PACKED_422_16).drm(b"Y216");
    Y41P = FourCc::new(*b"Y41P"), "V4L2_PIX_FMT_Y41P", "YUV 4:1:1 packed, 8 pixels in 12 bytes" => yuv(Yuv411, 8, PACKED_411);

    Y444 = FourCc::new(*b"Y444"), "V4L2_PIX_FMT_YUV444", "YUV 4:4:4 packed, 16 bit, A4 Y4 U4 V4" => yuv(Yuv444, 4, WORD);
    YUVO = FourCc::new(*b"YUVO"), "V4L2_PIX_FMT_YUV555", "YUV 4:4:4 packed, 16 bit, A1 Y5 U5 V5" => yuv(Yuv444, 5, WORD);
    YUVP = FourCc::new(*b"YUVP"), "V4L2_PIX_FMT_YUV565", "YUV 4:4:4 packed, 16 bit, Y5 U6 V5" => yuv(Yuv444, 6, WORD);
    YUV3 = FourCc::new(*b"YUV3"), "V4L2_PIX_FMT_YUV24", "YUV 4:4:4 packed, bytes Y Cb Cr" => yuv(Yuv444, 8, THREE).drm(b"VU24");
    YUV4 = FourCc::new(*b"YUV4"), "V4L2_PIX_FMT_YUV32", "YUV 4:4:4 packed, bytes A Y Cb Cr" => yuv(Yuv444, 8, FOUR);
    AYUV = FourCc::new(*b"AYUV"), "V4L2_PIX_FMT_AYUV32", "YUV 4:4:4 packed, bytes A Y Cb Cr, alpha defined" => yuv(Yuv444, 8, FOUR);
    XYUV = FourCc::new(*b"XYUV"), "V4L2_PIX_FMT_XYUV32", "YUV 4:4:4 packed, bytes X Y Cb Cr" => yuv(Yuv444, 8, FOUR);
    VUYA = FourCc::new(*b"VUYA"), "V4L2_PIX_FMT_VUYA32", "YUV 4:4:4 packed, bytes Cr Cb Y A" => yuv(Yuv444, 8, FOUR).drm(b"AYUV");
    VUYX = FourCc::new(*b"VUYX"), "V4L2_PIX_FMT_VUYX32", "YUV 4:4:4 packed, bytes Cr Cb Y X" => yuv(Yuv444, 8, FOUR).drm(b"XYUV");
    YUVA = FourCc::new(*b"YUVA"), "V4L2_PIX_FMT_YUVA32", "YUV 4:4:4 packed, bytes Y Cb Cr A" => yuv(Yuv444, 8, FOUR);
    YUVX = FourCc::new(*b"YUVX"), "V4L2_PIX_FMT_YUVX32", "YUV 4:4:4 packed, bytes Y Cb Cr X" => yuv(Yuv444, 8, FOUR);
    Y312 = FourCc::new(*b"Y312"), "V4L2_PIX_FMT_YUV48_12", "YUV 4:4:4 packed, 12 bit in the high bits of 16" => yuv(Yuv444, 12, SIX);

    NM12 = FourCc::new(*b"NM12"), "V4L2_PIX_FMT_NV12M", "YUV 4:2:0 semi-planar, planes apart, Y and CbCr" => yuv(Yuv420, 8, SEMI_420).drm(b"NV12").separate(Some(FourCc::NV12));
    NM21 = FourCc::new(*b"NM21"), "V4L2_PIX_FMT_NV21M", "YUV 4:2:0 semi-planar, planes apart, Y and CrCb" => yuv(Yuv420, 8, SEMI_420).drm(b"NV21").separate(Some(FourCc::NV21));
    NM16 = FourCc::new(*b"NM16"), "V4L2_PIX_FMT_NV16M", "YUV 4:2:2 semi-planar, planes apart, Y and CbCr" => yuv(Yuv422, 8, SEMI_422).drm(b"NV16").separate(Some(FourCc::NV16));
    NM61 = FourCc::new(*b"NM61"), "V4L2_PIX_FMT_NV61M", "YUV 4:2:2 semi-planar, planes apart, Y and CrCb" => yuv(Yuv422, 8, SEMI_422).drm(b"NV61").separate(Some(FourCc::NV61));
    PM12 = FourCc::new(*b"PM12"), "V4L2_PIX_FMT_P012M", "YUV 4:2:0 semi-planar, 12 bit, planes apart" => yuv(Yuv420, 12, SEMI_420_16).drm(b"P012").separate(Some(FourCc::P012));
    YM12 = FourCc::new(*b"YM12"), "V4L2_PIX_FMT_YUV420M", "YUV 4:2:0 planar, planes apart, Y, Cb and Cr" => yuv(Yuv420, 8, PLANAR_420).drm(b"YU12").separate(Some(FourCc::YU12));
    YM21 = FourCc::new(*b"YM21"), "V4L2_PIX_FMT_YVU420M", "YUV 4:2:0 planar, planes apart, Y, Cr and Cb" => yuv(Yuv420, 8, PLANAR_420).drm(b"YV12").separate(Some(FourCc::YV12));
    YM16 = FourCc::new(*b"YM16"), "V4L2_PIX_FMT_YUV422M", "YUV 4:2:2 planar, planes apart, Y, Cb and Cr" => yuv(Yuv422, 8, PLANAR_422).drm(b"YU16").separate(Some(FourCc::YUV422P));
    YM61 = FourCc::new(*b"YM61"), "V4L2_PIX_FMT_YVU422M", "YUV 4:2:2 planar, planes apart, Y, Cr and Cb" => yuv(Yuv422, 8, PLANAR_422).drm(b"YV16").separate(None);
    YM24 = FourCc::new(*b"YM24"), "V4L2_PIX_FMT_YUV444M", "YUV 4:4:4 planar, planes apart, Y, Cb and Cr" => yuv(Yuv444, 8, PLANAR_444).drm(b"YU24").separate(None);
    YM42 = FourCc::new(*b"YM42"), "V4L2_PIX_FMT_YVU444M", "YUV 4:4:4 planar, planes apart, Y, Cr and Cb" => yuv(Yuv444, 8, PLANAR_444).drm(b"YV24").separate(None);

    VT12 = FourCc::new(*b"VT12"), "V4L2_PIX_FMT_NV12_4L4", "YUV 4:2:0 semi-planar, tiles of 4x4" => yuv(Yuv420, 8, SEMI_420).tiled(4, 4);
    HM12 = FourCc::new(*b"HM12"), "V4L2_PIX_FMT_NV12_16L16", "YUV 4:2:0 semi-planar, tiles of 16x16" => yuv(Yuv420, 8, SEMI_420).tiled(16, 16);
    ST12 = FourCc::new(*b"ST12"), "V4L2_PIX_FMT_NV12_32L32", "YUV 4:2:0 semi-planar, tiles of 32x32" => yuv(Yuv420, 8, SEMI_420).tiled(32, 32).drm_tiled(b"NV12", modifier::ALLWINNER_TILED);
    VT15 = FourCc::new(*b"VT15"), "V4L2_PIX_FMT_NV15_4L4", "YUV 4:2:0 semi-planar, 10 bit packed, tiles of 4x4" => yuv(Yuv420, 10, SEMI_420_10).tiled(4, 4);
    T010 = FourCc::new(*b"T010"), "V4L2_PIX_FMT_P010_4L4", "YUV 4:2:0 semi-planar, 10 bit in 16, tiles of 4x4" => yuv(Yuv420, 10, SEMI_420_16).tiled(4, 4);
    TM12 = FourCc::new(*b"TM12"), "V4L2_PIX_FMT_NV12MT", "YUV 4:2:0 semi-planar, planes apart, tiles of 64x32" => yuv(Yuv420, 8, SEMI_420).tiled(64, 32).drm_tiled(b"NV12", modifier::SAMSUNG_64_32_TILE).separate(None);
    VM12 = FourCc::new(*b"VM12"), "V4L2_PIX_FMT_NV12MT_16X16", "YUV 4:2:0 semi-planar, planes apart, tiles of 16x16" => yuv(Yuv420, 8, SEMI_420).tiled(16, 16).drm_tiled(b"NV12", modifier::SAMSUNG_16_16_TILE).separate(None);
    MM21 = FourCc::new(*b"MM21"), "V4L2_PIX_FMT_MM21", "YUV 4:2:0 semi-planar, planes apart, tiles of 16x32" => yuv(Yuv420, 8, SEMI_420).tiled(16, 32).separate(None);
    AT12 = FourCc::new(*b"AT12"), "V4L2_PIX_FMT_NV12_8L128", "YUV 4:2:0 semi-planar, tiles of 8x128" => yuv(Yuv420, 8, SEMI_420).tiled(8, 128);
    AX12_BE = FourCc::new_be(*b"AX12"), "V4L2_PIX_FMT_NV12_10BE_8L128", "YUV 4:2:0 semi-planar, 10 bit packed, tiles of 8x128" => yuv(Yuv420, 10, SEMI_420_10).tiled(8, 128);
    NA12 = FourCc::new(*b"NA12"), "V4L2_PIX_FMT_NV12M_8L128", "YUV 4:2:0 semi-planar, planes apart, tiles of 8x128" => yuv(Yuv420, 8, SEMI_420).tiled(8, 128).separate(Some(FourCc::AT12));
    NT12_BE = FourCc::new_be(*b"NT12"), "V4L2_PIX_FMT_NV12M_10BE_8L128", "YUV 4:2:0 semi-planar, 10 bit packed, planes apart, tiles of 8x128" => yuv(Yuv420, 10, SEMI_420_10).tiled(8, 128).separate(Some(FourCc::AX12_BE));
}
