//! Hosts in Rust.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gst_video::prelude::*;
use videostream::Host;
use videostream::hal::format::{FourCc, Layout};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::time::now_ns;
use videostream::share::Lender;

use super::shareable;

/// A host with a thread that serves it.
pub(crate) struct TestHost {
    lender: Arc<Mutex<Lender<()>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TestHost {
    pub(crate) fn new(name: &str) -> Self {
        let host = Host::builder(name).lend(8).bind().unwrap();
        let lender = Arc::new(Mutex::new(Lender::new(host)));
        let ends = Arc::new(AtomicBool::new(false));
        let (served, is_over) = (lender.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                served.lock().unwrap().host_mut().process().unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self {
            lender,
            ends,
            thread: Some(thread),
        }
    }

    /// Registers memory with these bytes.
    pub(crate) fn register(&self, bytes: &[u8]) -> u32 {
        let size = bytes.len() as u64;
        let file = File::from(Allocator::memfd_only().allocate(size).unwrap().fd);
        file.write_all_at(bytes, 0).unwrap();
        let mut lender = self.lender.lock().unwrap();
        lender.host_mut().register(file.into(), size).unwrap()
    }

    /// Publishes a frame, of now if it does not say another time.
    pub(crate) fn publish(&self, mut frame: FrameDescriptor) {
        let now = now_ns();
        frame.published_ns = now;
        if frame.timestamp_ns == 0 {
            frame.timestamp_ns = now;
        }
        let mut lender = self.lender.lock().unwrap();
        lender.publish(&frame, ()).unwrap();
        lender.take_back(|()| ());
    }

    pub(crate) fn clients(&self) -> u32 {
        self.lender.lock().unwrap().host().status().clients
    }

    /// Says goodbye.
    pub(crate) fn close(&self) {
        self.lender.lock().unwrap().host_mut().close();
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
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

    /// A buffer of a picture in memory that can be shared, each plane in memory of its own if they are to be apart.
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
