//! Access units of a byte stream: the NAL units of one picture.
//!
//! Source: ITU-T H.264, clauses 7.4.1.2.3 and 7.4.1.2.4 (detection of the first NAL unit of a
//! primary coded picture); ITU-T H.265, clauses 7.4.2.4.4 and 7.4.2.4.5 (order of NAL units and
//! association to coded pictures).

use std::io::{self, Read};
use std::ops::Range;

use super::nal::{NalKind, find_start, nal_units, without_zeros};
use super::{Codec, fwht};
use super::{h264, h265};

/// Bytes of one read.
const PIECE: usize = 256 << 10;
/// The most bytes of a picture. Beyond that the stream is taken to be something else.
const MAX_UNIT: usize = 64 << 20;

/// Splits a byte stream into access units: the bytes of one picture with the parameter sets and
/// messages before it, start codes included, as for a [`Packet`](crate::encode::Packet).
///
/// Bytes before the first start code are skipped, and so are units after the last picture that
/// belong to none. An incomplete last unit is returned as it is. The two fields of a frame are one
/// unit.
///
/// ```
/// use videostream::encode::{Codec, access_units};
/// let stream = [0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 0x80, 0, 0, 1, 0x41, 0x9a];
/// let lengths: Vec<_> = access_units(Codec::H264, &stream).map(<[u8]>::len).collect();
/// assert_eq!(lengths, [15, 5]);
/// ```
pub fn access_units(codec: Codec, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut units = nal_units(bytes);
    let mut divider = Divider::new(codec);
    let mut frames = bytes;
    core::iter::from_fn(move || {
        if codec == Codec::Fwht {
            let (first, behind) = fwht::first(frames)?;
            frames = behind;
            return Some(first);
        }
        for (at, nal) in units.by_ref() {
            if let Some(unit) = divider.add(at, nal) {
                return Some(&bytes[unit]);
            }
        }
        divider.end(bytes.len()).map(|unit| &bytes[unit])
    })
}

/// Finds the first picture in data that arrives in pieces, using the parameter sets of earlier
/// pieces.
///
/// ```
/// use videostream::encode::{Codec, UnitFinder};
/// let mut finder = UnitFinder::new(Codec::H264);
/// let stream = [0, 0, 1, 0x65, 0x80, 0, 0, 1, 0x41, 0x9a];
/// assert_eq!(finder.first(&stream), Some(&stream[..5]));
/// assert_eq!(finder.first(&stream[5..]), None, "what follows may be of the same picture");
/// ```
#[derive(Debug)]
pub struct UnitFinder(Divider);

impl UnitFinder {
    /// Creates a finder for a stream of this codec.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self(Divider::new(codec))
    }

    /// Returns the access unit at the start of `bytes`, if another one starts after it.
    pub fn first<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        if self.0.codec == Codec::Fwht {
            let (first, behind) = fwht::first(bytes)?;
            return (!behind.is_empty()).then_some(first);
        }
        self.0.begin_again();
        let unit = nal_units(bytes).find_map(|(at, nal)| self.0.add(at, nal))?;
        Some(&bytes[..unit.end])
    }
}

/// Finds the boundaries of access units.
#[derive(Debug)]
struct Divider {
    codec: Codec,
    pictures: Pictures,
    /// Start of the current unit.
    start: Option<usize>,
    has_picture: bool,
    /// Start of the units after the picture that may belong to the next one.
    front: Option<usize>,
}

#[derive(Debug)]
enum Pictures {
    H264(Box<h264::Pictures>),
    H265(Box<h265::Pictures>),
    None,
}

impl Divider {
    fn new(codec: Codec) -> Self {
        Self {
            codec,
            pictures: match codec {
                Codec::H264 => Pictures::H264(Box::default()),
                Codec::H265 => Pictures::H265(Box::default()),
                Codec::Fwht | Codec::Mjpeg => Pictures::None,
            },
            start: None,
            has_picture: false,
            front: None,
        }
    }

    /// Restarts at offset 0, keeping parameter sets.
    fn begin_again(&mut self) {
        match &mut self.pictures {
            Pictures::H264(pictures) => pictures.begin_again(),
            Pictures::H265(pictures) => pictures.begin_again(),
            Pictures::None => {}
        }
        (self.start, self.has_picture, self.front) = (None, false, None);
    }

