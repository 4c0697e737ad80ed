//! Queues of the kernel's virtual cameras under calls in random order, legal and illegal ones, in
//! every kind of memory.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The first camera is single-planar, the second multi-planar.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2 timeout=900

#![cfg(target_os = "linux")]

mod fuzz;
mod vivid;

use std::collections::BTreeMap;

use fuzz::{Held, Rng, recover, seeds, some_queue, step, watch};
use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::format::FourCc;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::memory::memfd;
use videostream_hal::memory::udmabuf::Udmabuf;
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::ioctl::{PlaneMemory, QueueBuffer, QueuePlane};
use videostream_hal::v4l2::queue::{
    Allocated, Configured, Content, Failed, HasBuffers, Queue, Streaming,
};
use videostream_hal::v4l2::{
    BufferFlags, Device, Error, ExportAccess, Field, Fraction, Memory, NodeKind, PixFormat, Ready,
    Rounding, SelectionRect, SelectionTarget, ioctl, wait,
};
use videostream_testing::on_the_rig;
use vivid::open_kind;

/// Calls of a round.
const CALLS: usize = 300;

/// Faults that the driver makes up when one of these is pressed, once each.
const FAULTS: [&str; 5] = [
    "Inject V4L2_BUF_FLAG_ERROR",
    "Inject VIDIOC_REQBUFS Error",
    "Inject VIDIOC_QBUF Error",
    "Inject VIDIOC_STREAMON Error",
    "Inject Fatal Streaming Error",
];

