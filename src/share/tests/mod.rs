//! Host and client in one process: the same sockets, segments and mappings as between two. Tests of
//! what every host and client must do are in `tests/conformance_suite`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use videostream_hal::format::{FourCc, Layout};
use videostream_hal::memory::allocate::Allocator;
use videostream_hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream_ipc::Error as Ipc;

mod drops;
pub(super) mod endless;
mod liars;
mod publisher;
mod slow_host;
mod tokio;
mod waits;

use super::{Client, Exports, Host, Mode};
use crate::{Error, FrameRate, PatternSource, Stream, TestPattern, pattern};

fn name(test: &str) -> String {
    format!("videostream-test-{}-{test}", std::process::id())
}

fn memory() -> OwnedFd {
    Allocator::memfd_only().allocate(4096).unwrap().fd
}

fn frame(buffer: u32) -> FrameDescriptor {
    let mut frame = FrameDescriptor {
        plane_count: 1,
        ..Default::default()
    };
    frame.planes[0] = PlaneDescriptor {
        buffer,
        size: 4096,
        ..Default::default()
    };
    frame
}

/// Connects while the host serves on another thread's behalf.
fn connect(host: &mut Host, builder: super::ClientBuilder) -> crate::Result<Client> {
    let builder = builder.connect_timeout(WATCHDOG);
    let connecting = std::thread::spawn(move || builder.connect());
    while !connecting.is_finished() {
        host.process().unwrap();
        std::thread::yield_now();
    }
    connecting.join().unwrap()
}

/// Time-out of a test that has failed.
const WATCHDOG: Duration = Duration::from_secs(60);

#[test]
fn a_pattern_arrives_whole_and_in_order() {
    let path = name("pattern");
    let rate = FrameRate::fps(500).unwrap();
    let pattern = TestPattern::new(FourCc::NV12, 320, 240, rate).unwrap();
    let source = PatternSource::with_allocator(pattern, 6, &Allocator::memfd_only()).unwrap();
    let mut stream = Stream::new(Host::builder(&path), source).unwrap();
    let reader = std::thread::spawn(move || {
        let client = Client::builder(&path).mode(Mode::Every);
        let mut client = client.connect_timeout(WATCHDOG).connect().unwrap();
        let mut last = 0;
        for _ in 0..50 {
            let frame = client.next(WATCHDOG).unwrap();
            assert!(frame.serial() > last);
            last = frame.serial();
            let pixels = frame.pixels().unwrap();
            let number = pattern::verify(&pixels.picture().unwrap()).unwrap();
            assert_eq!(number, frame.sequence());
        }
    });
    while !reader.is_finished() {
        stream
            .step(videostream_hal::time::deadline_in(10_000_000))
            .unwrap();
    }
    reader.join().unwrap();
    let begin = Instant::now();
    while stream.host().clients().count() > 0 {
        assert!(begin.elapsed() < WATCHDOG, "the client does not leave");
        let soon = videostream_hal::time::deadline_in(10_000_000);
        stream.step(soon).unwrap();
    }
}

#[test]
fn the_client_maps_the_hosts_own_memory() {
    let path = name("inode");
    let mut host = Host::builder(&path).bind().unwrap();
    let fd = memory();
    let inode = rustix::fs::fstat(&fd).unwrap().st_ino;
    let id = host.register(fd, 4096).unwrap();
    let mut client = connect(&mut host, Client::builder(&path)).unwrap();
    host.publish(&frame(id)).unwrap();
    let frame = client.next(WATCHDOG).unwrap();
    let seen = rustix::fs::fstat(frame.plane_fd(0).unwrap())
        .unwrap()
        .st_ino;
    assert_eq!(seen, inode);
}

#[test]
fn a_frame_lies_in_memory_as_its_format_says() {
    let path = name("memory");
    let mut host = Host::builder(&path).bind().unwrap();
    let fds = [memory(), memory()];
    let inode = |fd: BorrowedFd<'_>| rustix::fs::fstat(fd).unwrap().st_ino;
    let inodes = fds.each_ref().map(|fd| inode(fd.as_fd()));
    let ids = fds.map(|fd| host.register(fd, 4096).unwrap());
    let mut client = connect(&mut host, Client::builder(&path)).unwrap();
    for fourcc in [FourCc::NV12, FourCc::NM12] {
        let layout = Layout::new(fourcc, 32, 32).unwrap();
        let mut published = FrameDescriptor {
            fourcc: fourcc.0,
            width: 32,
            height: 32,
            bytes_used: layout.size,
            plane_count: layout.planes().len() as u32,
            ..Default::default()
        };
        for (to, plane) in published.planes.iter_mut().zip(layout.planes()) {
            *to = PlaneDescriptor {
                buffer: ids[plane.memory as usize],
                offset: plane.offset,
                stride: plane.stride,
                size: plane.size,
            };
        }
        host.publish(&published).unwrap();
        let frame = client.next(WATCHDOG).unwrap();
        let memory = frame.memory().unwrap();
        assert_eq!(*memory.layout(), layout);
        let parts: Vec<_> = memory.parts().map(inode).collect();
        assert_eq!(parts, inodes[..layout.memory_planes()], "{fourcc}");
    }
}

#[test]
fn a_plane_beyond_its_buffer_is_refused() {
    let path = name("plane");
    let mut host = Host::builder(&path).max_outstanding(2).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let mut client = connect(&mut host, Client::builder(&path)).unwrap();
    let mut bad = frame(id);
    bad.planes[0].offset = 1;
    host.publish(&bad).unwrap();
    let error = client.next(WATCHDOG).unwrap_err();
    assert!(matches!(error.share(), Some(Ipc::Ring(_))), "{error}");
    let bad = frame(id + 1);
    let error = host.publish(&bad).unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::UnknownBuffer { id: id + 1 }));
    assert_eq!(client.ipc().held(), 0, "nothing stays held");
    assert_eq!(host.reclaim(0, |_| ()), 1, "only the newest is left");
}

