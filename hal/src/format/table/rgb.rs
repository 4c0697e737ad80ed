//! Red, green and blue, and hue, saturation, value.
//!
//! Descriptions of 16-bit formats name the bits of a little-endian word from the top; those of
//! 24 bits and more name the bytes in memory order.

use super::format_table;
use crate::format::{FormatInfo, FourCc, PlaneRule};

const BYTE: &[PlaneRule] = &[PlaneRule::new(1, 1, 1)];
const WORD: &[PlaneRule] = &[PlaneRule::new(2, 1, 1)];
const THREE: &[PlaneRule] = &[PlaneRule::new(3, 1, 1)];
const FOUR: &[PlaneRule] = &[PlaneRule::new(4, 1, 1)];
const SIX: &[PlaneRule] = &[PlaneRule::new(6, 1, 1)];
const EIGHT: &[PlaneRule] = &[PlaneRule::new(8, 1, 1)];

const fn rgb(bits: u8, planes: &'static [PlaneRule]) -> FormatInfo {
    FormatInfo::rgb(bits, planes)
}

format_table! {
    RGB3 = FourCc::new(*b"RGB3"), "V4L2_PIX_FMT_RGB24", "RGB 24 bit, bytes R G B" => rgb(8, THREE).drm(b"BG24");
    BGR3 = FourCc::new(*b"BGR3"), "V4L2_PIX_FMT_BGR24", "RGB 24 bit, bytes B G R" => rgb(8, THREE).drm(b"RG24");
    XR24 = FourCc::new(*b"XR24"), "V4L2_PIX_FMT_XBGR32", "RGB 32 bit, bytes B G R X" => rgb(8, FOUR).drm(b"XR24");
    AR24 = FourCc::new(*b"AR24"), "V4L2_PIX_FMT_ABGR32", "RGB 32 bit, bytes B G R A" => rgb(8, FOUR).drm(b"AR24");
    XB24 = FourCc::new(*b"XB24"), "V4L2_PIX_FMT_RGBX32", "RGB 32 bit, bytes R G B X" => rgb(8, FOUR).drm(b"XB24");
    AB24 = FourCc::new(*b"AB24"), "V4L2_PIX_FMT_RGBA32", "RGB 32 bit, bytes R G B A" => rgb(8, FOUR).drm(b"AB24");
    RX24 = FourCc::new(*b"RX24"), "V4L2_PIX_FMT_BGRX32", "RGB 32 bit, bytes X B G R" => rgb(8, FOUR).drm(b"RX24");
    RA24 = FourCc::new(*b"RA24"), "V4L2_PIX_FMT_BGRA32", "RGB 32 bit, bytes A B G R" => rgb(8, FOUR).drm(b"RA24");
    BX24 = FourCc::new(*b"BX24"), "V4L2_PIX_FMT_XRGB32", "RGB 32 bit, bytes X R G B" => rgb(8, FOUR).drm(b"BX24");
    BA24 = FourCc::new(*b"BA24"), "V4L2_PIX_FMT_ARGB32", "RGB 32 bit, bytes A R G B" => rgb(8, FOUR).drm(b"BA24");
    BGR4 = FourCc::new(*b"BGR4"), "V4L2_PIX_FMT_BGR32", "RGB 32 bit, bytes B G R and one undefined" => rgb(8, FOUR);
    RGB4 = FourCc::new(*b"RGB4"), "V4L2_PIX_FMT_RGB32", "RGB 32 bit, bytes one undefined and R G B" => rgb(8, FOUR);
    RGBP = FourCc::new(*b"RGBP"), "V4L2_PIX_FMT_RGB565", "RGB 16 bit, R5 G6 B5" => rgb(6, WORD).drm(b"RG16");
    RGBR = FourCc::new(*b"RGBR"), "V4L2_PIX_FMT_RGB565X", "RGB 16 bit, R5 G6 B5, big-endian" => rgb(6, WORD);
    RGBO = FourCc::new(*b"RGBO"), "V4L2_PIX_FMT_RGB555", "RGB 16 bit, one bit undefined, R5 G5 B5" => rgb(5, WORD);
    RGBQ = FourCc::new(*b"RGBQ"), "V4L2_PIX_FMT_RGB555X", "RGB 16 bit, one bit undefined, R5 G5 B5, big-endian" => rgb(5, WORD);
    XR15 = FourCc::new(*b"XR15"), "V4L2_PIX_FMT_XRGB555", "RGB 16 bit, X1 R5 G5 B5" => rgb(5, WORD).drm(b"XR15");
    AR15 = FourCc::new(*b"AR15"), "V4L2_PIX_FMT_ARGB555", "RGB 16 bit, A1 R5 G5 B5" => rgb(5, WORD).drm(b"AR15");
    XR15_BE = FourCc::new_be(*b"XR15"), "V4L2_PIX_FMT_XRGB555X", "RGB 16 bit, X1 R5 G5 B5, big-endian" => rgb(5, WORD);
    AR15_BE = FourCc::new_be(*b"AR15"), "V4L2_PIX_FMT_ARGB555X", "RGB 16 bit, A1 R5 G5 B5, big-endian" => rgb(5, WORD);
    RX15 = FourCc::new(*b"RX15"), "V4L2_PIX_FMT_RGBX555", "RGB 16 bit, R5 G5 B5 X1" => rgb(5, WORD).drm(b"RX15");
    RA15 = FourCc::new(*b"RA15"), "V4L2_PIX_FMT_RGBA555", "RGB 16 bit, R5 G5 B5 A1" => rgb(5, WORD).drm(b"RA15");
    XB15 = FourCc::new(*b"XB15"), "V4L2_PIX_FMT_XBGR555", "RGB 16 bit, X1 B5 G5 R5" => rgb(5, WORD).drm(b"XB15");
    AB15 = FourCc::new(*b"AB15"), "V4L2_PIX_FMT_ABGR555", "RGB 16 bit, A1 B5 G5 R5" => rgb(5, WORD).drm(b"AB15");
    BX15 = FourCc::new(*b"BX15"), "V4L2_PIX_FMT_BGRX555", "RGB 16 bit, B5 G5 R5 X1" => rgb(5, WORD).drm(b"BX15");
    BA15 = FourCc::new(*b"BA15"), "V4L2_PIX_FMT_BGRA555", "RGB 16 bit, B5 G5 R5 A1" => rgb(5, WORD).drm(b"BA15");
    R444 = FourCc::new(*b"R444"), "V4L2_PIX_FMT_RGB444", "RGB 16 bit, four bits undefined, R4 G4 B4" => rgb(4, WORD);
    XR12 = FourCc::new(*b"XR12"), "V4L2_PIX_FMT_XRGB444", "RGB 16 bit, X4 R4 G4 B4" => rgb(4, WORD).drm(b"XR12");
    AR12 = FourCc::new(*b"AR12"), "V4L2_PIX_FMT_ARGB444", "RGB 16 bit, A4 R4 G4 B4" => rgb(4, WORD).drm(b"AR12");
    RX12 = FourCc::new(*b"RX12"), "V4L2_PIX_FMT_RGBX444", "RGB 16 bit, R4 G4 B4 X4" => rgb(4, WORD).drm(b"RX12");
    RA12 = FourCc::new(*b"RA12"), "V4L2_PIX_FMT_RGBA444", "RGB 16 bit, R4 G4 B4 A4" => rgb(4, WORD).drm(b"RA12");
    XB12 = FourCc::new(*b"XB12"), "V4L2_PIX_FMT_XBGR444", "RGB 16 bit, X4 B4 G4 R4" => rgb(4, WORD).drm(b"XB12");
    AB12 = FourCc::new(*b"AB12"), "V4L2_PIX_FMT_ABGR444", "RGB 16 bit, A4 B4 G4 R4" => rgb(4, WORD).drm(b"AB12");
    BX12 = FourCc::new(*b"BX12"), "V4L2_PIX_FMT_BGRX444", "RGB 16 bit, B4 G4 R4 X4" => rgb(4, WORD).drm(b"BX12");
    GA12 = FourCc::new(*b"GA12"), "V4L2_PIX_FMT_BGRA444", "RGB 16 bit, B4 G4 R4 A4" => rgb(4, WORD).drm(b"BA12");
    RGB1 = FourCc::new(*b"RGB1"), "V4L2_PIX_FMT_RGB332", "RGB 8 bit, R3 G3 B2" => rgb(3, BYTE).drm(b"RGB8");
    BGRH = FourCc::new(*b"BGRH"), "V4L2_PIX_FMT_BGR666", "RGB 18 bit in 32, from the top B6 G6 R6" => rgb(6, FOUR);
    RX30 = FourCc::new(*b"RX30"), "V4L2_PIX_FMT_RGBX1010102", "RGB 30 bit in 32, R10 G10 B10 X2" => rgb(10, FOUR).drm(b"RX30");
    RA30 = FourCc::new(*b"RA30"), "V4L2_PIX_FMT_RGBA1010102", "RGB 30 bit in 32, R10 G10 B10 A2" => rgb(10, FOUR).drm(b"RA30");
    AR30 = FourCc::new(*b"AR30"), "V4L2_PIX_FMT_ARGB2101010", "RGB 30 bit in 32, A2 R10 G10 B10" => rgb(10, FOUR).drm(b"AR30");
    BGR6 = FourCc::new(*b"BGR6"), "V4L2_PIX_FMT_BGR48", "RGB 48 bit, 16-bit words B G R" => rgb(16, SIX);
    RGB6 = FourCc::new(*b"RGB6"), "V4L2_PIX_FMT_RGB48", "RGB 48 bit, 16-bit words R G B" => rgb(16, SIX);
    B312 = FourCc::new(*b"B312"), "V4L2_PIX_FMT_BGR48_12", "RGB 48 bit, 12 bit in the high bits of words B G R" => rgb(12, SIX);
    B412 = FourCc::new(*b"B412"), "V4L2_PIX_FMT_ABGR64_12", "RGB 64 bit, 12 bit in the high bits of words B G R A" => rgb(12, EIGHT);
    PAL8 = FourCc::new(*b"PAL8"), "V4L2_PIX_FMT_PAL8", "8 bit index into a palette" => rgb(8, BYTE);
    HSV3 = FourCc::new(*b"HSV3"), "V4L2_PIX_FMT_HSV24", "HSV 24 bit, bytes H S V" => FormatInfo::hsv(THREE);
    HSV4 = FourCc::new(*b"HSV4"), "V4L2_PIX_FMT_HSV32", "HSV 32 bit, bytes X H S V" => FormatInfo::hsv(FOUR);
}
