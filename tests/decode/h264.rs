//! H.264: streams of the encoder, whole and damaged.

use videostream::decode::{CodecError, Decoder, DecoderConfig};
use videostream::encode::{Codec, EncoderConfig, Packet, Profile, access_units};
use videostream::hal::format::{FourCc, Layout};
use videostream::{Picture, PictureMut, pattern};

use crate::media::{fps, has_encoder};
use crate::support::{self, by_ffmpeg, take};

const PROFILES: [Profile; 3] = [Profile::Baseline, Profile::Main, Profile::High];

/// Packets of `frames` pattern frames, a key frame every 5: bytes and time.
fn encoded(profile: Profile, width: u32, height: u32, frames: u64) -> Vec<(Vec<u8>, u64)> {
    let layout = Layout::new(FourCc::NV12, width, height).unwrap();
    let config = EncoderConfig::new(Codec::H264, FourCc::NV12, width, height, fps(30))
        .gop(5)
        .profile(profile);
    support::encoded(&config, &layout, frames)
}

fn decoder() -> Decoder {
    Decoder::new(&DecoderConfig::new(Codec::H264)).unwrap()
}

fn packet((bytes, pts_ns): &(Vec<u8>, u64)) -> Packet<'_> {
    Packet::new(Codec::H264, bytes, *pts_ns, *pts_ns)
}

#[test]
fn every_packet_in_is_a_picture_out_with_its_time() {
    for profile in PROFILES {
        let mut decoder = decoder();
        let mut all = Vec::new();
        for encoded in &encoded(profile, 642, 362, 12) {
            decoder.submit(&packet(encoded)).unwrap();
            take(&mut decoder, &mut all);
        }
        decoder.finish().unwrap();
        take(&mut decoder, &mut all);
        let expected: Vec<_> = (0..12)
            .map(|number| (642, number, fps(30).time_ns(number), number == 0))
            .collect();
        assert_eq!(all, expected, "{profile:?}");
        let error = decoder
            .submit(&packet(&(vec![0, 0, 1, 0x65], 0)))
            .unwrap_err();
        assert_eq!(error, CodecError::Finished);
    }
}

#[test]
fn a_change_of_size_loses_no_picture_of_either() {
    for profile in PROFILES {
        let mut decoder = decoder();
        let mut all = Vec::new();
        for (width, height) in [(320, 240), (640, 360), (320, 240)] {
            for encoded in &encoded(profile, width, height, 7) {
                decoder.submit(&packet(encoded)).unwrap();
                take(&mut decoder, &mut all);
            }
        }
        decoder.finish().unwrap();
        take(&mut decoder, &mut all);
        let found: Vec<_> = all
            .iter()
            .map(|&(width, number, _, new)| (width, number, new))
            .collect();
        let expected: Vec<_> = [320, 640, 320]
            .into_iter()
            .flat_map(|width| (0..7).map(move |number| (width, number, number == 0)))
            .collect();
        assert_eq!(found, expected, "{profile:?}");
    }
}

#[test]
fn decoding_starts_at_a_key_frame() {
    let packets = encoded(Profile::Baseline, 320, 240, 11);
    let mut decoder = decoder();
    for start in [2, 6] {
        let mut all = Vec::new();
        for (at, encoded) in packets.iter().enumerate().skip(start) {
            match decoder.submit(&packet(encoded)) {
                Err(CodecError::KeyFrameNeeded) => assert!(at < start.next_multiple_of(5)),
                other => other.unwrap(),
            }
            take(&mut decoder, &mut all);
        }
        let numbers: Vec<_> = all.iter().map(|(_, number, ..)| *number).collect();
        assert_eq!(
            numbers,
            (start.next_multiple_of(5) as u64..11).collect::<Vec<_>>()
        );
        decoder.reset().unwrap();
    }
}

#[test]
fn damage_is_told_and_over_with_the_next_key_frame() {
    let mut packets = encoded(Profile::Baseline, 320, 240, 11);
    packets[2].0.truncate(30);
    let mut decoder = decoder();
    let mut all = Vec::new();
    let mut errors = Vec::new();
    for encoded in &packets {
        match decoder.submit(&packet(encoded)) {
            Ok(()) => take(&mut decoder, &mut all),
            Err(error) => errors.push(error),
        }
    }
    let numbers: Vec<_> = all.iter().map(|(_, number, ..)| *number).collect();
    assert_eq!(numbers, [0, 1, 5, 6, 7, 8, 9, 10]);
    assert!(
        matches!(errors[0], CodecError::Corrupt { .. }),
        "{errors:?}"
    );
    assert_eq!(
        errors[1..],
        [CodecError::KeyFrameNeeded, CodecError::KeyFrameNeeded]
    );
}

/// Numbers and pixels of the pictures that are shown of these packets, and errors behind the first
/// key frame.
fn shown(packets: &[(Vec<u8>, u64)]) -> (Vec<(u64, Vec<u8>)>, Vec<CodecError>) {
    let mut decoder = decoder();
    let (mut pictures, mut errors) = (Vec::new(), Vec::new());
    let mut take = |decoder: &mut Decoder| {
        while let Some(decoded) = decoder.receive().unwrap() {
            let picture = decoded.picture();
            let number = pattern::read_number(picture).unwrap();
            // ffprobe says microseconds.
            assert!(decoded.pts_ns().abs_diff(fps(30).time_ns(number)) < 1000);
            let rows = (0..picture.planes().len()).flat_map(|plane| picture.rows(plane));
            pictures.push((number, rows.flatten().copied().collect()));
        }
    };
    for encoded in packets {
        match decoder.submit(&packet(encoded)) {
            Ok(()) => take(&mut decoder),
            Err(CodecError::KeyFrameNeeded) => {}
            Err(error) => errors.push(error),
        }
    }
    decoder.finish().unwrap();
    take(&mut decoder);
    (pictures, errors)
}

