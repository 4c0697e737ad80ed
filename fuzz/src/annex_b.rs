//! Any bytes as a byte stream of H.264 or H.265: its pictures don't depend on the sizes of reads,
//! and each has a place in display order.

use std::io::{self, Read};

use videostream::encode::{
    AccessUnits, Codec, Packet, ParameterSets, PictureOrder, UnitFinder, access_units,
    has_b_slices, stream_info,
};

pub fn run(bytes: &[u8]) {
    let Some((&how, stream)) = bytes.split_first() else {
        return;
    };
    let codec = match how % 2 {
        0 => Codec::H264,
        _ => Codec::H265,
    };
    let units: Vec<_> = access_units(codec, stream).collect();
    follow_each_other(&units);
    are_the_same_in_pieces(codec, stream, 1 + usize::from(how / 2), &units);
    are_found_one_by_one(codec, stream, &units);
    have_a_place_each(codec, &units);
    for unit in &units {
        let packet = Packet::new(codec, unit, 1, 2);
        assert!(packet.has_picture());
        let parts = [packet.parameter_sets(), packet.data()].concat();
        assert_eq!(parts, packet.annex_b());
        let _ = has_b_slices(codec, unit);
    }
    sets(codec, stream);
}

/// No byte between two pictures belongs to none.
fn follow_each_other(units: &[&[u8]]) {
    for pair in units.windows(2) {
        assert!(!pair[0].is_empty());
        assert_eq!(pair[0].as_ptr_range().end, pair[1].as_ptr());
    }
}

/// Gives so many bytes, then says that there are no more for now, and so on.
struct Pieces<'a> {
    bytes: &'a [u8],
    len: usize,
    has_given: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.has_given = !self.has_given;
        let len = match self.has_given {
            true => self.len.min(to.len()).min(self.bytes.len()),
            false => 0,
        };
        let (given, rest) = self.bytes.split_at(len);
        to[..len].copy_from_slice(given);
        self.bytes = rest;
        Ok(len)
    }
}

fn are_the_same_in_pieces(codec: Codec, stream: &[u8], len: usize, units: &[&[u8]]) {
    let pieces = Pieces {
        bytes: stream,
        len,
        has_given: false,
    };
    let mut reader = AccessUnits::new(codec, pieces);
    let mut units = units.iter();
    while let Some(unit) = reader.next().unwrap() {
        assert_eq!(Some(&unit), units.next());
    }
    assert_eq!(units.next(), None);
}

fn are_found_one_by_one(codec: Codec, stream: &[u8], units: &[&[u8]]) {
    let mut finder = UnitFinder::new(codec);
    let mut rest = stream;
    // Behind the last one nothing tells its end.
    for unit in &units[..units.len().saturating_sub(1)] {
        let found = finder.first(rest).unwrap();
        assert!(found.ends_with(unit));
        rest = &rest[found.len()..];
    }
}

/// Pictures are shown one after the other, each once.
fn have_a_place_each(codec: Codec, units: &[&[u8]]) {
    let mut order = PictureOrder::new(codec);
    let mut shown = Vec::new();
    for unit in units {
        let _ = order.add(unit);
        while let Some(number) = order.next() {
            shown.push(number);
        }
    }
    order.end();
    while let Some(number) = order.next() {
        shown.push(number);
    }
    assert_eq!(shown.len(), units.len());
    let mut shown: Vec<_> = shown.into_iter().flatten().collect();
    shown.sort_unstable();
    assert!(
        shown
            .into_iter()
            .zip(0..)
            .all(|(shown, number)| shown == number)
    );
}

/// The parameter sets of a stream are a stream that has the same ones.
fn sets(codec: Codec, stream: &[u8]) {
    let mut sets = ParameterSets::new(codec);
    sets.add_all(stream);
    let bytes = sets.to_bytes();
    assert!(!sets.add_all(&bytes));
    let mut again = ParameterSets::new(codec);
    assert_eq!(again.add_all(&bytes), !bytes.is_empty());
    assert_eq!(again, sets);
    if let Some(info) = sets.info() {
        assert!(info.width > 0 && info.height > 0 && info.reorder <= 16);
        let (luma, chroma) = info.depth;
        assert!((8..=16).contains(&luma) && (8..=16).contains(&chroma) && info.chroma_format < 4);
    }
    let _ = stream_info(codec, stream);
}
