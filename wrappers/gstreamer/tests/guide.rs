//! Every pipeline of `docs/gstreamer.md` and the README, word for word but for the camera.

mod support;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use support::programs;
use support::{client, until};
use videostream_testing::skip;

const GUIDE: &str = include_str!("../../../docs/gstreamer.md");
const README: &str = include_str!("../../../README.md");

/// A block of lines for the shell.
#[derive(Debug)]
struct Block {
    /// `host`, `readers` or `board`.
    kind: &'static str,
    lines: Vec<&'static str>,
}

/// The pipelines of the README.
fn readme() -> &'static str {
    let (_, section) = README.split_once("## GStreamer\n").expect("a section");
    section.split("\n## ").next().unwrap()
}

fn blocks(page: &'static str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), is_open) {
            (Some(kind), false) => {
                let kind = kind.strip_prefix("sh ").expect("a block says what it is");
                blocks.push(Block {
                    kind,
                    lines: Vec::new(),
                });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => blocks.last_mut().unwrap().lines.push(line),
            (None, false) => {}
        }
    }
    blocks
}

/// The socket of a line.
fn path(line: &str) -> &str {
    let words = line.split_whitespace();
    let mut paths = words.filter_map(|word| word.strip_prefix("path="));
    paths.next().expect("a path")
}

/// A display without a screen.
struct Display {
    server: std::process::Child,
    name: String,
}

impl Display {
    fn start() -> Option<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "2000x1200x24"])
            // A server that restarts when its last client leaves refuses others meanwhile.
            .arg("-noreset")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut number = String::new();
        let mut byte = [0];
        let out = server.stdout.as_mut()?;
        while out.read(&mut byte).ok()? == 1 && byte[0] != b'\n' {
            number.push(char::from(byte[0]));
        }
        Some(Self {
            server,
            name: format!(":{number}"),
        })
    }

    /// How many colours its picture has.
    fn colours(&self) -> usize {
        support::init();
        let pipeline = format!(
            "ximagesrc display-name={} num-buffers=1 ! videoconvert ! video/x-raw,format=RGB ! \
             appsink name=sink",
            self.name
        );
        let pipeline = gst::parse::launch(&pipeline).unwrap();
        let pipeline = gst::prelude::Cast::downcast::<gst::Pipeline>(pipeline).unwrap();
        use gst::prelude::*;
        let sink = pipeline.by_name("sink").unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let sample = sink.emit_by_name::<Option<gst::Sample>>("pull-sample", &[]);
        let sample = sample.expect("a screenshot");
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        let colours: std::collections::HashSet<_> = bytes.chunks_exact(3).step_by(7).collect();
        let count = colours.len();
        drop(bytes);
        pipeline.set_state(gst::State::Null).unwrap();
        count
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Why a line can't run here, if it can't.
fn lacks(line: &str, display: Option<&Display>) -> Option<String> {
    if line.starts_with("videostream") && programs::command().is_none() {
        return Some("the videostream command is not built".to_owned());
    }
    if line.contains("autovideosink") && display.is_none() {
        return Some("Xvfb is not installed".to_owned());
    }
    let elements = line.split(['!', ' ']).map(str::trim);
    let ends = [
        "src", "sink", "enc", "dec", "mux", "parse", "convert", "enc_h264",
    ];
    let mut elements = elements.filter(|word| {
        !word.contains(['=', '/', ',']) && ends.iter().any(|end| word.ends_with(end))
    });
    support::init();
    let missing = elements.find(|name| gst::ElementFactory::find(name).is_none())?;
    Some(format!("this GStreamer has no {missing}"))
}

/// Whether a line ends by itself.
fn ends(line: &str) -> bool {
    line.contains("num-buffers") || line.starts_with("videostream")
}

fn frames(file: &Path) -> Option<u32> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", file.display());
    text.trim().trim_end_matches(',').parse().ok()
}

