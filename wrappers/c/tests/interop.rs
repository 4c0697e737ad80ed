//! A program in C and one in Rust share frames, each with the other as its host: what one writes
//! the other reads, each sees the other's releases, and both keep to the expiry of frames.

#![cfg(target_os = "linux")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::program::{Language, Linking, Program};
use support::{library_folder, probe};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;
use videostream::ipc::host::Policy;
use videostream::{Client, Host, Mode};
use videostream_testing::process::{Process, WATCHDOG};
use videostream_testing::skip;

/// `errno`s, as the program in C answers them.
const EEXIST: &str = "17";
const ETIMEDOUT: &str = "nothing 110";

/// What the C program calls it.
const SIZE: (u32, u32) = (64, 48);
const BYTES: usize = 64 * 48 * 3 / 2;

/// A program in C in a role, which has said that it is ready.
struct Partner {
    process: Process,
    _program: Program,
}

impl Partner {
    fn start(role: &str, socket: &str) -> Option<Self> {
        let program = Program::new("interop", Language::C99, Linking::Dynamic)?;
        let mut command = program.command(&[]);
        command.args([role, socket]);
        let process = Process::run(command, format!("{role} in C"));
        assert_eq!(process.next(), "ready");
        Some(Self {
            process,
            _program: program,
        })
    }

    fn ask(&mut self, line: &str) -> String {
        self.process.tell(line);
        self.process.next()
    }

    /// Its end, in good order.
    fn quit(mut self) {
        self.process.tell("quit");
        assert!(self.process.end().success());
    }
}

fn socket(test: &str) -> String {
    format!("vsl_interop_{test}_{}", std::process::id())
}

/// Frames of a host in Rust, each in memory of its own.
struct Shared {
    host: Host,
    layout: Layout,
    /// Serials of slots.
    out: Vec<u64>,
}

impl Shared {
    fn new(socket: &str) -> Self {
        let host = Host::builder(socket)
            .max_outstanding(32)
            .policy(Policy::UntilExpiry);
        Self {
            host: host.bind().unwrap(),
            layout: Layout::new(FourCc::NV12, SIZE.0, SIZE.1).unwrap(),
            out: Vec::new(),
        }
    }

    /// Publishes a picture of bytes like the serial that it gets, which is the result.
    fn publish(&mut self, expires_ns: u64) -> u64 {
        let serial = self.host.head() + 1;
        let memory = Allocator::memfd_only().allocate(BYTES as u64).unwrap();
        let file = File::from(memory.fd);
        file.write_all_at(&[serial as u8; BYTES], 0).unwrap();
        let buffer = self.host.register(file.into(), BYTES as u64).unwrap();
        let mut frame = FrameDescriptor {
            fourcc: self.layout.fourcc.0,
            width: SIZE.0,
            height: SIZE.1,
            bytes_used: BYTES as u32,
            duration_ns: 33,
            pts_ns: serial as i64 * 100,
            dts_ns: -(serial as i64),
            expires_ns,
            plane_count: self.layout.planes().len() as u32,
            ..Default::default()
        };
        for (plane, wanted) in frame.planes.iter_mut().zip(self.layout.planes()) {
            *plane = PlaneDescriptor {
                buffer,
                offset: wanted.offset,
                stride: wanted.stride,
                size: wanted.size,
            };
        }
        let (_, got) = self.host.publish(&frame).unwrap();
        assert_eq!(got, serial);
        self.out.push(serial);
        serial
    }

    /// Takes back what nobody holds, and tells how many frames are still out.
    fn still_out(&mut self) -> u32 {
        self.host.reclaim_all(|_| ());
        self.host.outstanding()
    }

