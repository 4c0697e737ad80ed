//! Models of buffers that come and go while a client meets their ids. The ring, the
//! registry, the ledger and the table are the real ones; the socket is a queue with the
//! kernel's lock around it, and a buffer is a number that both sides know.
//!
//! Each claim runs as the code stands and with what it rests on taken out, where it must
//! fail: a [`Point`] of the ring, or one of the orders listed in [`Order`].

use std::collections::VecDeque;

use loom::sync::{Arc, Mutex};
use loom::thread;
use videostream_hal::ring::cells::{Control, SlotId};
use videostream_hal::ring::mock::{MockControl, MockLease};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::reader;
use videostream_hal::sync::model::weakened;
use videostream_hal::sync::{Ordering, Point};

use super::{Ledger, Registry, Sent, Table, find};

/// Slots of the ring, and buffers that fit into registry and table.
const SLOTS: u32 = 2;
const ROOM: usize = 2;

/// What a mutation of the protocol gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Nothing.
    AsItIs,
    /// The host publishes a frame before it sends the frame's buffer.
    PublishFirst,
    /// The client looks into its table and not into its socket.
    NoDrain,
    /// A thread takes a message from the socket before it locks the table.
    TakeUnlocked,
    /// The host says that a buffer is gone while a frame lies in it.
    RetireAtOnce,
    /// The host sends a new buffer before it says which one made room.
    FillFirst,
}

#[derive(Clone, Copy, Debug)]
enum Note {
    Buffer(u32),
    Retire(u32),
}

/// What the two sides share: the ring, the client's lease, the socket's queue.
struct Shared {
    control: MockControl,
    lease: MockLease,
    socket: Mutex<VecDeque<Note>>,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            control: MockControl::new(SLOTS),
            lease: MockLease::new(SLOTS),
            socket: Mutex::new(VecDeque::new()),
        })
    }

    fn send(&self, note: Note) {
        self.socket.lock().unwrap().push_back(note);
    }
}

/// The host's side, in the order of `host::Host`.
struct Host<'a> {
    shared: &'a Shared,
    publisher: Publisher<&'a MockControl>,
    registry: Registry<u32, ROOM>,
    ledger: Ledger<ROOM>,
    order: Order,
}

impl<'a> Host<'a> {
    fn new(shared: &'a Shared, order: Order) -> Self {
        Self {
            shared,
            publisher: Publisher::new(&shared.control),
            registry: Registry::new(),
            ledger: Ledger::default(),
            order,
        }
    }

    /// `Host::register`; a buffer's memory is the id that it will have.
    fn register(&mut self) -> u32 {
        let id = self.registry.next_id();
        let mut gone = None;
        if self.registry.is_full() {
            let is_used = is_used(&self.shared.control, self.order);
            gone = Some(self.registry.make_room(is_used).expect("one is unused"));
        }
        if self.order != Order::FillFirst {
            self.tell_retired(gone);
        }
        let head = self.publisher.head();
        assert_eq!(self.registry.insert(id, 1, head), Some(id));
        if self.order != Order::PublishFirst {
            self.send_lacking();
        }
        self.tell_retired(gone);
        id
    }

    fn send_lacking(&mut self) {
        let shared = self.shared;
        let sent = self.ledger.send_lacking(&self.registry, |id, _, _| {
            shared.send(Note::Buffer(id));
            Ok::<_, ()>(Sent::Yes)
        });
        assert_eq!(sent, Ok(Sent::Yes));
    }

    /// `Host::publish`.
    fn publish(&mut self, id: u32) {
        let touched = self.registry.touch(id, self.publisher.head() + 1);
        assert!(touched.is_some());
        let claim = self.publisher.claim().expect("a slot is free");
        // Both words, so that they are a descriptor that names this buffer.
        self.publisher.publish(claim, |_| [u64::from(id); 2]);
        self.send_lacking();
    }

    /// `Host::retire`.
    fn retire(&mut self, id: u32) {
        self.registry.retire(id);
        self.sweep();
    }

    fn sweep(&mut self) {
        let is_used = is_used(&self.shared.control, self.order);
        let gone = self.registry.sweep(is_used);
        self.tell_retired(gone);
    }

    fn tell_retired(&mut self, gone: Option<u32>) {
        if let Some(id) = gone
            && self.ledger.retire(id)
        {
            self.shared.send(Note::Retire(id));
        }
    }

