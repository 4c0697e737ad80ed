//! Hosts that go on without end: each time that a client has read what there was, there is more.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use videostream_hal::ring::cells::{Control as _, HEAD_SLOT_BITS, Lease as _};
use videostream_hal::ring::segment::HostControl;
use videostream_hal::ring::{reader, wake};
use videostream_hal::sync::Ordering;
use videostream_ipc::socket::{self, Sent};
use videostream_ipc::wire::Message;

use super::super::Client;
use super::super::reader::MAX_LOOKS;
use super::liars::inside;

/// A client that goes along for so long does so without end.
const ENDLESS: u32 = 1000;

thread_local! {
    /// What the host of this thread's clients does next.
    static NEXT: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Called by a client that has read all messages.
pub(in super::super) fn go_on() {
    NEXT.with_borrow_mut(|next| {
        if let Some(next) = next {
            next();
        }
    });
}

/// A host that does something each time that a client of this thread has read all messages, until
/// it is dropped.
struct Endless {
    times: Rc<Cell<u32>>,
}

impl Endless {
    fn new(mut act: impl FnMut() + 'static) -> Self {
        let times = Rc::new(Cell::new(0));
        let count = Rc::clone(&times);
        let next = move || {
            count.set(count.get() + 1);
            assert!(count.get() < ENDLESS, "the client goes along");
            act();
        };
        NEXT.set(Some(Box::new(next)));
        Self { times }
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        NEXT.set(None);
    }
}

/// Says something of no interest.
fn talk(peer: &OwnedFd) {
    let sent = socket::send(peer, &Message::Retire { id: 1 }, &[]);
    assert_eq!(sent, Ok(Sent::Yes));
}

/// A client whose host talks without end.
fn talked_to(test: &str) -> (Client, HostControl, Endless) {
    let (client, control, peer) = inside(test);
    talk(&peer);
    (client, control, Endless::new(move || talk(&peer)))
}

#[test]
fn a_host_that_talks_without_end_cannot_keep_who_waits_past_its_deadline() {
    let (mut client, _control, host) = talked_to("talks-next");
    let error = client.next(Duration::ZERO).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(host.times.get() > 0, "nobody has listened");
    assert!(client.try_next().unwrap().is_none());
}

#[test]
fn a_host_that_talks_without_end_cannot_keep_who_looks_past_its_deadline() {
    let (client, _control, host) = talked_to("talks-look");
    let error = client.look(Duration::ZERO).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(host.times.get() > 0, "nobody has listened");
}

#[test]
fn a_host_that_announces_without_end_cannot_hold_an_event_loop_up() {
    let (mut client, control, _peer) = inside("announces");
    // Frames that are none: no slot has them.
    let announce = move || {
        let next = reader::newest(&control) + 1;
        control
            .head()
            .store(next << HEAD_SLOT_BITS, Ordering::Release);
    };
    let host = Endless::new(announce);
    assert!(client.poll_next().unwrap().is_none());
    assert_eq!(host.times.get(), MAX_LOOKS);
    // The next frame makes it readable.
    let waiting = client.ipc().ring().1.waiting().load(Ordering::Relaxed);
    assert_eq!(waiting, wake::ARMED);
}