    fn await_clients(&mut self, count: u32) {
        let begin = std::time::Instant::now();
        while self.host.status().clients != count {
            assert!(begin.elapsed() < WATCHDOG, "{:?}", self.host.status());
            self.host.process().unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn c_client_reads_frames_of_a_rust_host() {
    let socket = socket("c_client");
    let mut shared = Shared::new(&socket);
    let Some(mut client) = Partner::start("client", &socket) else {
        return;
    };
    client.process.tell("wait");
    shared.await_clients(1);
    let late = now_ns() + 600_000_000_000;
    for serial in 1..=3 {
        assert_eq!(shared.publish(late), serial);
    }
    for serial in 1..=3 {
        if serial > 1 {
            client.process.tell("wait");
        }
        let seen = client.process.next();
        let times = format!("33 {} -{serial}", serial * 100);
        assert_eq!(seen, format!("{serial} 64x48 64 {BYTES} {times}"));
        assert_eq!(client.ask(&format!("look {serial}")), serial.to_string());
    }
    assert_eq!(client.ask("lock 1"), "0");
    assert_eq!(client.ask("lock 2"), "0");
    let status = shared.host.clients().next().unwrap();
    assert_eq!((status.pid, status.held), (client.process.id(), 2));
    // The host gets back what is not locked, and it cannot be locked any more.
    assert_eq!(shared.still_out(), 2);
    assert_eq!(client.ask("lock 3"), EEXIST);
    assert_eq!(client.ask("look 1"), "1");
    assert_eq!(client.ask("unlock 1"), "0");
    assert_eq!(shared.still_out(), 1);
    assert_eq!(client.ask("release 2"), "0");
    assert_eq!(shared.still_out(), 0);
    // One that has expired is passed over, and the host gets it back.
    shared.publish(now_ns() - 1);
    assert_eq!(client.ask("wait 50"), ETIMEDOUT);
    assert_eq!(shared.host.reclaim(u32::MAX, |_| ()), 0);
    assert_eq!(shared.publish(late), 5);
    assert!(client.ask("wait").starts_with("5 64x48 "));
    assert_eq!(client.ask("lock 5"), "0");
    assert_eq!(shared.still_out(), 1);
    // Killed with a frame locked.
    client.process.kill();
    shared.await_clients(0);
    assert_eq!(shared.still_out(), 0);
}

/// How many frames of a host in C have ended, of those whose end is awaited.
fn await_ends(host: &mut Partner, count: u64, clients: u32) {
    let begin = std::time::Instant::now();
    while host.ask("count") != format!("{count} ended {clients} clients") {
        assert!(begin.elapsed() < WATCHDOG);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn rust_client_reads_frames_of_a_c_host() {
    let socket = socket("c_host");
    let Some(mut host) = Partner::start("host", &socket) else {
        return;
    };
    let client = Client::builder(&socket).mode(Mode::Every).hold(4);
    let mut client = client.connect_timeout(WATCHDOG).connect().unwrap();
    for value in 1..=3 {
        assert_eq!(host.ask(&format!("post {value} 600000")), value.to_string());
    }
    let mut frames = Vec::new();
    for value in 1..=3 {
        let frame = client.next(WATCHDOG).unwrap();
        assert_eq!((frame.serial(), frame.missed()), (value, 0));
        assert_eq!(frame.sequence(), value);
        assert_eq!(frame.fourcc(), FourCc::NV12);
        assert_eq!((frame.width(), frame.height()), SIZE);
        let layout = Layout::new(FourCc::NV12, SIZE.0, SIZE.1).unwrap();
        let (said, pixels) = (frame.descriptor(), frame.pixels().unwrap());
        for (at, (plane, wanted)) in said.planes().iter().zip(layout.planes()).enumerate() {
            assert_eq!((plane.offset, plane.stride), (wanted.offset, wanted.stride));
            assert_eq!(pixels.plane(at), vec![value as u8; wanted.size as usize]);
        }
        assert_eq!(said.planes().len(), layout.planes().len());
        assert_eq!(said.duration_ns, 33_000_000);
        assert_eq!((said.pts_ns, said.dts_ns), (value as i64, -(value as i64)));
        assert!(said.expires_ns > now_ns());
        drop(pixels);
        frames.push(frame);
    }
    frames.clear();
    assert_eq!(host.ask("count"), "0 ended 1 clients");
    // One that nobody takes ends with its time, and is never seen.
    assert_eq!(host.ask("post 4 1"), "4");
    await_ends(&mut host, 1, 1);
    // One that is read in its time, which is longer should a machine be too slow for that.
    let (mut serial, mut time_ms) = (4, 100);
    let held = loop {
        serial += 1;
        time_ms *= 5;
        let post = format!("post {serial} {time_ms}");
        assert_eq!(host.ask(&post), serial.to_string());
        match client.next(Duration::from_millis(time_ms)) {
            Ok(frame) => break frame,
            Err(error) => assert!(error.is_timeout() && time_ms < 60_000, "{error}"),
        }
    };
    let lost = serial - 4;
    assert_eq!((held.serial(), held.missed()), (serial, lost));
    // One that is held outlives its time, until it is let go.
    while now_ns() <= held.descriptor().expires_ns {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(host.ask("count"), format!("{lost} ended 1 clients"));
    assert_eq!(held.pixels().unwrap().plane(0), [serial as u8; 64 * 48]);
    drop(held);
    let ended = lost + 1;
    assert_eq!(host.ask("count"), format!("{ended} ended 1 clients"));
    drop(client);
    await_ends(&mut host, ended, 0);
    host.quit();
}

/// The command, if it was built along.
fn command(test: &str) -> Option<PathBuf> {
    let file = library_folder().parent().unwrap().join("videostream");
    if !file.exists() {
        skip(test, "no videostream command was built");
        return None;
    }
    Some(file)
}

/// What the command writes, without white space.
fn output(program: &Path, folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("timeout");
    command.arg("120").arg(program).args(words);
    let ended = command.current_dir(folder).output().unwrap();
    assert!(ended.status.success(), "{words:?}: {ended:?}");
    let text = String::from_utf8(ended.stdout).unwrap();
    text.split_whitespace().collect()
}

#[test]
fn the_command_reads_a_c_host() {
    let test = "the_command_reads_a_c_host";
    let Some(program) = command(test) else { return };
    let socket = socket("command");
    let Some(mut host) = Partner::start("host", &socket) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let videostream = |words: &[&str]| output(&program, folder.path(), words);
    assert_eq!(host.ask("post 9 600000"), "1");
    let client = Client::builder(&socket).hold(2);
    let client = client.connect_timeout(WATCHDOG).connect().unwrap();
    let shown = videostream(&["top", "--once", "--json", &socket]);
    let pid = std::process::id();
    for part in ["\"frames\":1,", "\"lent\":1,", &format!("\"pid\":{pid},")] {
        assert!(shown.contains(part), "{shown}");
    }
    drop(client);
    assert_eq!(host.ask("run 20"), "runs");
    let words = ["receive", "--every", "--json", "-f", "20", "--timeout=60"];
    let received = videostream(&[&words[..], &["--raw", "first", &socket]].concat());
    for part in ["\"frames_processed\":20,", "\"in_order\":true,"] {
        assert!(received.contains(part), "{received}");
    }
    let first = fs::read(folder.path().join("first")).unwrap();
    assert_eq!(first, vec![first[0]; BYTES]);
    if cfg!(feature = "software") {
        videostream(&["record", "-f", "20", "--ipc", &socket, "-o", "out.mp4"]);
        if let Some(seen) = probe(test, &folder.path().join("out.mp4")) {
            assert_eq!(seen, "h264,64,48,20");
        }
    }
    host.quit();
}

#[cfg(feature = "software")]
#[test]
fn the_command_decodes_packets_of_a_c_host() {
    let test = "the_command_decodes_packets_of_a_c_host";
    let Some(program) = command(test) else { return };
    let socket = socket("packets");
    let Some(mut host) = Partner::start("host", &socket) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(host.ask("encode 20"), "runs");
    // More than lie between two key frames.
    let words = ["receive", "--decode", "--json", "-f", "60", "--timeout=60"];
    let received = output(&program, folder.path(), &[&words[..], &[&socket]].concat());
    assert!(received.contains("\"format\":\"H264\","), "{received}");
    assert!(!received.contains("\"decoded_frames\":0,"), "{received}");
    let words = ["record", "-f", "20", "--ipc", &socket, "-o", "out.mp4"];
    output(&program, folder.path(), &words);
    if let Some(seen) = probe(test, &folder.path().join("out.mp4")) {
        assert_eq!(seen, "h264,64,48,20");
    }
    host.quit();
}
