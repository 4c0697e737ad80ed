//! Packets, shared instead of pictures and copied from file to file.

mod support;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::tempdir;
use videostream::encode::{Codec, access_units};

use support::{encoded_by_ffmpeg, h264, has_h265, number, place, probe, run, share_pattern, start};

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

/// Two clients, one after the other, of a stream of packets; the decoder holds back `held`
/// pictures.
fn joins(codec: &str, format: &str, held: u64) {
    let (_folder, socket) = place();
    // The only key frames are the first one and those for new clients.
    let words = ["--buffers", "32", "--encode", codec, "--gop", "0"];
    let host = share_pattern(&socket, &words);
    // The second client first gets earlier frames without a key frame, then the key frame for it.
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
        // A client that is still too slow loses the picture that all others refer to.
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
fn byte_stream_mp4_and_raw_video_round_trip() {
    let test = "byte_stream_mp4_and_raw_video_round_trip";
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
    // The encoder has written the rate.
    converted_to(&[], "clip.h264", "a.mp4", "60/1");
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
    let raw = b"YUV4MPEG2 W64 H64 F30:1\nFRAME\n half a picture";
    std::fs::write(file("half.y4m"), raw).unwrap();
    let raw = b"YUV4MPEG2 W18446744073709551615 H18446744073709551615 F30:1\nFRAME\n";
    std::fs::write(file("huge.y4m"), raw).unwrap();
    for (from, to, code, says) in [
        ("missing.h264", "o.mp4", 1, "missing.h264"),
        ("x.h264", "o.mp4", 1, "no key frame"),
        ("x.h264", "o.y4m", 1, "no key frame"),
        ("x.avi", "o.mp4", 2, "--codec"),
        ("half.y4m", "o.mp4", 1, "no complete picture"),
        ("huge.y4m", "o.mp4", 1, "18446744073709551615"),
        ("x.h264", "o.avi", 2, "o.avi"),
    ] {
        let ended = run(["convert", &file(from), &file(to)]);
        ended.assert_error(code, &[says]);
        assert!(!Path::new(&file(to)).exists(), "{to}");
    }
}

#[test]
fn a_file_is_not_converted_into_itself() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    // Under its own name, another one, and through a link.
    std::fs::write(file("x.h264"), b"precious").unwrap();
    std::fs::hard_link(file("x.h264"), file("y.mp4")).unwrap();
    std::os::unix::fs::symlink(file("x.h264"), file("z.264")).unwrap();
    for to in ["x.h264", "y.mp4", "z.264"] {
        let [from, to] = ["x.h264", to].map(|name| file(name).display().to_string());
        run(["convert", &from, &to]).assert_error(2, &[&to, "the input itself"]);
    }
    assert_eq!(std::fs::read(file("x.h264")).unwrap(), b"precious");
}

#[test]
fn whole_pictures_decode_and_damaged_ones_count() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (raw, stream) = (file("whole.y4m"), file("whole.h264"));
    let record = [
        "record",
        "--pattern",
        "-r",
        "320x240",
        "-F",
        "60",
        "-f",
        "35",
    ];
    let recorded = run(record.iter().chain(&[raw.to_str().unwrap()]));
    assert!(recorded.status.success(), "{recorded:?}");
    // Key frames at 0, 10, 20 and 30.
    converted(&["-F", "10"], &raw, &stream);
    let bytes = std::fs::read(&stream).unwrap();
    let units: Vec<_> = access_units(Codec::H264, &bytes).collect();
    assert_eq!(units.len(), 35);
    let at = |unit: usize| units[unit].as_ptr() as usize - bytes.as_ptr() as usize;

    // As after a power loss; and in the middle, where five pictures refer to the damaged one. The
    // decoder may hold one back, which is lost then.
    let middle = [&bytes[..at(5) + 20], &bytes[at(6)..]].concat();
    for (name, bytes, frames, damaged) in [
        ("cut", &bytes[..at(25) + 20], 25, 1),
        ("middle", &middle, 30, 5),
    ] {
        let from = file(&format!("{name}.h264"));
        std::fs::write(&from, bytes).unwrap();
        let told = converted(&[], &from, &file(&format!("{name}.y4m")));
        let [good, bad] = ["frames", "damaged_frames"].map(|key| number(&told, key));
        assert_eq!(good + bad, frames + damaged, "{name}: {told}");
        assert!((damaged..=damaged + 1).contains(&bad), "{name}: {told}");
    }
    // Nothing but damage.
    let mut nothing = bytes[..at(1)].to_vec();
    nothing.truncate(at(1) / 2);
    std::fs::write(file("nothing.h264"), &nothing).unwrap();
    let [from, to] = ["nothing.h264", "o.y4m"].map(|name| file(name).display().to_string());
    run(["convert", &from, &to]).assert_error(1, &[&from, "damaged"]);
    assert!(!Path::new(&to).exists());
}

