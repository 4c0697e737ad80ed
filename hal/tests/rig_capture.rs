//! Capture from the kernel's virtual camera, single-planar: frames, and the memory they come in.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeSet;

use rustix::fd::AsFd;
use rustix::fs::fstat;
use videostream_hal::Call;
use videostream_hal::format::{Family, FourCc, Layout};
use videostream_hal::memory::{Access, Mapping, MemoryError};
use videostream_hal::time::{deadline_in, now_ns};
use videostream_hal::v4l2::camera::{Capture, negotiate};
use videostream_hal::v4l2::queue::Queue;
use videostream_hal::v4l2::{BufType, Error, ErrorKind, ExportAccess, TimestampClock};
use videostream_testing::{TIMEOUT_NS, on_the_rig};
use vivid::{open, patience, small, start, stream};

#[test]
fn every_driver_format_streams_as_the_table_says() {
    let Some(_turn) = on_the_rig("every_driver_format_streams_as_the_table_says") else {
        return;
    };
    let formats: Vec<FourCc> = open()
        .formats(BufType::VideoCapture)
        .map(|format| format.unwrap().fourcc)
        .collect();
    assert!(formats.len() > 40, "{formats:?}");
    for &fourcc in &formats {
        let info = fourcc
            .info()
            .unwrap_or_else(|| panic!("{fourcc} is not in the table"));
        let stream = start(open(), &small(&[fourcc]));
        let negotiated = stream.negotiated();
        let plane = negotiated.format.planes()[0];
        assert_eq!(negotiated.format.plane_count, 1, "{fourcc}");
        assert_eq!(
            negotiated.layout.planes[0].stride, plane.bytes_per_line,
            "{fourcc}"
        );
        assert_eq!(negotiated.layout.size, plane.size_image, "{fourcc}");
        assert_eq!(
            negotiated.layout,
            Layout::with_stride(fourcc, 320, 180, plane.bytes_per_line).unwrap()
        );
        assert_ne!(info.family, Family::Compressed);
        let buffers: Vec<_> = (0..stream.buffer_count())
            .map(|index| stream.export(index, 0, ExportAccess::ReadOnly).unwrap())
            .collect();
        for _ in 0..3 {
            let frame = stream.next_frame(patience()).unwrap();
            assert_eq!(frame.planes()[0].bytes_used, plane.size_image, "{fourcc}");
            let fd = &buffers[frame.index as usize];
            let picture = Mapping::new(fd, plane.size_image as usize, Access::Read).unwrap();
            assert!(has_picture(&picture), "{fourcc} is blank");
        }
    }
    println!("{} formats", formats.len());
}

/// Whether not all bytes are the same: the test picture has colour bars.
#[expect(unsafe_code, reason = "the memory of a frame is read in place")]
fn has_picture(mapping: &Mapping) -> bool {
    // SAFETY: the frame is dequeued, so that the driver does not write it.
    let bytes = unsafe { mapping.bytes() };
    bytes.iter().any(|byte| *byte != bytes[0])
}

