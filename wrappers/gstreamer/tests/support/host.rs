//! Hosts in Rust.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use gst_video::prelude::*;
use rustix::event::{PollFd, PollFlags};
use videostream::Host;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::memfd;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::{deadline_in, now_ns, poll_until};
use videostream::share::{FramePublisher, HostBuilder};

use super::{shareable, until};

/// Frames out at once.
pub(crate) const LEND: u32 = 8;

/// A host with a thread that serves it. It says goodbye when dropped.
pub(crate) struct TestHost {
    publisher: Arc<Mutex<FramePublisher<()>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    files: HashMap<u32, File>,
}

impl TestHost {
    pub(crate) fn new(path: &str) -> Self {
        Self::with(Host::builder(path), LEND)
    }

    pub(crate) fn with(builder: HostBuilder, lend: u32) -> Self {
        let host = builder.max_outstanding(lend).bind().unwrap();
        let events = host.as_fd().try_clone_to_owned().unwrap();
        let publisher = Arc::new(Mutex::new(FramePublisher::new(host)));
        let ends = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (publisher, ends) = (publisher.clone(), ends.clone());
            move || serve(&publisher, &events, &ends)
        });
        Self {
            publisher,
            ends,
            thread: Some(thread),
            files: HashMap::new(),
        }
    }

    pub(crate) fn publisher(&self) -> MutexGuard<'_, FramePublisher<()>> {
        self.publisher.lock().unwrap()
    }

    /// Registers a memfd of so many bytes, all of them `fill`.
    pub(crate) fn memory(&mut self, size: usize, fill: u8) -> u32 {
        self.register(&vec![fill; size])
    }

    /// Registers a memfd with these bytes.
    pub(crate) fn register(&mut self, bytes: &[u8]) -> u32 {
        let fd = memfd::create(c"test", bytes.len()).unwrap();
        let file = File::from(fd);
        file.write_all_at(bytes, 0).unwrap();
        memfd::seal(&file, memfd::FIXED_SIZE).unwrap();
        let shared = OwnedFd::from(file.try_clone().unwrap());
        let size = bytes.len() as u64;
        let id = self.publisher().host_mut().register(shared, size).unwrap();
        self.files.insert(id, file);
        id
    }

    /// The inode of a registered memfd.
    pub(crate) fn inode(&self, id: u32) -> u64 {
        self.files[&id].metadata().unwrap().ino()
    }

    /// Writes into a registered memfd.
    pub(crate) fn write(&self, id: u32, bytes: &[u8]) {
        self.files[&id].write_all_at(bytes, 0).unwrap();
    }

    pub(crate) fn publish(&self, frame: &FrameDescriptor) -> u64 {
        let mut publisher = self.publisher();
        let serial = publisher
            .publish(frame, ())
            .map_err(|refused| refused.error);
        publisher.take_back(drop);
        serial.unwrap()
    }

    /// Publishes a frame that is taken and published now.
    pub(crate) fn publish_now(&self, frame: FrameDescriptor) -> u64 {
        let now = now_ns();
        self.publish(&FrameDescriptor {
            published_ns: now,
            timestamp_ns: match frame.timestamp_ns {
                0 => now,
                said => said,
            },
            ..frame
        })
    }

    /// Says goodbye.
    pub(crate) fn close(&self) {
        self.publisher().host_mut().close();
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.publisher().host().clients().count()
    }

    /// How many frames clients hold.
    pub(crate) fn held(&self) -> u32 {
        self.publisher()
            .host()
            .clients()
            .map(|client| client.held)
            .sum()
    }

    pub(crate) fn wait_for_clients(&self, count: usize) {
        until("so many clients", || self.clients() == count);
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(publisher: &Mutex<FramePublisher<()>>, events: &OwnedFd, ends: &AtomicBool) {
    while !ends.load(Ordering::SeqCst) {
        {
            let mut publisher = publisher.lock().unwrap();
            publisher.host_mut().process().unwrap();
            publisher.take_back(drop);
        }
        let slice = deadline_in(2_000_000);
        let _ = poll_until(&mut [PollFd::new(events, PollFlags::IN)], slice);
    }
}

/// A picture in memory: its lines are so many bytes longer than they have to be.
pub(crate) struct TestPicture {
    pub(crate) frame: FrameDescriptor,
    pub(crate) bytes: Vec<u8>,
}

impl TestPicture {
    pub(crate) fn new(fourcc: FourCc, width: u32, height: u32, padding: u32) -> Self {
        let tight = Layout::new(fourcc, width, height).unwrap();
        let mut frame = FrameDescriptor {
            fourcc: fourcc.0,
            width,
            height,
            duration_ns: 40_000_000,
            plane_count: tight.planes().len() as u32,
            ..Default::default()
        };
        let mut bytes = Vec::new();
        for (at, plane) in tight.planes().iter().enumerate() {
            let stride = plane.stride + padding;
            let lines = plane.size / plane.stride;
            frame.planes[at] = PlaneDescriptor {
                buffer: 0,
                offset: bytes.len() as u32,
                stride,
                size: lines * stride,
            };
            for y in 0..lines {
                bytes.extend((0..plane.stride).map(|x| pixel(at, x, y)));
                bytes.extend((0..padding).map(|_| 0xee));
            }
        }
        frame.bytes_used = bytes.len() as u32;
        Self { frame, bytes }
    }

    /// The descriptor for a buffer of a host.
    pub(crate) fn within(&self, buffer: u32) -> FrameDescriptor {
        let mut frame = self.frame;
        let count = frame.plane_count as usize;
        for plane in &mut frame.planes[..count] {
            plane.buffer = buffer;
        }
        frame
    }

    /// A buffer of a picture in memory that can be shared, each plane in memory of its own if they
    /// are to be apart.
    pub(crate) fn buffer(&self, format: &str, is_apart: bool) -> gst::Buffer {
        let picture = self;
        let mut buffer = gst::Buffer::new();
        let change = buffer.get_mut().unwrap();
        let memory = |bytes: &[u8]| {
            let mut memory = shareable(bytes.len(), 0)
                .into_mapped_memory_writable()
                .unwrap();
            memory.copy_from_slice(bytes);
            memory.into_memory()
        };
        let planes = picture.frame.planes();
        let mut offsets = Vec::new();
        for plane in planes {
            let begin = plane.offset as usize;
            if is_apart {
                change.append_memory(memory(&picture.bytes[begin..][..plane.size as usize]));
            }
            offsets.push(begin);
        }
        if !is_apart {
            change.append_memory(memory(&picture.bytes));
        }
        let strides: Vec<i32> = planes
            .iter()
            .map(|plane| plane.stride.cast_signed())
            .collect();
        gst_video::VideoMeta::add_full(
            change,
            gst_video::VideoFrameFlags::empty(),
            gst_video::VideoFormat::from_string(format),
            picture.frame.width,
            picture.frame.height,
            &offsets,
            &strides,
        )
        .unwrap();
        buffer
    }
}

/// The byte at a place of a plane of a test picture.
pub(crate) fn pixel(plane: usize, x: u32, y: u32) -> u8 {
    (x * 7 + y * 13 + plane as u32 * 101) as u8
}

/// Asserts that a picture of a pipeline is the test picture.
pub(crate) fn assert_is_test_picture(buffer: &gst::BufferRef, caps: &gst::CapsRef) {
    let info = gst_video::VideoInfo::from_caps(caps).unwrap();
    let picture = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).unwrap();
    let fourcc = FourCc::new(*match info.format() {
        gst_video::VideoFormat::Nv12 => b"NV12",
        gst_video::VideoFormat::I420 => b"YU12",
        gst_video::VideoFormat::Rgb => b"RGB3",
        gst_video::VideoFormat::Gray8 => b"GREY",
        other => panic!("{other:?}"),
    });
    let tight = Layout::new(fourcc, info.width(), info.height()).unwrap();
    for (at, plane) in tight.planes().iter().enumerate() {
        let bytes = picture.plane_data(at as u32).unwrap();
        let stride = picture.plane_stride()[at] as usize;
        for y in 0..plane.size / plane.stride {
            let line = &bytes[y as usize * stride..][..plane.stride as usize];
            for (x, byte) in line.iter().enumerate() {
                assert_eq!(*byte, pixel(at, x as u32, y), "plane {at}, {x} {y}");
            }
        }
    }
}
