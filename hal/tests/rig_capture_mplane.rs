//! Capture from the kernel's virtual camera through the multi-planar interface.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.
//!
//! rig: vivid.multiplanar=2

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeSet;

use rustix::fd::AsFd;
use rustix::fs::fstat;
use videostream_hal::format::FourCc;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::memory::{memfd, udmabuf::Udmabuf};
use videostream_hal::v4l2::camera::negotiate;
use videostream_hal::v4l2::queue::Queue;
use videostream_hal::v4l2::{BufType, Caps, ErrorKind, ExportAccess, Ready, wait};
use videostream_testing::on_the_rig;
use vivid::{open, patience, small, start};

#[test]
fn every_mplane_format_streams_as_the_table_says() {
    let Some(_turn) = on_the_rig("every_mplane_format_streams_as_the_table_says") else {
        return;
    };
    let camera = open();
    assert!(
        camera
            .capabilities()
            .caps()
            .contains(Caps::VIDEO_CAPTURE_MPLANE)
    );
    let formats: Vec<FourCc> = camera
        .formats(BufType::VideoCaptureMplane)
        .map(|format| format.unwrap().fourcc)
        .collect();
    drop(camera);
    assert!(formats.contains(&FourCc::NM12), "{formats:?}");
    let mut offsets = 0;
    for &fourcc in &formats {
        let info = fourcc
            .info()
            .unwrap_or_else(|| panic!("{fourcc} is not in the table"));
        let stream = start(open(), &small(&[fourcc]));
        let negotiated = stream.negotiated();
        let layout = negotiated.layout;
        assert_eq!(
            negotiated.format.plane_count,
            info.memory_planes(),
            "{fourcc}"
        );
        assert_eq!(layout.memory_planes(), info.memory_planes(), "{fourcc}");
        assert_eq!(
            stream.memory_lengths().len(),
            info.memory_planes(),
            "{fourcc}"
        );
        for _ in 0..3 {
            let frame = stream.next_frame(patience()).unwrap();
            assert_eq!(frame.planes().len(), info.memory_planes(), "{fourcc}");
            for (memory, plane) in (0..).zip(frame.planes()) {
                assert_eq!(
                    plane.bytes_used - plane.data_offset,
                    layout.memory_size(memory),
                    "{fourcc} memory plane {memory}"
                );
                assert!(plane.length >= plane.bytes_used);
                offsets += usize::from(plane.data_offset > 0);
            }
        }
    }
    assert!(offsets > 0, "no format has a data offset");
    println!("{} formats", formats.len());
}

#[test]
fn each_plane_of_each_buffer_is_memory_of_its_own() {
    let Some(_turn) = on_the_rig("each_plane_of_each_buffer_is_memory_of_its_own") else {
        return;
    };
    let stream = start(open(), &small(&[FourCc::YM12]));
    let mut inodes = BTreeSet::new();
    for index in 0..stream.buffer_count() {
        for plane in 0..3 {
            let fd = stream
                .export(index, plane, ExportAccess::ReadWrite)
                .unwrap();
            let len = stream.memory_lengths()[plane as usize] as usize;
            assert!(Mapping::new(&fd, len, Access::ReadWrite).is_ok());
            assert!(inodes.insert(fstat(&fd).unwrap().st_ino));
        }
        let past = stream.export(index, 3, ExportAccess::ReadWrite);
        assert_eq!(past.unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn each_plane_is_filled_in_memory_of_our_own() {
    let Some(_turn) = on_the_rig("each_plane_is_filled_in_memory_of_our_own") else {
        return;
    };
    let device = open();
    let got = negotiate(&device, &small(&[FourCc::NM12]), &mut |_| {}).unwrap();
    let mut queue = Queue::new(device, got.buf_type)
        .allocate_imported(3)
        .unwrap();
    assert_eq!(queue.plane_count(), 2);
    let heap = Udmabuf::open().unwrap();
    let page = rustix::param::page_size();
    let plane = |size: u32| {
        let len = (size as usize).next_multiple_of(page);
        let file = memfd::create(c"plane", len).unwrap();
        memfd::seal(&file, memfd::FIXED_SIZE).unwrap();
        heap.create(file.as_fd(), 0, len as u64).unwrap()
    };
    for index in 0..queue.count() {
        let memory = got.format.planes().iter().map(|p| plane(p.size_image));
        let memory: Vec<_> = memory.collect();
        let one = queue.import(index, &[memory[0].as_fd()]).unwrap_err();
        assert_eq!(one.kind(), ErrorKind::InvalidArgument);
        queue
            .import(index, &[memory[0].as_fd(), memory[1].as_fd()])
            .unwrap();
    }
    let queue = queue.queue_all_and_stream_on().unwrap();
    for _ in 0..5 {
        wait(queue.device().as_fd(), Ready::CAPTURE, patience()).unwrap();
        let done = queue.dequeue().unwrap();
        assert_eq!(done.buffer().planes().len(), 2);
        assert!(
            done.buffer()
                .planes()
                .iter()
                .all(|plane| plane.bytes_used > 0)
        );
        done.requeue().unwrap();
    }
}