#[test]
fn exported_buffers_are_distinct_and_guard_their_access() {
    let Some(_turn) = on_the_rig("exported_buffers_are_distinct_and_guard_their_access") else {
        return;
    };
    let stream = stream();
    let len = stream.memory_lengths()[0] as usize;
    let mut inodes = BTreeSet::new();
    for index in 0..stream.buffer_count() {
        let writable = stream.export(index, 0, ExportAccess::ReadWrite).unwrap();
        let read_only = stream.export(index, 0, ExportAccess::ReadOnly).unwrap();
        assert!(Mapping::new(&writable, len, Access::ReadWrite).is_ok());
        assert!(Mapping::new(&read_only, len, Access::Read).is_ok());
        assert!(matches!(
            Mapping::new(&read_only, len, Access::ReadWrite),
            Err(MemoryError::System {
                call: Call::Mmap,
                errno: rustix::io::Errno::ACCESS
            })
        ));
        assert!(
            rustix::io::fcntl_getfd(&writable)
                .unwrap()
                .contains(rustix::io::FdFlags::CLOEXEC)
        );
        let inode = fstat(&writable).unwrap().st_ino;
        assert!(
            inodes.insert(inode),
            "buffer {index} is another one's memory"
        );
    }
    let past = stream.export(stream.buffer_count(), 0, ExportAccess::ReadOnly);
    assert_eq!(past.unwrap_err().kind(), ErrorKind::InvalidArgument);
    let plane = stream.export(0, 1, ExportAccess::ReadOnly);
    assert_eq!(plane.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn exported_memory_outlives_stream_and_device() {
    let Some(_turn) = on_the_rig("exported_memory_outlives_stream_and_device") else {
        return;
    };
    let stream = stream();
    let len = stream.memory_lengths()[0] as usize;
    let frame = stream.next_frame(patience()).unwrap();
    let fd = stream
        .export(frame.index, 0, ExportAccess::ReadOnly)
        .unwrap();
    drop(frame);
    drop(stream);
    assert!(has_picture(&Mapping::new(&fd, len, Access::Read).unwrap()));
}

#[test]
fn sequence_and_time_grow_on_the_monotonic_clock() {
    let Some(_turn) = on_the_rig("sequence_and_time_grow_on_the_monotonic_clock") else {
        return;
    };
    let stream = stream();
    let mut first = None;
    let mut last = None;
    for _ in 0..10 {
        let frame = stream.next_frame(patience()).unwrap();
        first.get_or_insert((frame.sequence, frame.timestamp_ns));
        assert_eq!(frame.flags.clock(), TimestampClock::Monotonic);
        // The driver names the ideal moment of the frame, which may be a little ahead.
        assert!(frame.timestamp_ns.abs_diff(now_ns()) < TIMEOUT_NS);
        if let Some((sequence, timestamp)) = last {
            // vivid counts by the clock: late twice within a frame, it gives one number twice.
            assert!(frame.sequence >= sequence);
            assert!(frame.timestamp_ns >= timestamp);
        }
        last = Some((frame.sequence, frame.timestamp_ns));
    }
    let (Some(first), Some(last)) = (first, last) else {
        panic!("ten frames came");
    };
    assert!(last.0 > first.0 && last.1 > first.1, "{first:?} {last:?}");
    assert_eq!(stream.counters().delivered, 10);
}

#[test]
fn held_buffers_stay_out_until_they_are_given_back() {
    let Some(_turn) = on_the_rig("held_buffers_stay_out_until_they_are_given_back") else {
        return;
    };
    let stream = stream();
    let mut held = BTreeSet::new();
    for _ in 0..stream.buffer_count() {
        let index = stream.next_frame(patience()).unwrap().into_index();
        assert!(held.insert(index), "buffer {index} came while it was held");
    }
    assert_eq!(stream.queued(), 0);
    let nothing = stream.next_frame(Some(deadline_in(300_000_000)));
    assert!(
        matches!(
            nothing.as_ref().map_err(|e| e.kind()),
            Err(ErrorKind::TimedOut | ErrorKind::NotReady)
        ),
        "{nothing:?}"
    );
    drop(nothing);
    let back = *held.first().unwrap();
    stream.requeue(back).unwrap();
    let twice = stream.requeue(back).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::InvalidArgument);
    assert_eq!(stream.next_frame(patience()).unwrap().index, back);
}

#[test]
fn two_guards_may_be_out_at_once() {
    let Some(_turn) = on_the_rig("two_guards_may_be_out_at_once") else {
        return;
    };
    let stream = stream();
    let all = stream.queued();
    let first = stream.next_frame(patience()).unwrap();
    let second = stream.next_frame(patience()).unwrap();
    assert_ne!(first.index, second.index);
    assert_eq!(stream.queued(), all - 2);
    drop(first);
    drop(second);
    assert_eq!(stream.queued(), all);
}

#[test]
fn the_owner_of_the_buffers_keeps_others_out() {
    let Some(_turn) = on_the_rig("the_owner_of_the_buffers_keeps_others_out") else {
        return;
    };
    let owner = stream();
    let other = Capture::start(open(), &small(&[FourCc::NV12]), &mut |_| {});
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Busy);
    drop(owner);
    drop(start(open(), &small(&[FourCc::NV12])));
}

#[test]
fn memory_of_our_own_is_filled_by_the_camera() {
    let Some(_turn) = on_the_rig("memory_of_our_own_is_filled_by_the_camera") else {
        return;
    };
    use videostream_hal::memory::{memfd, udmabuf::Udmabuf};
    let device = open();
    let got = negotiate(&device, &small(&[FourCc::NV12]), &mut |_| {}).unwrap();
    let page = rustix::param::page_size();
    let len = (got.layout.size as usize).next_multiple_of(page);
    let mut queue = Queue::new(device, got.buf_type)
        .allocate_imported(3)
        .unwrap();
    let heap = Udmabuf::open().unwrap();
    let memory: Vec<_> = (0..queue.count())
        .map(|_| {
            let file = memfd::create(c"frame", len).unwrap();
            memfd::seal(&file, memfd::FIXED_SIZE).unwrap();
            heap.create(file.as_fd(), 0, len as u64).unwrap()
        })
        .collect();
    let error = queue.queue(0).unwrap_err();
    assert!(matches!(error, Error::Argument { value: 0, .. }), "{error}");
    for (index, memory) in (0..).zip(&memory) {
        queue.import(index, &[memory.as_fd()]).unwrap();
    }
    let queue = queue.queue_all_and_stream_on().unwrap();
    for _ in 0..6 {
        videostream_hal::v4l2::wait(
            queue.device().as_fd(),
            videostream_hal::v4l2::Ready::CAPTURE,
            patience(),
        )
        .unwrap();
        let done = queue.dequeue().unwrap();
        let index = done.buffer().index as usize;
        let picture = Mapping::new(&memory[index], len, Access::Read).unwrap();
        assert!(has_picture(&picture));
    }
    let queue = queue.stream_off().unwrap();
    assert_eq!(queue.queued(), 0);
    let queue = queue.free().unwrap();
    drop(queue.allocate(2).unwrap());
}