#[test]
fn pipelines_of_the_guide_run() {
    const NAME: &str = "pipelines_of_the_guide_run";
    if !programs::is_there("gst-launch-1.0") {
        return skip(NAME, "gst-launch-1.0 is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let display = Display::start();
    let mut blocks = blocks(GUIDE);
    assert!(blocks.len() > 10, "{}", blocks.len());
    blocks.extend(self::blocks(readme()));
    let mut all = blocks.iter().peekable();
    let mut recorded = 0;
    while let Some(block) = all.next() {
        if block.kind == "board" {
            // The encoders of boards, each of which is in one kernel or another.
            for line in &block.lines {
                if let Some(why) = lacks(line, None) {
                    skip(NAME, &format!("{line}: {why}"));
                }
            }
            continue;
        }
        assert_eq!(block.kind, "host", "readers have a host in front of them");
        let line = block.lines[0];
        let is_runnable = lacks(line, None);
        let host = line.replace("v4l2src device=/dev/video0", "videotestsrc is-live=true");
        if let Some(why) = is_runnable {
            skip(NAME, &format!("{line}: {why}"));
            while all.next_if(|block| block.kind == "readers").is_some() {}
            continue;
        }
        let host = programs::start(&host, folder.path(), &[]);
        // Frames flow.
        let mut first = client(path(line));
        first.next(support::WATCHDOG).unwrap();
        drop(first);
        let mut endless = Vec::new();
        while let Some(readers) = all.next_if(|block| block.kind == "readers") {
            let mut running = Vec::new();
            for line in &readers.lines {
                if let Some(why) = lacks(line, display.as_ref()) {
                    skip(NAME, &format!("{line}: {why}"));
                    continue;
                }
                recorded += usize::from(line.contains(".mp4"));
                let shown = display.as_ref().map_or("", |display| &display.name);
                let variables = [("DISPLAY", shown)];
                let process = programs::start(line, folder.path(), &variables);
                match ends(line) {
                    true => running.push((line, process)),
                    false => endless.push((line, process)),
                }
            }
            for (line, process) in running {
                assert!(process.end().success(), "{line}");
            }
        }
        for (line, process) in &mut endless {
            if let Some(display) = &display
                && line.contains("autovideosink")
            {
                // Colour bars; an empty screen has one colour.
                until("a picture is on the screen", || {
                    assert!(process.ended().is_none(), "{line}");
                    display.colours() >= 6
                });
            }
            assert!(process.ended().is_none(), "{line}");
        }
        // A host that ends lets readers finish.
        host.signal(Signal::INT);
        for (line, process) in endless {
            assert!(process.end().success(), "{line}");
        }
        host.end();
    }
    let files = std::fs::read_dir(folder.path()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let recordings: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "mp4"))
        .collect();
    // What could not run here was skipped by name.
    assert_eq!(recordings.len(), recorded);
    for file in recordings {
        if !programs::is_there("ffprobe") {
            return skip(
                NAME,
                "what was recorded is not looked at: ffprobe is not installed",
            );
        }
        let frames = frames(&file).expect("frames");
        assert!(frames >= 10, "{}: {frames} frames", file.display());
    }
}

#[test]
fn autovideosink_needs_no_conversion() {
    const NAME: &str = "autovideosink_needs_no_conversion";
    if !programs::is_there("gst-launch-1.0") {
        return skip(NAME, "gst-launch-1.0 is not installed");
    }
    let Some(display) = Display::start() else {
        return skip(NAME, "Xvfb is not installed");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("camera");
    let path = path.to_str().unwrap();
    // The format of this display, which has no other.
    let host = format!(
        "gst-launch-1.0 -q videotestsrc is-live=true ! \
         video/x-raw,format=BGRx,width=640,height=480 ! vslsink path={path}"
    );
    let host = programs::start(&host, folder.path(), &[]);
    drop(client(path));
    let reader = format!("gst-launch-1.0 -q vslsrc path={path} ! autovideosink");
    let reader = programs::start(&reader, folder.path(), &[("DISPLAY", &display.name)]);
    until("colour bars are on the screen", || display.colours() >= 6);
    host.signal(Signal::INT);
    assert!(reader.end().success());
}
