//! Frames with a fence: sync files come and go with their frames; a client waits for a pending one,
//! and gets the error of a failed one.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.
//!
//! rig: timeout=600

#![cfg(target_os = "linux")]

mod one_plane;
mod sw_sync;

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use sw_sync::Timeline;
use videostream::hal::memory::dmabuf::{
    CpuAccess, SyncAccess, export_sync_file, identity, import_sync_file,
};
use videostream::hal::memory::heap::DmaHeap;
use videostream::hal::memory::sync_file::{self, Status};
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::deadline_in;
use videostream::ipc::{Advice, Error as Ipc, MAX_BUFFERS};
use videostream::{Client, Frame, Host};
use videostream_testing::{TIMEOUT, on_the_rig};

const SIZE: u64 = 4096;

/// A host whose frames lie in one dma-buf of the system heap.
struct Stage {
    path: String,
    host: Host,
    memory: OwnedFd,
    buffer: u32,
}

impl Stage {
    fn new(test: &str) -> Self {
        let path = format!("videostream-rig-{}-{test}", std::process::id());
        let mut host = Host::builder(&path).max_outstanding(4).bind().unwrap();
        let memory = DmaHeap::open("system").unwrap().allocate(SIZE).unwrap();
        let buffer = host.register(memory.try_clone().unwrap(), SIZE).unwrap();
        Self {
            path,
            host,
            memory,
            buffer,
        }
    }

    fn client(&mut self) -> Client {
        let builder = Client::builder(&self.path).connect_timeout(TIMEOUT);
        let connecting = std::thread::spawn(move || builder.connect());
        while !connecting.is_finished() {
            self.host.process().unwrap();
            std::thread::yield_now();
        }
        connecting.join().unwrap().unwrap()
    }

    fn sync_file(&self) -> OwnedFd {
        export_sync_file(self.memory.as_fd(), SyncAccess::Read).unwrap()
    }

    fn frame(&self, buffer: u32, fence: u32) -> FrameDescriptor {
        FrameDescriptor {
            fence,
            ..one_plane::frame(buffer, SIZE as u32)
        }
    }

    /// Publishes a frame with a fence of its own, and gives the fence's id.
    fn publish(&mut self) -> u32 {
        self.publish_with(self.sync_file())
    }

    fn publish_with(&mut self, fence: OwnedFd) -> u32 {
        let fence = self.host.register_fence(fence).unwrap();
        let frame = self.frame(self.buffer, fence);
        self.host.reclaim(3, |_| ());
        self.host.publish(&frame).unwrap();
        fence
    }
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What a client does with the fence of a frame.
fn wait(frame: &Frame) {
    let fence = frame.fence().expect("the frame has a fence");
    frame
        .wait_fence(deadline_in(TIMEOUT.as_nanos() as u64))
        .unwrap();
    assert_eq!(sync_file::status(fence), Ok(Status::Signalled));
    let mut ready = [PollFd::from_borrowed_fd(fence, PollFlags::IN)];
    assert_eq!(poll(&mut ready, Some(&Default::default())), Ok(1));
    frame.pixels().unwrap();
}

#[test]
fn ten_thousand_fences_leak_no_descriptor() {
    let test = "ten_thousand_fences_leak_no_descriptor";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let mut stage = Stage::new("many");
    let mut client = stage.client();
    let before = open_descriptors();
    for _ in 0..10_000 {
        let fence = stage.publish();
        let frame = client.next(TIMEOUT).unwrap();
        assert_eq!(frame.descriptor().fence, fence);
        wait(&frame);
    }
    // Of each frame that is still out, one on either side.
    let out = stage.host.outstanding() as usize;
    assert!(open_descriptors() <= before + 2 * (out + 1));
    stage.host.reclaim_all(|_| ());
    let plain = stage.frame(stage.buffer, 0);
    stage.host.publish(&plain).unwrap();
    let frame = client.next(TIMEOUT).unwrap();
    assert!(frame.fence().is_none());
    frame.wait_fence(0).unwrap();
    // Takes in what the host has said so far.
    client.parameters().unwrap();
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_reader_thread_finds_each_frames_fence() {
    let Some(_turn) = on_the_rig("a_reader_thread_finds_each_frames_fence") else {
        return;
    };
    let mut stage = Stage::new("thread");
    let mut client = stage.client();
    let (done, is_done) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut frames = 0;
        while frames < 1000 {
            match client.next(TIMEOUT) {
                Ok(frame) => {
                    wait(&frame);
                    frames += 1;
                }
                // It had no turn for as long as many frames take, whose fences are on their way.
                Err(e) => assert!(matches!(e.share(), Some(Ipc::UnknownBuffer { .. })), "{e}"),
            }
        }
        done.send(()).unwrap();
    });
    while is_done.try_recv().is_err() && !reader.is_finished() {
        stage.publish();
        std::thread::yield_now();
    }
    reader.join().unwrap();
}

