//! H.265 with the system's libde265: streams of libx265, whole and damaged.

use videostream::decode::{Decoder, DecoderConfig};
use videostream::encode::{
    Codec, CodecError, Encoder, EncoderConfig, LibraryMissing, Packet, RateControl,
};
use videostream::hal::format::{FourCc, Layout};
use videostream::{Picture, PictureMut, Rect, TestPattern};

use crate::media::{fps, has_encoder, psnr};
use crate::support::{by_ffmpeg, encoded, take};

/// Whether libx265 and libde265 are there; if not, says that `test` is skipped.
fn has_libraries(test: &str) -> bool {
    let skip = |missing: LibraryMissing| {
        assert!(missing.packages.contains("Debian"), "{missing}");
        videostream_testing::skip(test, &missing.to_string());
        false
    };
    match Decoder::new(&DecoderConfig::new(Codec::H265)) {
        Err(CodecError::Library(missing)) => return skip(missing),
        made => drop(made.unwrap()),
    }
    match Encoder::new(&config(320, 240)) {
        Err(CodecError::Library(missing)) => return skip(missing),
        made => drop(made.unwrap()),
    }
    true
}

fn config(width: u32, height: u32) -> EncoderConfig {
    EncoderConfig::new(Codec::H265, FourCc::YU12, width, height, fps(30)).gop(5)
}

fn sized(width: u32, height: u32, frames: u64) -> Vec<(Vec<u8>, u64)> {
    let layout = Layout::new(FourCc::YU12, width, height).unwrap();
    encoded(&config(width, height), &layout, frames)
}

fn decoder() -> Decoder {
    Decoder::new(&DecoderConfig::new(Codec::H265)).unwrap()
}

fn packet((bytes, pts_ns): &(Vec<u8>, u64)) -> Packet<'_> {
    Packet::new(Codec::H265, bytes, *pts_ns, *pts_ns)
}

#[test]
fn h265_pictures_match_the_source_and_its_times() {
    if !has_libraries("h265_pictures_match_the_source_and_its_times") {
        return;
    }
    let sizes = [
        ((640, 360), None),
        ((1280, 720), None),
        // Visible within 648x368.
        ((642, 362), None),
        ((656, 368), Some((6, 4, 642, 362))),
    ];
    for ((width, height), crop) in sizes {
        let mut config = config(width, height).rate_control(RateControl::Constant(5_000_000));
        let whole = Rect {
            x: 0,
            y: 0,
            width,
            height,
        };
        let visible = crop.map_or(whole, |(x, y, width, height)| Rect {
            x,
            y,
            width,
            height,
        });
        if crop.is_some() {
            config = config.crop(visible);
        }
        let layout = Layout::new(FourCc::YU12, width, height).unwrap();
        let test_pattern = TestPattern::new(FourCc::YU12, width, height, fps(30)).unwrap();
        let mut source = vec![0; layout.size as usize];
        let mut decoder = decoder();
        for (number, encoded) in encoded(&config, &layout, 8).iter().enumerate() {
            decoder.submit(&packet(encoded)).unwrap();
            let decoded = decoder.receive().unwrap().expect("nothing is held back");
            assert_eq!(decoded.pts_ns(), fps(30).time_ns(number as u64));
            let mut target = PictureMut::new(&mut source, &layout).unwrap();
            test_pattern.draw(number as u64, &mut target).unwrap();
            let expected = Picture::new(&source, &layout).unwrap();
            let expected = expected.crop(visible).unwrap();
            let bytes = |picture: &Picture<'_>| -> Vec<u8> {
                (0..3)
                    .flat_map(|plane| picture.rows(plane).flatten().copied())
                    .collect()
            };
            let ratio = psnr(&bytes(&expected), &bytes(decoded.picture()));
            assert!(ratio > 35.0, "{width}x{height}, {number}: {ratio} dB");
        }
        decoder.finish().unwrap();
        assert!(decoder.receive().unwrap().is_none());
        let late = decoder.submit(&packet(&(vec![0, 0, 1, 0x26, 1], 0)));
        assert_eq!(late, Err(CodecError::Finished));
    }
}

