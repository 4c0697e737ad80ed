//! Endless hosts: each time that a client has read all messages, they send more.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use videostream_hal::ring::cells::{ControlMut as _, HEAD_SLOT_BITS, Lease as _};
use videostream_hal::ring::segment::HostControl;
use videostream_hal::ring::{reader, wake};
use videostream_hal::sync::Ordering;
use videostream_ipc::socket::{self, Sent};
use videostream_ipc::wire::Message;

use super::super::Client;
use super::super::reader::MAX_LOOKS;
use super::liars::inside;

/// A client that reads so often would never stop.
const ENDLESS: u32 = 1000;

thread_local! {
    /// The next action of the host of this thread's clients.
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

/// A host that acts each time that a client of this thread has read all messages, until it is
/// dropped.
struct Endless {
    times: Rc<Cell<u32>>,
}

impl Endless {
    fn new(mut act: impl FnMut() + 'static) -> Self {
        let times = Rc::new(Cell::new(0));
        let count = Rc::clone(&times);
        let next = move || {
            count.set(count.get() + 1);
            assert!(count.get() < ENDLESS, "the client reads without end");
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

/// Sends a message without consequences.
fn talk(peer: &OwnedFd) {
    let sent = socket::send(peer, &Message::Unregister { id: 1 }, &[]);
    assert_eq!(sent, Ok(Sent::Yes));
}

/// A client whose host sends messages endlessly.
fn talked_to(test: &str) -> (Client, HostControl, Endless) {
    let (client, control, peer) = inside(test);
    talk(&peer);
    (client, control, Endless::new(move || talk(&peer)))
}

#[test]
fn endless_messages_do_not_extend_a_wait() {
    let (mut client, _control, host) = talked_to("talks-next");
    let error = client.next(Duration::ZERO).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(host.times.get() > 0, "nobody has listened");
    assert!(client.try_next().unwrap().is_none());
}

#[test]
fn endless_messages_do_not_extend_a_peek() {
    let (client, _control, host) = talked_to("talks-look");
    let error = client.look(Duration::ZERO).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(host.times.get() > 0, "nobody has listened");
}

#[test]
fn endless_announcements_do_not_block_an_event_loop() {
    let (mut client, control, _peer) = inside("announces");
    // Announces frames that are in no slot.
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
