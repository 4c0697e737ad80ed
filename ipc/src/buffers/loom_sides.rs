//! Host and client of the buffer models: buffers come and go while a client reads their ids. The
//! ring, the registry, the ledger and the table are the real ones; the socket is a queue with the
//! kernel's lock around it, and a buffer is a number that both sides know.
//!
//! Each claim, in `loom_meet.rs` and `loom_retire.rs`, is checked with the code as it is, and must
//! fail once something it rests on is removed: a [`Point`](videostream_hal::sync::Point) of the
//! ring, or one of the orders listed in [`Order`].

use std::collections::VecDeque;

use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};
use videostream_hal::ring::cells::{ControlMut, SlotId};
use videostream_hal::ring::mock::{MockControl, MockLease};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::reader;
use videostream_hal::sync::Ordering;

use super::{Ledger, Registry, Sent, Table, find};

/// Slots of the ring, and buffers that fit into registry and table.
const SLOTS: u32 = 2;
const ROOM: usize = 2;

/// A mutation of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// No mutation.
    AsItIs,
    /// The host publishes a frame before it sends the frame's buffer.
    PublishFirst,
    /// The client searches its table without reading its socket.
    NoDrain,
    /// A thread takes a message from the socket before it locks the table.
    TakeUnlocked,
    /// The host tells the client to drop a buffer while a frame lies in it.
    RetireAtOnce,
    /// The host sends a new buffer before it tells which one made room.
    FillFirst,
}

#[derive(Clone, Copy, Debug)]
enum Note {
    Buffer(u32),
    Retire(u32),
}

/// The state that both sides share: the ring, the client's lease, the socket's queue.
pub(super) struct Shared {
    control: MockControl,
    lease: MockLease,
    socket: Mutex<VecDeque<Note>>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
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

/// The host, which does its steps in the order of `host::Host`.
pub(super) struct Host<'a> {
    shared: &'a Shared,
    pub(super) publisher: Publisher<&'a MockControl>,
    pub(super) registry: Registry<u32, ROOM>,
    ledger: Ledger<ROOM>,
    order: Order,
}

impl<'a> Host<'a> {
    pub(super) fn new(shared: &'a Shared, order: Order) -> Self {
        Self {
            shared,
            publisher: Publisher::new(&shared.control),
            registry: Registry::new(),
            ledger: Ledger::default(),
            order,
        }
    }

    /// `Host::register`. A buffer's memory is its future id.
    pub(super) fn register(&mut self) -> u32 {
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

    /// Registers a new buffer and publishes a frame in it.
    pub(super) fn register_and_publish(&mut self) -> u32 {
        let id = self.register();
        self.publish(id);
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
    pub(super) fn publish(&mut self, id: u32) {
        let touched = self.registry.touch(id, self.publisher.head() + 1);
        assert!(touched.is_some());
        let claim = self.publisher.claim().expect("a slot is free");
        // Both words name the buffer, so that the descriptor is consistent.
        self.publisher.publish(claim, |_| [u64::from(id); 2]);
        self.send_lacking();
    }

    /// `Host::unregister`.
    pub(super) fn retire(&mut self, id: u32) {
        self.registry.unregister(id);
        self.sweep();
    }

    fn sweep(&mut self) {
        let is_used = is_used(&self.shared.control, self.order);
        let gone = self.registry.sweep(is_used);
        self.tell_retired(gone);
    }

    fn tell_retired(&mut self, gone: Option<u32>) {
        if let Some(id) = gone
            && self.ledger.unregister(id)
        {
            self.shared.send(Note::Retire(id));
        }
    }

    /// `Host::reclaim`, of all frames.
    pub(super) fn reclaim(&mut self) {
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

/// Returns a client and a host in their initial state.
pub(super) fn sides(shared: &Arc<Shared>, order: Order) -> (Client, Host<'_>) {
    (Client::new(shared, order), Host::new(shared, order))
}

/// A client, whose threads share the table.
#[derive(Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
    table: Arc<Mutex<Table<u32, ROOM>>>,
    order: Order,
}

impl Client {
    pub(super) fn new(shared: &Arc<Shared>, order: Order) -> Self {
        Self {
            shared: Arc::clone(shared),
            table: Arc::new(Mutex::new(Table::default())),
            order,
        }
    }

    /// Holds the next frame after `last`, if any, and finds its buffer.
    pub(super) fn next(&self, last: u64) -> u64 {
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

    /// `Connection::pump`: handles all messages, like a thread whose wait was ended by one.
    pub(super) fn pump(&self) {
        let mut table = self.table.lock().unwrap();
        while let Some(note) = self.take() {
            apply(&mut table, note);
        }
    }

    /// Runs two threads of this client: one reads a frame, the other handles messages.
    pub(super) fn read_and_pump(self) -> [JoinHandle<()>; 2] {
        let other = self.clone();
        [
            thread::spawn(move || {
                self.next(0);
            }),
            thread::spawn(move || other.pump()),
        ]
    }

    fn take(&self) -> Option<Note> {
        self.shared.socket.lock().unwrap().pop_front()
    }
}

fn apply(table: &mut Table<u32, ROOM>, note: Note) {
    match note {
        Note::Buffer(id) => table.insert(id, id).expect("the table overflows"),
        Note::Retire(id) => table.unregister(id),
    }
}
