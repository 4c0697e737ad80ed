//! Models of a buffer that is unregistered, or makes room for another, while a client may still
//! need it.

use loom::thread;
use videostream_hal::sync::Point;
use videostream_hal::sync::model::weakened;

use super::loom_sides::{Client, Host, Order, Shared, sides};

/// Claim: a buffer that is unregistered while its frame is readable or held stays as long.
fn host_retires_a_buffer_in_use(order: Order) {
    let shared = Shared::new();
    let (client, mut host) = sides(&shared, order);
    let id = host.register_and_publish();
    let threads = client.read_and_pump();
    host.retire(id);
    host.reclaim();
    for thread in threads {
        thread.join().unwrap();
    }
    // The frame is released: the buffer is removed.
    host.reclaim();
    assert_eq!(host.registry.iter().count(), 0, "the buffer stays for ever");
}

#[test]
fn loom_host_retires_a_buffer_in_use() {
    weakened(None, || host_retires_a_buffer_in_use(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_fails_when_a_used_buffer_is_unregistered() {
    weakened(None, || host_retires_a_buffer_in_use(Order::RetireAtOnce));
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_used_buffer_is_lost_without_the_hold_fence() {
    weakened(Some(Point::HoldFence), || {
        host_retires_a_buffer_in_use(Order::AsItIs);
    });
}

#[test]
#[should_panic(expected = "the buffer was not found")]
fn loom_used_buffer_is_lost_without_reclaim_fence() {
    weakened(Some(Point::ReclaimFence), || {
        host_retires_a_buffer_in_use(Order::AsItIs);
    });
}

/// Claim: a fence, which is unregistered when its frame is published, stays until that frame is
/// reclaimed, and no longer.
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

/// Claim: a buffer that makes room for another is not one that the client needs, and the client's
/// table has room for the other.
fn a_buffer_makes_room_for_another(order: Order) {
    let shared = Shared::new();
    let (client, mut host) = sides(&shared, order);
    // The older one is in use, the newer one is not.
    let old = host.register();
    host.register();
    host.publish(old);
    let reading = thread::spawn(move || {
        let last = client.next(0);
        client.next(last);
    });
    host.register_and_publish();
    reading.join().unwrap();
}

#[test]
fn loom_a_buffer_makes_room_for_another() {
    weakened(None, || a_buffer_makes_room_for_another(Order::AsItIs));
}

#[test]
#[should_panic(expected = "the table overflows")]
fn loom_fails_when_a_buffer_comes_before_room() {
    weakened(None, || a_buffer_makes_room_for_another(Order::FillFirst));
}

/// Claim: the least recently used buffer does not make room while a client holds a frame in it.
fn the_oldest_buffer_is_held(order: Order) {
    let shared = Shared::new();
    let (client, mut host) = sides(&shared, order);
    host.register_and_publish();
    // Used more recently, and free.
    let young = host.register();
    let touched = host.registry.touch(young, host.publisher.head() + 1);
    assert!(touched.is_some());
    let threads = client.read_and_pump();
    host.reclaim();
    host.register_and_publish();
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
