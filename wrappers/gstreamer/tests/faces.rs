//! The elements beside the library's other faces, each with either element: programs in Rust and C, and the command.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use gst::prelude::*;
use gst_check::Harness;
use rustix::process::{Pid, Signal, kill_process};
use videostream::Mode;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::ring::{Flags, FrameDescriptor, PlaneDescriptor};
use videostream::picture::Picture;
use videostream_testing::skip;

use support::c_program::Partner;
use support::host::{TestHost, TestPicture, assert_is_test_picture, pixel};
use support::pipeline::Pipeline;
use support::{WATCHDOG, client, decoder, encoder, feed, name, programs, until};

const FORMATS: [(&str, FourCc); 4] = [
    ("NV12", FourCc::NV12),
    ("I420", FourCc::YU12),
    ("RGB", FourCc::RGB3),
    ("GRAY8", FourCc::GREY),
];

/// A sink that is fed by the test.
fn fed_sink(path: &str, caps: &str) -> (gst::Element, Harness) {
    let sink = support::fed_sink(path);
    // Programs in C ask for 20 at once, and come again for fewer where they are refused.
    sink.set_property("lend", 32_u32);
    let harness = feed(&sink, caps);
    (sink, harness)
}

/// A pipeline that shares packets of H.264 of 64 by 48 pixels.
fn packets(encoder: &str, path: &str) -> String {
    format!(
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=60/1 ! \
         {encoder} ! h264parse ! vslsink name=sink path={path}"
    )
}

#[test]
fn pictures_of_a_host_in_rust_reach_a_pipeline() {
    for (format, fourcc) in FORMATS {
        for padding in [0, 13, 66] {
            let path = name(&format!("rust-{format}-{padding}"));
            let mut host = TestHost::new(&path);
            let picture = TestPicture::new(fourcc, 62, 46, padding);
            let reader = Pipeline::playing(&format!("vslsrc path={path} ! appsink name=out"));
            for _ in 0..3 {
                let frame = picture.within(host.register(&picture.bytes));
                host.publish_now(frame);
                let sample = reader.pull();
                assert_is_test_picture(sample.buffer().unwrap(), sample.caps().unwrap());
                let caps = sample.caps().unwrap().structure(0).unwrap();
                assert_eq!(caps.get::<&str>("format"), Ok(format));
            }
            host.close();
            reader.eos();
            reader.end();
        }
    }
}

#[test]
fn packets_of_a_host_in_rust_reach_a_pipeline() {
    let test = "packets_of_a_host_in_rust_reach_a_pipeline";
    let (Some(encoder), Some(decoder)) = (encoder(test), decoder(test)) else {
        return;
    };
    let path = name("rust-packets");
    let mut host = TestHost::new(&path);
    let words = format!(
        "videotestsrc ! video/x-raw,format=I420,width=64,height=48,framerate=60/1 ! {encoder} ! \
         h264parse ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out"
    );
    let encoding = Pipeline::playing(&words);
    let words = format!(
        "vslsrc name=source path={path} mode=every ! h264parse ! {decoder} ! fakesink name=out"
    );
    let reader = Pipeline::playing(&words);
    for count in 1..=30 {
        let sample = encoding.pull();
        let buffer = sample.buffer().unwrap();
        let bytes = buffer.map_readable().unwrap();
        let size = bytes.len() as u32;
        let mut packet = FrameDescriptor {
            fourcc: FourCc::H264.0,
            width: 64,
            height: 48,
            bytes_used: size,
            plane_count: 1,
            ..Default::default()
        };
        packet.planes[0] = PlaneDescriptor {
            buffer: host.register(&bytes),
            size,
            ..Default::default()
        };
        if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            packet.flags = Flags::KEY_FRAME.bits();
        }
        host.publish_now(packet);
        until("it is read", || reader.counted("source", "frames") == count);
    }
    // Decoders may keep some.
    reader.until_frames(20);
    assert_eq!(reader.counted("source", "undecodable"), 0);
    reader.end();
    encoding.end();
}

#[test]
fn pictures_of_a_pipeline_reach_a_client_in_rust() {
    for (format, fourcc) in FORMATS {
        for (padding, is_apart) in [(0, false), (13, false), (66, true)] {
            let path = name(&format!("client-{format}-{padding}"));
            let caps = format!("video/x-raw, format={format}, width=62, height=46, framerate=25/1");
            let (_sink, mut harness) = fed_sink(&path, &caps);
            let mut client = client(&path);
            let picture = TestPicture::new(fourcc, 62, 46, padding);
            harness.push(picture.buffer(format, is_apart)).unwrap();
            let frame = client.next(WATCHDOG).unwrap();
            assert_eq!((frame.width(), frame.height()), (62, 46));
            let pixels = frame.pixels().unwrap();
            let shared = pixels.picture().unwrap();
            for (at, plane) in picture.frame.planes().iter().enumerate() {
                let rows = shared.rows(at);
                assert_eq!(rows.len() as u32, plane.size / plane.stride);
                for (y, row) in rows.enumerate() {
                    assert_eq!(row.len() as u32, plane.stride - padding);
                    let is_right = |(x, byte): (usize, &u8)| *byte == pixel(at, x as u32, y as u32);
                    assert!(row.iter().enumerate().all(is_right), "plane {at}, line {y}");
                }
            }
        }
    }
}

