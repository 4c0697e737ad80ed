//! dma-heap, udmabuf and dma-buf on a kernel that has them.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.

#![cfg(target_os = "linux")]

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{SealFlags, ftruncate};
use rustix::io::{Errno, FdFlags, dup, fcntl_getfd};
use rustix::ioctl::{Setter, ioctl};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::param::page_size;
use videostream_hal::memory::allocate::{Allocator, Origin, Report};
use videostream_hal::memory::dmabuf::{self, CpuAccess, SyncAccess};
use videostream_hal::memory::heap::{ANY_HEAP, DmaHeap};
use videostream_hal::memory::mapping::{Access, Mapping, file_size};
use videostream_hal::memory::udmabuf::Udmabuf;
use videostream_hal::memory::{MemoryError, physical_address};
use videostream_hal::memory::{memfd, udmabuf};
use videostream_sys::udmabuf::{UDMABUF_CREATE, UDMABUF_FLAGS_CLOEXEC, udmabuf_create};
use videostream_testing::on_the_rig;

fn system_heap() -> DmaHeap {
    DmaHeap::open("system").unwrap()
}

fn page() -> u64 {
    u64::try_from(page_size()).unwrap()
}

fn udmabuf_of(len: u64) -> OwnedFd {
    let memory = memfd::create(c"rig", usize::try_from(len).unwrap()).unwrap();
    memfd::seal(&memory, memfd::FIXED_SIZE).unwrap();
    Udmabuf::open()
        .unwrap()
        .create(memory.as_fd(), 0, len)
        .unwrap()
}

/// What every new buffer must be: a close-on-exec dma-buf of the right size, zeroed, mappable for
/// writing, the same memory through every descriptor.
fn is_a_fresh_dma_buf(fd: &OwnedFd, len: u64) {
    assert!(memfd::is_dma_buf(fd.as_fd()));
    assert!(fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
    assert_eq!(file_size(fd).unwrap(), len);
    let len = usize::try_from(len).unwrap();
    assert!(matches!(
        Mapping::new(fd, len + 1, Access::Read),
        Err(MemoryError::OutOfBounds { .. })
    ));

    let mut first = Mapping::new(fd, len, Access::ReadWrite).unwrap();
    let access = CpuAccess::begin(fd.as_fd(), SyncAccess::ReadWrite).unwrap();
    assert!(access.is_bracketed());
    // SAFETY: the buffer is new and known to this test alone, and one slice lives at a time.
    #[expect(unsafe_code, reason = "the bytes of a mapping")]
    let bytes = unsafe { first.bytes_mut() }.unwrap();
    assert!(bytes.iter().all(|&byte| byte == 0), "not zeroed");
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::try_from(place % 251).unwrap();
    }
    access.end().unwrap();

    let copy = dup(fd).unwrap();
    assert_eq!(
        dmabuf::identity(fd.as_fd()).unwrap(),
        dmabuf::identity(copy.as_fd()).unwrap()
    );
    let second = Mapping::new(&copy, len, Access::Read).unwrap();
    let access = CpuAccess::begin(copy.as_fd(), SyncAccess::Read).unwrap();
    // SAFETY: nobody writes any more.
    #[expect(unsafe_code, reason = "the bytes of a mapping")]
    let bytes = unsafe { second.bytes() };
    assert!(
        bytes
            .iter()
            .enumerate()
            .all(|(place, &byte)| usize::from(byte) == place % 251)
    );
    access.end().unwrap();
}

#[test]
fn heaps_are_listed_and_the_system_heap_is_among_them() {
    let test = "heaps_are_listed_and_the_system_heap_is_among_them";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let heap = system_heap();
    assert_eq!(heap.name().as_str(), "system");
    let names = DmaHeap::available().unwrap();
    assert!(
        names.iter().any(|name| name.as_str() == "system"),
        "{names:?}"
    );
}

#[test]
fn a_heap_gives_zeroed_buffers_of_whole_pages() {
    let test = "a_heap_gives_zeroed_buffers_of_whole_pages";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let heap = system_heap();
    is_a_fresh_dma_buf(&heap.allocate(3 * page()).unwrap(), 3 * page());
    let rounded = heap.allocate(page() + 1).unwrap();
    assert_eq!(file_size(&rounded).unwrap(), 2 * page());
    let refusal = heap.allocate(0).unwrap_err();
    assert_eq!(refusal.errno(), Errno::INVAL);
}

#[test]
fn the_first_heap_of_a_list_that_exists_is_opened() {
    let test = "the_first_heap_of_a_list_that_exists_is_opened";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let heap = DmaHeap::open_first(&["no-such-heap", "system"]).unwrap();
    assert_eq!(heap.name().as_str(), "system");
    let error = DmaHeap::open_first(&["no-such-heap"]).unwrap_err();
    assert_eq!(error.errno(), Errno::NOENT);
}

