//! Buffers that are added, lent and mapped, and what a queue refuses of them.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]

mod vivid;

use std::collections::BTreeSet;

use rustix::fd::AsFd;
use videostream_hal::format::FourCc;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::memory::memfd;
use videostream_hal::v4l2::camera::negotiate;
use videostream_hal::v4l2::queue::{Configured, MAX_BUFFERS, Queue};
use videostream_hal::v4l2::{BufType, Device, Error, ErrorKind, Memory, PixFormat, Ready, wait};
use videostream_testing::on_the_rig;
use vivid::{open, patience, small};

fn configured() -> Queue<Device, Configured> {
    let device = open();
    let got = negotiate(&device, &small(&[FourCc::NV12]), &mut |_| {}).unwrap();
    Queue::new(device, got.buf_type)
}

#[test]
fn buffers_added_while_streaming_are_filled() {
    let Some(_turn) = on_the_rig("buffers_added_while_streaming_are_filled") else {
        return;
    };
    let mut queue = configured()
        .allocate(2)
        .unwrap()
        .queue_all_and_stream_on()
        .unwrap();
    let before = queue.count();
    let added = queue.add(2, None).unwrap();
    assert_eq!(added, before..before + 2);
    assert_eq!(queue.count(), before + 2);
    for index in added.clone() {
        queue.queue(index).unwrap();
    }
    let mut seen = BTreeSet::new();
    while !added.clone().all(|index| seen.contains(&index)) {
        wait(queue.device().as_fd(), Ready::CAPTURE, patience()).unwrap();
        let done = queue.dequeue().unwrap();
        assert!(done.buffer().planes()[0].bytes_used > 0);
        seen.insert(done.buffer().index);
    }
    let queue = queue.stream_off().unwrap().free().unwrap();
    // The device is as before.
    assert_eq!(queue.allocate(2).unwrap().count(), before);
}

#[test]
fn buffers_are_added_for_larger_formats_only() {
    let Some(_turn) = on_the_rig("buffers_are_added_for_larger_formats_only") else {
        return;
    };
    let mut queue = configured().allocate(2).unwrap();
    let present = queue.device().format(queue.buf_type()).unwrap();
    let mut large = present;
    large.planes[0].size_image *= 4;
    let added = queue.add(1, Some(&large)).unwrap();
    let length = |index| queue.query(index).unwrap().planes()[0].length;
    assert!(length(added.start) >= large.planes[0].size_image);
    assert!(length(0) < large.planes[0].size_image);
    let mut short = PixFormat::new(FourCc::NV12, present.width, present.height);
    short.planes[0].size_image = 1;
    let refused = queue.add(1, Some(&short)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
    let room = MAX_BUFFERS as u32 - queue.count();
    let many = queue.add(room + 1, None).unwrap_err();
    assert!(matches!(many, Error::Argument { .. }), "{many}");
}

#[test]
fn lent_pages_must_hold_the_picture_and_be_writable() {
    let Some(_turn) = on_the_rig("lent_pages_must_hold_the_picture_and_be_writable") else {
        return;
    };
    let mut queue = configured().allocate_user(2).unwrap();
    assert_eq!(queue.memory(), Memory::UserPtr);
    let len = queue.attached_len();
    assert!(len >= 320 * 180 * 3 / 2);
    let file = memfd::create(c"pages", len).unwrap();
    let pages = |len, access| Mapping::new(&file, len, access).unwrap();
    let nothing = queue.queue(0).unwrap_err();
    assert!(matches!(nothing, Error::Argument { .. }), "{nothing}");
    let short = pages(len - 1, Access::ReadWrite);
    assert!(queue.attach(0, short).is_err());
    assert!(queue.attach(0, pages(len, Access::Read)).is_err());
    let past = queue.attach(queue.count(), pages(len, Access::ReadWrite));
    assert!(past.is_err());
    let dma_buf = queue.import(0, &[file.as_fd()]).unwrap_err();
    assert!(matches!(dma_buf, Error::Argument { .. }), "{dma_buf}");
    queue.attach(0, pages(len, Access::ReadWrite)).unwrap();
    queue.queue(0).unwrap();
    assert_eq!(queue.attached(0).unwrap().len(), len);
    assert!(queue.attached(1).is_none());
}

#[test]
fn pages_of_a_buffer_outlive_its_queue() {
    let Some(_turn) = on_the_rig("pages_of_a_buffer_outlive_its_queue") else {
        return;
    };
    let queue = configured().allocate(2).unwrap();
    let pages = queue.map(0, 0, Access::ReadWrite).unwrap();
    assert_eq!(pages.len(), queue.lengths()[0] as usize);
    let plane = queue.map(0, 1, Access::Read).unwrap_err();
    assert!(matches!(plane, Error::Argument { value: 1, .. }), "{plane}");
    assert!(queue.map(queue.count(), 0, Access::Read).is_err());
    drop(queue);
    // SAFETY: the driver has forgotten the buffer.
    #[expect(unsafe_code, reason = "the bytes of a mapping")]
    let bytes = unsafe { pages.bytes() };
    assert!(bytes.len() >= 320 * 180 * 3 / 2);
    assert!(bytes.iter().step_by(4096).count() > 1);
    let imported = configured().allocate_imported(2).unwrap();
    assert!(imported.map(0, 0, Access::Read).is_err());
}

#[test]
fn queue_refuses_what_cannot_be() {
    let Some(_turn) = on_the_rig("queue_refuses_what_cannot_be") else {
        return;
    };
    let queue = Queue::new(open(), BufType::VideoCapture);
    let failed = queue.allocate(0).unwrap_err();
    assert!(matches!(failed.error, Error::Argument { value: 0, .. }));
    let failed = failed.queue.allocate(33).unwrap_err();
    assert!(matches!(failed.error, Error::Argument { value: 33, .. }));
    let queue = failed.queue.allocate(2).unwrap();
    assert!(queue.count() >= 2);
    let past = queue.queue(queue.count()).unwrap_err();
    assert_eq!(past.kind(), ErrorKind::InvalidArgument);
    let queue = queue.queue_all_and_stream_on().unwrap();
    let queue = queue.stream_off().unwrap();
    // Again, from the same buffers.
    drop(queue.queue_all_and_stream_on().unwrap());
}
