//! The `videostream` command.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use gst::prelude::*;
use rustix::process::{Pid, Signal, kill_process};
use videostream::hal::format::{FourCc, Layout};
use videostream::picture::Picture;
use videostream_testing::skip;

use crate::sinks::packets;
use crate::support::c_program::Partner;
use crate::support::pipeline::Pipeline;
use crate::support::{WATCHDOG, client, decoder, encoder, name, programs, until};

/// Returns the command; skips the test if it was not built.
fn command(test: &str) -> Option<PathBuf> {
    let found = programs::command();
    if found.is_none() {
        skip(test, "videostream command not built");
    }
    found
}

/// A command that runs until it is killed, at the latest when this is dropped.
struct Running(Child);

impl Running {
    fn start(program: &Path, words: &[&str]) -> Self {
        let mut command = Command::new(program);
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Whether it ended for lack of an encoder.
    fn has_no_encoder(&mut self) -> bool {
        self.0
            .try_wait()
            .unwrap()
            .is_some_and(|status| status.code() == Some(NO_ENCODER))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Exit status of the command without an encoder.
const NO_ENCODER: i32 = 4;

/// Runs a command to its end.
fn output(program: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    command.output().unwrap()
}

/// Runs a command that has to succeed, and returns its output without white space.
fn succeeds(program: &Path, words: &[&str]) -> String {
    let output = output(program, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    let mut said = String::from_utf8(output.stdout).unwrap();
    said.retain(|letter| !letter.is_whitespace());
    said
}

#[test]
fn pictures_of_the_command_reach_a_pipeline() {
    let Some(program) = command("pictures_of_the_command_reach_a_pipeline") else {
        return;
    };
    for (format, code, fourcc) in [
        ("NV12", "NV12", FourCc::NV12),
        ("I420", "YU12", FourCc::YU12),
        ("YUY2", "YUYV", FourCc::YUYV),
        ("RGB", "RGB3", FourCc::RGB3),
    ] {
        let path = name(&format!("stream-{format}"));
        let words = [
            "stream",
            "-q",
            "--pattern",
            "-r",
            "322x242",
            "--format",
            code,
            &path,
        ];
        let _host = Running::start(&program, &words);
        let reader = Pipeline::playing(&format!(
            "vslsrc path={path} reconnect=true ! appsink name=out"
        ));
        let layout = Layout::new(fourcc, 322, 242).unwrap();
        let mut last = None;
        for _ in 0..10 {
            let sample = reader.pull();
            let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
            assert_eq!(info.name(), format);
            assert_eq!(info.fps(), gst::Fraction::new(30, 1));
            let bytes = tight(sample.buffer().unwrap(), &info, &layout);
            let picture = Picture::new(&bytes, &layout).unwrap();
            let number = videostream::pattern::verify(&picture).unwrap();
            assert!(last.is_none_or(|last| last < number), "{last:?} {number}");
            last = Some(number);
        }
        reader.end();
    }
}

/// Returns the bytes of a picture without padding.
fn tight(buffer: &gst::BufferRef, info: &gst_video::VideoInfo, layout: &Layout) -> Vec<u8> {
    use gst_video::prelude::*;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
    let mut bytes = Vec::new();
    for (at, plane) in layout.planes().iter().enumerate() {
        let lines = frame.plane_data(at as u32).unwrap();
        let lines = lines.chunks(frame.plane_stride()[at] as usize);
        for line in lines.take((plane.size / plane.stride) as usize) {
            bytes.extend_from_slice(&line[..plane.stride as usize]);
        }
    }
    bytes
}

#[test]
fn packets_of_the_command_reach_a_pipeline() {
    let test = "packets_of_the_command_reach_a_pipeline";
    let (Some(program), Some(decoder)) = (command(test), decoder(test)) else {
        return;
    };
    let path = name("stream-packets");
    let words = [
        "stream",
        "-q",
        "--pattern",
        "-r",
        "320x240",
        "--encode",
        "h264",
        &path,
    ];
    let mut host = Running::start(&program, &words);
    let words =
        format!("vslsrc path={path} reconnect=true ! h264parse ! {decoder} ! fakesink name=out");
    let reader = Pipeline::playing(&words);
    until("20 frames have come", || {
        reader.frames() >= 20 || host.has_no_encoder()
    });
    if host.has_no_encoder() {
        return skip(test, "no encoder");
    }
    assert_eq!(
        (reader.caps().get("width"), reader.caps().get("height")),
        (Ok(320), Ok(240))
    );
    reader.end();
}

#[test]
fn pictures_reach_the_command() {
    let test = "pictures_reach_the_command";
    let Some(program) = command(test) else { return };
    let [from, path] = ["relayed", "relay"].map(name);
    // The pattern is relayed and verified byte by byte.
    let words = [
        "stream",
        "-q",
        "--pattern",
        "-r",
        "322x242",
        "-F",
        "60",
        "--buffers",
        "16",
        &from,
    ];
    let _host = Running::start(&program, &words);
    let relay = format!(
        "vslsrc name=source path={from} reconnect=true hold=9 ! vslsink name=sink path={path} \
         pool-size=4"
    );
    let relay = Pipeline::playing(&relay);
    let words = [
        "receive", "--verify", "--json", "-f", "30", "-t", "60", &path,
    ];
    let received = succeeds(&program, &words);
    assert!(received.contains("\"format\":\"NV12\""), "{received}");
    // Memory of the first host is passed on without a copy.
    let copied = ["source", "sink"].map(|side| relay.counted(side, "copied"));
    assert_eq!(
        copied,
        [0, 0],
        "{} {}",
        relay.stats("source"),
        relay.stats("sink")
    );
    let top = succeeds(&program, &["top", "--once", "--json", &path]);
    assert!(top.contains("\"lend\":4,"), "{top}");
    assert!(top.contains("\"left\":1,"), "{top}");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let picture = file("picture.png");
    succeeds(
        &program,
        &[
            "snapshot",
            "-q",
            "--timeout",
            "60",
            "--ipc",
            &path,
            &picture,
        ],
    );
    let png = std::fs::read(&picture).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (322, 242));
    let raw = file("raw.y4m");
    succeeds(
        &program,
        &[
            "record",
            "-q",
            "--timeout",
            "60",
            "-f",
            "10",
            "--ipc",
            &path,
            &raw,
        ],
    );
    let size = std::fs::metadata(&raw).unwrap().len();
    assert!(size > 10 * 322 * 242 * 3 / 2, "{size}");
    let clip = file("clip.mp4");
    let words = [
        "record",
        "-q",
        "--timeout",
        "60",
        "-f",
        "10",
        "--ipc",
        &path,
        &clip,
    ];
    let recorded = output(&program, &words);
    match recorded.status.code() {
        Some(0) => check_recording(test, &clip, "h264,322,242,10"),
        Some(NO_ENCODER) => skip(test, "record: no encoder"),
        _ => panic!("{recorded:?}"),
    }
    relay.end();
}

/// Checks a file with ffprobe, if installed.
fn check_recording(test: &str, file: &str, expected: &str) {
    if !programs::is_there("ffprobe") {
        return skip(test, "no ffprobe");
    }
    let entries = "stream=codec_name,width,height,nb_read_frames";
    let words = [
        "-v",
        "error",
        "-count_frames",
        "-of",
        "csv=p=0",
        "-show_entries",
        entries,
        file,
    ];
    let seen = succeeds(Path::new("ffprobe"), &words);
    assert_eq!(seen, expected);
}

#[test]
fn packets_reach_the_command() {
    let test = "packets_reach_the_command";
    let (Some(program), Some(encoder)) = (command(test), encoder(test)) else {
        return;
    };
    let path = name("record");
    let sink = Pipeline::playing(&packets(encoder, &path));
    let words = [
        "receive", "--every", "--json", "-f", "20", "-t", "60", &path,
    ];
    let received = succeeds(&program, &words);
    assert!(received.contains("\"format\":\"H264\""), "{received}");
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4").display().to_string();
    // Packets are recorded unchanged, without an encoder.
    succeeds(
        &program,
        &[
            "record",
            "-q",
            "--timeout",
            "60",
            "-f",
            "20",
            "--ipc",
            &path,
            &clip,
        ],
    );
    check_recording(test, &clip, "h264,64,48,20");
    sink.end();
}

#[test]
fn every_kind_of_client_reads_one_sink() {
    let test = "every_kind_of_client_reads_one_sink";
    let Some(program) = command(test) else { return };
    let path = name("all");
    let words = format!(
        "videotestsrc is-live=true ! video/x-raw,format=NV12,width=64,height=48,framerate=60/1 ! \
         vslsink name=sink path={path} lend=32"
    );
    let sink = Pipeline::playing(&words);
    let reader = Pipeline::playing(&format!("vslsrc path={path} ! fakesink name=out"));
    let mut client = client(&path);
    let mut c = Partner::start(test, "client", &path);
    // It connects with its first wait.
    c.iter_mut().for_each(|c| c.process.tell("wait"));
    let words = ["receive", "-q", "-f", "0", "-t", "60", &path];
    let _receive = Running::start(&program, &words);
    let expected = 3 + u32::from(c.is_some());
    let clients = || sink.element("sink").property::<u32>("num-clients");
    until("all are in", || clients() == expected);
    reader.until_more(20);
    for _ in 0..20 {
        client.next(WATCHDOG).unwrap();
    }
    assert_eq!(sink.counted("sink", "clients-evicted"), 0);
    if let Some(c) = c {
        let frame = c.process.next();
        assert!(frame.contains(" 64x48 "), "{frame}");
        c.quit();
    }
    reader.end();
    sink.end();
}