#[test]
fn udmabuf_gives_the_memfds_own_pages() {
    let Some(_turn) = on_the_rig("udmabuf_gives_the_memfds_own_pages") else {
        return;
    };
    let len = usize::try_from(4 * page()).unwrap();
    let memory = memfd::create(c"rig", len).unwrap();
    memfd::seal(&memory, SealFlags::SHRINK).unwrap();
    let part = Udmabuf::open()
        .unwrap()
        .create(memory.as_fd(), page(), 2 * page())
        .unwrap();
    is_a_fresh_dma_buf(&part, 2 * page());
    let whole = Mapping::new(&memory, len, Access::Read).unwrap();
    // SAFETY: nobody writes any more.
    #[expect(unsafe_code, reason = "the bytes of a mapping")]
    let bytes = unsafe { whole.bytes() };
    let start = page_size();
    assert_eq!(bytes[start - 1], 0);
    assert_eq!(bytes[start..start + 4], [0, 1, 2, 3]);
}

/// What the kernel itself says to a memfd with these seals, our checks left out.
#[expect(unsafe_code, reason = "the request is made without the checks")]
fn kernel_says(memory: &OwnedFd) -> Result<(), Errno> {
    use rustix::fd::AsRawFd as _;
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let device = open(udmabuf::UDMABUF_NODE, flags, Mode::empty()).unwrap();
    let argument = udmabuf_create {
        memfd: memory.as_raw_fd().cast_unsigned(),
        flags: UDMABUF_FLAGS_CLOEXEC,
        offset: 0,
        size: page(),
    };
    // SAFETY: the struct is the argument type of the code.
    let request = unsafe { Setter::<UDMABUF_CREATE, udmabuf_create>::new(argument) };
    // SAFETY: the kernel reads the argument; a descriptor that it answers is left to the
    // process's end.
    unsafe { ioctl(&device, request) }
}

#[test]
fn the_kernel_refuses_the_seals_that_we_refuse() {
    let Some(_turn) = on_the_rig("the_kernel_refuses_the_seals_that_we_refuse") else {
        return;
    };
    let device = Udmabuf::open().unwrap();
    let make = |seals: SealFlags| {
        let memory = memfd::create(c"rig", page_size()).unwrap();
        memfd::seal(&memory, seals).unwrap();
        let ours = device.create(memory.as_fd(), 0, page()).map(drop);
        (ours, kernel_says(&memory))
    };
    let (fits, refused) = (SealFlags::SHRINK, Err(Errno::INVAL));
    assert_eq!(make(fits), (Ok(()), Ok(())));
    assert_eq!(make(fits | SealFlags::SEAL), (Ok(()), Ok(())));
    assert_eq!(
        make(SealFlags::GROW),
        (Err(MemoryError::MayShrink), refused)
    );
    for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
        assert_eq!(make(fits | seal), (Err(MemoryError::WriteSealed), refused));
    }
}

#[test]
fn udmabuf_refuses_partial_pages() {
    let Some(_turn) = on_the_rig("udmabuf_refuses_partial_pages") else {
        return;
    };
    let device = Udmabuf::open().unwrap();
    let memory = memfd::create(c"rig", 4 * page_size()).unwrap();
    memfd::seal(&memory, SealFlags::SHRINK).unwrap();
    for (offset, size) in [(0, 0), (1, page()), (0, page() + 1), (page(), 4 * page())] {
        let refusal = device.create(memory.as_fd(), offset, size).unwrap_err();
        assert_eq!(
            refusal,
            MemoryError::UdmabufCreate {
                offset,
                size,
                errno: Errno::INVAL
            }
        );
    }
}

#[test]
fn a_udmabuf_outlives_its_memfd() {
    let Some(_turn) = on_the_rig("a_udmabuf_outlives_its_memfd") else {
        return;
    };
    let buffer = udmabuf_of(8 * page());
    is_a_fresh_dma_buf(&buffer, 8 * page());
    assert!(memfd::cannot_shrink(buffer.as_fd()));
    assert!(ftruncate(&buffer, 0).is_err());
}

#[test]
fn a_name_shows_in_fdinfo() {
    let Some(_turn) = on_the_rig("a_name_shows_in_fdinfo") else {
        return;
    };
    use rustix::fd::AsRawFd as _;
    let buffer = udmabuf_of(page());
    dmabuf::set_name(buffer.as_fd(), "thirty-one bytes are just right").unwrap();
    let path = format!("/proc/self/fdinfo/{}", buffer.as_raw_fd());
    let info = std::fs::read_to_string(path).unwrap();
    assert!(
        info.contains("name:\tthirty-one bytes are just right"),
        "{info}"
    );
}

