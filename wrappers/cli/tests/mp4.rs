//! Converting MP4 files of this and other programs: pictures and times stay unchanged.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::Value;
use support::{Ended, has_ffmpeg, number, run, share_pattern, start, wait_until};
use tempfile::{TempDir, tempdir};
use videostream::record;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A recording of 40 pictures.
    fn recorded(&self, name: &str) -> PathBuf {
        let clip = self.file(name);
        let record = [
            "record",
            "--pattern",
            "-r",
            "320x240",
            "-F",
            "60",
            "-f",
            "40",
        ];
        let ended = run(record.iter().chain(&[clip.to_str().unwrap()]));
        assert!(ended.status.success(), "{ended:?}");
        clip
    }

    /// A file by ffmpeg; `None` where that can't make it.
    fn made(&self, name: &str, words: &[&str]) -> Option<PathBuf> {
        let file = self.file(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-nostdin"]).args(words);
        let output = command.arg(&file).output();
        output
            .is_ok_and(|output| output.status.success())
            .then_some(file)
    }
}

fn convert(words: &[&str], from: &Path, to: &Path) -> Ended {
    let files = [from, to].map(|file| file.to_str().unwrap());
    run(["convert"].iter().chain(words).chain(&files))
}

fn converted(from: &Path, to: &Path) -> Value {
    convert(&["--json"], from, to).json()
}

/// When each picture that ffmpeg shows is shown, in microseconds, and the sum of its pixels.
fn shown(file: &Path) -> Vec<(u64, String)> {
    let output = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-nostdin",
            "-copyts",
            "-i",
            file.to_str().unwrap(),
        ])
        .args([
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:1000000",
        ])
        .args(["-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    frames
        .map(|line| {
            let words: Vec<_> = line.split(',').map(str::trim).collect();
            (words[2].parse().unwrap(), words[5].to_owned())
        })
        .collect()
}

#[test]
fn a_byte_stream_comes_out_of_an_mp4_as_it_went_in() {
    let place = Place::new();
    let stream = place.recorded("clip.h264");
    let [file, again, raw, other] =
        ["clip.mp4", "again.h264", "a.y4m", "b.y4m"].map(|name| place.file(name));
    converted(&stream, &file);
    assert_eq!(number(&converted(&file, &again), "frames"), 40);
    assert!(fs::read(&again).unwrap() == fs::read(&stream).unwrap());
    converted(&stream, &raw);
    let told = converted(&file, &other);
    assert_eq!(
        [number(&told, "frames"), number(&told, "damaged_frames")],
        [40, 0]
    );
    let [raw, other] = [raw, other].map(|file| fs::read(file).unwrap());
    let pictures = |file: &[u8]| file.len() - file.iter().position(|byte| *byte == b'\n').unwrap();
    assert_eq!(pictures(&raw), pictures(&other));
    assert!(raw.ends_with(&other[other.len() - pictures(&other)..]));
}

#[test]
fn a_killed_recording_reads_to_its_last_fragment() {
    let place = Place::new();
    let (_folder, socket) = support::place();
    let _host = share_pattern(&socket, &[]);
    let file = place.file("killed.mp4");
    let process = start(["record", "--ipc", &*socket, file.to_str().unwrap()]);
    wait_until("there is a fragment", || file.exists());
    process.signal(Signal::KILL);
    process.finish();
    let [whole, raw] = ["whole.mp4", "raw.y4m"].map(|name| place.file(name));
    let frames = number(&converted(&file, &whole), "frames");
    assert!(frames > 0);
    assert_eq!(number(&converted(&whole, &raw), "frames"), frames);
}

#[test]
fn files_of_ffmpeg_keep_pictures_and_times() {
    let test = "files_of_ffmpeg_keep_pictures_and_times";
    if !has_ffmpeg(test) {
        return;
    }
    let place = Place::new();
    const SOURCE: &[&str] = &[
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=320x240:r=25",
        "-t",
        "2",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "20",
    ];
    const UNEVEN: &str = "setpts=PTS+mod(N*7\\,5)*0.003/TB";
    let x264 = ["-c:v", "libx264", "-bf", "3"];
    for (name, words) in [
        ("plain.mp4", &["-movflags", "+faststart"][..]),
        ("fragments.mp4", &["-movflags", "frag_keyframe+empty_moov"]),
        (
            "of_moof.mp4",
            &["-movflags", "frag_every_frame+empty_moov+default_base_moof"],
        ),
        ("avc3.mp4", &["-tag:v", "avc3"]),
        ("no_edits.mp4", &["-use_editlist", "0"]),
        ("quicktime.mov", &[]),
        (
            "uneven.mp4",
            &[
                "-vf",
                UNEVEN,
                "-fps_mode",
                "vfr",
                "-enc_time_base",
                "1:16000",
                "-video_track_timescale",
                "16000",
            ],
        ),
        (
            "hvc1.mp4",
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=none",
                "-tag:v",
                "hvc1",
            ],
        ),
        (
            "hev1.mp4",
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=none:repeat-headers=1",
            ],
        ),
    ] {
        let Some(from) = place.made(name, &[SOURCE, &x264, words].concat()) else {
            videostream_testing::skip(test, &format!("{name}: ffmpeg can't make it"));
            continue;
        };
        let before = shown(&from);
        assert_eq!(before.len(), 50, "{name}");
        let to = place.file("to.mp4");
        assert_eq!(number(&converted(&from, &to), "frames"), 50, "{name}");
        assert_eq!(shown(&to), before, "{name}");
        let stream = match name {
            "hvc1.mp4" | "hev1.mp4" => place.file("to.h265"),
            _ => place.file("to.h264"),
        };
        converted(&from, &stream);
        let sums = |shown: Vec<(u64, String)>| shown.into_iter().map(|(_, sum)| sum);
        assert!(sums(shown(&stream)).eq(sums(before)), "{name}");
    }
}

