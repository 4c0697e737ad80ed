//! The 128 bits that every pattern frame carries: its number, the checksum of its content, and a
//! checksum of these two, so that a number that was misread is never reported.

use super::geometry::{COLUMNS, ROWS};

/// The content of the code strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) number: u64,
    pub(super) content: u32,
}

impl Code {
    /// Returns the cells, one bit each, the first at the top left being bit 0. Row of cells after
    /// row of cells.
    pub(super) fn to_rows(self) -> [u16; ROWS] {
        const { assert!(COLUMNS == u16::BITS as usize) };
        let bits = u128::from(self.number)
            | u128::from(self.content) << 64
            | u128::from(self.check()) << 96;
        core::array::from_fn(|row| (bits >> (row * COLUMNS)) as u16)
    }

    /// Decodes the code in these cells; `None` if its own checksum is wrong.
    pub(super) fn from_rows(rows: [u16; ROWS]) -> Option<Self> {
        let bits = rows.iter().enumerate().fold(0, |bits, (row, cells)| {
            bits | u128::from(*cells) << (row * COLUMNS)
        });
        let code = Self {
            number: bits as u64,
            content: (bits >> 64) as u32,
        };
        ((bits >> 96) as u32 == code.check()).then_some(code)
    }

    fn check(self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.number.to_le_bytes());
        hasher.update(&self.content.to_le_bytes());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_survives_the_cells() {
        for number in [0, 1, 30, 1 << 40, u64::MAX] {
            let code = Code {
                number,
                content: !(number as u32),
            };
            assert_eq!(Code::from_rows(code.to_rows()), Some(code));
        }
    }

    #[test]
    fn every_misread_cell_is_noticed() {
        let rows = Code {
            number: 1234,
            content: 77,
        }
        .to_rows();
        for bit in 0..128 {
            let mut wrong = rows;
            wrong[bit / 16] ^= 1 << (bit % 16);
            assert_eq!(Code::from_rows(wrong), None, "bit {bit}");
        }
    }

    #[test]
    fn blank_pictures_carry_no_code() {
        assert_eq!(Code::from_rows([0; ROWS]), None);
        assert_eq!(Code::from_rows([0xffff; ROWS]), None);
    }
}
