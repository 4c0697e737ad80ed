//! Raw video in files: YUV4MPEG2 (`.y4m`), which ffmpeg, mpv and most encoders read and write.
//!
//! A file contains pictures of 8 bits at a constant rate: planes of luma and chroma without
//! padding, in 4:2:0, 4:2:2 or 4:4:4, or luma alone. A truncated file is read up to its last
//! complete picture; the error then tells how much of the next one exists. Needs the cargo feature
//! `record`.
//!
//! | pixel formats written | samples in the file | read as |
//! |---|---|---|
//! | NV12, NV21, YU12, YV12 | `420jpeg`, `420mpeg2`, `420paldv` (read also `420`) | YU12 |
//! | NV16, NV61, 422P, YM61, YUYV, UYVY, YVYU, VYUY | `422` | 422P |
//! | NV24, NV42, YM24, YM42 | `444` | YM24 |
//! | GREY | `mono` | GREY |
//!
//! Formats with separate planes (NM12) are written as the format with contiguous planes. The header
//! has the range as `XCOLORRANGE`, as ffmpeg reads and writes it, and the sample aspect ratio as
//! `A`. The three words for 4:2:0 differ in the position of chroma: in the middle of its four
//! pixels (also written if unspecified), on their left
//! ([`ChromaSite::Left`](crate::colorimetry::ChromaSite)), or on the upper left one. Y4M has no
//! word for colours. This library writes `XH273=`, with the numbers of primaries, transfer
//! characteristics and matrix in ITU-T H.273; other programs skip it.

mod planar;
mod reader;
mod writer;

/// Start of a file.
const MAGIC: &str = "YUV4MPEG2 ";
/// First word of the line before each picture; parameters may follow.
const MARK: &[u8] = b"FRAME";
/// Word before the numbers of colours, after an `X`.
const COLOURS: &str = "H273=";

pub use self::reader::Y4mReader;
pub use self::writer::Y4mWriter;

#[cfg(test)]
mod tests;
