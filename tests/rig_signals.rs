//! Capture in a process that is interrupted by signals all the time.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere it says that
//! it was skipped.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "a signal handler")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use videostream::hal::v4l2::{ErrorKind, NodeKind};
use videostream::{Camera, CameraStream, devices};
use videostream_testing::{TIMEOUT, on_the_rig};

const NAME: &str = "signals_end_no_call_and_move_no_deadline";

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// A thread to be interrupted.
struct Target(Pthread);

// SAFETY: a thread's name may be used from any thread; with some C libraries it is a pointer.
unsafe impl Send for Target {}

impl Target {
    fn interrupt(&self) {
        pthread_kill(self.0, Signal::SIGUSR1).unwrap();
    }
}

/// Interrupts the calling thread again and again until dropped.
struct Storm {
    calm: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Storm {
    fn begin() -> Self {
        // Without SA_RESTART: calls that sleep end with EINTR.
        let action = SigAction::new(
            SigHandler::Handler(count),
            SaFlags::empty(),
            SigSet::empty(),
        );
        // SAFETY: the handler only adds to an atomic number, which is safe at any moment.
        unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
        let calm = Arc::new(AtomicBool::new(false));
        let target = Target(pthread_self());
        let thread = thread::spawn({
            let calm = Arc::clone(&calm);
            move || {
                while !calm.load(Ordering::Relaxed) {
                    target.interrupt();
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let thread = Some(thread);
        Self { calm, thread }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // Before the thread that it aims at goes on without it.
        self.calm.store(true, Ordering::Relaxed);
        self.thread.take().map(thread::JoinHandle::join);
    }
}

fn take(stream: &mut CameraStream, frames: u32) {
    for _ in 0..frames {
        let frame = stream.next_within(TIMEOUT).unwrap();
        stream.requeue(frame.index).unwrap();
    }
}

#[test]
fn signals_end_no_call_and_move_no_deadline() {
    let Some(_turn) = on_the_rig(NAME) else {
        return;
    };
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|d| d.driver == "vivid" && d.kind == NodeKind::Camera);
    let path = found.unwrap().path.clone();

    let storm = Storm::begin();
    let camera = Camera::open(&path).unwrap();
    let mut stream = camera.size(320, 180).fps(30).start().unwrap();
    let before = HANDLED.load(Ordering::Relaxed);
    let during = || HANDLED.load(Ordering::Relaxed) - before;
    let mut frames = 0;
    // As many signals, too, however seldom their thread has its turn.
    while frames < 30 || during() < 30 {
        take(&mut stream, 1);
        frames += 1;
    }
    println!("{} signals in {frames} frames", during());

    // A wait for nothing ends at its deadline, not at a signal, which does not restart it either.
    let drops = stream
        .device()
        .node()
        .control_by_name("Percentage of Dropped Buffers");
    let drops = drops.unwrap().unwrap();
    stream.device().node().set_control(&drops, 100).unwrap();
    let wait = Duration::from_millis(500);
    loop {
        let begin = Instant::now();
        match stream.next_within(wait) {
            Ok(frame) => stream.requeue(frame.index).unwrap(),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                assert!(begin.elapsed() >= wait);
                break;
            }
        }
    }
    stream.device().node().set_control(&drops, 0).unwrap();
    take(&mut stream, 3);
    drop(stream);
    // Opening, negotiating and starting are interrupted, too.
    for _ in 0..5 {
        let camera = Camera::open(&path).unwrap();
        take(&mut camera.size(320, 180).fps(30).start().unwrap(), 1);
    }
    drop(storm);
}
