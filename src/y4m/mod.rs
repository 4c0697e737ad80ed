//! Raw video in files: YUV4MPEG2 (`.y4m`), which ffmpeg, mpv and most encoders read and write.
//!
//! Pictures of 8 bits, one after the other, at one rate: planes of luma and chroma without padding, in 4:2:0, 4:2:2
//! or 4:4:4, or luma alone. A file that ends in the middle of a picture is read up to there, and what is missing is
//! told. Needs the cargo feature `record`.
//!
//! | pixel formats written | samples in the file | read as |
//! |---|---|---|
//! | NV12, NV21, YU12, YV12 | `420jpeg`, `420mpeg2`, `420paldv` (read also `420`) | YU12 |
//! | NV16, NV61, 422P, YM61, YUYV, UYVY, YVYU, VYUY | `422` | 422P |
//! | NV24, NV42, YM24, YM42 | `444` | YM24 |
//! | GREY | `mono` | GREY |
//!
//! Formats with planes apart (NM12) go where their twins in one buffer go. Whether values take the full
//! range or the limited one is in the header as `XCOLORRANGE`, which ffmpeg reads and writes, the shape of samples as `A`.
//! The three words for 4:2:0 say where chroma lies: in the middle of its four pixels, which is also written where nobody
//! said, on their left ([`ChromaSite::Left`](crate::colorimetry::ChromaSite)), or on the upper left one.
//! The format has no word for colours: `XH273=` with the numbers of primaries, transfer characteristics and matrix in
//! ITU-T H.273 is this library's own, which others skip.

mod planar;
mod reader;
mod writer;

/// What files begin with.
const MAGIC: &str = "YUV4MPEG2 ";
/// What stands in front of each picture, in a line that may say more.
const MARK: &[u8] = b"FRAME";
/// What stands before the numbers of colours, behind an `X`.
const COLOURS: &str = "H273=";

pub use self::reader::Y4mReader;
pub use self::writer::Y4mWriter;

#[cfg(test)]
mod tests;
