//! One colour per pixel, in the order of the first two lines.

use super::format_table;
use crate::format::{FormatInfo, FourCc, PlaneRule};

const BYTE: &[PlaneRule] = &[PlaneRule::new(1, 1, 1)];
const WORD: &[PlaneRule] = &[PlaneRule::new(2, 1, 1)];
const PACKED_10: &[PlaneRule] = &[PlaneRule::new(5, 4, 1)];
const PACKED_12: &[PlaneRule] = &[PlaneRule::new(3, 2, 1)];
const PACKED_14: &[PlaneRule] = &[PlaneRule::new(7, 4, 1)];
/// 25 pixels in 32 bytes.
const IPU3: &[PlaneRule] = &[PlaneRule::new(32, 25, 1)];

const fn raw(bits: u8, planes: &'static [PlaneRule]) -> FormatInfo {
    FormatInfo::bayer(bits, planes)
}

format_table! {
    SBGGR8 = FourCc::new(*b"BA81"), "V4L2_PIX_FMT_SBGGR8", "Bayer BGGR, 8 bit" => raw(8, BYTE);
    SGBRG8 = FourCc::new(*b"GBRG"), "V4L2_PIX_FMT_SGBRG8", "Bayer GBRG, 8 bit" => raw(8, BYTE);
    SGRBG8 = FourCc::new(*b"GRBG"), "V4L2_PIX_FMT_SGRBG8", "Bayer GRBG, 8 bit" => raw(8, BYTE);
    SRGGB8 = FourCc::new(*b"RGGB"), "V4L2_PIX_FMT_SRGGB8", "Bayer RGGB, 8 bit" => raw(8, BYTE);
    SBGGR10 = FourCc::new(*b"BG10"), "V4L2_PIX_FMT_SBGGR10", "Bayer BGGR, 10 bit in the low bits of 16" => raw(10, WORD);
    SGBRG10 = FourCc::new(*b"GB10"), "V4L2_PIX_FMT_SGBRG10", "Bayer GBRG, 10 bit in the low bits of 16" => raw(10, WORD);
    SGRBG10 = FourCc::new(*b"BA10"), "V4L2_PIX_FMT_SGRBG10", "Bayer GRBG, 10 bit in the low bits of 16" => raw(10, WORD);
    SRGGB10 = FourCc::new(*b"RG10"), "V4L2_PIX_FMT_SRGGB10", "Bayer RGGB, 10 bit in the low bits of 16" => raw(10, WORD);
    SBGGR10P = FourCc::new(*b"pBAA"), "V4L2_PIX_FMT_SBGGR10P", "Bayer BGGR, 10 bit, MIPI packed" => raw(10, PACKED_10);
    SGBRG10P = FourCc::new(*b"pGAA"), "V4L2_PIX_FMT_SGBRG10P", "Bayer GBRG, 10 bit, MIPI packed" => raw(10, PACKED_10);
    SGRBG10P = FourCc::new(*b"pgAA"), "V4L2_PIX_FMT_SGRBG10P", "Bayer GRBG, 10 bit, MIPI packed" => raw(10, PACKED_10);
    SRGGB10P = FourCc::new(*b"pRAA"), "V4L2_PIX_FMT_SRGGB10P", "Bayer RGGB, 10 bit, MIPI packed" => raw(10, PACKED_10);
    SBGGR10ALAW8 = FourCc::new(*b"aBA8"), "V4L2_PIX_FMT_SBGGR10ALAW8", "Bayer BGGR, 10 bit, A-law compressed to 8" => raw(10, BYTE);
    SGBRG10ALAW8 = FourCc::new(*b"aGA8"), "V4L2_PIX_FMT_SGBRG10ALAW8", "Bayer GBRG, 10 bit, A-law compressed to 8" => raw(10, BYTE);
    SGRBG10ALAW8 = FourCc::new(*b"agA8"), "V4L2_PIX_FMT_SGRBG10ALAW8", "Bayer GRBG, 10 bit, A-law compressed to 8" => raw(10, BYTE);
    SRGGB10ALAW8 = FourCc::new(*b"aRA8"), "V4L2_PIX_FMT_SRGGB10ALAW8", "Bayer RGGB, 10 bit, A-law compressed to 8" => raw(10, BYTE);
    SBGGR10DPCM8 = FourCc::new(*b"bBA8"), "V4L2_PIX_FMT_SBGGR10DPCM8", "Bayer BGGR, 10 bit, DPCM compressed to 8" => raw(10, BYTE);
    SGBRG10DPCM8 = FourCc::new(*b"bGA8"), "V4L2_PIX_FMT_SGBRG10DPCM8", "Bayer GBRG, 10 bit, DPCM compressed to 8" => raw(10, BYTE);
    SGRBG10DPCM8 = FourCc::new(*b"BD10"), "V4L2_PIX_FMT_SGRBG10DPCM8", "Bayer GRBG, 10 bit, DPCM compressed to 8" => raw(10, BYTE);
    SRGGB10DPCM8 = FourCc::new(*b"bRA8"), "V4L2_PIX_FMT_SRGGB10DPCM8", "Bayer RGGB, 10 bit, DPCM compressed to 8" => raw(10, BYTE);
    SBGGR12 = FourCc::new(*b"BG12"), "V4L2_PIX_FMT_SBGGR12", "Bayer BGGR, 12 bit in the low bits of 16" => raw(12, WORD);
    SGBRG12 = FourCc::new(*b"GB12"), "V4L2_PIX_FMT_SGBRG12", "Bayer GBRG, 12 bit in the low bits of 16" => raw(12, WORD);
    SGRBG12 = FourCc::new(*b"BA12"), "V4L2_PIX_FMT_SGRBG12", "Bayer GRBG, 12 bit in the low bits of 16" => raw(12, WORD);
    SRGGB12 = FourCc::new(*b"RG12"), "V4L2_PIX_FMT_SRGGB12", "Bayer RGGB, 12 bit in the low bits of 16" => raw(12, WORD);
    SBGGR12P = FourCc::new(*b"pBCC"), "V4L2_PIX_FMT_SBGGR12P", "Bayer BGGR, 12 bit, MIPI packed" => raw(12, PACKED_12);
    SGBRG12P = FourCc::new(*b"pGCC"), "V4L2_PIX_FMT_SGBRG12P", "Bayer GBRG, 12 bit, MIPI packed" => raw(12, PACKED_12);
    SGRBG12P = FourCc::new(*b"pgCC"), "V4L2_PIX_FMT_SGRBG12P", "Bayer GRBG, 12 bit, MIPI packed" => raw(12, PACKED_12);
    SRGGB12P = FourCc::new(*b"pRCC"), "V4L2_PIX_FMT_SRGGB12P", "Bayer RGGB, 12 bit, MIPI packed" => raw(12, PACKED_12);
    SBGGR14 = FourCc::new(*b"BG14"), "V4L2_PIX_FMT_SBGGR14", "Bayer BGGR, 14 bit in the low bits of 16" => raw(14, WORD);
    SGBRG14 = FourCc::new(*b"GB14"), "V4L2_PIX_FMT_SGBRG14", "Bayer GBRG, 14 bit in the low bits of 16" => raw(14, WORD);
    SGRBG14 = FourCc::new(*b"GR14"), "V4L2_PIX_FMT_SGRBG14", "Bayer GRBG, 14 bit in the low bits of 16" => raw(14, WORD);
    SRGGB14 = FourCc::new(*b"RG14"), "V4L2_PIX_FMT_SRGGB14", "Bayer RGGB, 14 bit in the low bits of 16" => raw(14, WORD);
    SBGGR14P = FourCc::new(*b"pBEE"), "V4L2_PIX_FMT_SBGGR14P", "Bayer BGGR, 14 bit, MIPI packed" => raw(14, PACKED_14);
    SGBRG14P = FourCc::new(*b"pGEE"), "V4L2_PIX_FMT_SGBRG14P", "Bayer GBRG, 14 bit, MIPI packed" => raw(14, PACKED_14);
    SGRBG14P = FourCc::new(*b"pgEE"), "V4L2_PIX_FMT_SGRBG14P", "Bayer GRBG, 14 bit, MIPI packed" => raw(14, PACKED_14);
    SRGGB14P = FourCc::new(*b"pREE"), "V4L2_PIX_FMT_SRGGB14P", "Bayer RGGB, 14 bit, MIPI packed" => raw(14, PACKED_14);
    SBGGR16 = FourCc::new(*b"BYR2"), "V4L2_PIX_FMT_SBGGR16", "Bayer BGGR, 16 bit" => raw(16, WORD);
    SGBRG16 = FourCc::new(*b"GB16"), "V4L2_PIX_FMT_SGBRG16", "Bayer GBRG, 16 bit" => raw(16, WORD);
    SGRBG16 = FourCc::new(*b"GR16"), "V4L2_PIX_FMT_SGRBG16", "Bayer GRBG, 16 bit" => raw(16, WORD);
    SRGGB16 = FourCc::new(*b"RG16"), "V4L2_PIX_FMT_SRGGB16", "Bayer RGGB, 16 bit" => raw(16, WORD);
    IPU3_SBGGR10 = FourCc::new(*b"ip3b"), "V4L2_PIX_FMT_IPU3_SBGGR10", "Bayer BGGR, 10 bit, 25 pixels in 32 bytes" => raw(10, IPU3);
    IPU3_SGBRG10 = FourCc::new(*b"ip3g"), "V4L2_PIX_FMT_IPU3_SGBRG10", "Bayer GBRG, 10 bit, 25 pixels in 32 bytes" => raw(10, IPU3);
    IPU3_SGRBG10 = FourCc::new(*b"ip3G"), "V4L2_PIX_FMT_IPU3_SGRBG10", "Bayer GRBG, 10 bit, 25 pixels in 32 bytes" => raw(10, IPU3);
    IPU3_SRGGB10 = FourCc::new(*b"ip3r"), "V4L2_PIX_FMT_IPU3_SRGGB10", "Bayer RGGB, 10 bit, 25 pixels in 32 bytes" => raw(10, IPU3);
}
