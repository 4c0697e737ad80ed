//! A decoder whose stream changes, is left, is broken or ends early.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod vicodec;

use vicodec::clip::Clip;
use vicodec::{Decoding, Out, PSNR, Packet, check_times, encode, number, patience, pictures};
use videostream_hal::codec::DecoderState;
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{Error, ErrorKind, Memory, Ready};
use videostream_testing::on_the_rig;

/// Packets of `clip` whose times go on from `first`.
fn shifted(clip: &Clip, first: usize, count: usize) -> Vec<Packet> {
    let mut packets = encode(clip, count, Memory::Mmap);
    for packet in &mut packets {
        packet.time += vicodec::time(first) - vicodec::time(0);
    }
    packets
}

#[test]
fn a_stream_that_changes_its_size_loses_no_picture() {
    let Some(_turn) = on_the_rig("a_stream_that_changes_its_size_loses_no_picture") else {
        return;
    };
    let clips = [
        Clip::new(FourCc::YU12, 640, 368),
        Clip::new(FourCc::YU12, 1280, 720),
        Clip::new(FourCc::YU12, 800, 608),
    ];
    let mut stream = Vec::new();
    for (at, clip) in clips.iter().enumerate() {
        stream.extend(shifted(clip, 12 * at, 12));
    }
    for memory in [Memory::Mmap, Memory::DmaBuf] {
        // Enough for a packet of the largest.
        let mut decoding = Decoding::start(None, 4_000_000, memory);
        let out = decoding.run(&stream, |time| {
            let number = number(time);
            (&clips[number / 12], number % 12)
        });
        check_times(pictures(&out).map(|(time, _)| time), 0..36);
        assert!(pictures(&out).all(|(_, psnr)| psnr > PSNR), "{out:?}");
        // Each format is told before its first picture and after the last of the one before.
        let formats: Vec<(usize, u32, u32)> = out
            .iter()
            .enumerate()
            .filter_map(|(at, out)| match out {
                Out::Format(new) => Some((at, new.format.width, new.format.height)),
                Out::Picture { .. } => None,
            })
            .collect();
        assert_eq!(formats, [(0, 640, 368), (13, 1280, 720), (26, 800, 608)]);
    }
}

#[test]
fn a_seek_drops_old_pictures_and_keeps_new_ones() {
    let Some(_turn) = on_the_rig("a_seek_drops_old_pictures_and_keeps_new_ones") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let packets = encode(&clip, 40, Memory::Mmap);
    let mut decoding = Decoding::start(Some(FourCc::NV12), 0, Memory::Mmap);
    // Before the format is known, too.
    assert!(decoding.submit(&packets[0]));
    decoding.decoder.seek().unwrap();
    for round in 0..3 {
        for packet in &packets[..3] {
            assert!(decoding.submit(packet));
        }
        loop {
            let first = decoding.decoder.next_picture(patience());
            match first.map(|picture| picture.timestamp_ns) {
                Ok(first) => {
                    assert_eq!(first, packets[0].time, "round {round}");
                    break;
                }
                Err(Error::SourceChanged) => drop(decoding.set_up()),
                Err(error) => panic!("{error}"),
            }
        }
        decoding.decoder.seek().unwrap();
        assert_eq!(decoding.decoder.m2m().output().queued(), 0);
        // From the third group of pictures on.
        let out = decoding.run(&packets[20..], |time| (&clip, number(time)));
        check_times(pictures(&out).map(|(time, _)| time), 20..40);
        assert!(pictures(&out).all(|(_, psnr)| psnr > PSNR), "{out:?}");
        assert_eq!(decoding.decoder.state(), DecoderState::Stopped);
        // From the end back to the start.
        decoding.decoder.seek().unwrap();
        assert_eq!(decoding.decoder.state(), DecoderState::Decoding);
    }
}

#[test]
fn a_drained_decoder_goes_on_from_a_key_frame() {
    let Some(_turn) = on_the_rig("a_drained_decoder_goes_on_from_a_key_frame") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let packets = encode(&clip, 30, Memory::Mmap);
    let mut decoding = Decoding::start(Some(FourCc::NV12), 0, Memory::DmaBuf);
    for part in 0..3 {
        let part = 10 * part..10 * (part + 1);
        let out = decoding.run(&packets[part.clone()], |time| (&clip, number(time)));
        check_times(pictures(&out).map(|(time, _)| time), part);
        assert!(pictures(&out).all(|(_, psnr)| psnr > PSNR), "{out:?}");
        let end = decoding.decoder.take_picture().map(drop).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::EndOfStream);
        decoding.decoder.resume().unwrap();
    }
    decoding.decoder.drain().unwrap();
    let end = decoding.decoder.next_picture(patience()).map(drop);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::EndOfStream);
}

