//! Memory of huge pages: refused if the host can punch holes into it, because its clients would die
//! reading them; otherwise handled like any other memory.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped.
//!
//! rig: timeout=300

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::sync::MutexGuard;

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fstatfs, ftruncate, memfd_create,
};
use rustix::io::Errno;
use rustix::process::Signal;
use support::liar::*;
use support::*;
use videostream_hal::memory::memfd::{self, FIXED_SIZE, FIXED_SIZE_READ_ONLY};
use videostream_hal::memory::{Access, Mapping};
use videostream_hal::ring::RingError;
use videostream_hal::ring::RingLayout;
use videostream_hal::ring::segment::{ControlMap, LeaseMap};
use videostream_hal::time::deadline_in;
use videostream_ipc::client::{Client, Config, Event};
use videostream_ipc::wire::Message;
use videostream_ipc::{Error, host};
use videostream_testing::process::{Process, role};
use videostream_testing::{TIMEOUT_NS, on_the_rig};

/// The kernel's pool of huge pages.
const POOL: &str = "/proc/sys/vm/nr_hugepages";
/// Makes the kernel compact memory.
const COMPACT: &str = "/proc/sys/vm/compact_memory";
/// Huge pages that the tests need at the same time.
const PAGES: u64 = 8;

/// Lock of the test that may use the pool, which is filled.
fn with_a_pool(test: &str) -> Option<MutexGuard<'static, ()>> {
    let turn = on_the_rig(test)?;
    // Fragmented memory has no huge pages: have the kernel compact it first.
    fs::write(COMPACT, "1").unwrap();
    fs::write(POOL, PAGES.to_string()).unwrap();
    let there: u64 = fs::read_to_string(POOL).unwrap().trim().parse().unwrap();
    assert!(there >= PAGES, "{there} huge pages");
    Some(turn)
}

/// Creates a file of `pages` huge pages, not yet allocated, and returns it with the page size.
fn huge(pages: u64) -> (OwnedFd, u64) {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
    let fd = memfd_create(c"huge", flags).unwrap();
    #[allow(
        clippy::unnecessary_cast,
        reason = "the width depends on the architecture"
    )]
    let size = fstatfs(&fd).unwrap().f_bsize as u64;
    ftruncate(&fd, pages * size).unwrap();
    (fd, size)
}

fn fill(fd: &OwnedFd, offset: u64, len: u64) -> Result<(), Errno> {
    fallocate(fd, FallocateFlags::empty(), offset, len)
}

/// Punches a hole.
fn punch(fd: &OwnedFd, offset: u64, len: u64) -> Result<(), Errno> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(fd, flags, offset, len)
}

/// Reads the first byte of page `at`.
#[expect(unsafe_code, reason = "the bytes of a mapping")]
fn read(mapping: &Mapping, at: u64, size: u64) -> u8 {
    let place = usize::try_from(at * size).unwrap();
    assert!(place < mapping.len());
    let byte = mapping.as_ptr().wrapping_add(place);
    // SAFETY: within the mapping, which has no writer.
    unsafe { byte.read_volatile() }
}

/// Reads a hole while the pool is empty, in a process of its own.
fn read_a_hole() {
    let (fd, size) = huge(2);
    memfd::seal(&fd, FIXED_SIZE).unwrap();
    let len = usize::try_from(2 * size).unwrap();
    let mapping = Mapping::new(&fd, len, Access::Read).unwrap();
    assert_eq!(read(&mapping, 0, size) + read(&mapping, 1, size), 0);
    punch(&fd, size, size).unwrap();
    let (others, _) = huge(2 * PAGES);
    let taken = (0..2 * PAGES).map_while(|at| fill(&others, at * size, size).ok());
    assert!(taken.count() > 0, "the pool was empty before");
    assert_eq!(read(&mapping, 0, size), 0);
    println!("not killed: {}", read(&mapping, 1, size));
}

#[test]
fn reading_a_removed_huge_page_kills() {
    const TEST: &str = "reading_a_removed_huge_page_kills";
    if role().is_some() {
        return read_a_hole();
    }
    let Some(_turn) = with_a_pool(TEST) else {
        return;
    };
    let status = Process::start(TEST, &["reader"]).end();
    assert_eq!(status.signal(), Some(Signal::BUS.as_raw()), "{status}");
}

