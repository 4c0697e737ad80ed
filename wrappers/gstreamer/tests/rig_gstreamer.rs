//! Pipelines that share the kernel's virtual camera without a copy.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`), where the part that
//! builds the plugin sets its path; elsewhere every test is skipped.
//!
//! rig: arch=x86_64 timeout=600

mod pipeline;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::fstat;
use videostream::hal::v4l2::{Device, NodeKind};
use videostream::{Client, Frame, devices};
use videostream_testing::{on_the_rig, skip};

use pipeline::Pipeline;

/// How long a frame may take on a slow guest.
const TIMEOUT: Duration = Duration::from_secs(60);
/// CTA-861's number of the timings of 1920x1080 pixels, 30 times a second.
const FULL_HD_30: u8 = 34;
/// What its pictures are, and the bytes of one.
const CAPS: &str = "video/x-raw,width=1920,height=1080,format=NV12,framerate=30/1";
const BYTES: usize = 1920 * 1080 * 3 / 2;
/// Where the camera is shared.
const SOCKET: &str = "/tmp/vsl_camera";

/// The virtual camera, fed by its HDMI input; with the other one again when it is dropped.
struct Camera {
    device: Device,
    path: PathBuf,
    input: u32,
}

/// The path of the virtual camera.
fn node() -> PathBuf {
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|d| d.driver == "vivid" && d.kind == NodeKind::Camera);
    found.unwrap_or_else(|| panic!("{list:?}")).path.clone()
}

impl Camera {
    fn new() -> Self {
        let path = node();
        let device = Device::open(&path).unwrap();
        let input = device.input().unwrap();
        let mut inputs = device.inputs().map(Result::unwrap);
        let hdmi = inputs.find(|input| input.has_dv_timings).expect("HDMI");
        device.set_input(hdmi.index).unwrap();
        let mut timings = device.dv_timings_list().map(Result::unwrap);
        let timings = timings.find(|timings| timings.cta861_vic == FULL_HD_30);
        device.set_dv_timings(&timings.expect("1080p30")).unwrap();
        Self {
            device,
            path,
            input,
        }
    }

    /// The element that captures it.
    fn source(&self) -> String {
        format!("v4l2src device={}", self.path.display())
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        // A failure here shows in the tests after it.
        let _ = self.device.set_input(self.input);
    }
}

/// The memory of a frame's first plane.
fn inode(frame: &Frame) -> u64 {
    fstat(frame.plane_fd(0).unwrap()).unwrap().st_ino
}

/// The buffers of video devices that a process has descriptors of, by what the kernel says of
/// these.
fn dma_bufs(pid: u32) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
        let path = entry.unwrap().path();
        // It may be closed by now.
        let about = fs::read_to_string(&path).unwrap_or_default();
        let exporter = about
            .lines()
            .find_map(|line| line.strip_prefix("exp_name:"));
        if exporter.is_some_and(|name| name.trim().starts_with("videobuf2")) {
            let file = path.display().to_string().replace("fdinfo", "fd");
            found.extend(fs::metadata(file).map(|file| file.ino()));
        }
    }
    found
}

/// A client that waits for the host.
fn client(hold: u32) -> Client {
    let builder = Client::builder(SOCKET).hold(hold).reconnect(true);
    builder.connect_timeout(TIMEOUT).connect().unwrap()
}

/// The `videostream` command.
fn receive(words: &[&str]) -> Command {
    let mut receive = Command::new(std::env::var_os("VIDEOSTREAM_BIN").unwrap());
    receive.args(["receive", "-t", "60"]).args(words);
    receive
}

