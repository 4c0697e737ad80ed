//! Access units of a byte stream that is read piece by piece.

use std::io::{self, Read};

use super::{Codec, access_units};

/// Read at a time.
const PIECE: usize = 256 << 10;
/// A picture with more bytes than this is none.
const MAX_UNIT: usize = 64 << 20;

/// The [`access_units`] of a byte stream that is read piece by piece, such as an Annex B file.
#[derive(Debug)]
pub struct AccessUnits<R> {
    codec: Codec,
    from: R,
    bytes: Vec<u8>,
    /// Bytes of units that were given.
    used: usize,
    ended: bool,
}

impl<R: Read> AccessUnits<R> {
    /// Reads a byte stream from its beginning.
    pub fn new(codec: Codec, from: R) -> Self {
        Self {
            codec,
            from,
            bytes: Vec::new(),
            used: 0,
            ended: false,
        }
    }

    /// The next access unit: the bytes of one picture. `None` at the end.
    ///
    /// # Errors
    /// Those of reading; [`io::ErrorKind::InvalidData`] if 64 MiB hold no picture.
    #[expect(
        clippy::should_implement_trait,
        reason = "a unit is lent until the next one is read"
    )]
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if let Some((begin, end)) = self.complete() {
                self.used = end;
                return Ok(Some(&self.bytes[begin..end]));
            }
            if self.ended {
                return Ok(None);
            }
            if self.bytes.len() - self.used > MAX_UNIT {
                let why = "64 MiB without a picture: no byte stream of this codec";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            self.bytes.drain(..self.used);
            self.used = 0;
            let mut piece = (&mut self.from).take(PIECE as u64);
            self.ended = piece.read_to_end(&mut self.bytes)? == 0;
        }
    }

    /// Where the first unit that is complete begins and ends.
    fn complete(&self) -> Option<(usize, usize)> {
        let rest = &self.bytes[self.used..];
        let mut units = access_units(self.codec, rest);
        let first = units.next()?;
        let begin = self.used + (first.as_ptr().addr() - rest.as_ptr().addr());
        (self.ended || units.next().is_some()).then_some((begin, begin + first.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let len = to.len().min(self.0.len()).min(7);
            to[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    #[test]
    fn units_are_those_of_the_whole_stream() {
        let mut stream = Vec::new();
        for size in [3, 9, 300_000, 1, 600_000, 12] {
            stream.extend([0, 0, 0, 1, 0x41, 0x9a]);
            stream.extend(vec![0xaa; size]);
        }
        let expected: Vec<_> = access_units(Codec::H264, &stream).collect();
        assert_eq!(expected.len(), 6);
        let mut reader = AccessUnits::new(Codec::H264, Trickle(&stream));
        for unit in expected {
            assert!(reader.next().unwrap() == Some(unit));
        }
        assert_eq!(reader.next().unwrap(), None);
        let mut none = AccessUnits::new(Codec::H264, &[7; 100][..]);
        assert_eq!(none.next().unwrap(), None);
    }
}
