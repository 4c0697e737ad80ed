use std::io::Cursor;

use super::*;
use crate::bitstream::testing::{IDR, REFERRED, Slice, pps, sps};
use crate::colorimetry::{Colorimetry, Range};

/// A box.
fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = (body.len() as u32 + 8).to_be_bytes();
    [&size[..], kind, &body].concat()
}

/// A box with a version, flags and numbers of 32 bits.
fn full(kind: &[u8; 4], version: u8, flags: u32, numbers: &[u32]) -> Vec<u8> {
    let head = (u32::from(version) << 24 | flags).to_be_bytes();
    boxed(kind, &[&head, &words(numbers)])
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().copied().flat_map(u32::to_be_bytes).collect()
}

/// Without its start code.
fn nal(unit: &[u8]) -> &[u8] {
    &unit[3..]
}

/// Returns a sample: NAL units behind their lengths.
fn sample(units: &[&[u8]]) -> Vec<u8> {
    let units = units.iter();
    let units = units.map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat());
    units.collect::<Vec<_>>().concat()
}

fn picture(number: u32) -> Vec<u8> {
    let first = if number == 0 { IDR } else { REFERRED };
    sample(&[nal(&Slice::new(first, number % 16, 0).nal())])
}

/// Returns a sample entry of H.264 with this picture parameter set, and other boxes.
fn entry(number: u32, others: &[u8]) -> Vec<u8> {
    let (sps, pps) = (sps(0, true), pps(number));
    let (sps, pps) = (nal(&sps), nal(&pps));
    let len = |set: &[u8]| (set.len() as u16).to_be_bytes();
    let avcc = [
        &[1, 77, 0, 30, 0xff, 0xe1][..],
        &len(sps),
        sps,
        &[1],
        &len(pps),
        pps,
    ];
    let mut head = vec![0; 78];
    head[24..28].copy_from_slice(&[1, 64, 0, 240]);
    boxed(b"avc1", &[&head, &boxed(b"avcC", &avcc), others])
}

fn stsd(entries: &[Vec<u8>]) -> Vec<u8> {
    let head = words(&[0, entries.len() as u32]);
    boxed(b"stsd", &[&head, &entries.concat()])
}

/// Returns a track of these tables; 1000 units a second, as in the movie.
fn moov(tables: &[&[u8]], edits: &[u8], others: &[u8]) -> Vec<u8> {
    let mvhd = full(
        b"mvhd",
        0,
        0,
        &[&[0, 0, 1000, 0, 0x1_0000, 0x100_0000][..], &[0; 19]].concat(),
    );
    let tkhd = full(b"tkhd", 0, 3, &[&[0, 0, 1][..], &[0; 17]].concat());
    let mdhd = full(b"mdhd", 0, 0, &[0, 0, 1000, 0, 0x55c4_0000]);
    let hdlr = full(
        b"hdlr",
        0,
        0,
        &[0, u32::from_be_bytes(*b"vide"), 0, 0, 0, 0],
    );
    let minf = boxed(b"minf", &[&boxed(b"stbl", tables)]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &minf]);
    boxed(
        b"moov",
        &[&mvhd, &boxed(b"trak", &[&tkhd, edits, &mdia]), others],
    )
}

/// Returns the tables of `count` samples in one chunk, 40 units long each, as long as those of
/// [`data`].
fn tables(count: u32, at: u32) -> Vec<u8> {
    let sizes: Vec<_> = (0..count).map(|n| picture(n).len() as u32).collect();
    [
        stsd(&[entry(0, &[])]),
        full(b"stts", 0, 0, &[1, count, 40]),
        full(b"stsc", 0, 0, &[1, 1, count, 1]),
        full(b"stsz", 0, 0, &[&[0, count][..], &sizes].concat()),
        full(b"stco", 0, 0, &[1, at]),
        full(b"stss", 0, 0, &[1, 1]),
    ]
    .concat()
}

fn data(count: u32) -> Vec<u8> {
    (0..count).flat_map(picture).collect()
}

fn ftyp() -> Vec<u8> {
    boxed(b"ftyp", &[b"isom", &[0; 4]])
}