    /// Adds the NAL unit whose start code is at `at`. Returns the previous unit if this one starts
    /// another.
    fn add(&mut self, at: usize, nal: &[u8]) -> Option<Range<usize>> {
        let kind = NalKind::of(self.codec, nal);
        if kind.is_set() {
            match &mut self.pictures {
                Pictures::H264(pictures) => pictures.note(nal),
                Pictures::H265(pictures) => pictures.note(nal),
                Pictures::None => {}
            }
        }
        if kind.is_front() && self.has_picture {
            self.front.get_or_insert(at);
            return None;
        }
        let begins = kind.is_slice()
            && match &mut self.pictures {
                Pictures::H264(pictures) => pictures.begins(nal),
                Pictures::H265(pictures) => pictures.begins(nal),
                Pictures::None => false,
            };
        let before = if begins { self.end(at) } else { None };
        self.start
            .get_or_insert(before.as_ref().map_or(at, |unit| unit.end));
        self.has_picture |= kind.is_slice();
        // In the middle of a picture: what came before belongs to it.
        self.front = None;
        before
    }

    /// Returns the last unit, if it has a picture; `at` is the end of the data.
    fn end(&mut self, at: usize) -> Option<Range<usize>> {
        if !std::mem::take(&mut self.has_picture) {
            return None;
        }
        let start = self.start.take()?;
        Some(start..self.front.take().unwrap_or(at))
    }

    /// Adjusts offsets after `by` bytes were removed from the front.
    fn move_back(&mut self, by: usize) {
        for place in [&mut self.start, &mut self.front].into_iter().flatten() {
            *place -= by;
        }
    }
}

/// The [`access_units`] of a byte stream that is read piece by piece, such as an Annex B file.
#[derive(Debug)]
pub struct AccessUnits<R> {
    codec: Codec,
    from: R,
    bytes: Vec<u8>,
    divider: Divider,
    /// Bytes of units that were returned.
    used: usize,
    /// Offsets of the start code and the start of the NAL unit whose end is searched for, and where
    /// to search on.
    open: Option<(usize, usize)>,
    looked: usize,
    is_ended: bool,
}

impl<R: Read> AccessUnits<R> {
    /// Creates a reader of a byte stream, at its start.
    pub fn new(codec: Codec, from: R) -> Self {
        Self {
            codec,
            from,
            bytes: Vec::new(),
            divider: Divider::new(codec),
            used: 0,
            open: None,
            looked: 0,
            is_ended: false,
        }
    }

