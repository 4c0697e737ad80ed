//! Memory of frames: where it is, and how long it lives.

use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;

use gst_allocators::{DmaBufMemory, FdMemory};
use gst_video::{VideoFormat, VideoMeta};
use std::sync::mpsc::TryRecvError;

use videostream::hal::format::FourCc;
use videostream::hal::memory::allocate::Origin;
use videostream::hal::time::deadline_in;
use videostream::{FrameRate, Host, PatternSource, Stream, TestPattern};
use videostream_testing::skip;

use crate::host::{PICTURE, frame, host, picture, socket};
use crate::reader::Reader;
use crate::support::until;

/// The inode that a memory is of.
fn inode(memory: &gst::MemoryRef) -> u64 {
    let memory = memory.downcast_memory_ref::<FdMemory>();
    let fd = memory.expect("a file's memory").fd();
    #[expect(unsafe_code, reason = "GStreamer has descriptors as numbers")]
    // SAFETY: the memory keeps it open.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let file = std::fs::File::from(fd.try_clone_to_owned().unwrap());
    file.metadata().unwrap().ino()
}

#[test]
fn frames_are_not_copied() {
    let (_folder, path, mut host) = host();
    let ids = [host.memory(PICTURE, 11), host.memory(PICTURE, 22)];
    let mut reader = Reader::playing(&path, &[]);
    for (id, fill) in [(ids[0], 11), (ids[1], 22), (ids[0], 11)] {
        host.publish(&picture(id));
        let buffer = reader.pull();
        assert_eq!(buffer.n_memory(), 1);
        let memory = buffer.peek_memory(0);
        assert_eq!(inode(memory), host.inode(id));
        assert!(!memory.is_memory_type::<DmaBufMemory>());
        assert_eq!(buffer.map_readable().unwrap().as_slice(), [fill; PICTURE]);
    }
    assert_eq!(reader.stats("copied"), 0);
}

#[test]
fn a_buffer_of_the_ring_is_mapped_once() {
    let (_folder, path, mut host) = host();
    let id = host.memory(PICTURE, 1);
    let mut reader = Reader::playing(&path, &[]);
    let addresses = [(); 3].map(|()| {
        host.publish(&picture(id));
        let buffer = reader.pull();
        buffer.map_readable().unwrap().as_ptr().addr()
    });
    assert_eq!(addresses, [addresses[0]; 3]);
}

#[test]
fn frames_are_read_only() {
    let (_folder, path, mut host) = host();
    let id = host.memory(PICTURE, 5);
    let mut reader = Reader::playing(&path, &[]);
    host.publish(&picture(id));
    let mut buffer = reader.pull();
    let change = buffer.make_mut();
    change.map_writable().unwrap().fill(9);
    assert_eq!(buffer.map_readable().unwrap()[0], 9);
    // What was written is a private copy.
    host.publish(&picture(id));
    let again = reader.pull();
    assert_eq!(again.map_readable().unwrap()[0], 5);
}

#[test]
fn the_hold_ends_with_the_last_reference() {
    let (_folder, path, mut host) = host();
    let id = host.memory(PICTURE, 1);
    let mut reader = Reader::playing(&path, &[]);
    host.publish(&picture(id));
    let buffer = reader.pull();
    assert_eq!(host.held(), 1);
    let memory = buffer.memory(0).unwrap();
    drop(buffer);
    assert_eq!(host.held(), 1, "the memory keeps the frame");
    drop(memory);
    assert_eq!(host.held(), 0);
}

#[test]
fn a_copied_region_keeps_the_frame() {
    let (_folder, path, mut host) = host();
    let id = host.memory(PICTURE, 1);
    let mut reader = Reader::playing(&path, &[]);
    let memory = gst::BufferCopyFlags::MEMORY;
    for range in [0..PICTURE, 16..32] {
        host.publish(&picture(id));
        let buffer = reader.pull();
        let region = buffer.copy_region(memory, range.clone()).unwrap();
        drop(buffer);
        assert_eq!(inode(region.peek_memory(0)), host.inode(id));
        assert_eq!(host.held(), 1, "{range:?}");
        let part = region.copy_region(memory, 2..4).unwrap();
        drop(region);
        assert_eq!(host.held(), 1, "a part of a part of {range:?}");
        drop(part);
        assert_eq!(host.held(), 0);
    }
}

