//! Register 0 of a decoder core.

/// Register 0 of a core, which identifies the hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AsicId(pub u32);

/// A decoder's hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// G1: H.264, VP8, MPEG-2, JPEG, and older codecs.
    G1,
    /// G2: H.265, VP9.
    G2,
    /// Another number.
    Other(u16),
}

impl AsicId {
    /// Returns the hardware, by its number in the upper 16 bits.
    #[must_use]
    pub const fn product(self) -> Product {
        match (self.0 >> 16) as u16 {
            0x6731 => Product::G1,
            0x6732 => Product::G2,
            other => Product::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_in_the_upper_half() {
        assert_eq!(AsicId(0x6731_2398).product(), Product::G1);
        assert_eq!(AsicId(0x6732_5006).product(), Product::G2);
        assert_eq!(AsicId(0x8000_6010).product(), Product::Other(0x8000));
    }
}