#[test]
fn packets_of_a_pipeline_reach_a_client_in_rust() {
    let Some(encoder) = encoder("packets_of_a_pipeline_reach_a_client_in_rust") else {
        return;
    };
    let path = name("client-packets");
    let sink = Pipeline::playing(&packets(encoder, &path));
    let client = videostream::Client::builder(&path).mode(Mode::Every);
    let mut client = client.connect().unwrap();
    let mut keys = 0;
    for _ in 0..30 {
        let frame = client.next(WATCHDOG).unwrap();
        assert_eq!(frame.fourcc(), FourCc::H264);
        let used = frame.descriptor().bytes_used as usize;
        let pixels = frame.pixels().unwrap();
        let bytes = &pixels.plane(0)[..used];
        assert!(bytes.starts_with(&[0, 0, 0, 1]) || bytes.starts_with(&[0, 0, 1]));
        keys += u32::from(frame.flags().contains(Flags::KEY_FRAME));
    }
    assert!(keys >= 2, "{keys} key frames");
    let sets = client.parameters().unwrap().expect("parameter sets");
    assert!(sets.starts_with(&[0, 0, 0, 1]));
    sink.end();
}

#[test]
fn pictures_of_a_host_in_c_reach_a_pipeline() {
    let path = name("c-host");
    let test = "pictures_of_a_host_in_c_reach_a_pipeline";
    let Some(mut host) = Partner::start(test, "host", &path) else {
        return;
    };
    let reader = Pipeline::playing(&format!("vslsrc path={path} ! appsink name=out"));
    for value in 1..=10 {
        assert_eq!(host.ask(&format!("post {value} 600000")), value.to_string());
        let sample = reader.pull();
        let caps = sample.caps().unwrap().structure(0).unwrap();
        assert_eq!(caps.get::<&str>("format"), Ok("NV12"));
        assert_eq!((caps.get("width"), caps.get("height")), (Ok(64), Ok(48)));
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        assert_eq!(bytes.as_slice(), [value; 64 * 48 * 3 / 2]);
    }
    reader.end();
    host.quit();
}

#[test]
fn packets_of_a_host_in_c_reach_a_pipeline() {
    let test = "packets_of_a_host_in_c_reach_a_pipeline";
    let Some(decoder) = decoder(test) else { return };
    let path = name("c-packets");
    let Some(mut host) = Partner::start(test, "host", &path) else {
        return;
    };
    assert_eq!(host.ask("encode 20"), "runs");
    let words = format!("vslsrc path={path} ! h264parse ! {decoder} ! fakesink name=out");
    let reader = Pipeline::playing(&words);
    reader.until_frames(20);
    assert_eq!(
        (reader.caps().get("width"), reader.caps().get("height")),
        (Ok(64), Ok(48))
    );
    reader.end();
    host.quit();
}

#[test]
fn pictures_of_a_pipeline_reach_a_client_in_c() {
    let path = name("c-client");
    let caps = "video/x-raw, format=NV12, width=64, height=48, framerate=25/1";
    let (sink, mut harness) = fed_sink(&path, caps);
    let test = "pictures_of_a_pipeline_reach_a_client_in_c";
    let Some(mut client) = Partner::start(test, "client", &path) else {
        return;
    };
    // It connects with its first wait, for frames from then on.
    client.process.tell("wait");
    until("it is in", || sink.property::<u32>("num-clients") == 1);
    for serial in 1..=10_u8 {
        let mut buffer = gst::Buffer::from_slice([serial; 64 * 48 * 3 / 2]);
        let change = buffer.get_mut().unwrap();
        change.set_pts(gst::ClockTime::from_nseconds(serial.into()));
        harness.push(buffer).unwrap();
        if serial > 1 {
            client.process.tell("wait");
        }
        let frame = client.process.next();
        let words: Vec<_> = frame.split(' ').collect();
        assert_eq!(words[..2], [serial.to_string().as_str(), "64x48"]);
        let [.., duration, pts, _] = words[..] else {
            panic!("{frame}");
        };
        assert_eq!((duration, pts), ("40000000", serial.to_string().as_str()));
        assert_eq!(client.ask(&format!("lock {serial}")), "0");
        assert_eq!(client.ask(&format!("look {serial}")), serial.to_string());
        assert_eq!(client.ask(&format!("unlock {serial}")), "0");
        assert_eq!(client.ask(&format!("release {serial}")), "0");
    }
    client.quit();
}

/// The command; skips by name where it was not built.
fn command(test: &str) -> Option<PathBuf> {
    let found = programs::command();
    if found.is_none() {
        skip(test, "videostream command not built");
    }
    found
}

/// A command that goes on until it is interrupted. Killed when dropped.
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

    /// Whether it has ended for want of an encoder.
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

/// How the command says that there is none.
const NO_ENCODER: i32 = 4;

/// Runs a command to its end.
fn output(program: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    command.output().unwrap()
}

/// What a command writes that has to succeed, without white space.
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

/// The bytes of a picture without padding.
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
fn pictures_of_a_pipeline_reach_the_command() {
    let test = "pictures_of_a_pipeline_reach_the_command";
    let Some(program) = command(test) else { return };
    let [from, path] = ["relayed", "relay"].map(name);
    // The pattern, handed on: what comes out is checked byte for byte.
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
        "vslsrc name=source path={from} reconnect=true hold=9 ! vslsink name=sink path={path} pool-size=4"
    );
    let relay = Pipeline::playing(&relay);
    let words = [
        "receive", "--verify", "--json", "-f", "30", "-t", "60", &path,
    ];
    let received = succeeds(&program, &words);
    assert!(received.contains("\"format\":\"NV12\""), "{received}");
    // Memory of the first host is handed on where it lies.
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

/// Looks at a file with ffprobe, where there is one.
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
fn packets_of_a_pipeline_reach_the_command() {
    let test = "packets_of_a_pipeline_reach_the_command";
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
    // As they are: no encoder is asked for.
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
fn every_face_reads_one_sink_at_once() {
    let test = "every_face_reads_one_sink_at_once";
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