#[test]
fn a_fence_is_a_sync_file_of_its_own() {
    let path = name("no-fence");
    let mut host = Host::builder(&path).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let error = host.register_fence(memory()).unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::BadFence { id: id + 1 }));
    let mut fenced = frame(id);
    for (fence, expected) in [
        (id, Ipc::BadFence { id }),
        (id + 1, Ipc::UnknownBuffer { id: id + 1 }),
    ] {
        fenced.fence = fence;
        let error = host.publish(&fenced).unwrap_err();
        assert_eq!(error.share(), Some(&expected));
    }
    let mut client = connect(&mut host, Client::builder(&path)).unwrap();
    host.publish(&frame(id)).unwrap();
    let frame = client.next(WATCHDOG).unwrap();
    assert!(frame.fence().is_none());
    frame.wait_fence(0).unwrap();
}

#[test]
fn a_name_in_use_is_not_taken_over_and_a_stale_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let host = Host::builder(&path).bind().unwrap();
    let second = Host::builder(&path).bind().unwrap_err();
    assert_eq!(second.share(), Some(&Ipc::AddressInUse));
    // A killed host closes its socket without removing the file.
    std::fs::rename(&path, folder.path().join("kept")).unwrap();
    drop(host);
    std::fs::rename(folder.path().join("kept"), &path).unwrap();
    let host = Host::builder(&path).bind().unwrap();
    drop(host);
    assert!(!path.exists(), "the host removes its own file");
    std::fs::write(&path, "precious").unwrap();
    let error = Host::builder(&path).bind().unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::NotASocket));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn nobody_there_is_said_at_once() {
    let error = Client::connect(name("nobody")).unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::NoHost));
    let long = "x".repeat(200);
    let error = Client::connect(long).unwrap_err();
    assert!(matches!(
        error.share(),
        Some(Ipc::AddressTooLong {
            bytes: 200,
            max: 107
        })
    ));
    assert!(matches!(error, Error::Share { .. }));
}

#[test]
fn an_event_loop_is_told_of_frames_through_the_event() {
    use rustix::event::{PollFd, PollFlags, poll};
    let path = name("event");
    let mut host = Host::builder(&path).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let client = connect(&mut host, Client::builder(&path)).unwrap();
    let ready = |client: &Client| {
        let mut fds = [PollFd::from_borrowed_fd(
            client.ipc().event_fd(),
            PollFlags::IN,
        )];
        poll(&mut fds, Some(&rustix::time::Timespec::default())).unwrap() == 1
    };
    host.publish(&frame(id)).unwrap();
    assert!(!ready(&client), "not armed, not written");
    assert!(!client.ipc().arm(0), "there already");
    assert!(client.ipc().arm(1));
    host.publish(&frame(id)).unwrap();
    assert!(ready(&client));
    assert_eq!(host.stats().event_wakes, 1);
    assert!(host.as_fd().try_clone_to_owned().is_ok());
}

#[test]
fn a_client_cannot_write_the_memory_of_a_pattern() {
    use videostream_hal::memory::{Access, Mapping};
    let path = name("read-only");
    let pattern = TestPattern::new(FourCc::YUYV, 128, 96, FrameRate::fps(30).unwrap()).unwrap();
    let source = PatternSource::with_allocator(pattern, 4, &Allocator::memfd_only()).unwrap();
    let mut stream = Stream::new(Host::builder(&path), source).unwrap();
    let builder = Client::builder(&path).connect_timeout(WATCHDOG);
    let connecting = std::thread::spawn(move || builder.connect());
    while !connecting.is_finished() {
        stream
            .step(videostream_hal::time::deadline_in(1_000_000))
            .unwrap();
    }
    let mut client = connecting.join().unwrap().unwrap();
    while stream.step(u64::MAX).unwrap().is_none() {}
    let frame = client.next(WATCHDOG).unwrap();
    let fd = frame.plane_fd(0).unwrap();
    let error = Mapping::new(fd, 4096, Access::ReadWrite).unwrap_err();
    assert_eq!(error.errno(), rustix::io::Errno::PERM);
}

#[test]
fn clients_write_buffers_only_if_the_host_allows() {
    use videostream_hal::memory::{Access, Mapping};
    for exports in [Exports::ReadOnly, Exports::Writable] {
        let path = name(&format!("exports-{exports:?}"));
        let mut host = Host::builder(&path).exports(exports).bind().unwrap();
        let own = memory();
        let id = host.register(own.try_clone().unwrap(), 4096).unwrap();
        let again = host.register(own.try_clone().unwrap(), 4096).unwrap();
        assert_eq!(again, id, "it is the same memory");
        let mut client = connect(&mut host, Client::builder(&path)).unwrap();
        assert_eq!(client.exports(), exports);
        host.publish(&frame(id)).unwrap();
        let frame = client.next(WATCHDOG).unwrap();
        let mapped = Mapping::new(frame.plane_fd(0).unwrap(), 4096, Access::ReadWrite);
        match exports {
            Exports::ReadOnly => {
                assert_eq!(mapped.unwrap_err().errno(), rustix::io::Errno::ACCESS);
            }
            Exports::Writable => assert!(mapped.unwrap().is_writable()),
        }
        assert_eq!(frame.pixels().unwrap().plane(0).len(), 4096);
        // The host's own descriptor stays as it is.
        Mapping::new(&own, 4096, Access::ReadWrite).unwrap();
    }
}
