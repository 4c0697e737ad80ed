//! The display order of the pictures of a byte stream.

use core::fmt;
use std::collections::VecDeque;

use super::Codec;
use super::nal::{NalKind, nal_units};
use super::{h264, h265};

/// The position of a picture in display order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DisplayPosition {
    /// Starts a sequence: all earlier pictures are displayed before it.
    pub(crate) begins: bool,
    /// Picture order count: the display order within a sequence.
    pub(crate) count: i64,
}

/// The display position of a picture is unknown: its header or parameter sets are missing or
/// invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderError;

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the picture's header or its parameter sets are missing or invalid")
    }
}

impl core::error::Error for OrderError {}

/// Finds the display order of pictures, which differs from stream order if there are B pictures. A
/// byte stream carries no times, but its slices carry that order.
///
/// Add the access units one by one ([`AccessUnits`](super::AccessUnits)), starting at a key frame.
/// The position of each is returned as soon as a decoder would output it, up to 16 pictures later.
///
/// Source: ITU-T H.264, clauses 7.3.3, 8.2.1 and C.4.5.3 ("bumping"); ITU-T H.265, clauses 8.3.1
/// and C.5.2.
///
/// ```
/// use videostream::encode::{AccessUnits, Codec, PictureOrder};
/// # fn file() -> &'static [u8] { &[] }
/// let mut units = AccessUnits::new(Codec::H264, file());
/// let mut order = PictureOrder::new(Codec::H264);
/// while let Some(unit) = units.next()? {
///     order.add(unit)?;
///     while let Some(shown) = order.next() {
///         println!("{shown:?}");
///     }
/// }
/// order.end();
/// while let Some(shown) = order.next() {
///     println!("{shown:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PictureOrder {
    reader: Reader,
    /// Units in stream order whose position was not returned yet.
    units: VecDeque<Shown>,
    /// Index of the first of `units`, counted from the start of the stream.
    first: u64,
    /// Order counts and unit indices of pictures that are decoded and not displayed yet.
    waiting: Vec<(i64, u64)>,
    /// Order count of the picture that was displayed last in this sequence.
    last: Option<i64>,
    /// Number of pictures displayed.
    shown: u64,
    /// Number of pictures that may wait.
    reorder: usize,
}

/// The display position of a unit's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Unknown,
    Never,
    As(u64),
}

#[derive(Debug)]
enum Reader {
    H264(Box<(h264::Sets, h264::Counter)>),
    H265(Box<(h265::Sets, h265::Counter)>),
    /// Displayed in stream order.
    AsTheyCome,
}

/// The fields of a unit's headers that describe its picture.
enum Headers {
    Place(DisplayPosition, usize),
    /// Refers to pictures before the start of the stream, so it can't be decoded.
    Orphan,
}

