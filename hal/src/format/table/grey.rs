//! Brightness and depth.

use super::format_table;
use crate::format::{FormatInfo, FourCc, PlaneRule};

const BYTE: &[PlaneRule] = &[PlaneRule::new(1, 1, 1)];
const WORD: &[PlaneRule] = &[PlaneRule::new(2, 1, 1)];
const PACKED_10: &[PlaneRule] = &[PlaneRule::new(5, 4, 1)];
const PACKED_12: &[PlaneRule] = &[PlaneRule::new(3, 2, 1)];
const PACKED_14: &[PlaneRule] = &[PlaneRule::new(7, 4, 1)];
/// 25 pixels in 32 bytes.
const IPU3: &[PlaneRule] = &[PlaneRule::new(32, 25, 1)];
/// A stereo pair of pixels in three bytes: left and right picture of one column.
const PAIR_12: &[PlaneRule] = &[PlaneRule::new(3, 1, 1)];

const fn grey(bits: u8, planes: &'static [PlaneRule]) -> FormatInfo {
    FormatInfo::grey(bits, planes)
}

format_table! {
    GREY = FourCc::new(*b"GREY"), "V4L2_PIX_FMT_GREY", "Grey, 8 bit" => grey(8, BYTE).drm(b"R8  ");
    Y04 = FourCc::new(*b"Y04 "), "V4L2_PIX_FMT_Y4", "Grey, 4 bit in a byte" => grey(4, BYTE);
    Y06 = FourCc::new(*b"Y06 "), "V4L2_PIX_FMT_Y6", "Grey, 6 bit in a byte" => grey(6, BYTE);
    Y10 = FourCc::new(*b"Y10 "), "V4L2_PIX_FMT_Y10", "Grey, 10 bit in the low bits of 16" => grey(10, WORD).drm(b"R10 ");
    Y12 = FourCc::new(*b"Y12 "), "V4L2_PIX_FMT_Y12", "Grey, 12 bit in the low bits of 16" => grey(12, WORD).drm(b"R12 ");
    Y012 = FourCc::new(*b"Y012"), "V4L2_PIX_FMT_Y012", "Grey, 12 bit in the high bits of 16" => grey(12, WORD);
    Y14 = FourCc::new(*b"Y14 "), "V4L2_PIX_FMT_Y14", "Grey, 14 bit in the low bits of 16" => grey(14, WORD);
    Y16 = FourCc::new(*b"Y16 "), "V4L2_PIX_FMT_Y16", "Grey, 16 bit little-endian" => grey(16, WORD).drm(b"R16 ");
    Y16_BE = FourCc::new_be(*b"Y16 "), "V4L2_PIX_FMT_Y16_BE", "Grey, 16 bit big-endian" => grey(16, WORD);
    Y10B = FourCc::new(*b"Y10B"), "V4L2_PIX_FMT_Y10BPACK", "Grey, 10 bit, packed as one bit stream" => grey(10, PACKED_10);
    Y10P = FourCc::new(*b"Y10P"), "V4L2_PIX_FMT_Y10P", "Grey, 10 bit, MIPI packed" => grey(10, PACKED_10);
    Y12P = FourCc::new(*b"Y12P"), "V4L2_PIX_FMT_Y12P", "Grey, 12 bit, MIPI packed" => grey(12, PACKED_12);
    Y14P = FourCc::new(*b"Y14P"), "V4L2_PIX_FMT_Y14P", "Grey, 14 bit, MIPI packed" => grey(14, PACKED_14);
    IP3Y = FourCc::new(*b"ip3y"), "V4L2_PIX_FMT_IPU3_Y10", "Grey, 10 bit, 25 pixels in 32 bytes" => grey(10, IPU3);
    Y8I = FourCc::new(*b"Y8I "), "V4L2_PIX_FMT_Y8I", "Grey, 8 bit, left and right picture interleaved" => grey(8, WORD);
    Y12I = FourCc::new(*b"Y12I"), "V4L2_PIX_FMT_Y12I", "Grey, 12 bit, left and right picture interleaved" => grey(12, PAIR_12);
    UV8 = FourCc::new(*b"UV8 "), "V4L2_PIX_FMT_UV8", "Colour difference, 4 bit each" => grey(4, BYTE);
    Z16 = FourCc::new(*b"Z16 "), "V4L2_PIX_FMT_Z16", "Depth, 16 bit" => grey(16, WORD);
}