#[test]
fn merged_regions_keep_the_frame() {
    let (_folder, path, mut host) = host();
    let id = host.memory(PICTURE, 7);
    let mut reader = Reader::playing(&path, &[]);
    host.publish(&picture(id));
    let buffer = reader.pull();
    let part = |range| buffer.copy_region(gst::BufferCopyFlags::MEMORY, range);
    let (mut first, second) = (part(0..16).unwrap(), part(16..32).unwrap());
    first.append(second);
    drop(buffer);
    {
        let bytes = first.map_readable().unwrap();
        assert_eq!(bytes.as_slice(), [7; 32]);
        // A mapping shows the frame, or a copy of it.
        let is_kept = host.held() == 1 || !is_of_a_file(&first);
        assert!(is_kept, "{first:?}");
    }
    drop(first);
    assert_eq!(host.held(), 0);
}

fn is_of_a_file(buffer: &gst::BufferRef) -> bool {
    let mut memories = buffer.iter_memories();
    memories.any(|memory| memory.is_memory_type::<FdMemory>())
}

#[test]
fn video_meta_describes_padded_planes() {
    let (_folder, path, mut host) = host();
    let id = host.memory(128 * 64, 1);
    let mut reader = Reader::playing(&path, &[]);
    let mut padded = picture(id);
    let size = |lines: u32| 128 * lines;
    for (plane, (offset, lines)) in padded
        .planes
        .iter_mut()
        .zip([(256, 32), (256 + 128 * 34, 16)])
    {
        (plane.offset, plane.stride, plane.size) = (offset, 128, size(lines));
    }
    host.publish(&padded);
    let buffer = reader.pull();
    let meta = buffer.meta::<VideoMeta>().unwrap();
    assert_eq!(meta.format(), VideoFormat::Nv12);
    assert_eq!(meta.stride(), [128, 128]);
    assert_eq!(meta.offset(), [0, 128 * 34]);
    assert_eq!(inode(buffer.peek_memory(0)), host.inode(id));
}

#[test]
fn planes_in_several_buffers_are_separate_memories() {
    let (_folder, path, mut host) = host();
    let (luma, chroma) = (host.memory(2048, 33), host.memory(1024, 44));
    let mut reader = Reader::playing(&path, &[]);
    let mut separate = frame(FourCc::NM12, 64, 32, luma);
    separate.planes[1].buffer = chroma;
    host.publish(&separate);
    let buffer = reader.pull();
    assert_eq!(buffer.n_memory(), 2);
    let inodes = [0, 1].map(|at| inode(buffer.peek_memory(at)));
    assert_eq!(inodes, [luma, chroma].map(|id| host.inode(id)));
    let info = gst_video::VideoInfo::from_caps(&reader.caps()).unwrap();
    {
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(&buffer, &info).unwrap();
        assert_eq!(frame.plane_data(0).unwrap()[0], 33);
        assert_eq!(frame.plane_data(1).unwrap()[0], 44);
    }
    let first = buffer.memory(0).unwrap();
    drop(buffer);
    assert_eq!(host.held(), 1, "one of them keeps the frame");
    drop(first);
    assert_eq!(host.held(), 0);
}

