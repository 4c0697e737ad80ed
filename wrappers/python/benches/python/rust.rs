//! The Rust API: the floor, and the host that wakes clients.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use videostream::convert::{Convert, Options};
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::allocate::{Allocation, Allocator};
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;
use videostream::share::FramePublisher;
use videostream::{Client, Host, PictureMut};

/// Values that a subject measures in its turn.
const NEXT: usize = 2000;
const RGB: usize = 40;
/// Frames that a client lets pass before it measures.
const WARM_UP: usize = 20;
/// Buffers of a host.
const BUFFERS: u32 = 8;
/// Pause between frames for clients that sleep.
const PERIOD: Duration = Duration::from_millis(2);

/// Does the work of one turn in a process of its own.
pub(crate) fn play(what: &str, path: &str) {
    match what {
        "next" => next(),
        "wake" => wake(path),
        _ => rgb(),
    }
}

fn layout() -> Layout {
    Layout::new(FourCc::NV12, 1920, 1080).unwrap()
}

/// A host of 1080p frames in memory of its own.
struct Producer {
    publisher: FramePublisher<usize>,
    buffers: Vec<(Allocation, u32)>,
    free: Vec<usize>,
    layout: Layout,
}

impl Producer {
    fn new(path: &str) -> Self {
        let mut host = Host::builder(path)
            .max_outstanding(BUFFERS - 1)
            .bind()
            .unwrap();
        let layout = layout();
        let buffers: Vec<_> = (0..BUFFERS)
            .map(|_| {
                let memory = Allocator::memfd_only()
                    .allocate(layout.size.into())
                    .unwrap();
                let fd = memory.fd.try_clone().unwrap();
                let id = host.register(fd, layout.size.into()).unwrap();
                (memory, id)
            })
            .collect();
        Self {
            publisher: FramePublisher::new(host),
            free: (0..buffers.len()).collect(),
            buffers,
            layout,
        }
    }

    fn process(&mut self) {
        self.publisher.host_mut().process().unwrap();
    }

    fn publish(&mut self) {
        let free = &mut self.free;
        self.publisher.take_back(|at| free.push(at));
        let Some(at) = free.pop() else {
            return;
        };
        let now = now_ns();
        let mut frame = FrameDescriptor {
            fourcc: self.layout.fourcc.0,
            width: self.layout.width,
            height: self.layout.height,
            bytes_used: self.layout.size,
            plane_count: 2,
            timestamp_ns: now,
            published_ns: now,
            ..FrameDescriptor::default()
        };
        for (to, plane) in frame.planes.iter_mut().zip(self.layout.planes()) {
            *to = PlaneDescriptor {
                buffer: self.buffers[at].1,
                offset: plane.offset,
                stride: plane.stride,
                size: plane.size,
            };
        }
        self.publisher.publish(&frame, at).unwrap();
    }
}

/// Publishes to the clients that `run` starts, until it returns.
pub(crate) fn publish_to(run: impl FnOnce(&str) -> String) -> String {
    let path = format!("videostream-bench-{}-wake", std::process::id());
    let mut producer = Producer::new(&path);
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                producer.process();
                producer.publish();
                thread::sleep(PERIOD);
            }
        });
        let said = run(&path);
        ends.store(true, Ordering::Relaxed);
        said
    })
}

/// A host and its client in one thread.
fn attached(what: &str) -> (Producer, Client) {
    let path = format!("videostream-bench-{}-{what}", std::process::id());
    let mut producer = Producer::new(&path);
    let mut connector = Client::builder(&path).hold(2).connector();
    loop {
        match connector.connect_until(now_ns()) {
            Ok(client) => return (producer, client),
            Err(error) if error.is_timeout() => producer.process(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Takes frames that are there.
fn next() {
    let (mut producer, mut client) = attached("next");
    let mut times = Vec::new();
    for _ in 0..NEXT + WARM_UP {
        producer.publish();
        let begin = Instant::now();
        let frame = client.next(Duration::from_secs(1)).unwrap();
        let pixels = frame.pixels().unwrap();
        black_box(pixels.plane(0).as_ptr());
        let took = begin.elapsed();
        times.push(took.as_nanos());
    }
    tell(&times);
}

/// Sleeps until frames come.
fn wake(path: &str) {
    let mut client = Client::connect(path).unwrap();
    let mut times = Vec::new();
    for _ in 0..NEXT / 10 + WARM_UP {
        let frame = client.next(Duration::from_secs(10)).unwrap();
        let late = now_ns() - frame.published_ns();
        times.push(u128::from(late));
    }
    tell(&times);
}

/// Converts a frame in shared memory into new memory; what was made before is kept until then.
fn rgb() {
    let to = Layout::new(FourCc::RGB3, 640, 360).unwrap();
    let (mut producer, mut client) = attached("rgb");
    producer.publish();
    let frame = client.next(Duration::from_secs(1)).unwrap();
    let mut convert = Convert::new();
    let mut made = Vec::new();
    let mut times = Vec::new();
    for _ in 0..RGB + WARM_UP {
        let begin = Instant::now();
        let mut rgb = vec![0; to.size as usize];
        let pixels = frame.pixels().unwrap();
        let source = pixels.picture().unwrap();
        let mut target = PictureMut::new(&mut rgb, &to).unwrap();
        convert
            .convert(&source, &mut target, &Options::default())
            .unwrap();
        let took = begin.elapsed();
        made = black_box(rgb);
        times.push(took.as_nanos());
    }
    drop(made);
    tell(&times);
}

/// Prints what was measured, now that it can't disturb.
fn tell(times: &[u128]) {
    for time in &times[WARM_UP..] {
        println!("{time}");
    }
}
