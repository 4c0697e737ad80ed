//! Recordings that were cut, dropped or killed: what still plays.

use std::fs;
use std::path::Path;

use crate::encoded::record;
use crate::media::{decode, fps, has_ffmpeg, numbers};

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Where each fragment begins and ends, and the frames up to its end, by the boxes' own headers.
fn fragments(bytes: &[u8], first: usize) -> Vec<(usize, usize, u64)> {
    let (mut at, mut frames, mut all) = (first, 0, Vec::new());
    while at < bytes.len() {
        let moof = &bytes[at..at + word(bytes, at)];
        assert_eq!(&moof[4..8], b"moof");
        let trun = moof.windows(4).position(|name| name == b"trun").unwrap();
        frames += word(moof, trun + 8) as u64;
        let end = at + moof.len() + word(bytes, at + moof.len());
        all.push((at, end, frames));
        at = end;
    }
    all
}

/// `count` places from `from` on, always the same ones.
fn places(count: usize, from: usize, to: usize) -> Vec<usize> {
    let mut state = 12345_u64;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + (state >> 33) as usize % (to - from)
    };
    (0..count).map(next).collect()
}

/// Lets two threads, which see a folder of their own, check half of the places each.
fn in_shards(places: &[usize], check: impl Fn(&Path, usize) + Sync) {
    std::thread::scope(|scope| {
        for shard in places.chunks(places.len().div_ceil(2)) {
            let check = &check;
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                shard.iter().for_each(|&len| check(folder.path(), len));
            });
        }
    });
}

#[test]
fn a_truncated_recording_plays_complete_fragments() {
    if !has_ffmpeg("a_truncated_recording_plays_complete_fragments") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.mp4");
    let recorder = record(&path, (160, 120), fps(30), 135);
    let whole = fs::read(&path).unwrap();
    assert_eq!(recorder.recorded().frames, 120);
    let header = whole.windows(4).position(|name| name == b"moof").unwrap() - 4;
    let fragments = fragments(&whole, header);
    assert_eq!(fragments.last().unwrap().2, 120);
    in_shards(&places(100, header, whole.len()), |folder, len| {
        let complete = fragments.iter().rev().find(|(_, end, _)| *end <= len);
        let frames = complete.map_or(0, |(_, _, frames)| *frames);
        // As the file is before its last piece is there: the type of that is still `free`.
        let mut part = whole[..len].to_vec();
        let (begin, ..) = fragments.iter().find(|(_, end, _)| *end > len).unwrap();
        for (byte, free) in part.iter_mut().skip(begin + 4).zip(b"free") {
            *byte = *free;
        }
        let cut = folder.join("cut.mp4");
        fs::write(&cut, &part).unwrap();
        if frames > 0 {
            let numbers = numbers(&decode(&cut, 160, 120), 160, 120);
            assert_eq!(numbers, (0..frames).collect::<Vec<_>>(), "byte {len}");
        }
    });
}

#[test]
fn a_finished_recording_cut_anywhere_plays() {
    if !has_ffmpeg("a_finished_recording_cut_anywhere_plays") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.mp4");
    record(&path, (160, 120), fps(30), 135).finish().unwrap();
    let whole = fs::read(&path).unwrap();
    let header = whole.windows(4).position(|name| name == b"moof").unwrap() - 4;
    let fragments = fragments(&whole, header);
    assert_eq!(fragments.last().unwrap().2, 135);
    let mut places = places(200, header, whole.len());
    // And in every `moof`, which is little of the file and where others give up.
    places.extend(fragments.iter().map(|(begin, ..)| begin + 60));
    in_shards(&places, |folder, len| {
        let complete = fragments.iter().rev().find(|(_, end, _)| *end <= len);
        let frames = complete.map_or(0, |(_, _, frames)| *frames);
        let cut = folder.join("cut.mp4");
        fs::write(&cut, &whole[..len]).unwrap();
        if frames > 0 {
            // Complete pictures of the last fragment are there besides, and a part of one.
            let decoded = decode(&cut, 160, 120);
            let decoded = &decoded[..frames as usize];
            let numbers = numbers(decoded, 160, 120);
            assert_eq!(numbers, (0..frames).collect::<Vec<_>>(), "byte {len}");
        }
    });
}

#[test]
fn a_killed_recorder_leaves_a_playable_file() {
    if !has_ffmpeg("a_killed_recorder_leaves_a_playable_file") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dropped.mp4");
    drop(record(&path, (160, 120), fps(30), 40));
    assert_eq!(decode(&path, 160, 120).len(), 40);
    let path = folder.path().join("killed.mp4");
    let recorder = record(&path, (160, 120), fps(30), 40);
    let recorded = recorder.recorded();
    assert_eq!(recorded.frames + recorder.waiting(), 40);
    std::mem::forget(recorder);
    assert_eq!(decode(&path, 160, 120).len() as u64, recorded.frames);
    assert!(recorded.frames >= 15);
}
