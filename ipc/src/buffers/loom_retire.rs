//! Models of a buffer that goes, because it is retired or makes room for another, while a client
//! may still need it.

use loom::thread;
use videostream_hal::sync::Point;
use videostream_hal::sync::model::weakened;

use super::loom_sides::{Client, Host, Order, Shared, sides};

/// Claim: a buffer that is retired while its frame can be read, or is held, is there as long.
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
fn loom_fails_when_the_new_buffer_comes_before_the_old_one_goes() {
    weakened(None, || a_buffer_makes_room_for_another(Order::FillFirst));
}

/// The one that makes room was used longest ago, and a client may still hold a frame in it.
fn the_oldest_buffer_is_held(order: Order) {
    let shared = Shared::new();
    let (client, mut host) = sides(&shared, order);
    host.register_and_publish();
    // Used after it, and free.
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