#[test]
fn an_idle_client_stays_and_gets_later_frames() {
    let test = "an_idle_client_stays_and_gets_later_frames";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let mut stage = Stage::new("idle");
    let mut idle = stage.client();
    let before = open_descriptors();
    for _ in 0..5000 {
        stage.publish();
    }
    // Unread ones are on their way, and not in anybody's table.
    assert!(open_descriptors() <= before + 8);
    assert_eq!(stage.host.stats().evicted, 0);
    for _ in 0..100 {
        match idle.try_next() {
            Ok(Some(frame)) => wait(&frame),
            Ok(None) => {}
            Err(e) => assert!(matches!(e.share(), Some(Ipc::UnknownBuffer { .. })), "{e}"),
        }
        stage.publish();
    }
    let newest = stage.host.head();
    let frame = idle.next(TIMEOUT).unwrap();
    assert_eq!(frame.serial(), newest);
    wait(&frame);
}

#[test]
fn every_frame_has_its_own_fence() {
    let Some(_turn) = on_the_rig("every_frame_has_its_own_fence") else {
        return;
    };
    let mut stage = Stage::new("own");
    let of = |fd: &OwnedFd| identity(fd.as_fd()).unwrap();
    let (one, other) = (stage.sync_file(), stage.sync_file());
    assert_eq!(of(&one), of(&other), "the reason for the rule");
    let one = stage.host.register_fence(one).unwrap();
    let other = stage.host.register_fence(other).unwrap();
    assert_ne!(one, other);
    let cases = [
        // A plane in a fence, memory as a fence, a fence a second time.
        (one, other, Ipc::NotMemory { id: one }),
        (
            stage.buffer,
            stage.buffer,
            Ipc::BadFence { id: stage.buffer },
        ),
    ];
    for (buffer, fence, expected) in cases {
        let error = stage.host.publish(&stage.frame(buffer, fence));
        assert_eq!(error.unwrap_err().share(), Some(&expected));
    }
    let frame = stage.frame(stage.buffer, one);
    stage.host.publish(&frame).unwrap();
    let error = stage.host.publish(&frame).unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::UnknownBuffer { id: one }));
    // Memory is registered as such, and a sync file is not.
    let error = stage.host.register(stage.sync_file(), SIZE).unwrap_err();
    assert!(
        matches!(error.share(), Some(Ipc::BadBuffer { .. } | Ipc::Os { .. })),
        "{error}"
    );
    // One that is not published after all takes no place for ever.
    stage.host.unregister(other);
    for _ in 0..2 * MAX_BUFFERS {
        let fence = stage.host.register_fence(stage.sync_file()).unwrap();
        stage.host.unregister(fence);
    }
    // Later clients get it too, as long as its frame exists.
    let mut late = stage.client();
    wait(&late.next(TIMEOUT).unwrap());
}

#[test]
fn a_client_waits_for_a_fence_or_the_deadline() {
    let test = "a_client_waits_for_a_fence_or_the_deadline";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let mut stage = Stage::new("pending");
    let mut client = stage.client();
    let timeline = Timeline::new();
    stage.publish_with(timeline.fence(1));
    let frame = client.next(TIMEOUT).unwrap();
    let status = |frame: &Frame| sync_file::status(frame.fence().unwrap());
    for deadline in [0, deadline_in(20_000_000)] {
        let error = frame.wait_fence(deadline).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!(status(&frame), Ok(Status::Active));
    }
    let (done, is_done) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        done.send(frame.wait_fence(u64::MAX)).unwrap();
        frame
    });
    let silent = is_done.recv_timeout(Duration::from_millis(20));
    assert_eq!(silent.unwrap_err(), mpsc::RecvTimeoutError::Timeout);
    timeline.step();
    is_done.recv_timeout(TIMEOUT).unwrap().unwrap();
    let frame = waiting.join().unwrap();
    assert_eq!(status(&frame), Ok(Status::Signalled));
    wait(&frame);
}