/// A pipeline of GStreamer, run to its end; `None` where it can't be.
fn gstreamer(pipeline: &str) -> Option<String> {
    let mut command = Command::new("gst-launch-1.0");
    let output = command
        .arg("-v")
        .args(pipeline.split_whitespace())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Pictures that GStreamer shows of a file, if it has a decoder.
fn played(file: &Path) -> Option<usize> {
    let file = file.display();
    let said = gstreamer(&format!(
        "filesrc location={file} ! decodebin ! fakesink silent=false sync=false"
    ))?;
    Some(said.matches("last-message = chain").count())
}

#[test]
fn files_of_gstreamer_keep_pictures_and_times() {
    let test = "files_of_gstreamer_keep_pictures_and_times";
    if !has_ffmpeg(test) {
        return;
    }
    let place = Place::new();
    const H264: &str = "x264enc bframes=2 key-int-max=20 ! h264parse config-interval=-1";
    const H265: &str = "x265enc key-int-max=20 ! h265parse config-interval=-1";
    const OPEN: &str = "openh264enc gop-size=20 ! h264parse";
    for (name, encoder, rest) in [
        ("tables.mp4", H264, "mp4mux"),
        ("faststart.mp4", H264, "mp4mux faststart=true"),
        ("fragments.mp4", H264, "mp4mux fragment-duration=500"),
        (
            "finalised.mp4",
            H264,
            "mp4mux fragment-duration=500 fragment-mode=first-moov-then-finalise",
        ),
        ("avc3.mp4", H264, "video/x-h264,stream-format=avc3 ! mp4mux"),
        ("quicktime.mov", H264, "qtmux"),
        (
            "units.h264",
            H264,
            "video/x-h264,stream-format=byte-stream,alignment=au",
        ),
        ("hvc1.mp4", H265, "mp4mux"),
        (
            "hev1.mp4",
            H265,
            "video/x-h265,stream-format=hev1 ! mp4mux fragment-duration=500",
        ),
        (
            "nals.h265",
            H265,
            "video/x-h265,stream-format=byte-stream,alignment=nal",
        ),
        ("openh264.mp4", OPEN, "mp4mux"),
    ] {
        let from = place.file(name);
        let pipeline = format!(
            "videotestsrc num-buffers=50 pattern=ball \
             ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
             ! {encoder} ! {rest} ! filesink location={}",
            from.display()
        );
        if gstreamer(&pipeline).is_none() {
            videostream_testing::skip(test, &format!("{name}: GStreamer can't make it"));
            continue;
        }
        let before = shown(&from);
        assert_eq!(before.len(), 50, "{name}");
        let to = place.file("to.mp4");
        assert_eq!(number(&converted(&from, &to), "frames"), 50, "{name}");
        let is_stream = record::annex_b(&from).is_some();
        let stream = match encoder {
            H265 => place.file("to.h265"),
            _ => place.file("to.h264"),
        };
        converted(if is_stream { &to } else { &from }, &stream);
        let sums = |shown: &[(u64, String)]| -> Vec<_> {
            shown.iter().map(|(_, sum)| sum.clone()).collect()
        };
        assert_eq!(sums(&shown(&stream)), sums(&before), "{name}");
        let after = shown(&to);
        match is_stream {
            true => assert_eq!(sums(&after), sums(&before), "{name}"),
            false => assert_eq!(after, before, "{name}"),
        }
        for file in [&to, &stream] {
            match played(file) {
                Some(pictures) => assert_eq!(pictures, 50, "{name}: {}", file.display()),
                None => videostream_testing::skip(test, &format!("{name}: no decoder")),
            }
        }
    }
}

#[test]
fn gstreamer_shows_what_is_recorded() {
    let test = "gstreamer_shows_what_is_recorded";
    let place = Place::new();
    for name in ["clip.mp4", "clip.h264"] {
        let clip = place.recorded(name);
        match played(&clip) {
            Some(pictures) => assert_eq!(pictures, 40, "{name}"),
            None => videostream_testing::skip(test, "needs gst-launch-1.0 with openh264dec"),
        }
    }
}

#[test]
fn edit_lists_of_ffmpeg_are_kept() {
    let test = "edit_lists_of_ffmpeg_are_kept";
    if !has_ffmpeg(test) {
        return;
    }
    let place = Place::new();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=320x240:r=25",
        "-t",
        "2",
        "-pix_fmt",
        "yuv420p",
    ];
    let x264 = ["-g", "20", "-c:v", "libx264", "-bf", "0"];
    let Some(whole) = place.made("whole.mp4", &[&source[..], &x264].concat()) else {
        return videostream_testing::skip(test, "needs ffmpeg with libx264");
    };
    let whole = whole.to_str().unwrap();
    let sound = ["-f", "lavfi", "-i", "sine", "-t", "2", "-c:v", "copy"];
    let late = [&["-itsoffset", "0.6", "-i", whole][..], &sound].concat();
    for (name, words) in [
        ("late.mp4", &late[..]),
        ("part.mp4", &["-ss", "1.1", "-i", whole, "-c", "copy"]),
        (
            "middle.mp4",
            &["-ss", "1.1", "-t", "0.5", "-i", whole, "-c", "copy"],
        ),
    ] {
        let from = place.made(name, words).unwrap();
        let to = place.file("to.mp4");
        converted(&from, &to);
        let expected = shown(&from);
        assert_eq!(shown(&to), expected, "{name}");
        assert!((1..50).contains(&expected.len()), "{name}");
        // Only what is shown becomes a picture.
        let raw = place.file("to.y4m");
        let told = converted(&from, &raw);
        assert_eq!(number(&told, "frames"), expected.len() as u64, "{name}");
        assert_eq!(number(&told, "damaged_frames"), 0, "{name}");
    }
}