    /// `Host::reclaim`, of all frames.
    fn reclaim(&mut self) {
        while self.publisher.retire_oldest().is_some() {}
        let lease = core::iter::once(&self.shared.lease);
        self.publisher.collect(lease, |_| ());
        self.sweep();
    }
}

/// `lies_in`.
fn is_used(control: &MockControl, order: Order) -> impl Fn(u32) -> bool {
    let slots = (0..SLOTS).filter_map(|slot| SlotId::checked(slot, SLOTS));
    move |id| {
        order != Order::RetireAtOnce
            && slots
                .clone()
                .filter(|&slot| control.state(slot).load(Ordering::Relaxed) != 0)
                .any(|slot| reader::word(control, slot, 0) == u64::from(id))
    }
}

/// A client, whose threads share the table.
#[derive(Clone)]
struct Client {
    shared: Arc<Shared>,
    table: Arc<Mutex<Table<u32, ROOM>>>,
    order: Order,
}

impl Client {
    fn new(shared: &Arc<Shared>, order: Order) -> Self {
        Self {
            shared: Arc::clone(shared),
            table: Arc::new(Mutex::new(Table::default())),
            order,
        }
    }

    /// Holds the next frame after `last` if there is one, and looks for its buffer.
    fn next(&self, last: u64) -> u64 {
        let Shared { control, lease, .. } = &*self.shared;
        let Some(held) = reader::hold_next(control, lease, last) else {
            return last;
        };
        let id = reader::word(control, held.slot, 0) as u32;
        assert_eq!(self.buffer(id), Some(id), "the buffer was not found");
        reader::release(lease, held.slot);
        held.serial
    }

    /// `Connection::buffer`.
    fn buffer(&self, id: u32) -> Option<u32> {
        let look = |table: &Table<u32, ROOM>| table.get(id).copied();
        if self.order == Order::TakeUnlocked {
            while look(&self.table.lock().unwrap()).is_none() {
                let note = self.take()?;
                apply(&mut self.table.lock().unwrap(), note);
            }
        }
        let found = find(&mut *self.table.lock().unwrap(), look, |table| {
            let note = self.take().filter(|_| self.order != Order::NoDrain);
            note.inspect(|&note| apply(table, note));
            Ok::<_, ()>(note.is_some())
        });
        found.unwrap()
    }

    /// `Connection::pump`: takes in everything, as a thread does whose wait ends by a message.
    fn pump(&self) {
        let mut table = self.table.lock().unwrap();
        while let Some(note) = self.take() {
            apply(&mut table, note);
        }
    }

    fn take(&self) -> Option<Note> {
        self.shared.socket.lock().unwrap().pop_front()
    }
}

fn apply(table: &mut Table<u32, ROOM>, note: Note) {
    match note {
        Note::Buffer(id) => table.insert(id, id).expect("the table overflows"),
        Note::Retire(id) => table.retire(id),
    }
}

/// Claim: a client that meets the id of a buffer finds it, also one that came just now.
fn client_meets_new_buffers(order: Order) {
    let shared = Shared::new();
    let client = Client::new(&shared, order);
    let reading = thread::spawn(move || {
        let last = client.next(0);
        client.next(last);
    });
    let mut host = Host::new(&shared, order);
    for _ in 0..2 {
        let id = host.register();
        host.publish(id);
    }
    reading.join().unwrap();
}

