//! In which order the pictures of a byte stream are shown.

pub(crate) mod h264;
pub(crate) mod h265;

use core::fmt;

use super::Codec;
use super::annex_b::nal_units;

/// Why it is not known when pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderError {
    /// Headers or parameter sets are missing, or make no sense.
    Headers,
    /// The pictures are fields of interlaced frames.
    Fields,
    /// H.264 whose `pic_order_cnt_type` is 1, which hardly any encoder has.
    CountType,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Headers => "the headers of its pictures make no sense",
            Self::Fields => "its pictures are fields of interlaced frames",
            Self::CountType => {
                "it counts its pictures in a way that is not supported (pic_order_cnt_type 1)"
            }
        })
    }
}

impl core::error::Error for OrderError {}

/// Finds the order in which pictures are shown, which with B pictures is another one than that of the stream. A byte
/// stream has no times, but its slices say that order.
///
/// Give it the access units one by one ([`AccessUnits`](super::AccessUnits)), from a key frame on; at the end it
/// knows.
///
/// Source: ITU-T H.264, clauses 7.3.3, 8.2.1 and C.4.5; ITU-T H.265, clauses 8.3.1 and C.5.2.
#[derive(Debug)]
pub struct PictureOrder {
    reader: Reader,
    /// Sequence, and place in it, of each picture in the order of the stream; `None` for one that can't be decoded.
    places: Vec<Option<(u32, i64)>>,
    sequence: u32,
}

#[derive(Debug)]
enum Reader {
    H264(Box<h264::Order>),
    H265(Box<h265::Order>),
    /// Shown as they come.
    AsTheyCome,
}

impl PictureOrder {
    /// Begins a stream.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            reader: match codec {
                Codec::H264 => Reader::H264(Box::default()),
                Codec::H265 => Reader::H265(Box::new(h265::Order::new())),
                Codec::Fwht => Reader::AsTheyCome,
            },
            places: Vec::new(),
            sequence: 0,
        }
    }

    /// Takes note of the next access unit in the order of the stream, the bytes of one picture.
    ///
    /// # Errors
    /// [`OrderError`].
    pub fn add(&mut self, unit: &[u8]) -> Result<(), OrderError> {
        let mut place = None;
        for (_, nal) in nal_units(unit) {
            let found = match &mut self.reader {
                Reader::H264(order) => order.read(nal)?.map(|place| (place, true)),
                Reader::H265(order) => match order.read(nal)? {
                    h265::Unit::Picture(found) => Some((found.place, !found.orphan)),
                    _ => None,
                },
                Reader::AsTheyCome => break,
            };
            place = place.or(found);
        }
        let count = match (place, &self.reader) {
            (Some((place, decodable)), _) => {
                self.sequence += u32::from(place.begins);
                decodable.then_some(place.count)
            }
            (None, Reader::AsTheyCome) => Some(self.places.len() as i64),
            (None, _) => return Err(OrderError::Headers),
        };
        self.places.push(count.map(|count| (self.sequence, count)));
        Ok(())
    }

    /// Which picture in the order of showing, from 0, each one in the order of the stream is; `None` for those that
    /// can't be decoded, since they refer to what was before the stream began.
    #[must_use]
    pub fn finish(self) -> Vec<Option<u64>> {
        let mut order: Vec<_> = (0..self.places.len())
            .filter(|&at| self.places[at].is_some())
            .collect();
        order.sort_by_key(|&at| self.places[at]);
        let mut shown = vec![None; self.places.len()];
        for (number, at) in order.into_iter().enumerate() {
            shown[at] = Some(number as u64);
        }
        shown
    }
}