#[test]
fn a_stream_cut_anywhere_is_decoded() {
    let Some(_turn) = on_the_rig("a_stream_cut_anywhere_is_decoded") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let stream: Vec<u8> = encode(&clip, 12, Memory::Mmap)
        .into_iter()
        .flat_map(|packet| packet.bytes)
        .collect();
    let pieces: Vec<Packet> = stream
        .chunks(9_973)
        .map(|piece| Packet {
            bytes: piece.to_vec(),
            time: vicodec::time(0),
            key: false,
        })
        .collect();
    let mut decoding = Decoding::start(Some(FourCc::NV12), 0, Memory::Mmap);
    let next = std::cell::Cell::new(0);
    let out = decoding.run(&pieces, |_| (&clip, next.replace(next.get() + 1)));
    assert_eq!(pictures(&out).count(), 12);
    assert!(pictures(&out).all(|(_, psnr)| psnr > PSNR), "{out:?}");
}

#[test]
fn a_broken_packet_costs_its_picture_and_no_other() {
    let Some(_turn) = on_the_rig("a_broken_packet_costs_its_picture_and_no_other") else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let mut packets = encode(&clip, 20, Memory::Mmap);
    // The last one before a key frame, in a version that there is not.
    packets[9].bytes[8..12].copy_from_slice(&99u32.to_be_bytes());
    let mut decoding = Decoding::start(Some(FourCc::NV12), 0, Memory::Mmap);
    let mut rest = packets.iter().peekable();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    loop {
        while let Some(packet) = rest.peek() {
            if !decoding.submit(packet) {
                break;
            }
            rest.next();
            if rest.peek().is_none() {
                decoding.decoder.drain().unwrap();
            }
        }
        let taken = decoding.decoder.take_picture().map(|picture| {
            let time = picture.timestamp_ns;
            if picture.is_corrupted() {
                bad.push(time);
            } else {
                let bytes = decoding.pictures.as_ref().unwrap().content(&picture);
                assert!(clip.psnr(number(time), bytes) > PSNR);
                good.push(time);
            }
        });
        match taken {
            Ok(()) => {}
            Err(Error::SourceChanged) => drop(decoding.set_up()),
            Err(error) if error.kind() == ErrorKind::EndOfStream => break,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
                let mut wanted = decoding.decoder.wanted();
                wanted.set(Ready::OUTPUT, rest.peek().is_some());
                decoding.decoder.m2m().wait(wanted, patience()).unwrap();
            }
        }
    }
    assert_eq!(bad, [vicodec::time(9)]);
    let others: Vec<u64> = (0..20).filter(|n| *n != 9).map(vicodec::time).collect();
    assert_eq!(good, others);
}

#[test]
fn what_is_no_stream_brings_no_format_and_no_hang() {
    let Some(_turn) = on_the_rig("what_is_no_stream_brings_no_format_and_no_hang") else {
        return;
    };
    let mut decoding = Decoding::start(None, 0, Memory::Mmap);
    let noise = Packet {
        bytes: (0..5000u32).map(|at| (at * 37 % 251) as u8).collect(),
        time: 0,
        key: false,
    };
    for _ in 0..5 {
        // Buffers come back, however useless.
        decoding.decoder.m2m().next_input(patience()).unwrap();
        assert!(decoding.submit(&noise));
    }
    let none = decoding.decoder.take_picture().map(drop).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotReady);
    let deadline = Some(videostream_hal::time::deadline_in(50_000_000));
    let late = decoding.decoder.next_picture(deadline).map(drop);
    assert_eq!(late.unwrap_err(), Error::TimedOut);
    let state = decoding
        .decoder
        .set_up(None, vicodec::buffers(Memory::Mmap, 2));
    assert!(matches!(state, Err(Error::State { .. })), "{state:?}");
    // A stream that comes after all is decoded.
    let clip = Clip::new(FourCc::NV12, 640, 368);
    let packets = encode(&clip, 5, Memory::Mmap);
    let out = decoding.run(&packets, |time| (&clip, number(time)));
    check_times(pictures(&out).map(|(time, _)| time), 0..5);
}