#[test]
fn an_h265_size_change_loses_no_picture() {
    if !has_libraries("an_h265_size_change_loses_no_picture") {
        return;
    }
    let mut decoder = decoder();
    let mut all = Vec::new();
    for (width, height) in [(320, 240), (640, 360), (320, 240)] {
        for encoded in &sized(width, height, 7) {
            decoder.submit(&packet(encoded)).unwrap();
            take(&mut decoder, &mut all);
        }
    }
    let expected: Vec<_> = [320, 640, 320]
        .into_iter()
        .flat_map(|width| {
            (0..7).map(move |number| (width, number, fps(30).time_ns(number), number == 0))
        })
        .collect();
    assert_eq!(all, expected);
}

#[test]
fn b_pictures_come_in_display_order() {
    let test = "b_pictures_come_in_display_order";
    if !has_libraries(test) || !has_encoder(test, "libx265") {
        return;
    }
    for parameters in [
        "bframes=3:b-pyramid=1:keyint=12:open-gop=0",
        "bframes=4:b-adapt=0:keyint=10:min-keyint=10:open-gop=1",
    ] {
        let packets = by_ffmpeg(Codec::H265, 40, parameters, "yuv420p");
        assert!(
            !packets.is_sorted_by_key(|(_, pts_ns)| *pts_ns),
            "no B pictures: {parameters}"
        );
        let mut decoder = decoder();
        let mut all = Vec::new();
        for encoded in &packets {
            decoder.submit(&packet(encoded)).unwrap();
            take(&mut decoder, &mut all);
        }
        decoder.finish().unwrap();
        take(&mut decoder, &mut all);
        let numbers: Vec<_> = all.iter().map(|(_, number, ..)| *number).collect();
        assert_eq!(numbers, (0..40).collect::<Vec<_>>(), "{parameters}");
        let mut times: Vec<_> = packets.iter().map(|(_, pts_ns)| *pts_ns).collect();
        times.sort_unstable();
        let found: Vec<_> = all.iter().map(|(_, _, pts_ns, _)| *pts_ns).collect();
        assert_eq!(found, times, "{parameters}");
    }
}

#[test]
fn decoding_mid_stream_skips_leading_pictures() {
    let test = "decoding_mid_stream_skips_leading_pictures";
    if !has_libraries(test) || !has_encoder(test, "libx265") {
        return;
    }
    let parameters = "bframes=4:b-adapt=0:keyint=10:min-keyint=10:open-gop=1:repeat-headers=1";
    let packets = by_ffmpeg(Codec::H265, 40, parameters, "yuv420p");
    let mut decoder = decoder();
    let mut all = Vec::new();
    for encoded in &packets[3..] {
        match decoder.submit(&packet(encoded)) {
            Err(CodecError::KeyFrameNeeded) => assert!(all.is_empty()),
            other => other.unwrap(),
        }
        take(&mut decoder, &mut all);
    }
    decoder.finish().unwrap();
    take(&mut decoder, &mut all);
    let numbers: Vec<_> = all.iter().map(|(_, number, ..)| *number).collect();
    assert_eq!(numbers, (10..40).collect::<Vec<_>>());
}

#[test]
fn h265_of_high_depth_or_other_chroma_is_refused() {
    let test = "h265_of_high_depth_or_other_chroma_is_refused";
    if !has_libraries(test) || !has_encoder(test, "libx265") {
        return;
    }
    for pixels in ["yuv422p", "yuv444p", "yuv420p10le"] {
        let packets = by_ffmpeg(Codec::H265, 2, "bframes=0", pixels);
        let mut decoder = decoder();
        let error = decoder.submit(&packet(&packets[0])).unwrap_err();
        assert!(
            matches!(error, CodecError::UnsupportedStream { .. }),
            "{pixels}: {error}"
        );
        assert!(error.to_string().contains("4:2:0 of 8 bits"), "{error}");
        let next = decoder.submit(&packet(&packets[1]));
        assert_eq!(next, Err(CodecError::KeyFrameNeeded));
    }
}

#[test]
fn h265_decoding_starts_at_a_key_frame() {
    if !has_libraries("h265_decoding_starts_at_a_key_frame") {
        return;
    }
    let packets = sized(320, 240, 11);
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
        let first = start.next_multiple_of(5) as u64;
        assert_eq!(numbers, (first..11).collect::<Vec<_>>());
        decoder.reset().unwrap();
    }
}