/// Raw video of so many grey pictures of 4608 bytes, whose header ends in `word`.
fn grey(word: &str, pictures: usize) -> Vec<u8> {
    let header = format!("YUV4MPEG2 W64 H48 F25:1{word}\n");
    let picture = [&b"FRAME\n"[..], &[128; 64 * 48 * 3 / 2]].concat();
    [header.as_bytes(), &picture.repeat(pictures)].concat()
}

#[test]
fn a_cut_picture_of_raw_video_is_told() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let raw = grey("", 3);
    std::fs::write(file("cut.y4m"), &raw[..raw.len() - 8]).unwrap();
    let [from, to] = ["cut.y4m", "o.h264"].map(|name| file(name).display().to_string());
    let ended = run(["convert", "--json", &from, &to]);
    let told = ended.json();
    assert_eq!(
        (number(&told, "frames"), number(&told, "damaged_frames")),
        (2, 1)
    );
    let says = format!("warning: {from}: picture 3 is truncated: 4600 of 4608 bytes\n");
    assert_eq!(ended.stderr, says);
    let stream = std::fs::read(&to).unwrap();
    assert_eq!(access_units(Codec::H264, &stream).count(), 2);
    let ended = run(["convert", &from, &to]);
    assert!(
        ended.stdout.contains("damaged   1 frames left out\n"),
        "{ended:?}"
    );
}

#[test]
fn interlaced_raw_video_is_told_once() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let [from, to] = ["x.y4m", "o.h264"].map(file);
    for (word, warns) in [("Ip", false), ("It", true), ("Ib", true), ("Im", true)] {
        std::fs::write(&from, grey(&format!(" {word}"), 3)).unwrap();
        let ended = run(["convert", "--json", &from, &to]);
        assert_eq!(number(&ended.json(), "frames"), 3);
        let says = format!(
            "warning: {from}: its pictures are interlaced ({word}), and are encoded as \
             progressive frames\n"
        );
        assert_eq!(ended.stderr, if warns { says } else { String::new() });
    }
}

#[test]
fn bytes_behind_raw_video_cost_no_picture() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let [from, to] = ["two.y4m", "o.h264"].map(file);
    let raw = grey("", 2);
    for behind in [&b"\n"[..], &[0; 700], &raw] {
        std::fs::write(&from, [&raw, behind].concat()).unwrap();
        let ended = run(["convert", "--json", &from, &to]);
        let told = ended.json();
        assert_eq!(
            (number(&told, "frames"), number(&told, "damaged_frames")),
            (2, 1)
        );
        let says = format!("warning: {from}: no FRAME where picture 3 should begin\n");
        assert_eq!(ended.stderr, says);
    }
    // Without a picture there is nothing to keep.
    std::fs::write(&from, b"YUV4MPEG2 W64 H48 F25:1\nFRAMES\n").unwrap();
    let ended = run(["convert", &from, &to]);
    ended.assert_error(1, &["no FRAME where picture 1 should begin"]);
}