#[test]
fn huge_pages_that_a_host_can_take_away_are_refused() {
    let Some(_turn) = with_a_pool("huge_pages_that_a_host_can_take_away_are_refused") else {
        return;
    };
    let (client, _ring, peer) = inside("huge");
    let answer = |fd: &OwnedFd, size: u64| {
        let message = Message::Buffer { id: 5, size };
        send(&peer, message, &[fd.as_fd()]);
        client.pump()
    };
    let (whole, size) = huge(2);
    fill(&whole, 0, 2 * size).unwrap();
    memfd::seal(&whole, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    assert_eq!(
        answer(&whole, size).unwrap_err(),
        Error::BadBuffer { id: 5 }
    );
    // Holes can't be filled by sealing.
    let (holed, _) = huge(2);
    fill(&holed, 0, 2 * size).unwrap();
    punch(&holed, size, size).unwrap();
    memfd::seal(&holed, FIXED_SIZE_READ_ONLY).unwrap();
    assert_eq!(
        answer(&holed, size).unwrap_err(),
        Error::BadBuffer { id: 5 }
    );
    let error = ControlMap::open(holed.as_fd()).unwrap_err();
    assert_eq!(error, RingError::NotSealed);
    let layout = RingLayout::new(4).unwrap();
    let error = LeaseMap::open(whole.as_fd(), layout).unwrap_err();
    assert_eq!(error, RingError::NotSealed);
    // Accepted memory can be neither shrunk nor punched.
    memfd::seal(&whole, FIXED_SIZE_READ_ONLY).unwrap();
    assert!(matches!(
        answer(&whole, 2 * size),
        Ok(Some(Event::Buffer(5, _, _)))
    ));
    assert_eq!(
        answer(&whole, 3 * size).unwrap_err(),
        Error::BadBuffer { id: 5 }
    );
    assert_eq!(punch(&whole, 0, size), Err(Errno::PERM));
    assert_eq!(ftruncate(&whole, size), Err(Errno::PERM));
}

#[test]
fn a_host_with_huge_pages_is_received_normally() {
    let Some(_turn) = with_a_pool("a_host_with_huge_pages_is_received_normally") else {
        return;
    };
    let name = name("honest-huge");
    let config = host::Config::default();
    let mut host = host::Host::bind(address(&name), config, 7).unwrap();
    let (fd, size) = huge(1);
    fill(&fd, 0, size).unwrap();
    let again = fd.try_clone().unwrap();
    assert!(matches!(
        host.register(again, 8192),
        Err(Error::BadBuffer { .. })
    ));
    // Mapped for writing before the seal, which keeps such mappings.
    let mut own = Mapping::new(&fd, 8192, Access::ReadWrite).unwrap();
    memfd::seal(&fd, FIXED_SIZE_READ_ONLY).unwrap();
    let id = host.register(fd, 8192).unwrap();
    #[expect(unsafe_code, reason = "the bytes of a mapping")]
    // SAFETY: no frame lies in the buffer yet.
    let bytes = unsafe { own.bytes_mut() }.unwrap();
    bytes[0] = 9;

    let address = address(&name);
    let connecting = std::thread::spawn(move || {
        let mut received = Vec::new();
        let deadline = deadline_in(TIMEOUT_NS);
        let client = Client::connect(&address, Config::default(), deadline, |event| {
            received.push(event);
            Ok(())
        });
        (client.unwrap(), received)
    });
    serve_until(&mut host, |_| connecting.is_finished());
    let (client, mut received) = connecting.join().unwrap();
    host.publish(&frame(id)).unwrap();
    let held = client.hold(0).unwrap().unwrap();
    let Some(Event::Buffer(_, 8192, fd)) = received.pop() else {
        panic!("{received:?}");
    };
    let mapping = Mapping::new(&fd, 8192, Access::Read).unwrap();
    assert_eq!(read(&mapping, 0, size), 9);
    let begin = format!("{:08x}-", mapping.as_ptr() as usize);
    let is_mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().any(|line| line.starts_with(&begin))
    };
    assert!(is_mapped());
    drop(mapping);
    assert!(!is_mapped(), "the rest of the huge page stays mapped");
    client.release(held.slot);
}