/// Decodes what is left of a stream: numbers of the pictures, and errors.
fn survive(decoder: &mut Decoder, packets: &[(Vec<u8>, u64)]) -> (Vec<u64>, Vec<CodecError>) {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for encoded in packets {
        match decoder.submit(&packet(encoded)) {
            Ok(()) => take(decoder, &mut all),
            Err(error) => errors.push(error),
        }
    }
    let numbers = all.iter().map(|(_, number, ..)| *number).collect();
    (numbers, errors)
}

#[test]
fn h265_damage_ends_at_the_next_key_frame() {
    if !has_libraries("h265_damage_ends_at_the_next_key_frame") {
        return;
    }
    let mut packets = sized(320, 240, 11);
    packets[2].0.truncate(30);
    let (numbers, errors) = survive(&mut decoder(), &packets);
    assert_eq!(numbers, [0, 1, 5, 6, 7, 8, 9, 10]);
    let time_ns = fps(30).time_ns(2);
    assert!(
        matches!(errors[0], CodecError::Corrupt { pts_ns, .. } if pts_ns == time_ns),
        "{errors:?}"
    );
    let rest = [CodecError::KeyFrameNeeded, CodecError::KeyFrameNeeded];
    assert_eq!(errors[1..], rest);
}

#[test]
fn a_lost_packet_of_h265_is_noticed_at_the_next_one() {
    if !has_libraries("a_lost_packet_of_h265_is_noticed_at_the_next_one") {
        return;
    }
    let mut packets = sized(320, 240, 11);
    packets.remove(2);
    let (numbers, errors) = survive(&mut decoder(), &packets);
    assert_eq!(numbers, [0, 1, 5, 6, 7, 8, 9, 10]);
    assert!(
        matches!(errors[0], CodecError::Corrupt { .. }),
        "{errors:?}"
    );
    assert_eq!(errors[1..], [CodecError::KeyFrameNeeded]);
}

#[test]
fn parameter_sets_that_came_once_serve_after_damage() {
    if !has_libraries("parameter_sets_that_came_once_serve_after_damage") {
        return;
    }
    let layout = Layout::new(FourCc::YU12, 320, 240).unwrap();
    let config = config(320, 240).parameter_sets_with_every_key_frame(false);
    let mut packets = encoded(&config, &layout, 11);
    packets[2].0.truncate(30);
    let (numbers, _) = survive(&mut decoder(), &packets);
    assert_eq!(numbers, [0, 1, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn any_bytes_of_h265_are_survived() {
    if !has_libraries("any_bytes_of_h265_are_survived") {
        return;
    }
    let packets = sized(160, 120, 6);
    let mut state = 99_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for round in 0..200 {
        let mut decoder = decoder();
        for (bytes, pts_ns) in &packets {
            let mut bytes = bytes.clone();
            if round % 4 == 0 {
                bytes.truncate(random() % bytes.len());
            }
            for _ in 0..round % 8 {
                if let Some(at) = random().checked_rem(bytes.len()) {
                    bytes[at] = random() as u8;
                }
            }
            let _ = decoder.submit(&Packet::new(Codec::H265, &bytes, *pts_ns, *pts_ns));
            while let Ok(Some(decoded)) = decoder.receive() {
                assert!(decoded.picture().width() > 0);
            }
        }
    }
}

#[test]
fn a_cut_h265_packet_is_nearly_always_noticed() {
    if !has_libraries("a_cut_h265_packet_is_nearly_always_noticed") {
        return;
    }
    let packets = sized(320, 240, 6);
    for last in [0, 2] {
        let (mut cuts, mut unnoticed) = (0, 0);
        let len = packets[last].0.len();
        for cut in (1..len).step_by(len.div_ceil(50)) {
            let mut decoder = decoder();
            for encoded in &packets[..last] {
                decoder.submit(&packet(encoded)).unwrap();
                assert!(decoder.receive().unwrap().is_some());
            }
            let (bytes, pts_ns) = &packets[last];
            let damaged = Packet::new(Codec::H265, &bytes[..cut], *pts_ns, *pts_ns);
            cuts += 1;
            unnoticed += u32::from(decoder.submit(&damaged).is_ok());
        }
        // Bits that happen to make sense are no damage to a decoder.
        assert!(
            unnoticed * 10 < cuts,
            "packet {last}: {unnoticed} of {cuts}"
        );
    }
}