/// What comes of opening the frame's planes until `deadline`, and the frame. On a thread: without a
/// deadline it may last.
fn open_until(frame: Frame, deadline: u64) -> mpsc::Receiver<(videostream::Result<()>, Frame)> {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let result = frame.pixels_until(deadline).map(drop);
        done.send((result, frame)).unwrap();
    });
    is_done
}

#[test]
fn planes_open_after_their_fence_or_time_out() {
    let test = "planes_open_after_their_fence_or_time_out";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let mut stage = Stage::new("planes");
    let mut client = stage.client();
    let timeline = Timeline::new();
    // In the memory alone, then in the frame alone.
    for turn in 1..=2 {
        let fence = timeline.fence(turn);
        if turn == 1 {
            import_sync_file(stage.memory.as_fd(), fence.as_fd(), SyncAccess::Write).unwrap();
            let plain = stage.frame(stage.buffer, 0);
            stage.host.publish(&plain).unwrap();
        } else {
            stage.publish_with(fence.try_clone().unwrap());
        }
        let mut frame = client.next(TIMEOUT).unwrap();
        for deadline in [0, deadline_in(20_000_000)] {
            let is_done = open_until(frame, deadline);
            let result;
            (result, frame) = is_done.recv_timeout(TIMEOUT).unwrap();
            let error = result.unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert_eq!(sync_file::status(fence.as_fd()), Ok(Status::Active));
        }
        let is_done = open_until(frame, u64::MAX);
        let silent = is_done.recv_timeout(Duration::from_millis(20));
        assert_eq!(silent.unwrap_err(), mpsc::RecvTimeoutError::Timeout);
        timeline.step();
        let (result, frame) = is_done.recv_timeout(TIMEOUT).unwrap();
        result.unwrap();
        frame.pixels_until(0).unwrap();
    }
}

#[test]
fn a_failed_fence_is_reported_with_its_reason() {
    let test = "a_failed_fence_is_reported_with_its_reason";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let mut stage = Stage::new("failed");
    let mut client = stage.client();
    let timeline = Timeline::new();
    stage.publish_with(timeline.fence(1));
    let frame = client.next(TIMEOUT).unwrap();
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || done.send((frame.wait_fence(u64::MAX), frame)).unwrap());
    // The device that works on the frame is gone before it was done.
    drop(timeline);
    let (failed, frame) = is_done.recv_timeout(TIMEOUT).unwrap();
    // At once for later clients.
    for result in [failed, frame.wait_fence(0)] {
        let error = result.unwrap_err();
        assert_eq!(
            error.share(),
            Some(&Ipc::FenceFailed {
                errno: Errno::NOENT
            })
        );
        assert_eq!(error.share().unwrap().advice(), Advice::Retry);
    }
    drop(frame);
    stage.publish();
    wait(&client.next(TIMEOUT).unwrap());
}

#[test]
fn a_buffer_is_not_refilled_before_its_fence() {
    let test = "a_buffer_is_not_refilled_before_its_fence";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let mut stage = Stage::new("reuse");
    let mut client = stage.client();
    let timeline = Timeline::new();
    let fence = timeline.fence(1);
    // What a driver does that writes to a dma-buf, and lets its host go on.
    import_sync_file(stage.memory.as_fd(), fence.as_fd(), SyncAccess::Write).unwrap();
    let before = open_descriptors();
    stage.publish_with(fence.try_clone().unwrap());
    drop(client.next(TIMEOUT).unwrap());
    let mut back = 0;
    stage.host.reclaim_all(|_| back += 1);
    assert_eq!(back, 1, "nobody holds the frame");
    client.parameters().unwrap();
    assert_eq!(open_descriptors(), before, "the fence has gone with it");
    let memory = stage.memory.try_clone().unwrap();
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let access = CpuAccess::begin(memory.as_fd(), SyncAccess::Write).unwrap();
        done.send(sync_file::status(fence.as_fd())).unwrap();
        drop(access);
    });
    let silent = is_done.recv_timeout(Duration::from_millis(20));
    assert_eq!(silent.unwrap_err(), mpsc::RecvTimeoutError::Timeout);
    timeline.step();
    let then = is_done.recv_timeout(TIMEOUT).unwrap();
    assert_eq!(then, Ok(Status::Signalled));
}