#[test]
fn more_than_one_track_is_told() {
    let test = "more_than_one_track_is_told";
    if !has_ffmpeg(test) {
        return;
    }
    let place = Place::new();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "sine",
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=320x240:r=25",
    ];
    let rest = [
        "-t", "1", "-map", "0", "-map", "1", "-map", "1", "-c:v", "libx264",
    ];
    let Some(from) = place.made("two.mp4", &[&source[..], &rest].concat()) else {
        return videostream_testing::skip(test, "needs ffmpeg with libx264");
    };
    let ended = convert(&[], &from, &place.file("to.mp4"));
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.contains("not the 1 after it"), "{ended:?}");
}

#[test]
fn what_is_no_mp4_or_can_not_be_one_is_refused() {
    let place = Place::new();
    let clip = place.recorded("clip.mp4");
    let to = place.file("to.mp4");
    let none = place.file("none.mp4");
    fs::write(&none, b"RIFF and so on").unwrap();
    convert(&[], &none, &to).assert_error(1, &["none.mp4", "no usable MP4"]);
    let cut = place.file("cut.mov");
    fs::write(&cut, &fs::read(&clip).unwrap()[..40]).unwrap();
    convert(&[], &cut, &to).assert_error(1, &["cut.mov", "index"]);
    convert(&["-F", "25"], &clip, &to).assert_error(2, &["clip.mp4", "--fps"]);
    convert(&[], &clip, &place.file("to.h265")).assert_error(2, &["to.h265", "codec"]);
    let pipe = place.file("pipe.mp4");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    convert(&[], &pipe, &to).assert_error(1, &["pipe.mp4", "not from a pipe"]);
    assert!(!to.exists());
}

