//! The four-letter code of a pixel format.

use core::fmt::{self, Write as _};
use core::str::FromStr;

use super::info::FormatInfo;
use super::table;

/// `v4l2_fourcc()`: four characters in a little-endian 32-bit word naming a pixel format.
///
/// The names of the constants are the letters of the code where these make a Rust name
/// (`FourCc::YU12`), else the kernel's name (`FourCc::YUV422P` for `422P`). Searching the
/// documentation for `V4L2_PIX_FMT_...` finds each of them.
///
/// Bit 31 marks the big-endian variant of a format (`v4l2_fourcc_be()`); it is shown as
/// a `-BE` after the letters.
///
/// Any value is allowed: a code that the table does not know passes through unchanged.
///
/// Source: `linux/videodev2.h`, `v4l2_fourcc`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
#[doc(alias = "v4l2_fourcc")]
#[doc(alias = "pixelformat")]
pub struct FourCc(pub u32);

/// Marks big-endian variants.
const BIG_ENDIAN: u32 = 1 << 31;

impl FourCc {
    /// Returns the code of four characters: `FourCc::new(*b"NV12")`.
    #[must_use]
    pub const fn new(letters: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(letters))
    }

    /// Returns the big-endian variant of four characters.
    #[must_use]
    #[doc(alias = "v4l2_fourcc_be")]
    pub const fn new_be(letters: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(letters) | BIG_ENDIAN)
    }

    /// Returns the four characters, without the big-endian mark.
    #[must_use]
    pub const fn letters(self) -> [u8; 4] {
        (self.0 & !BIG_ENDIAN).to_le_bytes()
    }

    /// Returns whether this is the big-endian variant of its letters.
    #[must_use]
    pub const fn is_big_endian(self) -> bool {
        self.0 & BIG_ENDIAN != 0
    }

    /// Returns the table's entry for this format; `None` for a code it does not know.
    #[must_use]
    pub fn info(self) -> Option<&'static FormatInfo> {
        table::find(self)
    }

    /// Parses a code of exactly four printable ASCII characters, as a user types it.
    ///
    /// Shorter codes end in spaces (`"Y10 "`); a `-BE` after the four characters asks for the
    /// big-endian variant, so that the output of [`Display`](fmt::Display) parses.
    ///
    /// # Errors
    /// [`ParseFourCcError`] with the number of bytes found.
    pub const fn parse(text: &str) -> Result<Self, ParseFourCcError> {
        let bytes = text.as_bytes();
        let error = ParseFourCcError { len: bytes.len() };
        let big_endian = match bytes {
            [_, _, _, _] => false,
            [_, _, _, _, b'-', b'B', b'E'] => true,
            _ => return Err(error),
        };
        let letters = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let mut at = 0;
        while at < 4 {
            if !is_printable(letters[at]) {
                return Err(error);
            }
            at += 1;
        }
        Ok(if big_endian {
            Self::new_be(letters)
        } else {
            Self::new(letters)
        })
    }
}

const fn is_printable(letter: u8) -> bool {
    letter == b' ' || letter.is_ascii_graphic()
}

impl fmt::Display for FourCc {
    /// Writes the letters, unprintable bytes as `\xNN`, and `-BE` for big-endian variants.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.letters() {
            if is_printable(letter) {
                f.write_char(char::from(letter))?;
            } else {
                write!(f, "\\x{letter:02x}")?;
            }
        }
        if self.is_big_endian() {
            f.write_str("-BE")?;
        }
        Ok(())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}

impl FromStr for FourCc {
    type Err = ParseFourCcError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The error for a text that is not a format code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseFourCcError {
    /// Length of the text in bytes; four are expected.
    pub len: usize,
}

impl fmt::Display for ParseFourCcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == 4 {
            f.write_str("a format code has four printable ASCII characters, such as NV12")
        } else {
            write!(
                f,
                "a format code has four characters, such as NV12 or \"Y10 \", not {}",
                self.len
            )
        }
    }
}

impl core::error::Error for ParseFourCcError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::ToString;

    use super::*;

    #[test]
    fn letters_are_in_the_kernels_order() {
        assert_eq!(FourCc::new(*b"NV12").0, 0x3231_564e);
        assert_eq!(FourCc::NV12.letters(), *b"NV12");
    }

    #[test]
    fn printed_codes_parse() {
        for info in super::table::formats() {
            let text = info.fourcc.to_string();
            assert_eq!(FourCc::parse(&text), Ok(info.fourcc), "{text}");
        }
    }

    #[test]
    fn unprintable_bytes_are_shown_as_hex() {
        assert_eq!(FourCc(0x0141_0042).to_string(), "B\\x00A\\x01");
        assert_eq!(format!("{:?}", FourCc::YUYV), "FourCc(YUYV)");
    }

    #[test]
    fn texts_of_wrong_length_are_refused() {
        assert_eq!(FourCc::parse("NV1"), Err(ParseFourCcError { len: 3 }));
        assert_eq!(FourCc::parse("YUYVX"), Err(ParseFourCcError { len: 5 }));
        assert_eq!(FourCc::parse("NV1\n"), Err(ParseFourCcError { len: 4 }));
        assert_eq!(FourCc::parse("é12"), Err(ParseFourCcError { len: 4 }));
    }

    #[test]
    fn big_endian_variants_carry_bit_31() {
        assert!(FourCc::Y16_BE.is_big_endian());
        assert_eq!(FourCc::Y16_BE.to_string(), "Y16 -BE");
        assert_eq!(FourCc::Y16_BE.letters(), FourCc::Y16.letters());
    }
}
