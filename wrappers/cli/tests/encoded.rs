//! Packets: shared instead of pictures, and put from one file into another.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use support::{h264, has_h265, number, place, probe, run, share_pattern, start};

#[test]
fn who_joins_a_stream_of_packets_gets_a_key_frame() {
    joins("h264", "H264", 1);
}

#[test]
fn who_joins_a_stream_of_h265_gets_a_key_frame() {
    if has_h265("who_joins_a_stream_of_h265_gets_a_key_frame") {
        joins("h265", "HEVC", 0);
    }
}

/// Two clients, one after the other, of a stream of packets; the decoder holds back `held` pictures.
fn joins(codec: &str, format: &str, held: u64) {
    let (_folder, socket) = place();
    // No key frames but the first, and those of who joins.
    let words = ["--buffers", "32", "--encode", codec, "--gop", "0"];
    let host = share_pattern(&socket, &words);
    // The second finds frames that are still there, none of which is a key frame, before the one for it.
    for client in 0..2 {
        let received = start([
            "receive",
            "--decode",
            "--json",
            "--timeout",
            "60",
            "-f",
            "45",
            &socket,
        ]);
        let received = received.finish().json();
        assert_eq!(received["format"], format);
        let [decoded, keys, before] =
            ["decoded_frames", "key_frames", "undecoded_frames"].map(|key| number(&received, key));
        assert!(keys >= 1, "client {client}: {received}");
        // Who is too slow even so loses the picture that all others refer to.
        if number(&received, "dropped_frames") == 0 {
            assert!(decoded + before + held >= 45, "client {client}: {received}");
            assert!(decoded >= 10, "client {client}: {received}");
        }
        assert_eq!(number(&received, "numbered_frames"), decoded);
    }
    let shared = host.interrupt().json();
    assert!(number(&shared, "frames_processed") >= 55);
}

fn converted(words: &[&str], from: &Path, to: &Path) -> serde_json::Value {
    let files = [from.to_str().unwrap(), to.to_str().unwrap()];
    let all = ["convert", "--json"].iter().chain(words).chain(&files);
    start(all).finish().json()
}

#[test]
fn a_byte_stream_goes_into_an_mp4_with_exact_times_and_becomes_raw_video_and_back() {
    let test = "a_byte_stream_goes_into_an_mp4_with_exact_times_and_becomes_raw_video_and_back";
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let stream = file("clip.h264");
    let record = [
        "record",
        "--pattern",
        "-r",
        "322x242",
        "-F",
        "60",
        "-f",
        "40",
        "--json",
    ];
    let recorded = start(record.iter().chain(&[stream.to_str().unwrap()]));
    assert_eq!(number(&recorded.finish().json(), "frames"), 40);

    let converted_to = |words: &[&str], from: &str, to: &str, rate: &str| {
        let converted = converted(words, &file(from), &file(to));
        assert_eq!(number(&converted, "frames"), 40, "{from} to {to}");
        assert_eq!(number(&converted, "width"), 322);
        if let Some(found) = probe(test, &file(to)).filter(|_| to.ends_with("mp4")) {
            assert_eq!(Some(found), h264(322, 242, rate, 40), "{from} to {to}");
        }
    };
    converted_to(&[], "clip.h264", "a.mp4", "30/1");
    converted_to(&["-F", "30000/1001"], "clip.h264", "b.mp4", "30000/1001");
    converted_to(&["-F", "25"], "clip.h264", "raw.y4m", "25/1");
    converted_to(&[], "raw.y4m", "c.mp4", "25/1");
    converted_to(&[], "clip.h264", "same.264", "30/1");
    let same = std::fs::read(file("same.264")).unwrap();
    assert!(same == std::fs::read(&stream).unwrap());
}

#[test]
fn what_can_not_be_converted_is_refused_with_what_can() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(file("x.h264"), b"no stream").unwrap();
    std::fs::write(file("x.avi"), b"RIFF").unwrap();
    for (from, to, code, says) in [
        ("missing.h264", "o.mp4", 1, "missing.h264"),
        ("x.h264", "o.mp4", 1, "no key frame"),
        ("x.h264", "o.y4m", 1, "no key frame"),
        ("x.avi", "o.mp4", 2, "--codec"),
        ("x.h264", "o.avi", 2, "o.avi"),
    ] {
        let ended = run(["convert", &file(from), &file(to)]);
        ended.assert_error(code, &[says]);
        assert!(!Path::new(&file(to)).exists(), "{to}");
    }
}

/// A stream of 50 pictures by another encoder, with so many B pictures in a row; `false` where ffmpeg has none.
fn encoded_by_ffmpeg(encoder: &str, b_pictures: &str, to: &Path) -> bool {
    let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x240:r=25"];
    let x265 = format!("bframes={b_pictures}:log-level=none");
    let output = Command::new("ffmpeg")
        .args(source)
        .args(["-frames:v", "50", "-pix_fmt", "yuv420p", "-c:v", encoder])
        .args(["-bf", b_pictures, "-x265-params", &x265])
        .arg(to)
        .stdin(Stdio::null())
        .output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn streams_of_other_encoders_are_converted_unless_they_reorder_pictures() {
    let test = "streams_of_other_encoders_are_converted_unless_they_reorder_pictures";
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for (encoder, extension, codec) in [("libx264", "h264", "h264"), ("libx265", "hevc", "hevc")] {
        let stream = file(&format!("clip.{extension}"));
        if !encoded_by_ffmpeg(encoder, "0", &stream) {
            videostream_testing::skip(test, &format!("needs ffmpeg with {encoder}"));
            continue;
        }
        let to = file(&format!("{encoder}.mp4"));
        let converted = converted(&["-F", "25"], &stream, &to);
        assert_eq!(number(&converted, "frames"), 50);
        assert_eq!(number(&converted, "duration_ms"), 2000);
        if let Some(found) = probe(test, &to) {
            assert_eq!(found, [codec, "320", "240", "25/1", "50"]);
        }
        let reordered = file(&format!("b.{extension}"));
        assert!(encoded_by_ffmpeg(encoder, "3", &reordered));
        let to = file(&format!("{encoder}-b.mp4"));
        let ended = run(["convert", reordered.to_str().unwrap(), to.to_str().unwrap()]);
        ended.assert_error(1, &["B pictures"]);
        // Nothing half is left.
        assert!(!to.exists());
    }
}

#[test]
fn h265_is_recorded_and_converted_where_libx265_is_installed() {
    let test = "h265_is_recorded_and_converted_where_libx265_is_installed";
    if !has_h265(test) {
        return;
    }
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let stream = file("clip.hevc");
    let record = [
        "record",
        "--pattern",
        "-r",
        "322x242",
        "-f",
        "20",
        "--codec",
        "h265",
        "--json",
    ];
    let recorded = start(record.iter().chain(&[stream.to_str().unwrap()])).finish();
    assert_eq!(number(&recorded.json(), "frames"), 20);
    let converted = converted(&["-F", "25"], &stream, &file("clip.mp4"));
    assert_eq!(number(&converted, "frames"), 20);
    if let Some(found) = probe(test, &file("clip.mp4")) {
        assert_eq!(found, ["hevc", "322", "242", "25/1", "20"]);
    }
    let decoded = self::converted(&[], &stream, &file("clip.y4m"));
    assert_eq!(number(&decoded, "frames"), 20);
}