    /// Reads the next access unit: the bytes of one picture. `None` at the end.
    ///
    /// # Errors
    /// Errors of reading; [`io::ErrorKind::InvalidData`] if 64 MiB contain no picture.
    #[expect(
        clippy::should_implement_trait,
        reason = "a unit is borrowed until the next one is read"
    )]
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.forget_used();
        loop {
            if let Some(unit) = self.divide() {
                self.used = unit.end;
                return Ok(Some(&self.bytes[unit]));
            }
            if self.is_ended {
                return Ok(None);
            }
            if self.bytes.len() > MAX_UNIT {
                let why = "64 MiB without a picture: no byte stream of this codec";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            let mut piece = (&mut self.from).take(PIECE as u64);
            self.is_ended = piece.read_to_end(&mut self.bytes)? == 0;
        }
    }

    fn forget_used(&mut self) {
        let used = std::mem::take(&mut self.used);
        self.bytes.drain(..used);
        self.divider.move_back(used);
        self.looked = self.looked.saturating_sub(used);
        if let Some((code, start)) = &mut self.open {
            (*code, *start) = (*code - used, *start - used);
        }
    }

    /// Returns the next complete unit in the data read so far.
    fn divide(&mut self) -> Option<Range<usize>> {
        if self.codec == Codec::Fwht {
            let (first, behind) = fwht::first(&self.bytes)?;
            // More of it may follow.
            let is_whole = self.is_ended || !behind.is_empty();
            let end = self.bytes.len() - behind.len();
            return is_whole.then(|| end - first.len()..end);
        }
        loop {
            let next = find_start(&self.bytes, self.looked);
            let (end, looked) = match next {
                Some((code, start)) => (code, start),
                None if self.is_ended => (self.bytes.len(), self.bytes.len()),
                None => {
                    // A start code may be cut in two, with the zero byte before it.
                    let known = self.bytes.len().saturating_sub(4);
                    self.looked = self.looked.max(known);
                    return None;
                }
            };
            self.looked = looked;
            let open = std::mem::replace(&mut self.open, next);
            let nal = open.map(|(code, start)| (code, without_zeros(&self.bytes[start..end])));
            if let Some((code, nal)) = nal.filter(|(_, nal)| !nal.is_empty())
                && let Some(unit) = self.divider.add(code, nal)
            {
                return Some(unit);
            }
            if next.is_none() {
                return self.divider.end(self.bytes.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{IDR, NOT_REFERRED, REFERRED, Slice, pps, sps};
    use super::*;

    const DELIMITER: [u8; 5] = [0, 0, 1, 9, 0xf0];
    const SEI: [u8; 8] = [0, 0, 1, 6, 5, 1, 7, 0x80];

    /// Asserts that a stream has these units, however it is read.
    fn check(expected: &[Vec<u8>], behind: &[u8]) {
        let stream = [&expected.concat(), behind].concat();
        let found: Vec<_> = access_units(Codec::H264, &stream).collect();
        assert_eq!(found, expected);
        let mut reader = AccessUnits::new(Codec::H264, Trickle(&stream));
        for unit in expected {
            assert_eq!(reader.next().unwrap(), Some(&**unit));
        }
        assert_eq!(reader.next().unwrap(), None);
    }

    /// A reader that returns a few bytes at a time.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let len = to.len().min(self.0.len()).min(7);
            to[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    fn slice(first: u8, number: u32, macroblock: u32) -> Vec<u8> {
        let slice = Slice::new(first, number, number * 2);
        Slice {
            macroblock,
            ..slice
        }
        .nal()
    }

    fn sets() -> Vec<u8> {
        [sps(0, true), pps(0)].concat()
    }

    #[test]
    fn slices_of_one_picture_stay_together() {
        let delimited = [
            &DELIMITER[..],
            &sets(),
            &slice(IDR, 0, 0),
            &slice(IDR, 0, 9),
        ];
        let units = [
            delimited.concat(),
            [&SEI[..], &slice(REFERRED, 1, 0)].concat(),
            slice(REFERRED, 2, 0),
            slice(NOT_REFERRED, 3, 0),
        ];
        check(&units, &[]);
    }

    #[test]
    fn a_picture_whose_first_slice_is_missing_is_one() {
        let units = [
            [sets(), slice(IDR, 0, 0)].concat(),
            [slice(REFERRED, 1, 9), slice(REFERRED, 1, 20)].concat(),
            [slice(REFERRED, 2, 0), slice(REFERRED, 2, 9)].concat(),
        ];
        check(&units, &[]);
    }

    #[test]
    fn what_is_behind_the_last_picture_is_no_picture() {
        let units = [[sets(), slice(IDR, 0, 0)].concat(), slice(REFERRED, 1, 0)];
        check(&units, &DELIMITER);
        check(&units, &[&DELIMITER[..], &sets(), &SEI].concat());
    }

    #[test]
    fn messages_in_the_middle_of_a_picture_divide_nothing() {
        let middle = [
            &slice(REFERRED, 1, 0)[..],
            &SEI,
            &pps(1),
            &slice(REFERRED, 1, 9),
        ];
        let units = [
            [sets(), slice(IDR, 0, 0)].concat(),
            middle.concat(),
            slice(REFERRED, 2, 0),
        ];
        check(&units, &[]);
    }

    #[test]
    fn slices_without_sets_split_at_first_macroblock() {
        let units = [
            [slice(IDR, 0, 0), slice(IDR, 0, 9)].concat(),
            slice(REFERRED, 1, 0),
        ];
        check(&units, &[]);
    }

    #[test]
    fn two_fields_are_one_picture() {
        let field = |first, number, low, is_bottom| {
            let slice = Slice::new(first, number, low);
            Slice {
                field: Some(Some(is_bottom)),
                ..slice
            }
            .nal()
        };
        let sets = [sps(0, false), pps(0)].concat();
        let units = [
            [sets, field(IDR, 0, 0, false), field(REFERRED, 0, 1, true)].concat(),
            [field(REFERRED, 1, 2, false), field(REFERRED, 1, 3, true)].concat(),
            // A third field with this frame number belongs to another frame.
            [
                field(NOT_REFERRED, 1, 4, false),
                field(NOT_REFERRED, 1, 5, true),
            ]
            .concat(),
        ];
        check(&units, &[]);
    }

    #[test]
    fn pieces_of_any_size_are_read() {
        let mut units = Vec::new();
        for (number, size) in [3, 9, 300_000, 1, 600_000, 12].into_iter().enumerate() {
            let mut unit = slice(REFERRED, number as u32, 0);
            unit.extend(vec![0xaa; size]);
            units.push(unit);
        }
        units[0] = [sets(), units[0].clone()].concat();
        check(&units, &[]);
        let mut none = AccessUnits::new(Codec::H264, &[7; 100][..]);
        assert_eq!(none.next().unwrap(), None);
    }
}