/// Returns a file with its data in front, at byte 24.
fn file(count: u32, moov: &[u8]) -> Vec<u8> {
    [ftyp(), boxed(b"mdat", &[&data(count)]), moov.to_vec()].concat()
}

/// Returns bytes and times (shown, decoded; in ms) of all packets.
fn read(file: &[u8]) -> Vec<(Vec<u8>, u64, u64)> {
    let mut reader = Mp4Reader::new(Cursor::new(file)).unwrap();
    let mut all = Vec::new();
    while let Some(packet) = reader.next().unwrap() {
        let times = [packet.pts_ns(), packet.dts_ns()].map(|ns| ns / 1_000_000);
        all.push((packet.annex_b().to_vec(), times[0], times[1]));
    }
    all
}

/// Returns when packets are shown, in ms.
fn shown(file: &[u8]) -> Vec<u64> {
    read(file).into_iter().map(|(_, shown, _)| shown).collect()
}

fn refused(file: &[u8]) -> String {
    let reader = Mp4Reader::new(Cursor::new(file));
    let error = reader.and_then(|mut reader| {
        while reader.next()?.is_some() {}
        Ok(())
    });
    error.unwrap_err().to_string()
}

/// With the start codes that packets have.
fn packet(units: &[&[u8]]) -> Vec<u8> {
    let units = units.iter().flat_map(|unit| [&[0, 0, 0, 1], nal(unit)]);
    units.collect::<Vec<_>>().concat()
}

#[test]
fn samples_come_with_their_times_and_sets() {
    let file = file(3, &moov(&[&tables(3, 24)], &[], &[]));
    let slice = |first, number| Slice::new(first, number, 0).nal();
    let key = packet(&[&sps(0, true), &pps(0), &slice(IDR, 0)]);
    let expected = [
        (key, 0, 0),
        (packet(&[&slice(REFERRED, 1)]), 40, 40),
        (packet(&[&slice(REFERRED, 2)]), 80, 80),
    ];
    assert_eq!(read(&file), expected);
    let info = *Mp4Reader::new(Cursor::new(&file)).unwrap().info();
    assert_eq!((info.width, info.height, info.timescale), (320, 240, 1000));
    assert_eq!(info.rate, crate::FrameRate::fps(25).ok());
}

#[test]
fn all_kinds_of_tables_are_followed() {
    // Chunks of two, two and one sample, the second one first in the file; behind a header of 64
    // bits.
    let lens: Vec<_> = (0..5).map(|n| picture(n).len() as u32).collect();
    let second = 32;
    let first = second + lens[2] + lens[3];
    let third = first + lens[0] + lens[1];
    let chunk = |range: std::ops::Range<u32>| -> Vec<u8> { range.flat_map(picture).collect() };
    let chunks = [chunk(2..4), chunk(0..2), chunk(4..5)].concat();
    let mdat = [
        &1_u32.to_be_bytes()[..],
        b"mdat",
        &(chunks.len() as u64 + 16).to_be_bytes(),
        &chunks,
    ]
    .concat();
    let others = boxed(b"colr", &[b"nclx", &[0, 9, 0, 16, 0, 9, 0x80]]);
    let others = [others, boxed(b"pasp", &[&words(&[4, 3])])].concat();
    let tables = [
        stsd(&[entry(0, &others)]),
        full(b"stts", 0, 0, &[3, 1, 40, 3, 50, 1, 10]),
        full(b"ctts", 1, 0, &[2, 2, 100, 3, -20_i32 as u32]),
        full(b"stsc", 0, 0, &[2, 1, 2, 1, 3, 1, 1]),
        full(b"stsz", 0, 0, &[&[0, 5][..], &lens].concat()),
        full(b"co64", 0, 0, &[3, 0, first, 0, second, 0, third]),
    ]
    .concat();
    let whole = [ftyp(), mdat, moov(&[&tables], &[], &[])].concat();
    let times: Vec<_> = read(&whole)
        .into_iter()
        .map(|(_, shown, decoded)| (shown, decoded))
        .collect();
    assert_eq!(
        times,
        [(100, 0), (140, 40), (70, 90), (120, 140), (170, 190)]
    );
    let read = read(&whole);
    for (number, (bytes, ..)) in read.iter().enumerate().skip(1) {
        // Without `stss` all are key frames, with sets in front.
        assert!(bytes.ends_with(&picture(number as u32)[4..]), "{number}");
    }
    let info = *Mp4Reader::new(Cursor::new(&whole)).unwrap().info();
    let colours = Colorimetry {
        range: Range::Full,
        ..Colorimetry::BT2020.with_codes([9, 16, 9])
    };
    assert_eq!(info.appearance.colorimetry, colours);
    assert_eq!(info.appearance.sample_aspect, Some((4, 3)));
    // Cut anywhere, or with any byte changed, it is read or refused.
    for at in 0..whole.len() {
        let mut other = whole.clone();
        other[at] ^= 0xff;
        for bytes in [&whole[..at], &other] {
            if let Ok(mut reader) = Mp4Reader::new(Cursor::new(bytes)) {
                while let Ok(Some(_)) = reader.next() {}
            }
        }
    }
}

