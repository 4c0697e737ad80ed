//! A moving test picture that can be checked: every frame carries its number and a checksum of
//! itself in its pixels.
//!
//! The picture is slanted colour bars that scroll, with a box that bounces about. At the top left
//! lies the *code strip*, 16 x 8 cells, black or white, of 8 x 8 or 16 x 16 pixels:
//!
//! | cells | hold |
//! |---|---|
//! | 0 to 63 | the frame number |
//! | 64 to 95 | CRC-32 of the frame number and of every byte of every plane outside the strip |
//! | 96 to 127 | CRC-32 of the two above |
//!
//! [`verify`] is for frames transferred without loss: it reads every byte of every plane (not the
//! padding behind rows), so it detects a single wrong byte, a stale row or a mix of two frames.
//! [`read_number`] is for frames that went through a lossy codec: it looks at the middle of the
//! cells only and trusts a number only if the code's own checksum agrees.
//!
//! Cost: [`TestPattern::draw`] copies each row from a prepared table and checksums it on the way;
//! [`verify`] checksums each row. At 1280 x 720 in NV12 both take well under a millisecond on
//! a CPU with carry-less multiplication or CRC instructions, and touch each byte of the frame once.
//! Neither allocates.

mod code;
mod draw;
mod geometry;
mod paint;
mod strip;
mod verify;

pub use self::draw::TestPattern;
pub use self::geometry::{MAX_SIDE, MIN_HEIGHT, MIN_WIDTH};
pub use self::verify::{read_number, verify};
pub use crate::picture::PictureError;