#[test]
fn an_idle_buffer_exports_a_signalled_fence() {
    let Some(_turn) = on_the_rig("an_idle_buffer_exports_a_signalled_fence") else {
        return;
    };
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let buffer = udmabuf_of(page());
    let fence = dmabuf::export_sync_file(buffer.as_fd(), SyncAccess::Write).unwrap();
    assert!(fcntl_getfd(&fence).unwrap().contains(FdFlags::CLOEXEC));
    let mut polled = [PollFd::new(&fence, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    assert_eq!(poll(&mut polled, Some(&at_once)).unwrap(), 1);
    dmabuf::import_sync_file(buffer.as_fd(), fence.as_fd(), SyncAccess::Write).unwrap();
    let no_fence = dmabuf::import_sync_file(buffer.as_fd(), buffer.as_fd(), SyncAccess::Read);
    assert_eq!(no_fence.unwrap_err().errno(), Errno::INVAL);
}

#[test]
fn cpu_access_can_be_nested_and_ends_on_drop() {
    let Some(_turn) = on_the_rig("cpu_access_can_be_nested_and_ends_on_drop") else {
        return;
    };
    let buffer = udmabuf_of(page());
    let outer = CpuAccess::begin(buffer.as_fd(), SyncAccess::Read).unwrap();
    drop(CpuAccess::begin(buffer.as_fd(), SyncAccess::Write).unwrap());
    outer.end().unwrap();
    let again = CpuAccess::begin(buffer.as_fd(), SyncAccess::ReadWrite).unwrap();
    assert!(again.is_bracketed());
}

#[test]
fn a_mainline_kernel_tells_no_physical_address() {
    let Some(_turn) = on_the_rig("a_mainline_kernel_tells_no_physical_address") else {
        return;
    };
    assert_eq!(
        physical_address(udmabuf_of(page()).as_fd()),
        Err(MemoryError::NoPhysicalAddress {
            node: Errno::NOENT,
            request: Errno::NOTTY
        })
    );
}

#[test]
fn the_automatic_choice_takes_a_heap_first() {
    let test = "the_automatic_choice_takes_a_heap_first";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let heap = system_heap();
    let len = 3 * page();
    let best = Allocator::with_heaps(&["system"]).allocate(len).unwrap();
    let taken = Some(Origin::DmaHeap(heap.name()));
    assert_eq!(
        best.report,
        Report {
            taken,
            ..Report::default()
        }
    );
    is_a_fresh_dma_buf(&best.fd, len);
    let any = Allocator::with_heaps(ANY_HEAP).allocate(len).unwrap();
    assert!(
        matches!(any.report.taken, Some(Origin::DmaHeap(_))),
        "{}",
        any.report
    );
}

#[test]
fn without_a_heap_the_automatic_choice_takes_udmabuf() {
    let Some(_turn) = on_the_rig("without_a_heap_the_automatic_choice_takes_udmabuf") else {
        return;
    };
    let len = 3 * page();
    let second = Allocator::with_heaps(&["no-such-heap"])
        .allocate(len)
        .unwrap();
    let expected = Report {
        taken: Some(Origin::Udmabuf),
        dma_heap: Some(Errno::NOENT),
        ..Report::default()
    };
    assert_eq!(second.report, expected);
    is_a_fresh_dma_buf(&second.fd, len);
}

#[test]
fn what_is_too_large_for_udmabuf_becomes_a_memfd() {
    let Some(_turn) = on_the_rig("what_is_too_large_for_udmabuf_becomes_a_memfd") else {
        return;
    };
    // The module's limit is 64 MiB unless it was loaded with another one.
    let len = 65 << 20;
    let large = Allocator::with_heaps(&[]).allocate(len).unwrap();
    assert_eq!(large.report.taken, Some(Origin::Memfd));
    assert_eq!(large.report.udmabuf, Some(Errno::INVAL));
    assert_eq!(file_size(&large.fd).unwrap(), len);
}

#[test]
fn requests_on_a_socket_fail_without_harm() {
    let Some(_turn) = on_the_rig("requests_on_a_socket_fail_without_harm") else {
        return;
    };
    let kind = SocketType::STREAM;
    let (socket, _peer) =
        socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
    let refusal = dmabuf::set_name(socket.as_fd(), "x").unwrap_err();
    assert!(matches!(refusal, MemoryError::System { .. }));
    assert_eq!(
        physical_address(socket.as_fd()),
        Err(MemoryError::NotDmaBuf)
    );
}