impl PictureOrder {
    /// Starts a stream.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            reader: match codec {
                Codec::H264 => Reader::H264(Box::default()),
                Codec::H265 => Reader::H265(Box::default()),
                Codec::Fwht | Codec::Mjpeg => Reader::AsTheyCome,
            },
            units: VecDeque::new(),
            first: 0,
            waiting: Vec::new(),
            last: None,
            shown: 0,
            reorder: 0,
        }
    }

    /// Adds the next access unit in stream order, the bytes of one picture.
    ///
    /// # Errors
    /// [`OrderError`]: the unit is treated as displayed right after the one before. Adding may go
    /// on.
    pub fn add(&mut self, unit: &[u8]) -> Result<(), OrderError> {
        match self.read(unit) {
            Some(Headers::Place(place, reorder)) => {
                self.reorder = reorder;
                self.wait(place);
                Ok(())
            }
            Some(Headers::Orphan) => {
                self.units.push_back(Shown::Never);
                Ok(())
            }
            None => {
                let last = self.waiting.last().map(|(count, _)| *count).or(self.last);
                self.wait(DisplayPosition {
                    begins: false,
                    count: last.unwrap_or(0),
                });
                Err(OrderError)
            }
        }
    }

    fn wait(&mut self, place: DisplayPosition) {
        // Display never goes backwards within a sequence: a lower count means that another one
        // began and its key frame was lost.
        if place.begins || self.last.is_some_and(|last| place.count < last) {
            self.show_down_to(0);
            self.last = None;
        }
        self.waiting
            .push((place.count, self.first + self.units.len() as u64));
        self.units.push_back(Shown::Unknown);
        self.show_down_to(self.reorder);
    }

    /// Ends the stream and displays all waiting pictures.
    pub fn end(&mut self) {
        self.show_down_to(0);
    }

    /// Returns the display index, from 0, of the next unit in stream order: `Some(None)` for a unit
    /// that can't be decoded because it refers to pictures before the start of the stream, `None`
    /// if the position is not known yet or no unit is left.
    #[expect(clippy::should_implement_trait, reason = "more may come after `None`")]
    pub fn next(&mut self) -> Option<Option<u64>> {
        let shown = match self.units.front()? {
            Shown::Unknown => return None,
            Shown::Never => None,
            Shown::As(number) => Some(*number),
        };
        self.units.pop_front();
        self.first += 1;
        Some(shown)
    }

    /// Displays waiting pictures, lowest count first, until at most `left` are left.
    fn show_down_to(&mut self, left: usize) {
        while self.waiting.len() > left {
            let Some((count, unit)) = self.waiting.iter().copied().min() else {
                return;
            };
            self.waiting.retain(|&waiting| waiting != (count, unit));
            self.last = Some(count);
            self.units[(unit - self.first) as usize] = Shown::As(self.shown);
            self.shown += 1;
        }
    }

    /// Reads the headers of a unit.
    fn read(&mut self, unit: &[u8]) -> Option<Headers> {
        match &mut self.reader {
            Reader::AsTheyCome => {
                let count = (self.first + self.units.len() as u64) as i64;
                Some(Headers::Place(
                    DisplayPosition {
                        begins: false,
                        count,
                    },
                    0,
                ))
            }
            Reader::H264(reader) => {
                let (sets, counter) = &mut **reader;
                let nal = first_slice(Codec::H264, unit, |nal| sets.note(nal))?;
                let (slice, sps) = sets.slice(nal)?;
                Some(Headers::Place(counter.position(&slice, sps), sps.reorder()))
            }
            Reader::H265(reader) => {
                let (sets, counter) = &mut **reader;
                let nal = first_slice(Codec::H265, unit, |nal| sets.note(nal))?;
                let (slice, sps) = sets.slice(nal)?;
                let said = match counter.position(&slice, sps) {
                    Some(place) => Headers::Place(place, sps.reorder.into()),
                    None => Headers::Orphan,
                };
                if nal_units(unit).any(|(_, nal)| h265::is_end(nal)) {
                    counter.begin();
                }
                Some(said)
            }
        }
    }
}