#[test]
fn loom_client_meets_new_buffers() {
    weakened(None, || client_meets_new_buffers(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_the_frame_comes_before_its_buffer() {
    weakened(None, || client_meets_new_buffers(Order::PublishFirst));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_the_socket_is_not_drained() {
    weakened(None, || client_meets_new_buffers(Order::NoDrain));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_publish_does_not_release_the_buffers_id() {
    weakened(Some(Point::Publish), || {
        client_meets_new_buffers(Order::AsItIs);
    });
}

/// Claim: so do two threads of one client that meet it at once.
fn two_threads_meet_a_buffer(order: Order) {
    let shared = Shared::new();
    let client = Client::new(&shared, order);
    let mut host = Host::new(&shared, order);
    let id = host.register();
    host.publish(id);
    let other = client.clone();
    let reading = thread::spawn(move || other.next(0));
    client.next(0);
    reading.join().unwrap();
}

#[test]
fn loom_two_threads_meet_a_buffer() {
    weakened(None, || two_threads_meet_a_buffer(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_messages_are_taken_without_the_tables_lock() {
    weakened(None, || two_threads_meet_a_buffer(Order::TakeUnlocked));
}

/// Claim: a buffer that is retired while its frame can be read, or is held, is there as long.
fn host_retires_a_buffer_in_use(order: Order) {
    let shared = Shared::new();
    let client = Client::new(&shared, order);
    let mut host = Host::new(&shared, order);
    let id = host.register();
    host.publish(id);
    let other = client.clone();
    let threads = [
        thread::spawn(move || {
            client.next(0);
        }),
        thread::spawn(move || other.pump()),
    ];
    host.retire(id);
    host.reclaim();
    for thread in threads {
        thread.join().unwrap();
    }
    // The holder is done: the buffer goes.
    host.reclaim();
    assert_eq!(host.registry.iter().count(), 0, "the buffer stays for ever");
}

#[test]
fn loom_host_retires_a_buffer_in_use() {
    weakened(None, || host_retires_a_buffer_in_use(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_a_buffer_is_retired_under_its_frame() {
    weakened(None, || host_retires_a_buffer_in_use(Order::RetireAtOnce));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_retired_buffer_is_lost_without_the_hold_fence() {
    weakened(Some(Point::HoldFence), || {
        host_retires_a_buffer_in_use(Order::AsItIs);
    });
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_retired_buffer_is_lost_without_the_reclaim_fence() {
    weakened(Some(Point::ReclaimFence), || {
        host_retires_a_buffer_in_use(Order::AsItIs);
    });
}

/// Claim: so is a fence, which is retired as it is published, while the client looks, and goes
/// when its frame does.
fn a_fence_goes_with_its_frame(order: Order) {
    let shared = Shared::new();
    let client = Client::new(&shared, order);
    let reading = thread::spawn(move || {
        client.pump();
        client.next(0);
    });
    let mut host = Host::new(&shared, order);
    let fence = host.register();
    host.publish(fence);
    host.retire(fence);
    host.reclaim();
    reading.join().unwrap();
    host.reclaim();
    assert_eq!(host.registry.iter().count(), 0, "the fence stays for ever");
}

#[test]
fn loom_a_fence_goes_with_its_frame() {
    weakened(None, || a_fence_goes_with_its_frame(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_a_fence_goes_before_its_frame() {
    weakened(None, || a_fence_goes_with_its_frame(Order::RetireAtOnce));
}

/// Claim: the buffer that makes room for another is not one that the client needs, and the
/// client has room for the other.
fn a_buffer_makes_room_for_another(order: Order) {
    let shared = Shared::new();
    let client = Client::new(&shared, order);
    let mut host = Host::new(&shared, order);
    // The older one is in use, the newer one is not.
    let old = host.register();
    host.register();
    host.publish(old);
    let reading = thread::spawn(move || {
        let last = client.next(0);
        client.next(last);
    });
    let new = host.register();
    host.publish(new);
    reading.join().unwrap();
}

#[test]
fn loom_a_buffer_makes_room_for_another() {
    weakened(None, || a_buffer_makes_room_for_another(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the table overflows")]
fn loom_fails_when_the_new_buffer_comes_before_the_old_one_goes() {
    weakened(None, || a_buffer_makes_room_for_another(Order::FillFirst));
}

/// The one that makes room was used longest ago, and a client may still hold a frame in it.
fn the_oldest_buffer_is_held(order: Order) {
    let shared = Shared::new();
    let client = Client::new(&shared, order);
    let mut host = Host::new(&shared, order);
    let old = host.register();
    host.publish(old);
    // Used after it, and free.
    let young = host.register();
    let touched = host.registry.touch(young, host.publisher.head() + 1);
    assert!(touched.is_some());
    let other = client.clone();
    let threads = [
        thread::spawn(move || {
            client.next(0);
        }),
        thread::spawn(move || other.pump()),
    ];
    host.reclaim();
    let new = host.register();
    host.publish(new);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn loom_the_buffer_used_longest_ago_is_held() {
    weakened(None, || the_oldest_buffer_is_held(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_a_held_buffer_makes_room() {
    weakened(None, || the_oldest_buffer_is_held(Order::RetireAtOnce));
}
