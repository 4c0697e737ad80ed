//! Models of a client that sleeps while the host publishes, and of a host that sleeps while its
//! client releases: no wake-up is lost.
//!
//! The kernel's side is a lock and the state that it guards. A client that the kernel would put to
//! sleep records that and ends: nothing happens while it is asleep, and what it would do once
//! woken, it does in another interleaving by arriving later. A client still asleep when the host is
//! done has lost its wake-up.

use loom::sync::{Arc, Mutex};
use loom::thread;

use super::cells::{ControlMut, Lease};
use super::mock::{MockControl, MockLease};
use super::publisher::Publisher;
use super::{reader, wake};
use crate::sync::model::weakened;
use crate::sync::{AtomicU32, Ordering, Point};

/// `futex(2)`: compares the word under the lock that a wake takes too.
#[derive(Default)]
struct Futex {
    asleep: Mutex<bool>,
}

impl Futex {
    /// Returns whether the caller would sleep.
    fn wait(&self, word: &AtomicU32, expected: u32) -> bool {
        let mut asleep = self.asleep.lock().unwrap();
        // The kernel orders this load after a full barrier of its own.
        *asleep = word.load(Ordering::Acquire) == expected;
        *asleep
    }

    fn wake_all(&self) {
        *self.asleep.lock().unwrap() = false;
    }
}

/// The event socket in a poll: the bytes in it, and whether a client waits for one.
#[derive(Default)]
struct Event {
    state: Mutex<(u64, bool)>,
}

impl Event {
    fn write(&self) {
        let mut state = self.state.lock().unwrap();
        *state = (state.0 + 1, false);
    }

    /// Polls, then reads to zero; returns whether the caller would sleep.
    fn poll_and_drain(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        *state = (0, state.0 == 0);
        state.1
    }
}

/// Claim: no wake-up is lost, by futex.
fn client_sleeps_while_host_publishes() {
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let futex = Arc::new(Futex::default());
    let client = {
        let (c, lease, futex) = (c.clone(), lease.clone(), futex.clone());
        thread::spawn(move || {
            if let Some(held) = reader::hold_newest(&*c, &*lease, 0) {
                reader::release(&*lease, held.slot);
            } else if let Some(value) = wake::begin_sleep(&*c, &*lease, 0) {
                if !futex.wait(c.wake(), value) {
                    wake::end_sleep(&*lease);
                    assert!(reader::newest(&*c) > 0, "woken by a frame");
                }
            }
        })
    };
    let mut p = Publisher::new(&*c);
    let claim = p.claim().unwrap();
    p.publish(claim, |serial| [serial; 2]);
    wake::after_publish();
    if wake::waiting(&*lease).futex {
        futex.wake_all();
    }
    client.join().unwrap();
    assert!(!*futex.asleep.lock().unwrap(), "the wake-up was lost");
}

#[test]
fn loom_client_sleeps_while_host_publishes() {
    weakened(None, client_sleeps_while_host_publishes);
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_futex_wake_is_lost_without_hosts_fence() {
    weakened(Some(Point::WakeFence), client_sleeps_while_host_publishes);
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_futex_wake_is_lost_without_clients_fence() {
    weakened(Some(Point::SleepFence), client_sleeps_while_host_publishes);
}

/// When a client drains its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drains {
    /// Before it looks at the ring.
    BeforeTheLook,
    /// After the look, before it polls.
    AfterTheLook,
}

/// Claim: no wake-up is lost, by event. The client polls it for two frames; the second may be
/// published while it drains the first's event.
fn client_polls_while_host_publishes(drains: Drains) {
    const FRAMES: u64 = 2;
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let event = Arc::new(Event::default());
    let client = {
        let (c, lease, event) = (c.clone(), lease.clone(), event.clone());
        thread::spawn(move || {
            let mut last = 0;
            while last < FRAMES {
                if let Some(held) = reader::hold_newest(&*c, &*lease, last) {
                    last = held.serial;
                    reader::release(&*lease, held.slot);
                } else if wake::arm(&*c, &*lease, last) {
                    if drains == Drains::AfterTheLook {
                        event.poll_and_drain();
                    }
                    if event.poll_and_drain() {
                        return;
                    }
                }
            }
        })
    };
    let mut p = Publisher::new(&*c);
    for _ in 0..FRAMES {
        let claim = p.claim().unwrap();
        p.publish(claim, |serial| [serial; 2]);
        wake::after_publish();
        if wake::waiting(&*lease).event {
            event.write();
        }
    }
    client.join().unwrap();
    let asleep = event.state.lock().unwrap().1;
    assert!(!asleep, "the wake-up was lost");
}

#[test]
fn loom_client_polls_while_host_publishes() {
    weakened(None, || {
        client_polls_while_host_publishes(Drains::BeforeTheLook);
    });
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_event_is_lost_when_drained_after_the_look() {
    weakened(None, || {
        client_polls_while_host_publishes(Drains::AfterTheLook);
    });
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_event_is_lost_without_the_hosts_fence() {
    weakened(Some(Point::WakeFence), || {
        client_polls_while_host_publishes(Drains::BeforeTheLook);
    });
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_event_is_lost_without_the_clients_fence() {
    weakened(Some(Point::SleepFence), || {
        client_polls_while_host_publishes(Drains::BeforeTheLook);
    });
}

/// The host's mark when it waits again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marks {
    /// The next number.
    Next,
    /// The same number.
    Same,
}

/// Claim: no wake-up of a host is lost that waits until its client has released both frames. The
/// client signals each mark once.
fn host_sleeps_while_client_releases(marks: Marks) {
    let c = Arc::new(MockControl::new(2));
    let lease = Arc::new(MockLease::new(2));
    let event = Arc::new(Event::default());
    let mut p = Publisher::new(&*c);
    let held = [0, 1].map(|last| {
        let claim = p.claim().unwrap();
        p.publish(claim, |serial| [serial; 2]);
        reader::hold_next(&*c, &*lease, last).unwrap().slot
    });
    let client = {
        let (c, lease, event) = (c.clone(), lease.clone(), event.clone());
        thread::spawn(move || {
            let mut signalled = 0;
            for slot in held {
                reader::release(&*lease, slot);
                let mark = wake::host_waits(&*c);
                if mark != 0 && mark != signalled {
                    signalled = mark;
                    event.write();
                }
            }
        })
    };
    let mut mark = 0;
    loop {
        if mark == 0 || marks == Marks::Next {
            mark = wake::next_mark(mark, false);
        }
        wake::begin_host_sleep(&&*c, mark);
        let left = held.map(|slot| lease.refs(slot).load(Ordering::Acquire));
        if left == [0, 0] || event.poll_and_drain() {
            break;
        }
        wake::end_host_sleep(&&*c);
    }
    client.join().unwrap();
    let asleep = event.state.lock().unwrap().1;
    assert!(!asleep, "the wake-up was lost");
}

#[test]
fn loom_host_sleeps_while_client_releases() {
    weakened(None, || host_sleeps_while_client_releases(Marks::Next));
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_host_wake_is_lost_when_a_mark_is_reused() {
    weakened(None, || host_sleeps_while_client_releases(Marks::Same));
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_host_wake_is_lost_without_the_hosts_fence() {
    weakened(Some(Point::HostSleepFence), || {
        host_sleeps_while_client_releases(Marks::Next);
    });
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn loom_host_wake_is_lost_without_release_fence() {
    weakened(Some(Point::ReleaseFence), || {
        host_sleeps_while_client_releases(Marks::Next);
    });
}