/// Returns the first slice of a unit. Parameter sets and SEI messages before it are given to
/// `note`.
pub(crate) fn first_slice(codec: Codec, unit: &[u8], mut note: impl FnMut(&[u8])) -> Option<&[u8]> {
    for (_, nal) in nal_units(unit) {
        match NalKind::of(codec, nal) {
            kind if kind.is_slice() => return Some(nal),
            kind if kind.is_set() || kind == NalKind::Sei => note(nal),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::{IDR, NOT_REFERRED, REFERRED, Slice, pps, sps};
    use super::*;

    fn sets(kind: u32) -> Vec<u8> {
        [sps(kind, true), pps(0)].concat()
    }

    /// Returns the display index of each picture; `None` for one whose header can't be read.
    fn numbers(units: &[Vec<u8>]) -> Vec<Option<u64>> {
        let mut order = PictureOrder::new(Codec::H264);
        let added: Vec<_> = units.iter().map(|unit| order.add(unit)).collect();
        order.end();
        let shown = added.iter().map(|added| {
            let shown = order.next().unwrap();
            added.is_ok().then_some(shown).flatten()
        });
        shown.collect()
    }

    fn known(units: &[Vec<u8>]) -> Vec<u64> {
        numbers(units).into_iter().map(Option::unwrap).collect()
    }

    fn slice(first: u8, number: u32, low: u32) -> Vec<u8> {
        Slice::new(first, number, low).nal()
    }

    /// Returns a key frame and pairs of pictures, the second of each displayed first.
    fn pairs(count: u32) -> Vec<Vec<u8>> {
        let mut units = vec![[sets(0), slice(IDR, 0, 0)].concat()];
        for pair in 1..count {
            units.push(slice(REFERRED, pair % 16, pair * 4 % 16));
            units.push(slice(NOT_REFERRED, (pair + 1) % 16, (pair * 4 - 2) % 16));
        }
        units
    }

    #[test]
    fn counts_go_on_where_their_low_bits_are_used_up() {
        let mut expected = vec![0];
        for pair in 1..40 {
            expected.extend([pair * 2, pair * 2 - 1]);
        }
        assert_eq!(known(&pairs(40)), expected);
    }

    #[test]
    fn counting_restarts_at_key_frames_and_resets() {
        let forgetting = Slice {
            forgets: true,
            ..Slice::new(REFERRED, 2, 6)
        };
        let units = [
            [sets(0), slice(IDR, 0, 0)].concat(),
            slice(REFERRED, 1, 4),
            slice(NOT_REFERRED, 2, 2),
            // This picture's own count no longer matters.
            forgetting.nal(),
            slice(REFERRED, 1, 4),
            slice(NOT_REFERRED, 2, 2),
            slice(IDR, 0, 0),
            slice(REFERRED, 1, 2),
        ];
        assert_eq!(known(&units), [0, 2, 1, 3, 5, 4, 6, 7]);
    }

    #[test]
    fn all_ways_of_counting_are_followed() {
        for kind in [1, 2] {
            let mut units = vec![[sets(kind), counted(IDR, 0)].concat()];
            for number in 1..40 {
                units.push(counted(REFERRED, number % 16));
            }
            let expected: Vec<_> = (0..40).collect();
            assert_eq!(known(&units), expected, "{kind}");
        }
    }

    /// Returns a slice without its own count.
    fn counted(first: u8, number: u32) -> Vec<u8> {
        let slice = super::super::testing::Writer::default().ue(0).ue(5).ue(0);
        let slice = slice.bits(4, number);
        match first {
            IDR => slice.ue(0).bits(2, 0).nal(first),
            _ => slice.bits(2, 0).bits(1, 0).nal(first),
        }
    }

    #[test]
    fn a_picture_is_known_as_soon_as_a_decoder_shows_it() {
        let mut order = PictureOrder::new(Codec::H264);
        let mut late = 0;
        for (at, unit) in pairs(20).iter().enumerate() {
            order.add(unit).unwrap();
            while order.next().is_some() {
                late += 1;
            }
            // Two pictures may wait, and with them the units after them in the stream.
            assert!(at - late < 4, "{at} {late}");
        }
    }

    #[test]
    fn a_lost_key_frame_moves_nothing_before_it() {
        let mut units = pairs(4);
        // Pictures of another sequence whose key frame is missing.
        for pair in 1..4 {
            units.push(slice(REFERRED, pair, pair * 4 % 16));
            units.push(slice(NOT_REFERRED, pair + 1, pair * 4 - 2));
        }
        assert_eq!(known(&units)[..7], [0, 2, 1, 4, 3, 6, 5]);
    }

    #[test]
    fn what_cannot_be_read_costs_one_picture() {
        assert_eq!(numbers(&[slice(IDR, 0, 0)]), [None]);
        assert_eq!(numbers(&[sets(0)]), [None]);
        let mut units = pairs(3);
        units.insert(3, vec![0, 0, 1, 0x41, 0xff]);
        let numbers = numbers(&units);
        assert_eq!(numbers[3], None);
        let rest: Vec<_> = numbers.into_iter().flatten().collect();
        let mut sorted = rest.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), units.len() - 1, "{rest:?}");
    }
}