#[test]
fn odd_strides_are_copied_without_video_meta() {
    let (_folder, path, mut host) = host();
    let id = host.memory(128 * 64, 8);
    let element = crate::reader::with_properties(&[]);
    gst::prelude::ObjectExt::set_property(&element, "path", &path);
    let mut harness = gst_check::Harness::with_element(&element, None, Some("src"));
    harness.use_systemclock();
    harness.play();
    let mut padded = picture(id);
    for (plane, (offset, lines)) in padded.planes.iter_mut().zip([(0, 32), (128 * 32, 16)]) {
        (plane.offset, plane.stride, plane.size) = (offset, 128, 128 * lines);
    }
    host.publish(&padded);
    let buffer = harness.pull().unwrap();
    assert_eq!(buffer.size(), PICTURE);
    assert_eq!(buffer.map_readable().unwrap().as_slice(), [8; PICTURE]);
    until("the frame is back", || host.held() == 0);
}

#[test]
fn every_raw_format_flows() {
    let (_folder, path, mut host) = host();
    let id = host.memory(64 * 32 * 4, 3);
    let mut reader = Reader::playing(&path, &[]);
    let old = [*b"RGBX", *b"BGRX", *b"RGB3", *b"BGR3"].map(FourCc::new);
    let others = [
        FourCc::NV12,
        FourCc::YU12,
        FourCc::YUYV,
        FourCc::UYVY,
        FourCc::AR24,
        FourCc::AB24,
        FourCc::XR24,
        FourCc::XB24,
        FourCc::GREY,
        FourCc::NV16,
        FourCc::YV12,
        FourCc::P010,
        FourCc::Y16,
    ];
    for fourcc in old.into_iter().chain(others) {
        let like = match fourcc.to_string().as_str() {
            "RGBX" | "BGRX" => FourCc::XR24,
            _ => fourcc,
        };
        let mut frame = frame(like, 64, 32, id);
        frame.fourcc = fourcc.0;
        host.publish(&frame);
        let buffer = reader.pull();
        let info = gst_video::VideoInfo::from_caps(&reader.caps()).unwrap();
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(&buffer, &info);
        assert_eq!(frame.unwrap().plane_data(0).unwrap()[0], 3, "{fourcc}");
        assert_eq!(buffer.size(), info.size(), "{fourcc}");
    }
}

/// The pattern in dma-bufs; skips the test without dma-bufs.
fn dma_buf_stream(test: &str, path: &str) -> Option<Stream<PatternSource>> {
    let rate = FrameRate::fps(100).unwrap();
    let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
    let source = PatternSource::new(pattern, 8).unwrap();
    if !source.origin().is_some_and(Origin::is_dma_buf) {
        skip(test, &source.memory().unwrap().to_string());
        return None;
    }
    Some(Stream::new(Host::builder(path), source).unwrap())
}

#[test]
fn dma_bufs_stay_dma_bufs() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = socket(&folder);
    for (sink, feature) in [
        ("video/x-raw", "memory:SystemMemory"),
        ("video/x-raw(memory:DMABuf)", "memory:DMABuf"),
    ] {
        let Some(mut stream) = dma_buf_stream("dma_bufs_stay_dma_bufs", &path) else {
            return;
        };
        let (ended, ends) = std::sync::mpsc::channel();
        let host = std::thread::spawn(move || {
            while let Err(TryRecvError::Empty) = ends.try_recv() {
                stream.step(deadline_in(1_000_000)).unwrap();
            }
        });
        let mut reader = Reader::new(&path, &[]);
        reader.harness.set_sink_caps_str(sink);
        reader.harness.play();
        let buffer = reader.pull();
        assert!(buffer.peek_memory(0).is_memory_type::<DmaBufMemory>());
        let caps = reader.caps();
        assert_eq!(caps.features(0).unwrap().to_string(), feature);
        drop(reader);
        ended.send(()).unwrap();
        host.join().unwrap();
    }
}

#[test]
fn files_are_not_offered_as_dma_bufs() {
    let (_folder, path, mut host) = host();
    let id = host.memory(PICTURE, 1);
    host.publish(&picture(id));
    let mut reader = Reader::new(&path, &[]);
    let only = "video/x-raw(memory:DMABuf)";
    reader.harness.set_sink_caps_str(only);
    reader.harness.play();
    let error = reader.error();
    assert!(error.contains(only), "{error}");
}