#[test]
fn edit_lists_move_and_choose() {
    let with = |entries: &[u32]| {
        let numbers = [&[entries.len() as u32 / 3][..], entries].concat();
        let edits = boxed(b"edts", &[&full(b"elst", 0, 0, &numbers)]);
        file(4, &moov(&[&tables(4, 24)], &edits, &[]))
    };
    let (one, nothing) = (0x1_0000, u32::MAX);
    let shown_ns = |file: &[u8]| Mp4Reader::new(Cursor::new(file)).unwrap().info().shown_ns;
    let late = with(&[500, nothing, one, 160, 0, one]);
    assert_eq!(shown(&late), [500, 540, 580, 620]);
    assert_eq!(shown_ns(&late), (500_000_000, None));
    // From the third picture on: those before it are for decoding.
    let part = with(&[40, 80, one]);
    assert_eq!(shown(&part), [0, 40, 80, 120]);
    assert_eq!(shown_ns(&part), (80_000_000, Some(120_000_000)));
    let both = with(&[100, nothing, one, 80, 80, one]);
    assert_eq!(shown(&both), [20, 60, 100, 140].map(|shown| shown));
    assert_eq!(shown_ns(&both), (100_000_000, None));
    let twice = with(&[80, 0, one, 80, 0, one]);
    assert!(refused(&twice).contains("2 parts"));
}

#[test]
fn another_sample_entry_brings_its_sets() {
    let lens = [0, 1].map(|n| picture(n).len() as u32);
    let tables = [
        stsd(&[entry(0, &[]), entry(3, &[])]),
        full(b"stts", 0, 0, &[1, 2, 40]),
        full(b"stsc", 0, 0, &[2, 1, 1, 1, 2, 1, 2]),
        full(b"stsz", 0, 0, &[0, 2, lens[0], lens[1]]),
        full(b"stco", 0, 0, &[2, 24, 24 + lens[0]]),
        full(b"stss", 0, 0, &[1, 1]),
    ]
    .concat();
    let packets = read(&file(2, &moov(&[&tables], &[], &[])));
    let sets = packet(&[&sps(0, true), &pps(3)]);
    assert!(packets[1].0.starts_with(&sets));
}

/// Two fragments of two samples each, with their defaults at all places where they can be.
fn fragmented() -> Vec<u8> {
    let trex = full(b"trex", 0, 0, &[1, 1, 40, 0, 0x0101_0000]);
    let empty = [
        stsd(&[entry(0, &[])]),
        full(b"stts", 0, 0, &[0]),
        full(b"stsc", 0, 0, &[0]),
        full(b"stsz", 0, 0, &[0, 0]),
        full(b"stco", 0, 0, &[0]),
    ]
    .concat();
    let head = [ftyp(), moov(&[&empty], &[], &boxed(b"mvex", &[&trex]))].concat();
    let lens: Vec<_> = (0..4).map(|n| picture(n).len() as u32).collect();
    let fragment = |tfhd: &[u8], tfdt: &[u8], trun: &dyn Fn(u32) -> Vec<u8>, from: u32| {
        let moof = |at| boxed(b"moof", &[&boxed(b"traf", &[tfhd, tfdt, &trun(at)])]);
        let at = moof(0).len() as u32 + 8;
        let samples: Vec<u8> = (from..from + 2).flat_map(picture).collect();
        [moof(at), boxed(b"mdat", &[&samples])].concat()
    };
    // Place, flags of the first; sizes and later showing.
    let first = fragment(
        &full(b"tfhd", 0, 0x2_0000, &[1]),
        &full(b"tfdt", 1, 0, &[0, 400]),
        &|at| {
            full(
                b"trun",
                0,
                0xa05,
                &[2, at, 0x200_0000, lens[0], 80, lens[1], 0],
            )
        },
        0,
    );
    // Its own duration; without `tfdt`, and with one more run without a place.
    let second = fragment(
        &full(b"tfhd", 0, 0x2_0008, &[1, 50]),
        &[],
        &|at| {
            let runs = [
                full(b"trun", 0, 0x201, &[1, at, lens[2]]),
                full(b"trun", 0, 0x200, &[1, lens[3]]),
            ];
            runs.concat()
        },
        2,
    );
    [head, first, second].concat()
}

