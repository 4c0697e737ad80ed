//! Models of a client that reads a buffer's id: each of its threads finds the buffer.

use loom::thread;
use videostream_hal::sync::Point;
use videostream_hal::sync::model::weakened;

use super::loom_sides::{Client, Host, Order, Shared, sides};

/// Claim: a client that reads a buffer's id finds the buffer, even a new one.
fn client_meets_new_buffers(order: Order) {
    let shared = Shared::new();
    let client = Client::new(&shared, order);
    let reading = thread::spawn(move || {
        let last = client.next(0);
        client.next(last);
    });
    let mut host = Host::new(&shared, order);
    for _ in 0..2 {
        host.register_and_publish();
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
fn loom_fails_when_publish_is_relaxed() {
    weakened(Some(Point::Publish), || {
        client_meets_new_buffers(Order::AsItIs);
    });
}

/// Claim: so do two threads of one client that read the id at once.
fn two_threads_meet_a_buffer(order: Order) {
    let shared = Shared::new();
    let (client, mut host) = sides(&shared, order);
    host.register_and_publish();
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
fn loom_fails_when_messages_are_read_unlocked() {
    weakened(None, || two_threads_meet_a_buffer(Order::TakeUnlocked));
}