/// A queue in one of its states.
enum State<'d> {
    Configured(Queue<&'d Device, Configured>),
    Allocated(Queue<&'d Device, Allocated>),
    Streaming(Queue<&'d Device, Streaming>),
}

struct Fuzz<'d> {
    rng: Rng,
    device: &'d Device,
    /// Another handle on the same device, which may take the buffers away.
    rival: Device,
    instance: u32,
    memory: Memory,
    formats: Vec<FourCc>,
    udmabuf: Udmabuf,
    /// What outlives the calls that made it, and often its queue.
    descriptors: Vec<OwnedFd>,
    pages: Vec<Mapping>,
    outcomes: BTreeMap<&'static str, (u32, u32)>,
}

impl<'d> Fuzz<'d> {
    fn count<T>(&mut self, call: &'static str, result: Result<T, Error>) -> Option<T> {
        let outcome = self.outcomes.entry(call).or_default();
        match result {
            Ok(value) => {
                outcome.0 += 1;
                Some(value)
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                let _ = error.kind();
                outcome.1 += 1;
                None
            }
        }
    }

    /// One call; what the queue is afterwards.
    fn call(&mut self, state: State<'d>) -> State<'d> {
        match self.rng.below(20) {
            0..5 => return self.transition(state),
            5 => self.format(),
            6 => self.picture(),
            7 => self.raw(self.device),
            8 => {
                let rival = self.rival.as_fd().try_clone_to_owned().unwrap();
                self.raw(&Device::from_fd(rival).unwrap());
            }
            // Polling a queue without buffers makes the driver take it for read(), until the
            // handle is closed: once in a while.
            9 if !matches!(state, State::Configured(_)) || self.rng.once_in(20) => {
                let deadline = Some(deadline_in(self.rng.below(5_000_000)));
                let ready = wait(self.device.as_fd(), Ready::CAPTURE | Ready::EVENT, deadline);
                self.count("wait", ready);
            }
            10 if self.rng.once_in(8) => self.fault(),
            10 => {
                // A handle that is closed gives up what it owned.
                self.rival = open_kind(self.instance, NodeKind::Camera);
                self.descriptors.clear();
                self.pages.clear();
            }
            _ => {}
        }
        match state {
            State::Configured(queue) => State::Configured(queue),
            State::Allocated(mut queue) => {
                self.buffers(&mut queue);
                State::Allocated(queue)
            }
            State::Streaming(mut queue) => {
                self.buffers(&mut queue);
                self.dequeue(&queue);
                State::Streaming(queue)
            }
        }
    }

    fn transition(&mut self, state: State<'d>) -> State<'d> {
        match state {
            State::Configured(queue) => {
                let count = match self.rng.below(6) {
                    0 => self.rng.size(),
                    _ => 1 + self.rng.below(6) as u32,
                };
                let memory = match self.rng.once_in(8) {
                    true => *self
                        .rng
                        .of(&[Memory::Mmap, Memory::UserPtr, Memory::DmaBuf]),
                    false => self.memory,
                };
                let allocated = match memory {
                    Memory::Mmap => queue.allocate(count),
                    Memory::DmaBuf => queue.allocate_imported(count),
                    _ => queue.allocate_user(count),
                };
                match allocated {
                    Ok(queue) => {
                        self.count("allocate", Ok(()));
                        State::Allocated(queue)
                    }
                    Err(Failed { queue, error }) => {
                        self.count("allocate", Err::<(), _>(error));
                        // What calls past the queue have left.
                        let _ = ioctl::streamoff(self.device.as_fd(), queue.buf_type());
                        let _ = ioctl::reqbufs(self.device.as_fd(), queue.buf_type(), memory, 0);
                        State::Configured(queue)
                    }
                }
            }
            State::Allocated(queue) => match self.rng.below(6) {
                0 => match queue.free() {
                    Ok(queue) => State::Configured(queue),
                    Err(Failed { queue, error }) => {
                        self.count("free", Err::<(), _>(error));
                        State::Allocated(queue)
                    }
                },
                1 => match queue.stream_on() {
                    Ok(queue) => State::Streaming(queue),
                    Err(Failed { queue, error }) => {
                        self.count("stream on", Err::<(), _>(error));
                        State::Allocated(queue)
                    }
                },
                2 => self.fresh(queue),
                _ => {
                    let mut queue = queue;
                    for index in 0..queue.count() {
                        self.supply(&mut queue, index);
                    }
                    match queue.queue_all_and_stream_on() {
                        Ok(queue) => {
                            self.count("stream on", Ok(()));
                            State::Streaming(queue)
                        }
                        Err(Failed { queue, error }) => {
                            self.count("stream on", Err::<(), _>(error));
                            State::Allocated(queue)
                        }
                    }
                }
            },
            State::Streaming(queue) => match self.rng.below(8) {
                0 => match queue.stream_off() {
                    Ok(queue) => State::Allocated(queue),
                    Err(Failed { queue, error }) => {
                        self.count("stream off", Err::<(), _>(error));
                        State::Streaming(queue)
                    }
                },
                1 => self.fresh(queue),
                _ => State::Streaming(queue),
            },
        }
    }

    /// Drops a queue, in whatever state it is, and begins anew.
    fn fresh<S>(&mut self, queue: Queue<&'d Device, S>) -> State<'d> {
        let buf_type = queue.buf_type();
        drop(queue);
        self.count("drop", Ok(()));
        State::Configured(Queue::new(self.device, buf_type))
    }

    fn some_pages(&mut self, len: usize) -> Option<Mapping> {
        let len = len.clamp(1, 4 << 20);
        let file = memfd::create(c"fuzz", len).unwrap();
        let access = match self.rng.once_in(16) {
            true => Access::Read,
            false => Access::ReadWrite,
        };
        Mapping::new(&file, len, access).ok()
    }

    fn dma_buf(&mut self, len: usize) -> OwnedFd {
        let len = len.clamp(1, 4 << 20).next_multiple_of(4096);
        let file = memfd::create(c"fuzz", len).unwrap();
        if self.rng.once_in(12) {
            // Which is none.
            return file;
        }
        memfd::seal(&file, memfd::FIXED_SIZE).unwrap();
        self.udmabuf.create(file.as_fd(), 0, len as u64).unwrap()
    }

    /// Memory for a buffer, mostly enough of it.
    fn supply<S: HasBuffers>(&mut self, queue: &mut Queue<&'d Device, S>, index: u32) {
        let short = self.rng.once_in(16);
        let lengths = queue.lengths().to_vec();
        let kind = match self.rng.once_in(16) {
            true => *self
                .rng
                .of(&[Memory::Mmap, Memory::UserPtr, Memory::DmaBuf]),
            false => queue.memory(),
        };
        match kind {
            Memory::UserPtr => {
                let len = if short { 4096 } else { queue.lent_len() };
                if let Some(pages) = self.some_pages(len) {
                    let lent = queue.lend(index, pages);
                    self.count("lend", lent);
                }
            }
            Memory::DmaBuf => {
                let len = |len: &u32| if short { 4096 } else { *len as usize };
                let mut planes: Vec<_> = lengths.iter().map(|l| self.dma_buf(len(l))).collect();
                if self.rng.once_in(16) {
                    planes.pop();
                }
                let planes: Vec<_> = planes.iter().map(AsFd::as_fd).collect();
                let imported = queue.import(index, &planes);
                self.count("import", imported);
            }
            _ => {}
        }
    }

    /// What can be done to a queue that has buffers, streaming or not.
    fn buffers<S: HasBuffers>(&mut self, queue: &mut Queue<&'d Device, S>) {
        let index = match self.rng.once_in(8) {
            true => self.rng.size(),
            false => self.rng.below(queue.count().into()) as u32,
        };
        let plane = match self.rng.once_in(8) {
            true => self.rng.size(),
            false => 0,
        };
        match self.rng.below(9) {
            0 => {
                self.count("query", queue.query(index));
            }
            1 => {
                let access = *self
                    .rng
                    .of(&[ExportAccess::ReadOnly, ExportAccess::ReadWrite]);
                let exported = queue.export(index, plane, access);
                if let Some(fd) = self.count("export", exported) {
                    self.descriptors.push(fd);
                }
            }
            2 => {
                let access = *self.rng.of(&[Access::Read, Access::ReadWrite]);
                let mapped = queue.map(index, plane as usize, access);
                if let Some(pages) = self.count("map", mapped) {
                    self.pages.push(pages);
                }
            }
            3 if self.rng.once_in(4) => {
                let count = self.rng.size();
                let format = self.some_format();
                let format = format.filter(|_| self.rng.once_in(3));
                let added = queue.add(count, format.as_ref());
                self.count("add", added);
            }
            4 | 5 => {
                self.supply(queue, index);
                self.count("queue", queue.queue(index));
            }
            6 => {
                let bytes_used = [self.rng.size(), self.rng.size()];
                let data_offsets = [self.rng.size(), 0];
                let content = Content {
                    bytes_used: &bytes_used,
                    data_offsets: &data_offsets,
                    timestamp_ns: self.rng.bits(),
                    flags: BufferFlags::from_bits_retain(self.rng.bits() as u32),
                    field: Field::from_raw(self.rng.below(12) as u32),
                };
                let queued = queue.queue_content(index, &content);
                self.count("queue content", queued);
            }
            _ => {
                self.count("queue", queue.queue(index));
            }
        }
    }

    fn dequeue(&mut self, queue: &Queue<&'d Device, Streaming>) {
        let dequeued = queue.dequeue();
        let Some(done) = self.count("dequeue", dequeued) else {
            return;
        };
        let buffer = done.buffer();
        assert!(buffer.index < queue.count());
        match self.rng.below(3) {
            0 => drop(done),
            1 => {
                let requeued = done.requeue();
                self.count("requeue", requeued);
            }
            _ => {
                let _ = done.into_index();
            }
        }
    }

    /// A format that the driver would take, of a modest size.
    fn some_format(&mut self) -> Option<PixFormat> {
        let fourcc = match self.rng.once_in(8) {
            true => FourCc(self.rng.bits() as u32),
            false => *self.rng.of(&self.formats),
        };
        let (width, height) = *self
            .rng
            .of(&[(320, 180), (640, 360), (0, 0), (1, u32::MAX)]);
        let buf_type = some_queue(&mut self.rng, self.device);
        let wish = PixFormat::wish(fourcc, width, height);
        let tried = self.device.try_format(buf_type, &wish);
        // The guest has no memory for many of the largest.
        self.count("try format", tried)
            .filter(|given| given.size_image() < 4 << 20)
    }

    fn format(&mut self) {
        let buf_type = some_queue(&mut self.rng, self.device);
        if let Some(format) = self.some_format() {
            let set = self.device.set_format(buf_type, &format);
            self.count("set format", set);
        }
        let interval = Fraction {
            numerator: self.rng.size(),
            denominator: self.rng.size(),
        };
        let set = self.device.set_interval(buf_type, interval);
        self.count("set interval", set);
    }

    /// Input, standard, timings and rectangles.
    fn picture(&mut self) {
        match self.rng.below(4) {
            0 => {
                let input = self.rng.below(5) as u32;
                let set = self.device.set_input(input);
                self.count("set input", set);
                // The formats of other inputs are larger: back to a modest one.
                let buf_type = self.device.capture_type().unwrap();
                let wish = PixFormat::wish(FourCc::YUYV, 320, 180);
                let set = self.device.set_format(buf_type, &wish);
                self.count("set format", set);
            }
            1 => {
                let standards: Vec<_> = self.device.standards().flatten().collect();
                if !standards.is_empty() {
                    let ids = self.rng.of(&standards).ids;
                    let set = self.device.set_standard(ids);
                    self.count("set standard", set);
                }
            }
            2 => {
                let timings: Vec<_> = self.device.dv_timings_list().flatten().collect();
                // Small ones, for the same reason.
                let small: Vec<_> = timings.into_iter().filter(|t| t.width <= 800).collect();
                if !small.is_empty() {
                    let timings = *self.rng.of(&small);
                    let set = self.device.set_dv_timings(&timings);
                    self.count("set timings", set);
                }
            }
            _ => {
                let target = *self.rng.of(&[
                    SelectionTarget::Crop,
                    SelectionTarget::Compose,
                    SelectionTarget::CropBounds,
                ]);
                let rounding = *self.rng.of(&[
                    Rounding::Nearest,
                    Rounding::Up,
                    Rounding::Down,
                    Rounding::Exact,
                ]);
                let rect = SelectionRect {
                    left: self.rng.number() as i32,
                    top: self.rng.number() as i32,
                    width: self.rng.below(700) as u32,
                    height: self.rng.size(),
                };
                let buf_type = some_queue(&mut self.rng, self.device);
                let set = self.device.set_selection(buf_type, target, rounding, rect);
                self.count("set selection", set);
            }
        }
    }

    /// A call past the queue that is open, as a program with a defect would make it.
    fn raw(&mut self, device: &Device) {
        let fd = device.as_fd();
        let buf_type = some_queue(&mut self.rng, self.device);
        let memory = *self
            .rng
            .of(&[Memory::Mmap, Memory::UserPtr, Memory::DmaBuf]);
        let (index, plane) = (self.rng.size(), self.rng.size());
        match self.rng.below(8) {
            0 => {
                let count = self.rng.below(7) as u32;
                self.count("raw reqbufs", ioctl::reqbufs(fd, buf_type, memory, count));
            }
            1 => {
                self.count("raw querybuf", ioctl::querybuf(fd, buf_type, memory, index));
            }
            2 => {
                self.count("raw dqbuf", ioctl::dqbuf(fd, buf_type, memory));
            }
            3 => {
                let access = ExportAccess::ReadOnly;
                let exported = ioctl::expbuf(fd, buf_type, index, plane, access);
                if let Some(fd) = self.count("raw expbuf", exported) {
                    self.descriptors.push(fd);
                }
            }
            4 => {
                self.count("raw streamon", ioctl::streamon(fd, buf_type));
            }
            5 => {
                self.count("raw streamoff", ioctl::streamoff(fd, buf_type));
            }
            6 => {
                if let Some(format) = self.some_format() {
                    let count = self.rng.below(4) as u32;
                    let created = ioctl::create_bufs(fd, buf_type, memory, count, &format);
                    self.count("raw create_bufs", created);
                }
            }
            _ => {
                let len = self.rng.below(1 << 19) as usize;
                let (pages, dma_buf) = (self.some_pages(len), self.dma_buf(len));
                let memory_of = match (memory, &pages) {
                    (Memory::UserPtr, Some(pages)) => PlaneMemory::UserPtr {
                        pages,
                        offset: self.rng.below(5000) as usize,
                    },
                    (Memory::DmaBuf, _) => PlaneMemory::DmaBuf(dma_buf.as_fd()),
                    _ => PlaneMemory::Mmap,
                };
                let plane = QueuePlane {
                    memory: memory_of,
                    length: match self.rng.once_in(2) {
                        true => len as u32,
                        false => self.rng.size(),
                    },
                    bytes_used: self.rng.size(),
                    data_offset: self.rng.size(),
                };
                let planes = vec![plane; self.rng.below(10) as usize];
                let buffer = QueueBuffer {
                    index,
                    planes: &planes,
                    flags: BufferFlags::from_bits_retain(self.rng.bits() as u32),
                    field: Field::Any,
                    timestamp_ns: self.rng.bits(),
                };
                let queued = ioctl::qbuf(fd, buf_type, memory, &buffer);
                self.count("raw qbuf", queued);
            }
        }
    }

    fn fault(&mut self) {
        let name = *self.rng.of(&FAULTS);
        let button = vivid::control(self.device, name);
        let pressed = self.device.set_control(&button, 1);
        self.count("fault", pressed);
    }
}

fn rounds(test: &str, instance: u32, memory: Memory) {
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    watch();
    recover(&open_kind(instance, NodeKind::Camera), "before");
    let before = Held::now();
    let mut all: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for seed in seeds(10) {
        println!("seed {seed}");
        let device = open_kind(instance, NodeKind::Camera);
        let buf_type = device.capture_type().unwrap();
        let formats = device
            .formats(buf_type)
            .map(|format| format.unwrap().fourcc);
        let mut fuzz = Fuzz {
            rng: Rng::new(seed ^ 0x7374_6174_6573),
            device: &device,
            rival: open_kind(instance, NodeKind::Camera),
            instance,
            memory,
            formats: formats.collect(),
            udmabuf: Udmabuf::open().unwrap(),
            descriptors: Vec::new(),
            pages: Vec::new(),
            outcomes: BTreeMap::new(),
        };
        let mut state = State::Configured(Queue::new(&device, buf_type));
        for _ in 0..CALLS {
            step();
            state = fuzz.call(state);
        }
        drop(state);
        let outcomes = std::mem::take(&mut fuzz.outcomes);
        drop(fuzz);
        for (call, (done, refused)) in outcomes {
            let sum = all.entry(call).or_default();
            *sum = (sum.0 + done, sum.1 + refused);
        }
        // Buffers that a call past the queue has left belong to the handle: closing frees them.
        drop(device);
        recover(
            &open_kind(instance, NodeKind::Camera),
            &format!("seed {seed}"),
        );
        assert_eq!(Held::now(), before, "seed {seed}");
    }
    for (call, (done, refused)) in &all {
        println!("{call}: {done} done, {refused} refused");
    }
    for call in ["allocate", "stream on", "queue", "dequeue", "set format"] {
        let (done, refused) = all[call];
        assert!(done > 0 && refused > 0, "{call}: {done} {refused}");
    }
}

#[test]
fn queues_of_driver_memory_withstand_random_calls() {
    let test = "queues_of_driver_memory_withstand_random_calls";
    rounds(test, 0, Memory::Mmap);
}

#[test]
fn queues_of_lent_memory_withstand_random_calls() {
    let test = "queues_of_lent_memory_withstand_random_calls";
    rounds(test, 0, Memory::UserPtr);
}

#[test]
fn queues_of_imported_memory_withstand_random_calls() {
    let test = "queues_of_imported_memory_withstand_random_calls";
    rounds(test, 0, Memory::DmaBuf);
}

#[test]
fn multi_planar_queues_of_driver_memory_withstand_random_calls() {
    let test = "multi_planar_queues_of_driver_memory_withstand_random_calls";
    rounds(test, 1, Memory::Mmap);
}

#[test]
fn multi_planar_queues_of_lent_memory_withstand_random_calls() {
    let test = "multi_planar_queues_of_lent_memory_withstand_random_calls";
    rounds(test, 1, Memory::UserPtr);
}

#[test]
fn multi_planar_queues_of_imported_memory_withstand_random_calls() {
    let test = "multi_planar_queues_of_imported_memory_withstand_random_calls";
    rounds(test, 1, Memory::DmaBuf);
}