#[test]
fn what_only_an_mp4_says_is_told_when_it_is_lost() {
    let test = "what_only_an_mp4_says_is_told_when_it_is_lost";
    if !has_ffmpeg(test) {
        return;
    }
    let place = Place::new();
    let source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1"];
    let encode = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0"];
    let colours = ["color_primaries", "color_trc", "colorspace"];
    let colours = colours.map(|name| [format!("-{name}"), "bt709".to_owned()]);
    let colours: Vec<_> = colours.as_flattened().iter().map(|word| &**word).collect();
    // By the stream itself.
    let vui = ["-vf", "setsar=4/3"];
    let both = [&source[..], &encode, &vui, &colours].concat();
    let plain = [&source[..], &encode].concat();
    let (Some(plain), Some(both)) = (
        place.made("plain.mp4", &plain),
        place.made("both.mp4", &both),
    ) else {
        return videostream_testing::skip(test, "needs ffmpeg with libx264");
    };
    let copy = ["-i", plain.to_str().unwrap(), "-c", "copy"];
    let beside = [
        "-aspect",
        "16:9",
        "-metadata:s:v",
        "rotate=90",
        "-movflags",
        "write_colr",
    ];
    let part = ["-ss", "0.5"];
    let said = [&part[..], &copy, &beside, &colours].concat();
    let said = place.made("said.mp4", &said).unwrap();
    let all = [
        "said.mp4 has",
        "rotated by 90 degrees",
        "pixel aspect ratio 4:3",
        "colours 1/1/1",
        "frames that are not shown",
        "write to a .mp4",
    ];
    let pause = ["-vf", "setpts=PTS+if(gt(N\\,9)\\,2/TB\\,0)"];
    let pause = [&source[..], &encode, &pause, &["-fps_mode", "vfr"]].concat();
    let uneven = place.made("uneven.mp4", &pause).unwrap();
    let times = ["variable frame rate", "write to a .mp4"];
    // Durations of 41 and 42 units.
    let film = ["-r", "24000/1001", "-video_track_timescale", "1000"];
    let coarse = place.made("coarse.mp4", &[&source[..], &encode, &film].concat());
    let coarse = coarse.unwrap();
    for (from, to, says) in [
        (&said, "to.h264", &all[..]),
        (&said, "to.y4m", &all[..2]),
        (&said, "to.mp4", &[]),
        (&both, "to.h264", &[]),
        (&plain, "to.h264", &[]),
        (&coarse, "to.y4m", &[]),
        (&uneven, "to.h264", &times),
        (&uneven, "to.y4m", &times),
        (&uneven, "to.mp4", &[]),
    ] {
        let to = place.file(to);
        let ended = convert(&[], from, &to);
        assert!(ended.status.success(), "{ended:?}");
        let told = ended.stderr.matches("can't store").count();
        assert_eq!(told, usize::from(!says.is_empty()), "{ended:?}");
        for word in says {
            assert!(ended.stderr.contains(word), "{word}: {ended:?}");
        }
        let quiet = convert(&["--quiet"], from, &to);
        assert!(quiet.stderr.is_empty(), "{quiet:?}");
    }
    let raw = place.file("film.y4m");
    assert!(convert(&[], &coarse, &raw).status.success());
    let raw = fs::read(&raw).unwrap();
    let header = String::from_utf8_lossy(&raw[..60]);
    assert!(header.contains(" F24000:1001 "), "{header}");
}

#[test]
fn the_turn_and_the_aspect_of_a_file_are_kept() {
    let test = "the_turn_and_the_aspect_of_a_file_are_kept";
    if !has_ffmpeg(test) {
        return;
    }
    let place = Place::new();
    let source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1"];
    let encode = ["-c:v", "libx264", "-pix_fmt", "yuv420p"];
    let Some(plain) = place.made("plain.mp4", &[source, encode].concat()) else {
        return videostream_testing::skip(test, "needs ffmpeg with libx264");
    };
    // A phone's container metadata, and a sample aspect that differs from the stream's.
    let copy = ["-i", plain.to_str().unwrap(), "-c", "copy"];
    let beside = ["-aspect", "16:9", "-metadata:s:v", "rotate=90"];
    let turned = place.made("turned.mp4", &[copy, beside].concat()).unwrap();
    let again = place.file("again.mp4");
    converted(&turned, &again);
    let says = |file: &Path| {
        let fields = "stream=sample_aspect_ratio:stream_side_data=rotation";
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-show_entries", fields, "-of", "csv=p=0"])
            .arg(file)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(says(&turned).contains("4:3"), "{}", says(&turned));
    assert!(says(&turned).contains("90"), "{}", says(&turned));
    assert_eq!(says(&again), says(&turned));
}
