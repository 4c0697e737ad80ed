//! Packets in decoding order, with their presentation times.

use std::collections::VecDeque;

use super::Timeline;
use crate::bitstream::{Codec, PictureOrder};

/// Finds the presentation time of each packet of a source that gives packets one time each, with B
/// pictures among them: the *n*-th displayed picture gets the *n*-th time in ascending order.
///
/// Packets wait for as long as a decoder would hold their pictures; without B pictures they do not
/// wait.
#[derive(Debug)]
pub(super) struct Reorder {
    order: PictureOrder,
    waiting: VecDeque<Waiting>,
    /// Timestamps and arrival times that are not assigned to a picture yet.
    stamps: Vec<(u64, u64)>,
    /// Times in the file, in display order, from picture number `first` on.
    times: VecDeque<u64>,
    first: u64,
    /// Number of pictures decoded before the next one.
    decoded: u64,
}

#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    stamp: (u64, u64),
    is_readable: bool,
}

/// The decision about a packet.
pub(super) enum Next {
    /// The packet's bytes, presentation time and decoding time.
    Packet(Vec<u8>, u64, u64),
    /// The header is invalid, or it refers to pictures before the start of the stream.
    Useless,
}

impl Reorder {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            order: PictureOrder::new(codec),
            waiting: VecDeque::new(),
            stamps: Vec::new(),
            times: VecDeque::new(),
            first: 0,
            decoded: 0,
        }
    }

    /// Returns the number of waiting packets.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds the next packet, with its timestamp and arrival time.
    pub(super) fn add(&mut self, bytes: Vec<u8>, stamp: (u64, u64)) {
        let is_readable = self.order.add(&bytes).is_ok();
        self.stamps.push(stamp);
        self.waiting.push_back(Waiting {
            bytes,
            stamp,
            is_readable,
        });
    }

    /// Ends the stream: no more packets will be added.
    pub(super) fn end(&mut self) {
        self.order.end();
    }

    /// Returns the next packet in decoding order, if its time is known.
    pub(super) fn next(&mut self, timeline: &mut Timeline) -> Option<Next> {
        let shown = self.order.next()?;
        let Waiting {
            bytes,
            stamp,
            is_readable,
        } = self.waiting.pop_front()?;
        let Some(number) = shown else {
            if let Some(at) = self.stamps.iter().position(|other| *other == stamp) {
                self.stamps.swap_remove(at);
            }
            return Some(Next::Useless);
        };
        // The decoding time of the n-th packet is the n-th presentation time.
        let decoded = self.decoded;
        self.decoded += 1;
        let pts_ns = self.time(number, timeline);
        let dts_ns = self.time(decoded, timeline);
        while self.first < number.min(decoded) && self.times.len() > MOST_HELD {
            self.times.pop_front();
            self.first += 1;
        }
        Some(match is_readable {
            true => Next::Packet(bytes, pts_ns, dts_ns),
            false => Next::Useless,
        })
    }

    /// Returns the time of the picture with this display index.
    fn time(&mut self, number: u64, timeline: &mut Timeline) -> u64 {
        while self.first + self.times.len() as u64 <= number {
            let earliest = (0..self.stamps.len()).min_by_key(|at| self.stamps[*at].0);
            let Some(at) = earliest else {
                break;
            };
            let (timestamp_ns, arrival_ns) = self.stamps.swap_remove(at);
            self.times
                .push_back(timeline.pts_ns(timestamp_ns, arrival_ns));
        }
        let at = number.saturating_sub(self.first) as usize;
        let last = self.times.back().copied().unwrap_or(0);
        self.times.get(at).copied().unwrap_or(last)
    }
}

/// Most times to keep for later look-ups: no decoder holds more pictures.
const MOST_HELD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitstream::testing::{IDR, NOT_REFERRED, REFERRED, Slice, pps, sps};

    /// Packets of the pictures whose places in the order of showing these are, each with its time
    /// of arrival; and what is recorded of them, in units of 10 ms.
    fn record(places: &[u32], stamp: impl Fn(usize) -> u64) -> Vec<(u64, u64)> {
        let mut timeline = Timeline::new();
        let mut reorder = Reorder::new(Codec::H264);
        let mut found = Vec::new();
        for (at, place) in places.iter().enumerate() {
            let first = match at {
                0 => IDR,
                _ if at % 2 == 0 => NOT_REFERRED,
                _ => REFERRED,
            };
            let mut bytes = Slice::new(first, at.div_ceil(2) as u32, place * 2).nal();
            if at == 0 {
                bytes = [sps(0, true), pps(0), bytes].concat();
            }
            reorder.add(bytes, (stamp(at), 1_000_000_000 + at as u64 * 10_000_000));
            while let Some(next) = reorder.next(&mut timeline) {
                let Next::Packet(_, pts, dts) = next else {
                    panic!("useless");
                };
                found.push((pts / 10_000_000, dts / 10_000_000));
            }
        }
        reorder.end();
        while let Some(next) = reorder.next(&mut timeline) {
            let Next::Packet(_, pts, dts) = next else {
                panic!("useless");
            };
            found.push((pts / 10_000_000, dts / 10_000_000));
        }
        found
    }

    const PLACES: [u32; 7] = [0, 2, 1, 4, 3, 6, 5];

    #[test]
    fn times_of_decoding_become_those_of_showing() {
        let found = record(&PLACES, |at| 1_000_000_000 + at as u64 * 10_000_000);
        let expected = PLACES
            .iter()
            .zip(0..)
            .map(|(place, at)| (u64::from(*place), at));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn times_of_showing_stay() {
        let found = record(&PLACES, |at| {
            1_000_000_000 + u64::from(PLACES[at]) * 10_000_000
        });
        let expected = PLACES
            .iter()
            .zip(0..)
            .map(|(place, at)| (u64::from(*place), at));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