/// Where a picture stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// It begins a sequence: all pictures before are shown before it.
    pub(crate) begins: bool,
    /// Within a sequence, pictures are shown in the order of this.
    pub(crate) count: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the bits of headers.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn bits(mut self, count: u32, value: u32) -> Self {
            self.0
                .extend((0..count).rev().map(|at| value >> at & 1 == 1));
            self
        }

        fn ue(self, value: u32) -> Self {
            let length = (value + 1).ilog2();
            self.bits(length, 0).bits(length + 1, value + 1)
        }

        fn nal(self, first: u8) -> Vec<u8> {
            let mut bits = self.bits(1, 1).0;
            bits.resize(bits.len().next_multiple_of(8), false);
            let bytes = bits
                .chunks(8)
                .map(|bits| bits.iter().fold(0, |all, bit| all << 1 | u8::from(*bit)));
            let mut nal = vec![0, 0, 1, first];
            // The bytes against start codes.
            let mut zeros = 0;
            for byte in bytes {
                if zeros == 2 && byte <= 3 {
                    nal.push(3);
                    zeros = 0;
                }
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                nal.push(byte);
            }
            nal
        }
    }

    /// Parameter sets of Main profile: 4 bits for a frame's number and 4 for its count, 16 bits for `kind` 0.
    fn sets(kind: u32) -> Vec<u8> {
        let sps = Writer::default().bits(8, 77).bits(8, 0).bits(8, 30).ue(0);
        let sps = sps.ue(0).ue(kind);
        let sps = match kind {
            0 => sps.ue(0),
            1 => sps.bits(1, 0).ue(0).ue(0).ue(0),
            _ => sps,
        };
        let sps = sps.ue(1).bits(1, 0).ue(19).ue(14);
        // Frames only, direct inference, no cropping, no usability.
        let sps = sps.bits(4, 0b1100).nal(0x67);
        let pps = Writer::default().ue(0).ue(0).bits(2, 0).ue(0).ue(0).ue(0);
        let pps = pps.bits(3, 0).ue(0).ue(0).ue(0).bits(3, 0).nal(0x68);
        [sps, pps].concat()
    }

    const IDR: u8 = 0x65;
    const REFERRED: u8 = 0x41;
    const NOT_REFERRED: u8 = 0x01;

    /// A P slice with the low bits of its picture's count, which may forget all pictures before it.
    fn slice(first: u8, low: u32, forgets: bool) -> Vec<u8> {
        let slice = Writer::default().ue(0).ue(5).ue(0).bits(4, 0);
        if first == IDR {
            return slice.ue(0).bits(4, low).bits(2, 0).nal(first);
        }
        let slice = slice.bits(4, low).bits(2, 0);
        match (first, forgets) {
            (REFERRED, true) => slice.bits(1, 1).ue(5).ue(0).nal(first),
            (REFERRED, false) => slice.bits(1, 0).nal(first),
            _ => slice.nal(first),
        }
    }

    fn order(units: &[Vec<u8>]) -> Result<Vec<Option<u64>>, OrderError> {
        let mut order = PictureOrder::new(Codec::H264);
        for unit in units {
            order.add(unit)?;
        }
        Ok(order.finish())
    }

    fn numbers(units: &[Vec<u8>]) -> Vec<u64> {
        order(units)
            .unwrap()
            .into_iter()
            .map(Option::unwrap)
            .collect()
    }

    #[test]
    fn counts_go_on_where_their_low_bits_are_used_up() {
        let mut units = vec![[sets(0), slice(IDR, 0, false)].concat()];
        let mut expected = vec![0];
        // Each but the first followed by one that is shown before it; 16 counts are eight pictures.
        for pair in 1..40 {
            units.push(slice(REFERRED, pair * 4 % 16, false));
            units.push(slice(NOT_REFERRED, (pair * 4 - 2) % 16, false));
            expected.extend([u64::from(pair) * 2, u64::from(pair) * 2 - 1]);
        }
        assert_eq!(numbers(&units), expected);
    }

    #[test]
    fn counting_begins_anew_at_key_frames_and_where_all_is_forgotten() {
        let units = [
            [sets(0), slice(IDR, 0, false)].concat(),
            slice(REFERRED, 4, false),
            slice(NOT_REFERRED, 2, false),
            // Its own count is of no use any more.
            slice(REFERRED, 6, true),
            slice(REFERRED, 4, false),
            slice(NOT_REFERRED, 2, false),
            slice(IDR, 0, false),
            slice(REFERRED, 2, false),
        ];
        assert_eq!(numbers(&units), [0, 2, 1, 3, 5, 4, 6, 7]);
    }

    #[test]
    fn what_cannot_be_put_in_order_is_told() {
        assert_eq!(order(&[slice(IDR, 0, false)]), Err(OrderError::Headers));
        let counted = [sets(1), slice(IDR, 0, false)].concat();
        assert_eq!(order(&[counted]), Err(OrderError::CountType));
        assert_eq!(order(&[sets(0)]), Err(OrderError::Headers));
    }

    #[test]
    fn any_bytes_are_survived() {
        let mut state = 7_u64;
        for round in 0..4000_u32 {
            for (codec, starts) in [
                (Codec::H264, [0x67, 0x68, 0x65, 0x41]),
                (Codec::H265, [0x42, 0x44, 0x26, 0x02]),
            ] {
                let mut order = PictureOrder::new(codec);
                let mut unit = match (codec, round % 2) {
                    (Codec::H264, 0) => sets(0),
                    _ => Vec::new(),
                };
                for start in starts {
                    unit.extend([0, 0, 1, start]);
                    for _ in 0..round % 50 {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        unit.push(state as u8);
                    }
                }
                let _ = order.add(&unit);
                assert!(order.finish().len() <= 1);
            }
        }
    }
}