#[test]
fn fragments_are_read_with_all_their_defaults() {
    let whole = fragmented();
    let read = read(&whole);
    let times: Vec<_> = read
        .iter()
        .map(|(_, shown, decoded)| (*shown, *decoded))
        .collect();
    assert_eq!(times, [(480, 0), (440, 40), (480, 80), (530, 130)]);
    for (number, (bytes, ..)) in read.iter().enumerate() {
        assert!(bytes.ends_with(&picture(number as u32)[4..]), "{number}");
        let has_sets = bytes.starts_with(&packet(&[&sps(0, true), &pps(0)]));
        assert_eq!(has_sets, number == 0);
    }
    // Cut anywhere it plays what is complete.
    for cut in 0..whole.len() {
        if let Ok(mut reader) = Mp4Reader::new(Cursor::new(&whole[..cut])) {
            let mut count = 0;
            while reader.next().unwrap().is_some() {
                count += 1;
            }
            assert!(count < 4);
        }
    }
}

#[test]
fn a_file_that_was_cut_ends_where_it_does() {
    let whole = [ftyp(), moov(&[&tables(4, 0)], &[], &[])].concat();
    let at = whole.len() as u32 + 8;
    let head = [ftyp(), moov(&[&tables(4, at)], &[], &[])].concat();
    let whole = [head, boxed(b"mdat", &[&data(4)])].concat();
    assert_eq!(shown(&whole).len(), 4);
    let cut = &whole[..at as usize + picture(0).len() + picture(1).len() + 3];
    let mut reader = Mp4Reader::new(Cursor::new(cut)).unwrap();
    assert!(reader.next().unwrap().is_some() && reader.next().unwrap().is_some());
    assert!(reader.next().unwrap().is_none());
    assert_eq!(reader.missing(), 2);
    assert!(refused(&file(2, &[])).contains("ends before its index"));
    assert!(refused(b"RIFF and so on, not an MP4").contains("does not begin like one"));
}

#[test]
fn sizes_that_can_not_be_cost_neither_time_nor_memory() {
    let with = |stsz: Vec<u8>, count: u32| {
        let tables = [
            stsd(&[entry(0, &[])]),
            full(b"stts", 0, 0, &[1, count, 40]),
            full(b"stsc", 0, 0, &[1, 1, count, 1]),
            stsz,
            full(b"stco", 0, 0, &[1, 24]),
        ];
        file(2, &moov(&[&tables.concat()], &[], &[]))
    };
    // Four thousand million samples.
    let many = with(full(b"stsz", 0, 0, &[1, u32::MAX]), u32::MAX);
    let mut reader = Mp4Reader::new(Cursor::new(&many)).unwrap();
    assert!(reader.next().unwrap().is_none());
    let large = with(full(b"stsz", 0, 0, &[0, 1, u32::MAX]), 1);
    let mut reader = Mp4Reader::new(Cursor::new(&large)).unwrap();
    assert!(reader.next().unwrap().is_none() && reader.missing() == 1);
    let claimed = with(full(b"stsz", 0, 0, &[0, u32::MAX]), 1);
    assert!(refused(&claimed).contains("stsz"));
    let entry = full(b"stsd", 0, 0, &[1]);
    assert!(refused(&file(1, &moov(&[&entry], &[], &[]))).contains("stsd"));
}
