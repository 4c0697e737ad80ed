//! What it costs to share 1080p NV12 at 60 frames a second between pipelines, by each pair of
//! elements.
//!
//! ```console
//! cargo bench -p videostream-gstreamer --bench elements
//! ```
//!
//! The producer's frames lie in memory that it owns, as a camera's do, and bear the time at which
//! they were captured; readers look at it when their source gives the frame out. CPU time is that
//! of the whole process, the producer's less that of the same pipeline into `fakesink`. All
//! pipelines have `sync=false`. The floor is a pair of elements that wakes readers by a bare futex,
//! and does nothing else. Elements that this GStreamer does not have are skipped by name.

mod camera;
mod floor;

use std::os::fd::{IntoRawFd, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camera::Camera;
use floor::{FloorSink, FloorSrc};
use gst::prelude::*;
use gst_allocators::prelude::*;
use gst_allocators::{FdAllocator, FdMemoryFlags};
use rustix::process::{Signal, getpid};
use rustix::thread::ClockId;
use videostream::hal::time::now_ns;
use videostream_testing::figures::Series;
use videostream_testing::process::{self, Process, say};

const CAPS: &str = "video/x-raw,format=NV12,width=1920,height=1080,framerate=60/1";
const SIZE: usize = 1920 * 1080 * 3 / 2;
const PERIOD_NS: u64 = 1_000_000_000 / 60;
/// Frames that a reader lets pass before it measures.
const WARM_UP: usize = 60;
const FRAMES: usize = 600;
const READERS: [usize; 3] = [1, 4, 8];

/// A pair of elements.
struct Pair {
    name: &'static str,
    /// Without these it is skipped.
    elements: [&'static str; 2],
    sink: &'static str,
    source: &'static str,
}

/// `PATH` is where they meet.
const PAIRS: [Pair; 4] = [
    Pair {
        name: "floor",
        elements: ["benchfloorsink", "benchfloorsrc"],
        sink: "benchfloorsink sync=false path=PATH",
        source: "benchfloorsrc path=PATH",
    },
    Pair {
        name: "vslsink",
        elements: ["vslsink", "vslsrc"],
        // As the others are: a video sink tells upstream of every frame how late it is.
        sink: "vslsink sync=false qos=false lend=28 path=PATH",
        source: "vslsrc path=PATH hold=2",
    },
    Pair {
        name: "shmsink",
        elements: ["shmsink", "shmsrc"],
        sink: "shmsink sync=false wait-for-connection=false shm-size=67108864 socket-path=PATH",
        source: "shmsrc is-live=true do-timestamp=true socket-path=PATH",
    },
    Pair {
        name: "unixfdsink",
        elements: ["unixfdsink", "unixfdsrc"],
        sink: "unixfdsink sync=false socket-path=PATH",
        source: "unixfdsrc socket-path=PATH",
    },
];

fn main() -> ExitCode {
    gst::init().unwrap();
    for (name, class) in [
        ("benchcamera", Camera::static_type()),
        ("benchfloorsink", FloorSink::static_type()),
        ("benchfloorsrc", FloorSrc::static_type()),
    ] {
        gst::Element::register(None, name, gst::Rank::NONE, class).unwrap();
    }
    gstvideostream::plugin::plugin_register_static().unwrap();
    if let Some(role) = process::role() {
        match role[0].as_str() {
            "producer" => produce(&role[1]),
            _ => read(&role[1]),
        }
        return ExitCode::SUCCESS;
    }
    let args: Vec<_> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") {
        // `cargo test --benches`: nothing is measured.
        return ExitCode::SUCCESS;
    }
    let filter = args.iter().find(|arg| !arg.starts_with('-'));
    compare(filter.map_or("", |filter| filter));
    ExitCode::SUCCESS
}

fn compare(filter: &str) {
    if !PAIRS.iter().any(|pair| pair.name.contains(filter)) {
        return;
    }
    println!(
        "GStreamer {}, {FRAMES} frames a reader",
        gst::version_string()
    );
    println!(
        "| elements | readers | producer's CPU a frame, over fakesink | reader's CPU a frame | \
         latency p50 | p99 | missed | missed while one is stopped |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let floor = producer_alone("fakesink sync=false");
    println!("| fakesink | 0 | {floor:.1} µs in all | | | | | |");
    for pair in PAIRS.iter().filter(|pair| pair.name.contains(filter)) {
        let missing = pair.elements.iter();
        let missing: Vec<_> = missing
            .filter(|name| gst::ElementFactory::find(name).is_none())
            .collect();
        if !missing.is_empty() {
            println!("skipped: {}: this GStreamer has no {missing:?}", pair.name);
            continue;
        }
        for readers in READERS {
            let floor = producer_alone("fakesink sync=false");
            let all = measure(pair, readers, false);
            let stopped = match readers {
                1 => "".to_owned(),
                _ => match measure(pair, readers, true).missed {
                    Some(missed) => missed.to_string(),
                    None => "all stand still".to_owned(),
                },
            };
            let missed = all
                .missed
                .map_or("?".to_owned(), |missed| missed.to_string());
            println!(
                "| {} | {readers} | {:.1} µs | {:.1} µs | {:.1} µs | {:.1} µs | {missed} | \
                 {stopped} |",
                pair.name,
                all.producer_us - floor,
                all.reader_us,
                all.p50_us,
                all.p99_us,
            );
        }
    }
    println!(
        "skipped: elements of the 2.x library: not part of this project, and of the same names"
    );
}

/// CPU time of a producer without readers.
fn producer_alone(sink: &str) -> f64 {
    let mut producer = Process::start("bench", &["producer", sink]);
    producer.expect("ready", || {});
    producer.tell("begin");
    std::thread::sleep(Duration::from_nanos(PERIOD_NS * FRAMES as u64 / 2));
    producer.tell("end");
    let said = producer.expect("cpu", || {});
    said.parse().unwrap()
}

struct Measured {
    producer_us: f64,
    reader_us: f64,
    p50_us: f64,
    p99_us: f64,
    /// Frames that readers did not get; `None`: they did not get any while one was stopped.
    missed: Option<u64>,
}

fn measure(pair: &Pair, readers: usize, stopped: bool) -> Measured {
    let path = format!("/dev/shm/videostream-bench-{}", getpid().as_raw_nonzero());
    let place = |text: &str| text.replace("PATH", &path);
    let mut producer = Process::start("bench", &["producer", &place(pair.sink)]);
    producer.expect("ready", || {});
    let readers: Vec<_> = (0..readers)
        .map(|_| {
            let caps = format!("{} ! {CAPS}", place(pair.source));
            let reader = Process::start("bench", &["reader", &caps]);
            reader.expect("begun", || {});
            reader
        })
        .collect();
    if stopped {
        readers[0].signal(Signal::STOP);
    }
    producer.tell("begin");
    let others = &readers[usize::from(stopped)..];
    let mut missed = Some(0);
    let mut sum = [0.0; 3];
    for reader in others {
        let begin = std::time::Instant::now();
        let limit = Duration::from_nanos(PERIOD_NS * FRAMES as u64 * 3);
        let said = loop {
            match reader.said() {
                Some(said) => break Some(said),
                None if stopped && begin.elapsed() > limit => break None,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let Some(said) = said else {
            missed = None;
            break;
        };
        let numbers: Vec<f64> = said
            .split(' ')
            .skip(1)
            .map(|n| n.parse().unwrap())
            .collect();
        for (sum, number) in sum.iter_mut().zip(&numbers) {
            *sum += number;
        }
        missed = missed.map(|missed| missed + numbers[3] as u64);
    }
    producer.tell("end");
    let producer_us = match missed {
        Some(_) => producer.expect("cpu", || {}).parse().unwrap(),
        None => f64::NAN,
    };
    if stopped {
        readers[0].signal(Signal::CONT);
    }
    drop(producer);
    // What a producer leaves behind that is killed.
    let _ = std::fs::remove_file(&path);
    let count = others.len() as f64;
    Measured {
        producer_us,
        reader_us: sum[0] / count,
        p50_us: sum[1] / count,
        p99_us: sum[2] / count,
        missed,
    }
}

/// CPU time of this process so far, in microseconds.
fn cpu_us() -> f64 {
    let time = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Captures into a sink until it is killed.
fn produce(sink: &str) {
    let pipeline = gst::parse::launch(&format!("benchcamera name=camera ! {sink}"));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    let frames = Arc::new(AtomicU64::new(0));
    let pad = pipeline
        .by_name("camera")
        .unwrap()
        .static_pad("src")
        .unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, {
        let frames = frames.clone();
        move |_, _| {
            if frames.fetch_add(1, Ordering::SeqCst) == 30 {
                say("ready");
            }
            gst::PadProbeReturn::Ok
        }
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut begin = None;
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let count = frames.load(Ordering::SeqCst);
        match line.as_str() {
            "begin" => begin = Some((cpu_us(), count)),
            _ => {
                let (before, first) = begin.expect("begun");
                let cpu = (cpu_us() - before) / (count - first) as f64;
                say(format!("cpu {cpu}"));
            }
        }
    }
}

/// The only pad of an element.
fn templates(name: &str, direction: gst::PadDirection) -> Vec<gst::PadTemplate> {
    let caps = CAPS.parse().unwrap();
    vec![gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).unwrap()]
}

/// A picture's memory, which stays mapped.
fn memory_of(fd: OwnedFd) -> gst::Memory {
    let (fd, allocator) = (fd.into_raw_fd(), FdAllocator::new());
    #[allow(unsafe_code, reason = "GStreamer takes descriptors as numbers")]
    // SAFETY: the descriptor is open and nobody else's.
    let memory = unsafe { allocator.alloc_fd(fd, SIZE, FdMemoryFlags::KEEP_MAPPED) };
    memory.unwrap()
}

/// When a picture was taken, and which it is.
fn stamp(buffer: &gst::BufferRef) -> [u64; 2] {
    let bytes = buffer.map_readable().unwrap();
    [0, 8].map(|at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap()))
}

/// Reads until it has measured, then goes on.
fn read(source: &str) {
    let pipeline = gst::parse::launch(&format!("{source} ! fakesink name=sink sync=false"));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    let pad = pipeline
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let measure = Mutex::new(Reading::default());
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
            measure.lock().unwrap().add(buffer);
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        if let gst::MessageView::Error(error) = message.view() {
            panic!("{source}: {}", error.error());
        }
    }
}

/// What a reader has measured.
#[derive(Default)]
struct Reading {
    latencies: Series,
    seen: usize,
    /// CPU time and number of the last frame that was not measured.
    before: (f64, u64),
}

impl Reading {
    fn add(&mut self, buffer: &gst::BufferRef) {
        let [time_ns, count] = stamp(buffer);
        let now = now_ns();
        self.seen += 1;
        if self.seen == 1 {
            say("begun");
        }
        if self.seen <= WARM_UP {
            self.before = (cpu_us(), count);
        } else if self.latencies.count() < FRAMES {
            self.latencies
                .push(now.saturating_sub(time_ns) as f64 / 1e3);
            if self.latencies.count() == FRAMES {
                let cpu = (cpu_us() - self.before.0) / FRAMES as f64;
                let missed = (count - self.before.1).saturating_sub(FRAMES as u64);
                let quantile = |part| self.latencies.quantile(part).unwrap();
                say(format!(
                    "done {cpu} {} {} {missed}",
                    quantile(0.5),
                    quantile(0.99)
                ));
            }
        }
    }
}