#[test]
fn the_camera_of_the_readme_is_shared() {
    let test = "the_camera_of_the_readme_is_shared";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let camera = Camera::new();
    let words = format!(
        "{} ! {CAPS} ! vslsink path={SOCKET} lifespan=100",
        camera.source()
    );
    let Some(pipeline) = Pipeline::start(test, &words) else {
        return;
    };
    let mut client = client(1);
    let frame = client.next(TIMEOUT).unwrap();
    assert_eq!((frame.width(), frame.height()), (1920, 1080));
    let buffers = dma_bufs(pipeline.id());
    assert!(buffers.contains(&inode(&frame)), "none of {buffers:?}");
    drop(frame);

    // A whole frame, as the command writes the last of three.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pictures");
    let mut whole = receive(&["-f", "3", "--raw"]);
    let output = whole.arg(&file).arg(SOCKET).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let picture = fs::read(&file).unwrap();
    assert_eq!(picture.len(), BYTES);
    let luma: BTreeSet<_> = picture[..1920].iter().collect();
    assert!(luma.len() >= 6, "no bars in the first line: {luma:?}");

    // It maps only the camera's own buffers.
    let words = ["-f", "4", "--every", "--json", "-v", SOCKET];
    let output = receive(&words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let told = numbers(&said, "inodes");
    assert!(!told.is_empty(), "{said}");
    let buffers = dma_bufs(pipeline.id());
    assert!(told.is_subset(&buffers), "{told:?} of {buffers:?}");
    assert_eq!(pipeline.interrupt().copies(), [""; 0]);
}

/// The numbers in the list of this name, in JSON.
fn numbers(json: &str, name: &str) -> BTreeSet<u64> {
    let list = json.split_once(&format!("\"{name}\":"));
    let list = list.and_then(|(_, rest)| rest.split_once('['));
    let list = list.and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.unwrap_or_else(|| panic!("no {name} in {json}"));
    let numbers = list.split(',').map(str::trim);
    let numbers = numbers.filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[test]
fn a_slow_tee_branch_costs_no_copy() {
    let test = "a_slow_tee_branch_costs_no_copy";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let camera = Camera::new();
    let words = format!(
        "{} ! {CAPS} ! tee name=tee ! queue ! vslsink path={SOCKET} lifespan=100 \
         tee. ! queue leaky=downstream max-size-buffers=1 ! identity sleep-time=300000 ! fakesink",
        camera.source()
    );
    let Some(pipeline) = Pipeline::start(test, &words) else {
        return;
    };
    // Two are held at a time, also by the slow client.
    let mut client = client(2);
    let mut held = client.next(TIMEOUT).unwrap();
    let mut seen = BTreeSet::from([inode(&held)]);
    for _ in 0..12 {
        let frame = client.next(TIMEOUT).unwrap();
        assert!(frame.serial() > held.serial());
        seen.insert(inode(&frame));
        thread::sleep(Duration::from_millis(100));
        assert!(held.is_intact());
        held = frame;
    }
    drop(held);
    let buffers = dma_bufs(pipeline.id());
    assert!(seen.is_subset(&buffers), "{seen:?} of {buffers:?}");
    assert!(seen.len() > 1, "always the same buffer: {seen:?}");
    assert_eq!(pipeline.interrupt().copies(), [""; 0]);
}

/// A small camera in the order of colours that the converter takes.
fn small_camera() -> String {
    let node = node();
    let caps = "video/x-raw,width=640,height=480,format=RGB";
    format!(
        "v4l2src device={} ! {caps} ! vslsink path={SOCKET} lifespan=100",
        node.display()
    )
}

/// A pipeline that shares a small camera, and one of which hardware has imported ten frames that
/// `source` gave it.
fn importing(test: &str, source: &str) -> Option<(Pipeline, Pipeline)> {
    let sharing = Pipeline::start(test, &small_camera())?;
    // Connected, there is a socket to open.
    drop(client(1));
    let words = format!(
        "{source} ! v4l2convert output-io-mode=dmabuf-import ! video/x-raw,format=BGR ! fakesink"
    );
    let log = "v4l2bufferpool:6,GST_PERFORMANCE:6";
    let reading = Pipeline::start_logging(test, &words, log).unwrap();
    reading.wait_for("importing dmabuf", 10);
    Some((sharing, reading))
}

#[test]
fn hardware_imports_the_cameras_frames() {
    let test = "hardware_imports_the_cameras_frames";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let source = format!("vslsrc path={SOCKET}");
    let Some((sharing, reading)) = importing(test, &source) else {
        return;
    };
    let (buffers, read) = (dma_bufs(sharing.id()), dma_bufs(reading.id()));
    assert!(!read.is_disjoint(&buffers), "{read:?} of {buffers:?}");
    assert_eq!(reading.interrupt().copies(), [""; 0]);
    assert_eq!(sharing.interrupt().copies(), [""; 0]);
}

#[test]
fn hardware_imports_copies_too() {
    let test = "hardware_imports_copies_too";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    // The queue keeps more frames than that.
    let source = format!("vslsrc path={SOCKET} hold=1 ! queue min-threshold-buffers=3");
    let Some((_sharing, reading)) = importing(test, &source) else {
        return;
    };
    let reading = reading.interrupt();
    let copies = reading.copies();
    // A line of the source, and one of GStreamer for its only plane.
    let is_ours = |line: &&&str| line.contains("downstream holds the maximum number of frames");
    let ours = copies.iter().filter(is_ours).count();
    assert!(ours > 0 && copies.len() <= 2 * ours, "{copies:?}");
}

#[test]
fn pipelines_and_programs_read_one_camera() {
    let test = "pipelines_and_programs_read_one_camera";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let Some(sharing) = Pipeline::start(test, &small_camera()) else {
        return;
    };
    let mut client = client(1);
    let first = inode(&client.next(TIMEOUT).unwrap());
    let words = format!("vslsrc path={SOCKET} ! fakesink silent=false -v");
    let reading = Pipeline::start(test, &words).unwrap();
    let mut command = receive(&["-f", "20", "--every", "--json", "-v", SOCKET]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let command = command.spawn().unwrap();
    reading.wait_for_words("chain", 20);
    let read = dma_bufs(reading.id());
    let frames = (0..20).map(|_| inode(&client.next(TIMEOUT).unwrap()));
    let seen: BTreeSet<_> = frames.chain([first]).collect();
    let output = command.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = numbers(&String::from_utf8(output.stdout).unwrap(), "inodes");
    let buffers = dma_bufs(sharing.id());
    for inodes in [&read, &seen, &told] {
        assert!(!inodes.is_empty());
        assert!(inodes.is_subset(&buffers), "{inodes:?} of {buffers:?}");
    }
    assert_eq!(reading.interrupt().copies(), [""; 0]);
    assert_eq!(sharing.interrupt().copies(), [""; 0]);
}

#[test]
fn a_recording_of_the_camera_plays() {
    let test = "a_recording_of_the_camera_plays";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    // Small, since the guest encodes slowly.
    let caps = "video/x-raw,width=320,height=180,format=NV12";
    let node = node();
    let words = format!(
        "v4l2src device={} ! {caps} ! vslsink path={SOCKET} lifespan=100",
        node.display()
    );
    let Some(sharing) = Pipeline::start(test, &words) else {
        return;
    };
    let mut client = client(1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.mp4");
    let words = format!(
        "vslsrc path={SOCKET} ! x264enc ! mp4mux ! filesink location={}",
        file.display()
    );
    let recording = Pipeline::start(test, &words).unwrap();
    let looking = Pipeline::start(test, &format!("vslsrc path={SOCKET} ! fakesink")).unwrap();
    let begin = Instant::now();
    while client.look(TIMEOUT).unwrap().host.clients < 3 {
        assert!(begin.elapsed() < TIMEOUT, "nobody records");
        thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..20 {
        client.next(TIMEOUT).unwrap();
    }
    assert_eq!(sharing.interrupt().copies(), [""; 0]);
    // The host's goodbye is the end of their streams.
    recording.end();
    looking.end();
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-count_frames", "-of", "csv=p=0"]);
    probe.args(["-show_entries", "stream=nb_read_frames"]);
    match probe.arg(&file).output() {
        Err(error) => skip(
            test,
            &format!("the recording is not looked at: ffprobe: {error}"),
        ),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let frames: u32 = said.trim().trim_end_matches(',').parse().unwrap_or(0);
            // The guest encodes slowly, and skips frames meanwhile.
            assert!(output.status.success() && frames >= 1, "{output:?}");
        }
    }
}
