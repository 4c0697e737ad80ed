//! Still pictures of a camera, through every memory type.
#![expect(
    unsafe_code,
    reason = "the memory of frames is read and written in place"
)]

use std::fmt;

use rustix::fd::{AsFd, OwnedFd};
use videostream_hal::memory::dmabuf::{CpuAccess, SyncAccess};
use videostream_hal::memory::heap::DmaHeap;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::memory::memfd;
use videostream_hal::memory::udmabuf::Udmabuf;
use videostream_hal::v4l2::queue::{Allocated, Queue, Streaming};
use videostream_hal::v4l2::{BufType, Buffer, Device, ExportAccess, Ready, wait};

use crate::vivid::{patience, set};

/// Where the frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// In the driver's memory, seen through a dma-buf.
    Exported,
    /// In the driver's memory, seen through a mapping of the device.
    Mapped,
    /// In pages of this process.
    UserPtr,
    /// In dma-bufs of ordinary pages.
    Udmabuf,
    /// In dma-bufs of the heap `system`.
    Heap,
}

impl fmt::Display for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exported => "exported",
            Self::Mapped => "mapped",
            Self::UserPtr => "userptr",
            Self::Udmabuf => "udmabuf",
            Self::Heap => "dma-heap",
        })
    }
}

/// Every kind of memory.
pub(crate) const KINDS: [Io; 5] = [Io::Exported, Io::Mapped, Io::UserPtr, Io::Udmabuf, Io::Heap];

/// Stops everything in the picture that moves.
pub(crate) fn hold_still(device: &Device) {
    set(device, "OSD Text Mode", 2);
    set(device, "Horizontal Movement", 3);
    set(device, "Vertical Movement", 3);
}

/// Lets the counters run again.
pub(crate) fn let_go(device: &Device) {
    set(device, "OSD Text Mode", 0);
}

/// What our own memory holds before the camera has written it.
const STALE: u8 = 0xa5;

/// Takes `count` frames in the format that the device has; of each all bytes of all planes.
pub(crate) fn capture(device: &Device, queue: BufType, io: Io, count: usize) -> Vec<Vec<u8>> {
    let (queue, memory) = allocate(device, queue, io);
    let queue = queue.queue_all_and_stream_on().unwrap();
    let frames = (0..count).map(|_| next(&queue, &memory)).collect();
    drop(queue.stream_off().unwrap());
    frames
}

/// The mappings of each buffer's planes; for memory that was lent the queue has them.
type Memory = Vec<Vec<(Mapping, Option<OwnedFd>)>>;

fn allocate(device: &Device, buf_type: BufType, io: Io) -> (Queue<&Device, Allocated>, Memory) {
    const BUFFERS: u32 = 3;
    let queue = Queue::new(device, buf_type);
    let mut queue = match io {
        Io::Exported | Io::Mapped => queue.allocate(BUFFERS),
        Io::UserPtr => queue.allocate_user(BUFFERS),
        Io::Udmabuf | Io::Heap => queue.allocate_imported(BUFFERS),
    }
    .unwrap();
    let lengths = queue.lengths().to_vec();
    let mut memory = Memory::new();
    for index in 0..queue.count() {
        let planes = (0..).zip(&lengths).filter_map(|(plane, &len)| match io {
            Io::Exported => {
                let fd = queue.export(index, plane, ExportAccess::ReadOnly).unwrap();
                let pages = Mapping::new(&fd, len as usize, Access::Read).unwrap();
                Some((pages, Some(fd)))
            }
            Io::Mapped => {
                let pages = queue.map(index, plane as usize, Access::Read).unwrap();
                Some((pages, None))
            }
            Io::UserPtr => None,
            Io::Udmabuf => Some(of(udmabuf(len as usize))),
            Io::Heap => {
                let heap = DmaHeap::open("system").unwrap();
                Some(of(heap.allocate(len.into()).unwrap()))
            }
        });
        let planes: Vec<_> = planes.collect();
        match io {
            Io::Exported | Io::Mapped => {}
            Io::UserPtr => {
                let len = queue.attached_len();
                queue.attach(index, stale(&plain(len), len)).unwrap();
            }
            Io::Udmabuf | Io::Heap => {
                let fds: Vec<_> = planes.iter().filter_map(|(_, fd)| fd.as_ref()).collect();
                let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
                queue.import(index, &fds).unwrap();
            }
        }
        memory.push(planes);
    }
    (queue, memory)
}

/// Ordinary pages.
fn plain(len: usize) -> OwnedFd {
    memfd::create(c"frame", len).unwrap()
}

fn udmabuf(len: usize) -> OwnedFd {
    let len = len.next_multiple_of(rustix::param::page_size());
    let file = plain(len);
    memfd::seal(&file, memfd::FIXED_SIZE).unwrap();
    let udmabuf = Udmabuf::open().unwrap();
    udmabuf.create(file.as_fd(), 0, len as u64).unwrap()
}

fn of(fd: OwnedFd) -> (Mapping, Option<OwnedFd>) {
    let len = videostream_hal::memory::mapping::file_size(&fd).unwrap();
    (stale(&fd, len as usize), Some(fd))
}

/// A mapping whose bytes are no picture.
fn stale(fd: &OwnedFd, len: usize) -> Mapping {
    let mut pages = Mapping::new(fd, len, Access::ReadWrite).unwrap();
    // SAFETY: nobody else has the memory yet.
    unsafe { pages.bytes_mut() }.unwrap().fill(STALE);
    pages
}

fn next(queue: &Queue<&Device, Streaming>, memory: &Memory) -> Vec<u8> {
    wait(queue.device().as_fd(), Ready::CAPTURE, patience()).unwrap();
    let done = queue.dequeue().unwrap();
    let buffer = done.buffer();
    let bytes = match queue.attached(buffer.index) {
        Some(pages) => picture(buffer, |plane| {
            // SAFETY: the buffer is dequeued, so that the driver does not write it.
            let bytes = unsafe { pages.bytes() };
            &bytes[queue.attached_offset(plane)..]
        }),
        None => {
            let planes = &memory[buffer.index as usize];
            let access: Vec<_> = planes
                .iter()
                .filter_map(|(_, fd)| fd.as_ref())
                .map(|fd| CpuAccess::begin(fd.as_fd(), SyncAccess::Read).unwrap())
                .collect();
            let bytes = picture(buffer, |plane| {
                // SAFETY: the buffer is dequeued, so that the driver does not write it.
                unsafe { planes[plane].0.bytes() }
            });
            for access in access {
                access.end().unwrap();
            }
            bytes
        }
    };
    done.requeue().unwrap();
    bytes
}

/// The valid bytes of all planes, one after another.
fn picture<'m>(buffer: &Buffer, memory: impl Fn(usize) -> &'m [u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, plane) in buffer.planes().iter().enumerate() {
        let used = plane.data_offset as usize..plane.bytes_used as usize;
        bytes.extend_from_slice(&memory(at)[used]);
    }
    bytes
}

/// Fails where two pictures differ, with the first byte that does.
pub(crate) fn assert_same_picture(what: &str, ours: &[u8], theirs: &[u8]) {
    // As a whole first: byte by byte takes long in a guest.
    if ours == theirs {
        return;
    }
    assert_eq!(ours.len(), theirs.len(), "{what}: length");
    if let Some(at) = ours.iter().zip(theirs).position(|(a, b)| a != b) {
        panic!("{what}: byte {at} is {} and not {}", ours[at], theirs[at]);
    }
}
