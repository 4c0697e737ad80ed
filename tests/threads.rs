//! A host and its clients as threads of one process, with everything that clients do at once:
//! hold, read, keep, release from another thread, wait in every way, cancel, peek, leave and
//! reconnect, while buffers come and go.
//!
//! The part `tsan` of `cargo xtask test` runs this under ThreadSanitizer, which watches what the
//! threads of a client share. Host and client have separate mappings, without a common address;
//! the ring between them, with plain memory for its pixels, is covered by a unit test of
//! `videostream-hal` that the same part runs.

mod one_plane;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use videostream::hal::memory::allocate::Allocator;
use videostream::hal::memory::{Access, Mapping};
use videostream::hal::time::timespec;
use videostream::ipc::Error as Ipc;
use videostream::{Client, Error, Frame, Host, Mode, share::Reader};

const SIZE: usize = 4096;
const BUFFERS: usize = 16;
/// Frames that each thread of a client is to have.
const FRAMES: u64 = 300;
const WATCHDOG: Duration = Duration::from_secs(60);

/// State that the threads share besides frames.
struct Scene {
    name: String,
    /// Threads of clients that have had their frames.
    done: AtomicU64,
    over: AtomicBool,
    /// Clients, and those that come and go, that are through.
    left: AtomicU64,
}

/// How a thread waits.
#[derive(Clone, Copy)]
enum Wait {
    Next,
    Event,
    Busy,
}

#[test]
fn threads_of_host_and_clients_do_everything_at_once() {
    let scene = Scene {
        name: format!("videostream-threads-{}", std::process::id()),
        done: AtomicU64::new(0),
        over: AtomicBool::new(false),
        left: AtomicU64::new(0),
    };
    let scene = &scene;
    let clients = [(Mode::Every, 4), (Mode::Newest, 2), (Mode::Newest, 3)];
    let threads = clients.len() as u64 * 3;
    let mut host = Host::builder(&scene.name)
        .max_outstanding(14)
        .bind()
        .unwrap();
    thread::scope(|scope| {
        for (mode, hold) in clients {
            scope.spawn(move || {
                client(scene, mode, hold);
                scene.left.fetch_add(1, Ordering::AcqRel);
            });
        }
        scope.spawn(|| {
            come_and_go(scene);
            scene.left.fetch_add(1, Ordering::AcqRel);
        });
        serve(scene, &mut host, threads);
    });
    // Everybody has left.
    while host.clients().next().is_some() {
        host.process().unwrap();
    }
    host.reclaim_all(|_| ());
    assert_eq!(host.outstanding(), 0, "a slot is left");
}

/// The host: fills buffers that are free with a number, until all threads have had enough.
fn serve(scene: &Scene, host: &mut Host, threads: u64) {
    let mut buffers: Vec<_> = (0..BUFFERS).map(|_| register(host)).collect();
    let mut free: Vec<usize> = (0..BUFFERS).collect();
    let mut in_slot = vec![None; host.slots() as usize];
    while scene.done.load(Ordering::Acquire) < threads {
        host.process().unwrap();
        host.reclaim(10, |slot| free.extend(in_slot[slot.index()].take()));
        let Some(at) = free.pop() else {
            thread::yield_now();
            continue;
        };
        // A buffer is replaced now and then, by memory that nobody knows yet.
        if host.head() % 50 == 49 {
            host.unregister(buffers[at].0);
            buffers[at] = register(host);
        }
        let (id, mapping) = &mut buffers[at];
        fill(mapping, (host.head() + 1) as u8);
        let frame = one_plane::frame(*id, SIZE as u32);
        let (slot, _) = host.publish(&frame).unwrap();
        in_slot[slot.index()] = Some(at);
        if host.head().is_multiple_of(8) {
            thread::sleep(Duration::from_micros(300));
        }
    }
    scene.over.store(true, Ordering::Release);
    // Those that come and go may be at the door.
    while scene.left.load(Ordering::Acquire) < threads / 3 + 1 {
        host.process().unwrap();
        thread::yield_now();
    }
}

