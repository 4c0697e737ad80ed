//! In which order the pictures of a byte stream are shown.

use core::fmt;
use std::collections::VecDeque;

use super::nal::{NalKind, nal_units};
use super::{h264, h265};
use crate::encode::Codec;

/// Where a picture stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// It begins a sequence: all pictures before are shown before it.
    pub(crate) begins: bool,
    /// Within a sequence, pictures are shown in the order of this.
    pub(crate) count: i64,
}

/// Why it is not known when a picture is shown: its header or the parameter sets for it are missing, or make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderError;

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the picture's header makes no sense, or its parameter sets are missing")
    }
}

impl core::error::Error for OrderError {}

/// Finds the order in which pictures are shown, which with B pictures is another one than that of the stream. A byte
/// stream has no times, but its slices say that order.
///
/// Give it the access units one by one ([`AccessUnits`](super::AccessUnits)), from a key frame on. Of each it tells
/// which one it is in the order of showing, as soon as a decoder would show it: up to 16 pictures later.
///
/// Source: ITU-T H.264, clauses 7.3.3, 8.2.1 and C.4.5.3 ("bumping"); ITU-T H.265, clauses 8.3.1 and C.5.2.
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
    /// What is known of the units, in the order of the stream, that were not asked for yet.
    units: VecDeque<Shown>,
    /// Of all units, the first in `units`.
    first: u64,
    /// Counts of the pictures that are decoded and not shown, and their units.
    waiting: Vec<(i64, u64)>,
    /// Count of the picture of this sequence that was shown last.
    last: Option<i64>,
    /// Pictures that were shown.
    shown: u64,
    /// Pictures that may wait.
    reorder: usize,
}

/// When a unit's picture is shown.
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
    /// Shown as they come.
    AsTheyCome,
}

/// What a unit says of its picture.
enum Said {
    Place(Place, usize),
    /// It refers to what was before the stream began.
    Orphan,
}

impl PictureOrder {
    /// Begins a stream.
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

    /// Takes note of the next access unit in the order of the stream, the bytes of one picture.
    ///
    /// # Errors
    /// [`OrderError`]: the unit counts as shown next to the one before, and the next one may be added.
    pub fn add(&mut self, unit: &[u8]) -> Result<(), OrderError> {
        match self.read(unit) {
            Some(Said::Place(place, reorder)) => {
                self.reorder = reorder;
                self.wait(place);
                Ok(())
            }
            Some(Said::Orphan) => {
                self.units.push_back(Shown::Never);
                Ok(())
            }
            None => {
                let last = self.waiting.last().map(|(count, _)| *count).or(self.last);
                self.wait(Place {
                    begins: false,
                    count: last.unwrap_or(0),
                });
                Err(OrderError)
            }
        }
    }

    fn wait(&mut self, place: Place) {
        // What is shown is never earlier than what was shown before, unless the stream is another one: a key frame was
        // lost.
        if place.begins || self.last.is_some_and(|last| place.count < last) {
            self.show_down_to(0);
            self.last = None;
        }
        self.waiting
            .push((place.count, self.first + self.units.len() as u64));
        self.units.push_back(Shown::Unknown);
        self.show_down_to(self.reorder);
    }

    /// There are no more units: those that wait are shown.
    pub fn end(&mut self) {
        self.show_down_to(0);
    }

    /// Which picture in the order of showing, from 0, the next unit in the order of the stream is; `Some(None)` for one
    /// that can't be decoded, since it refers to what was before the stream began; `None` if that is not known yet, or no
    /// unit is left.
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

    /// Shows the first ones of those that wait, until at most so many are left.
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
    fn read(&mut self, unit: &[u8]) -> Option<Said> {
        match &mut self.reader {
            Reader::AsTheyCome => {
                let count = (self.first + self.units.len() as u64) as i64;
                Some(Said::Place(
                    Place {
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
                Some(Said::Place(counter.place(&slice, sps), sps.reorder()))
            }
            Reader::H265(reader) => {
                let (sets, counter) = &mut **reader;
                let nal = first_slice(Codec::H265, unit, |nal| sets.note(nal))?;
                let (slice, sps) = sets.slice(nal)?;
                let said = match counter.place(&slice, sps) {
                    Some(place) => Said::Place(place, sps.reorder.into()),
                    None => Said::Orphan,
                };
                if nal_units(unit).any(|(_, nal)| h265::is_end(nal)) {
                    counter.begin();
                }
                Some(said)
            }
        }
    }
}

/// The first slice of a unit; parameter sets and SEI messages in front of it go to `note`.
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

    /// Which one each picture is in the order of showing; `None` for one that can't be read.
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

    /// Pictures of two, the second shown first, behind a key frame.
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
    fn counting_begins_anew_at_key_frames_and_where_all_is_forgotten() {
        let forgetting = Slice {
            forgets: true,
            ..Slice::new(REFERRED, 2, 6)
        };
        let units = [
            [sets(0), slice(IDR, 0, 0)].concat(),
            slice(REFERRED, 1, 4),
            slice(NOT_REFERRED, 2, 2),
            // Its own count is of no use any more.
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

    /// A slice that does not say its count.
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
            // Two may wait, and with them what is behind them in the stream.
            assert!(at - late < 4, "{at} {late}");
        }
    }

    #[test]
    fn a_lost_key_frame_moves_nothing_before_it() {
        let mut units = pairs(4);
        // Of another sequence, whose key frame is missing.
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