/// Parameters of libx264, the packet that decoding begins at, and the first picture that is whole.
const RECOVERIES: [(&str, usize, u64); 5] = [
    ("bframes=0:open-gop=1:keyint=10:min-keyint=10", 3, 10),
    (
        "bframes=0:open-gop=1:keyint=10:min-keyint=10:cabac=1:ref=1",
        10,
        10,
    ),
    (
        "bframes=0:open-gop=1:keyint=10:min-keyint=10:slices=4",
        11,
        20,
    ),
    (
        "bframes=3:b-adapt=0:b-pyramid=normal:open-gop=1:keyint=12:min-keyint=12",
        8,
        12,
    ),
    // From the second refresh on, at its end.
    ("bframes=0:intra-refresh=1:keyint=12:slices=2", 5, 23),
];

#[test]
fn decoding_begins_at_recovery_points() {
    if !has_encoder("decoding_begins_at_recovery_points", "libx264") {
        return;
    }
    for (parameters, start, first) in RECOVERIES {
        let parameters = format!("scenecut=0:repeat-headers=1:{parameters}");
        let packets = by_ffmpeg(Codec::H264, 40, &parameters, "yuv420p");
        let (whole, errors) = shown(&packets);
        assert_eq!((whole.len(), errors), (40, vec![]), "{parameters}");
        let (late, errors) = shown(&packets[start..]);
        let numbers: Vec<_> = late.iter().map(|(number, _)| *number).collect();
        assert_eq!(errors, [], "{parameters}");
        assert_eq!(numbers, (first..40).collect::<Vec<_>>(), "{parameters}");
        assert!(
            late == whole[first as usize..],
            "other pixels: {parameters}"
        );
        // The last one is cut.
        let mut packets = packets[start..].to_vec();
        let last = packets.last_mut().unwrap();
        last.0.truncate(last.0.len() / 2);
        let (cut, errors) = shown(&packets);
        assert_eq!(
            (cut.len(), errors.len()),
            (late.len() - 1, 1),
            "{parameters}"
        );
    }
}

#[test]
fn any_bytes_are_survived() {
    let packets = encoded(Profile::High, 160, 120, 6);
    let mut state = 99_u64;
    for round in 0..200 {
        let mut decoder = decoder();
        for (bytes, pts_ns) in &packets {
            let mut bytes = bytes.clone();
            for _ in 0..1 + round % 8 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let at = state as usize % bytes.len();
                bytes[at] = (state >> 40) as u8;
            }
            let _ = decoder.submit(&Packet::new(Codec::H264, &bytes, *pts_ns, *pts_ns));
            while let Ok(Some(decoded)) = decoder.receive() {
                assert!(decoded.picture().width() > 0);
            }
        }
    }
}

#[test]
fn pictures_are_written_into_the_callers_memory() {
    let packets = encoded(Profile::Baseline, 320, 240, 1);
    let mut planar = Vec::new();
    for fourcc in [FourCc::YU12, FourCc::NV12] {
        let layout = Layout::with_stride(fourcc, 320, 240, 384).unwrap();
        let mut bytes = vec![0; layout.size as usize];
        let mut decoder = decoder();
        decoder.submit(&packet(&packets[0])).unwrap();
        let mut target = PictureMut::new(&mut bytes, &layout).unwrap();
        assert_eq!(decoder.receive_into(&mut target), Ok(Some(0)));
        assert_eq!(decoder.receive_into(&mut target), Ok(None));
        let picture = Picture::new(&bytes, &layout).unwrap();
        assert_eq!(pattern::read_number(&picture), Ok(0));
        let chroma: Vec<u8> = match fourcc {
            FourCc::YU12 => picture
                .rows(1)
                .zip(picture.rows(2))
                .flat_map(|(u, v)| u.iter().zip(v).flat_map(|(u, v)| [*u, *v]))
                .collect(),
            _ => picture.rows(1).flatten().copied().collect(),
        };
        planar.push(chroma);
    }
    assert_eq!(planar[0], planar[1]);
    let layout = Layout::new(FourCc::YU12, 320, 200).unwrap();
    let mut bytes = vec![0; layout.size as usize];
    let mut decoder = decoder();
    decoder.submit(&packet(&packets[0])).unwrap();
    let error = decoder
        .receive_into(&mut PictureMut::new(&mut bytes, &layout).unwrap())
        .unwrap_err();
    assert!(error.to_string().contains("320x200"), "{error}");
}

#[test]
fn a_byte_stream_splits_into_its_packets() {
    let packets = encoded(Profile::Main, 320, 240, 11);
    let stream: Vec<u8> = packets
        .iter()
        .flat_map(|(bytes, _)| bytes.clone())
        .collect();
    let units: Vec<_> = access_units(Codec::H264, &stream).collect();
    let expected: Vec<_> = packets.iter().map(|(bytes, _)| &bytes[..]).collect();
    assert!(units == expected, "{} units", units.len());
}
