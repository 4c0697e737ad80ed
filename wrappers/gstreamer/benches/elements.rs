//! What it costs to share 1080p NV12 at 60 frames a second between pipelines, by each pair of elements.
//!
//! ```console
//! cargo bench -p videostream-gstreamer --bench elements
//! ```
//!
//! The producer's frames lie in memory that it owns, as a camera's do, and bear the time at which they
//! were captured; readers look at it when their source gives the frame out. CPU time is that of the whole
//! process (`getrusage`), the producer's less that of the same pipeline into `fakesink`. All pipelines
//! have `sync=false`. Elements that this GStreamer does not have are skipped by name.

use std::os::fd::IntoRawFd;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_allocators::prelude::*;
use gst_allocators::{FdAllocator, FdMemoryFlags};
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;
use rustix::process::{Signal, getpid};
use rustix::thread::ClockId;
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::memory::memfd;
use videostream::hal::time::{now_ns, timespec};
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
const PAIRS: [Pair; 3] = [
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
        "| elements | readers | producer's CPU a frame, over fakesink | reader's CPU a frame | latency p50 | p99 | missed | missed while one is stopped |"
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
                "| {} | {readers} | {:.1} µs | {:.1} µs | {:.1} µs | {:.1} µs | {missed} | {stopped} |",
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
    let path = format!("/tmp/videostream-bench-{}", getpid().as_raw_nonzero());
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

/// A camera: frames in memory of its own, one every sixtieth of a second.
mod camera {
    use super::*;

    #[derive(Debug, Default)]
    pub struct Camera {
        state: Mutex<State>,
    }

    #[derive(Debug, Default)]
    struct State {
        memories: Vec<gst::Memory>,
        due_ns: u64,
        count: u64,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Camera {
        const NAME: &'static str = "BenchCamera";
        type Type = super::Camera;
        type ParentType = gst_base::PushSrc;
    }

    impl ObjectImpl for Camera {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().set_live(true);
            self.obj().set_format(gst::Format::Time);
        }
    }
    impl GstObjectImpl for Camera {}

    impl ElementImpl for Camera {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            type Metadata = gst::subclass::ElementMetadata;
            static METADATA: LazyLock<Metadata> =
                LazyLock::new(|| Metadata::new("Camera", "Source/Video", "Captures", "bench"));
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                let caps = CAPS.parse().unwrap();
                let (direction, presence) = (gst::PadDirection::Src, gst::PadPresence::Always);
                let pad = gst::PadTemplate::new("src", direction, presence, &caps);
                vec![pad.unwrap()]
            });
            &TEMPLATES
        }
    }

    impl BaseSrcImpl for Camera {
        fn start(&self) -> Result<(), gst::ErrorMessage> {
            let mut state = self.state.lock().unwrap();
            state.memories = (0..32).map(|_| memory()).collect();
            state.due_ns = now_ns();
            Ok(())
        }
    }

    impl PushSrcImpl for Camera {
        fn create(&self, _: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
            let mut state = self.state.lock().unwrap();
            let (free, count) = loop {
                state.due_ns += PERIOD_NS;
                state.count += 1;
                let time = timespec(state.due_ns);
                let _ = rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &time);
                // A camera without a free buffer loses the frame.
                if let Some(free) = state.memories.iter().position(is_free) {
                    break (free, state.count);
                }
            };
            let memory = state.memories.swap_remove(free);
            let mut memory = memory.into_mapped_memory_writable().unwrap();
            memory[..8].copy_from_slice(&now_ns().to_ne_bytes());
            memory[8..16].copy_from_slice(&count.to_ne_bytes());
            let memory = memory.into_memory();
            state.memories.push(memory.clone());
            let mut buffer = gst::Buffer::new();
            let change = buffer.get_mut().unwrap();
            change.append_memory(memory);
            change.set_pts(gst::ClockTime::from_nseconds(count * PERIOD_NS));
            change.set_offset(count);
            Ok(CreateSuccess::NewBuffer(buffer))
        }
    }

    fn memory() -> gst::Memory {
        let fd = Allocator::memfd_only().allocate(SIZE as u64).unwrap().fd;
        memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
        let (fd, allocator) = (fd.into_raw_fd(), FdAllocator::new());
        #[allow(unsafe_code, reason = "GStreamer takes descriptors as numbers")]
        // SAFETY: the descriptor is open and nobody else's.
        let memory = unsafe { allocator.alloc_fd(fd, SIZE, FdMemoryFlags::KEEP_MAPPED) };
        memory.unwrap()
    }
}

glib::wrapper! {
    /// A camera.
    pub struct Camera(ObjectSubclass<camera::Camera>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

/// Captures into a sink until it is killed.
fn produce(sink: &str) {
    let rank = gst::Rank::NONE;
    gst::Element::register(None, "benchcamera", rank, Camera::static_type()).unwrap();
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

/// Whether no buffer has it.
#[allow(unsafe_code, reason = "the bindings have no count of references")]
fn is_free(memory: &gst::Memory) -> bool {
    let object = memory.as_ptr().cast::<gst::ffi::GstMiniObject>();
    // SAFETY: the memory lives; a count that is read too high only means another turn.
    let count = unsafe { &raw const (*object).refcount };
    // SAFETY: as above; it is aligned, and written as an atomic of the same size.
    let count = unsafe { std::sync::atomic::AtomicI32::from_ptr(count.cast_mut()) };
    count.load(std::sync::atomic::Ordering::SeqCst) == 1
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
        let (time_ns, count) = {
            let bytes = buffer.map_readable().unwrap();
            let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
            (word(0), word(8))
        };
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