/// Of each picture that ffmpeg decodes, in the order of showing: its time in a file of 25 a second,
/// and the sum of its pixels.
fn shown(file: &Path) -> Vec<(f64, String)> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i", file.to_str().unwrap()])
        .args(["-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let text = String::from_utf8(output.stdout).unwrap();
    let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: "));
    let (seconds, parts) = base.unwrap().split_once('/').unwrap();
    let unit = seconds.parse::<f64>().unwrap() / parts.parse::<f64>().unwrap();
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    frames
        .map(|line| {
            let words: Vec<_> = line.split(',').map(str::trim).collect();
            (words[2].parse::<f64>().unwrap() * unit, words[5].to_owned())
        })
        .collect()
}

#[test]
fn mp4_keeps_b_picture_times_of_other_encoders() {
    let test = "mp4_keeps_b_picture_times_of_other_encoders";
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for (encoder, extension, codec, parameters) in [
        ("libx264", "h264", "h264", "bframes=0"),
        ("libx264", "h264", "h264", "bframes=3:b-pyramid=none"),
        (
            "libx264",
            "h264",
            "h264",
            "bframes=5:b-pyramid=normal:open-gop=1:keyint=20:weightp=2:ref=5:slices=3",
        ),
        ("libx265", "hevc", "hevc", "bframes=0"),
        ("libx265", "hevc", "hevc", "bframes=4:open-gop=1:keyint=20"),
    ] {
        let stream = file(&format!("clip.{extension}"));
        let _ = std::fs::remove_file(&stream);
        if !encoded_by_ffmpeg(encoder, parameters, &stream) {
            videostream_testing::skip(test, &format!("needs ffmpeg with {encoder}"));
            continue;
        }
        let to = file(&format!("{encoder}.mp4"));
        let told = converted(&["-F", "25"], &stream, &to);
        assert_eq!(number(&told, "frames"), 50);
        assert_eq!(number(&told, "duration_ms"), 2000);
        if let Some(found) = probe(test, &to) {
            assert_eq!(found, [codec, "320", "240", "25/1", "50"], "{parameters}");
        }
        let (source, found) = (shown(&stream), shown(&to));
        assert_eq!((source.len(), found.len()), (50, 50), "{parameters}");
        for (at, (source, (time, sum))) in source.iter().zip(&found).enumerate() {
            assert_eq!(&source.1, sum, "{parameters}: picture {at}");
            let expected = at as f64 / 25.0;
            assert!(
                (time - expected).abs() < 1e-6,
                "{parameters}: {at} at {time}"
            );
        }
    }
}

#[test]
fn b_pictures_are_ordered_or_refused_by_openh264() {
    let test = "b_pictures_are_ordered_or_refused_by_openh264";
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let stream = file("clip.h264");
    if !encoded_by_ffmpeg("libx264", "bframes=3", &stream) {
        return videostream_testing::skip(test, "needs ffmpeg with libx264");
    }
    let piped = file("piped.mp4");
    let mut command = Command::new(support::program());
    command.args(["convert", "--codec", "h264", "/dev/stdin"]);
    let mut command = command.arg(&piped).stdin(Stdio::piped()).spawn().unwrap();
    let mut to = command.stdin.take().unwrap();
    to.write_all(&std::fs::read(&stream).unwrap()).unwrap();
    drop(to);
    assert!(command.wait().unwrap().success());
    let whole = file("whole.mp4");
    let ended = run(["convert", stream.to_str().unwrap(), whole.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let [piped, whole] = [piped, whole].map(|file| std::fs::read(file).unwrap());
    assert!(piped == whole);
    let raw = file("raw.y4m");
    let ended = run(["convert", stream.to_str().unwrap(), raw.to_str().unwrap()]);
    ended.assert_error(1, &["B pictures", "OpenH264"]);
    // No partial file is left.
    assert!(!raw.exists());
}

#[test]
fn a_stopped_conversion_says_it_is_incomplete() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (from, to) = (file("endless.y4m"), file("clip.h264"));
    mknodat(CWD, &*from, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let process = start(["convert", &from, &to]);
    // There is a reader by then, and it listens to Ctrl-C.
    let mut pipe = File::options().write(true).open(&from).unwrap();
    pipe.write_all(b"YUV4MPEG2 W64 H48 F30:1\n").unwrap();
    let mut picture = b"FRAME\n".to_vec();
    picture.resize(picture.len() + 64 * 48 * 3 / 2, 128);
    // Until the first ones are converted; the file has its name at the end only.
    let is_part = |path: &Path| path.extension().is_some_and(|part| part == "part");
    let written = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let parts = entries.map(|entry| entry.unwrap().path());
        let mut parts = parts.filter(|path| is_part(path));
        parts.any(|part| std::fs::metadata(part).unwrap().len() > 0)
    };
    while !written() {
        pipe.write_all(&picture).unwrap();
    }
    assert!(!Path::new(&to).exists());
    process
        .interrupt()
        .assert_error(1, &["stopped before the end: ", &to, "has the first"]);
    assert!(std::fs::metadata(&to).unwrap().len() > 0);
}

#[test]
fn h265_is_recorded_and_converted_with_libx265() {
    let test = "h265_is_recorded_and_converted_with_libx265";
    if !has_h265(test) {
        return;
    }
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let stream = file("clip.hevc");
    // The codec follows from the file's name.
    let record = ["record", "--pattern", "-r", "322x242", "-f", "20", "--json"];
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
