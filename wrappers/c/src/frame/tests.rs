//! Tests from inside: what C programs cannot see.

use std::ffi::CString;
use std::os::fd::AsRawFd;

use rustix::io::{FdFlags, fcntl_getfd};
use videostream::hal::memory::memfd;

use super::*;

fn frame(width: u32, height: u32) -> Frame {
    let shape = Shape::new(width, height, 0, u32::from_le_bytes(*b"RGBA")).unwrap();
    Frame::new(shape, std::ptr::null_mut(), None)
}

#[test]
fn every_descriptor_is_close_on_exec() {
    let memory = memfd::create(c"test", 4096).unwrap();
    let name = CString::new(format!("/VSL_test_{}", std::process::id())).unwrap();
    let mut frame = frame(32, 32);
    let check = |frame: &Frame| {
        let flags = fcntl_getfd(frame.fd().unwrap()).unwrap();
        assert!(flags.contains(FdFlags::CLOEXEC));
    };
    frame.alloc(None).unwrap();
    check(&frame);
    frame.alloc(Some(&name)).unwrap();
    check(&frame);
    frame.attach(memory.as_raw_fd(), 0, 0).unwrap();
    check(&frame);
}

#[test]
fn a_failed_allocation_leaves_no_memory_and_no_object() {
    let name = CString::new(format!("/VSL_huge_{}", std::process::id())).unwrap();
    let shape = Shape::new(
        i32::MAX as u32,
        1 << 30,
        1 << 30,
        u32::from_le_bytes(*b"GREY"),
    );
    let mut frame = Frame::new(shape.unwrap(), std::ptr::null_mut(), None);
    assert!(frame.alloc(Some(&name)).is_err() || frame.size() == 1 << 60);
    frame.unalloc();
    assert!(frame.fd().is_none());
    assert!(frame.path().is_none());
    assert_eq!(frame.size(), 0);
    let gone = rustix::shm::open(&*name, rustix::shm::OFlags::RDWR, rustix::fs::Mode::empty());
    assert_eq!(gone.unwrap_err(), Errno::NOENT);
}

#[test]
fn memory_shorter_than_the_frame_is_not_mapped() {
    let memory = memfd::create(c"test", 4096).unwrap();
    let mut frame = frame(32, 33);
    frame.attach(memory.as_raw_fd(), 0, 0).unwrap();
    assert_eq!(frame.map().unwrap_err(), Errno::INVAL);
    frame.attach(memory.as_raw_fd(), 2048, 2048).unwrap();
    frame.map().unwrap();
    frame.attach(memory.as_raw_fd(), 2048, 2049).unwrap();
    assert_eq!(frame.map().unwrap_err(), Errno::INVAL);
    assert_eq!(
        frame.attach(memory.as_raw_fd(), usize::MAX, 2),
        Err(Errno::INVAL)
    );
}
