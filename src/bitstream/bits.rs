//! Reading and writing the bits of a NAL unit.

/// Reads the bits of a NAL unit, skipping emulation prevention bytes.
///
/// Source: ITU-T H.264, clauses 7.3.1 (`emulation_prevention_three_byte`) and 9.1 (Exp-Golomb
/// codes), which H.265 shares.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit in the first of `bytes`; 0 is the highest.
    at: u32,
    /// Number of zero bytes directly before `bytes`.
    zeros: u32,
    /// Number of bits read.
    count: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            zeros: 0,
            count: 0,
        }
    }

    /// Returns the number of bits read so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        let byte = *self.bytes.first()?;
        let bit = byte >> (7 - self.at) & 1;
        self.at += 1;
        self.count += 1;
        if self.at == 8 {
            self.step(byte);
        }
        Some(bit == 1)
    }

    /// Advances to the next byte.
    fn step(&mut self, byte: u8) {
        self.at = 0;
        self.bytes = &self.bytes[1..];
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        if self.zeros >= 2 && self.bytes.first() == Some(&3) {
            self.bytes = &self.bytes[1..];
            self.zeros = 0;
        }
    }

    /// Reads up to 32 bits.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0_u32, |all, _| Some(all << 1 | u32::from(self.flag()?)))
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bits(8).map(|byte| byte as u8)
    }

    pub(crate) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.flag()?;
        }
        Some(())
    }

    /// Reads an unsigned Exp-Golomb code.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.bits(zeros)?)
    }

    /// Reads an unsigned Exp-Golomb code of at most `max`.
    pub(crate) fn ue_max<T: TryFrom<u32>>(&mut self, max: u32) -> Option<T> {
        let code = self.ue().filter(|code| *code <= max)?;
        T::try_from(code).ok()
    }

    /// Reads a signed Exp-Golomb code.
    pub(crate) fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let half = code.div_ceil(2) as i32;
        Some(if code % 2 == 1 { half } else { -half })
    }
}

/// Writes the bits of a NAL unit, inserting emulation prevention bytes.
#[cfg(feature = "software")]
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// The incomplete last byte and its number of bits.
    last: (u8, u32),
    zeros: u32,
}

#[cfg(feature = "software")]
impl BitWriter {
    /// Writes the `count` lowest bits of `value`, highest first.
    pub(crate) fn bits(&mut self, count: u32, value: u32) {
        for at in (0..count).rev() {
            let (byte, filled) = self.last;
            self.last = (byte << 1 | (value >> at & 1) as u8, filled + 1);
            if filled == 7 {
                self.finish_byte();
            }
        }
    }

    /// Writes an unsigned Exp-Golomb code of a value below 2^32 - 1.
    pub(crate) fn ue(&mut self, value: u32) {
        let length = (value + 1).ilog2();
        self.bits(length, 0);
        self.bits(length + 1, value + 1);
    }

    fn finish_byte(&mut self) {
        let (byte, _) = std::mem::take(&mut self.last);
        if self.zeros >= 2 && byte <= 3 {
            self.bytes.push(3);
            self.zeros = 0;
        }
        self.bytes.push(byte);
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
    }

    /// Returns the bytes, the last one padded with zero bits.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        while self.last.1 > 0 {
            self.bits(1, 0);
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_exponential_golomb_are_read() {
        // 1, 010, 011, 00100, 00101
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        assert_eq!(Bits::new(&[0; 9]).ue(), None);
        let mut bits = Bits::new(&[0b0100_1100, 0b1000_0101]);
        let codes: Vec<_> = (0..3).map(|_| bits.se().unwrap()).collect();
        assert_eq!(codes, [1, -1, 2]);
        assert_eq!(Bits::new(&[0b0010_0000]).ue_max::<u8>(2), None);
    }

    #[test]
    fn bytes_against_start_codes_are_left_out() {
        let mut bits = Bits::new(&[1, 0, 0, 3, 1, 0, 0, 3]);
        let bytes: Vec<_> = core::iter::from_fn(|| bits.byte()).collect();
        assert_eq!(bytes, [1, 0, 0, 1, 0, 0]);
        // Three zeros are not allowed in a row, but what follows them is read.
        let mut bits = Bits::new(&[0, 0, 0, 3, 7]);
        let bytes: Vec<_> = core::iter::from_fn(|| bits.byte()).collect();
        assert_eq!(bytes, [0, 0, 0, 7]);
    }
}
