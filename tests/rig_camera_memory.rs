//! Every kind of memory that a camera fills, on the kernel's virtual cameras: the same pixels, and
//! descriptors that can be shared.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The first camera is single-planar, the second multi-planar.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2 timeout=600

use std::collections::BTreeSet;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use rustix::fs::fstat;
use videostream::camera::{CameraMemory, MemoryRefusal};
use videostream::hal::format::FourCc;
use videostream::hal::memory::{Access, Mapping, Origin, memfd};
use videostream::hal::time::deadline_in;
use videostream::hal::v4l2::{ExportAccess, NodeKind};
use videostream::source::Reader;
use videostream::{Camera, CameraError, CameraSource, CameraStream, devices};
use videostream_testing::{TIMEOUT, on_the_rig};

const ALL: [CameraMemory; 3] = [
    CameraMemory::Driver,
    CameraMemory::Imported,
    CameraMemory::Pages,
];

fn path(instance: u32) -> PathBuf {
    let bus = format!("platform:vivid-{instance:03}");
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.bus_info == bus && device.kind == NodeKind::Camera);
    found.unwrap().path.clone()
}

/// A picture that stands still.
fn still(instance: u32) -> Camera {
    let camera = Camera::open(path(instance)).unwrap();
    let set = [
        ("osd_text_mode", "none"),
        ("horizontal_movement", "no movement"),
        ("vertical_movement", "no movement"),
    ];
    camera.controls().set(&set).unwrap();
    camera.fps(60)
}

fn stream(instance: u32, fourcc: FourCc, memory: CameraMemory) -> CameraStream {
    let camera = still(instance).format(fourcc).size(320, 180);
    camera.memory(memory).start().unwrap()
}

/// The pixels of a few frames, row by row without padding.
fn pixels(stream: CameraStream) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(CameraSource::new(stream)).unwrap();
    let frames = (0..6).map(|_| {
        let deadline = deadline_in(TIMEOUT.as_nanos() as u64);
        let seen = reader.next(deadline, |_, picture| {
            let mut bytes = Vec::new();
            for plane in 0..picture.planes().len() {
                picture
                    .rows(plane)
                    .for_each(|row| bytes.extend_from_slice(row));
            }
            bytes
        });
        seen.unwrap().unwrap()
    });
    frames.collect()
}

#[test]
fn the_pixels_are_the_same_in_every_kind_of_memory() {
    let Some(_turn) = on_the_rig("the_pixels_are_the_same_in_every_kind_of_memory") else {
        return;
    };
    for (instance, fourcc) in [
        (0, FourCc::NV12),
        (0, FourCc::YUYV),
        (1, FourCc::NM12),
        (1, FourCc::YM12),
    ] {
        let first = pixels(stream(instance, fourcc, CameraMemory::Driver)).remove(0);
        assert!(first.iter().any(|byte| *byte != first[0]), "{fourcc}");
        for memory in ALL {
            for (at, frame) in pixels(stream(instance, fourcc, memory)).iter().enumerate() {
                assert!(*frame == first, "{fourcc} {memory} frame {at}");
            }
        }
    }
}

#[test]
fn every_buffer_has_descriptors_of_its_own_that_stay() {
    let Some(_turn) = on_the_rig("every_buffer_has_descriptors_of_its_own_that_stay") else {
        return;
    };
    for (instance, fourcc, planes) in [(0, FourCc::NV12, 1), (1, FourCc::NM12, 2)] {
        for memory in ALL {
            let mut stream = stream(instance, fourcc, memory);
            assert_eq!(stream.memory(), memory);
            match (memory, stream.origin()) {
                (CameraMemory::Driver, None) | (CameraMemory::Pages, Some(Origin::Memfd)) => {}
                (CameraMemory::Imported, Some(origin)) => assert!(origin.is_dma_buf()),
                (_, origin) => panic!("{memory}: {origin:?}"),
            }
            let mut inodes = BTreeSet::new();
            for buffer in stream.buffers() {
                assert_eq!(buffer.fds.len(), planes);
                for (fd, &len) in buffer.fds.iter().zip(&buffer.lengths) {
                    inodes.insert(fstat(fd).unwrap().st_ino);
                    let is_dma_buf = memory != CameraMemory::Pages;
                    assert_eq!(memfd::is_dma_buf(fd.as_fd()), is_dma_buf);
                    Mapping::new(fd, len as usize, Access::Read).unwrap();
                    if memory != CameraMemory::Imported {
                        // Nobody else writes what the camera fills.
                        assert!(Mapping::new(fd, len as usize, Access::ReadWrite).is_err());
                    }
                }
            }
            assert_eq!(inodes.len(), stream.buffers().len() * planes);
            for _ in 0..10 {
                let frame = stream.next_within(TIMEOUT).unwrap();
                assert_eq!(frame.plane_count, planes);
                stream.requeue(frame.index).unwrap();
            }
            // The same again, in new memory of the same kind.
            stream.renegotiate().unwrap();
            let frame = stream.next_within(TIMEOUT).unwrap();
            stream.requeue(frame.index).unwrap();
            assert_eq!(stream.buffers()[0].fds.len(), planes);
        }
    }
    let writable = still(0).size(320, 180).memory(CameraMemory::Pages);
    let writable = writable.access(ExportAccess::ReadWrite).start().unwrap();
    let buffer = &writable.buffers()[0];
    Mapping::new(
        &buffer.fds[0],
        buffer.lengths[0] as usize,
        Access::ReadWrite,
    )
    .unwrap();
}

#[test]
fn refused_memory_comes_with_advice() {
    let test = "refused_memory_comes_with_advice";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    // The fault of the driver that looks like a kind of memory that it does not know.
    let camera = still(0).size(320, 180).memory(CameraMemory::Pages);
    let fault = [("inject_vidioc_reqbufs_error", "1")];
    camera.controls().set(&fault).unwrap();
    let error = camera.start().unwrap_err();
    let text = error.to_string();
    let CameraError::Memory { memory, why, .. } = error else {
        panic!("{text}");
    };
    assert_eq!(
        (memory, *why),
        (CameraMemory::Pages, MemoryRefusal::NotTaken)
    );
    assert!(
        text.contains("no userptr memory") && text.contains("(mmap)"),
        "{text}"
    );

    let camera = still(0).size(320, 180).memory(CameraMemory::Imported);
    let fault = [("inject_vidioc_qbuf_error", "1")];
    camera.controls().set(&fault).unwrap();
    let text = camera.start().unwrap_err().to_string();
    assert!(
        text.contains("cannot access it") && text.contains("CMA"),
        "{text}"
    );
    // And nothing is left behind.
    drop(stream(0, FourCc::NV12, CameraMemory::Driver));
}