fn register(host: &mut Host) -> (u32, Mapping) {
    let fd = Allocator::memfd_only().allocate(SIZE as u64).unwrap().fd;
    let mapping = Mapping::new(&fd, SIZE, Access::ReadWrite).unwrap();
    (host.register(fd, SIZE as u64).unwrap(), mapping)
}

#[expect(unsafe_code, reason = "writes memory that the ring says is free")]
fn fill(mapping: &mut Mapping, value: u8) {
    // SAFETY: no frame lies in the buffer, so no client reads it, and only this thread writes.
    let bytes = unsafe { mapping.bytes_mut() };
    bytes.expect("writable").fill(value);
}

/// A client with three threads that wait in three ways, one that drops their frames, and one
/// that cancels their waits again and again.
fn client(scene: &Scene, mode: Mode, hold: u32) {
    let builder = Client::builder(&scene.name).mode(mode).hold(hold);
    let client = builder.connect_timeout(WATCHDOG).connect().unwrap();
    let begin = scene.done.load(Ordering::Acquire);
    let (sender, receiver) = channel::<Frame>();
    thread::scope(|scope| {
        for wait in [Wait::Next, Wait::Event, Wait::Busy] {
            let (reader, sender) = (client.reader(), sender.clone());
            scope.spawn(move || read(scene, reader, wait, &sender));
        }
        drop(sender);
        scope.spawn(move || {
            for frame in receiver {
                check(&frame);
            }
        });
        while scene.done.load(Ordering::Acquire) < begin + 3 && !scene.over.load(Ordering::Acquire)
        {
            let report = client.look(WATCHDOG);
            assert!(report.is_ok() || is_cancelled(&report.unwrap_err()));
            client.reader().cancel();
            thread::sleep(Duration::from_millis(1));
            client.ipc().resume();
            thread::sleep(Duration::from_millis(5));
        }
        client.reader().cancel();
        thread::sleep(Duration::from_millis(1));
        client.ipc().resume();
    });
    assert_eq!(client.ipc().held(), 0);
}

fn read(scene: &Scene, mut reader: Reader, wait: Wait, other: &Sender<Frame>) {
    let (mut last, mut frames) = (0, 0);
    while frames < FRAMES {
        let frame = match wait {
            Wait::Next => reader.next(WATCHDOG).map(Some),
            Wait::Event => {
                if reader.ipc().arm(reader.last()) {
                    let mut fds = [PollFd::from_borrowed_fd(
                        reader.ipc().event_fd(),
                        PollFlags::IN,
                    )];
                    // Another thread may have drained it: not for ever.
                    poll(&mut fds, Some(&timespec(2_000_000))).unwrap();
                }
                reader.try_next()
            }
            Wait::Busy => {
                thread::yield_now();
                reader.try_next()
            }
        };
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => continue,
            Err(error) => {
                let limit = matches!(error.share(), Some(Ipc::HoldLimit { .. }));
                assert!(limit || is_cancelled(&error), "{error}");
                thread::yield_now();
                continue;
            }
        };
        assert!(frame.serial() > last);
        last = frame.serial();
        frames += 1;
        check(&frame);
        if frames % 3 == 0 {
            other.send(frame).unwrap();
        }
    }
    scene.done.fetch_add(1, Ordering::AcqRel);
}

fn check(frame: &Frame) {
    let pixels = frame.pixels().unwrap();
    let serial = frame.serial() as u8;
    assert!(pixels.plane(0).iter().all(|&byte| byte == serial));
}

fn is_cancelled(error: &Error) -> bool {
    error.share() == Some(&Ipc::Cancelled)
}

/// Clients that stay for one frame.
fn come_and_go(scene: &Scene) {
    while !scene.over.load(Ordering::Acquire) {
        let client = Client::builder(&scene.name).connect_timeout(WATCHDOG);
        let mut client = client.connect().unwrap();
        while !scene.over.load(Ordering::Acquire) {
            if let Some(frame) = client.try_next().unwrap() {
                check(&frame);
                break;
            }
            thread::yield_now();
        }
    }
}
