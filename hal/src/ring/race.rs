//! A data race, on purpose: `cargo xtask test` wants ThreadSanitizer to report it, which shows
//! that the sanitizer is on and sees what it is to see.

use std::sync::Arc;
use std::thread;

use super::cells::SlotId;
use super::tests::Pixels;

#[test]
fn a_data_race_is_reported() {
    let pixels = Arc::new(Pixels::new(1));
    let slot = SlotId::checked(0, 1).unwrap();
    let other = pixels.clone();
    let writer = thread::spawn(move || (0..10_000).for_each(|at| other.write(slot, at)));
    let read = (0..10_000).map(|_| pixels.read(slot)).max();
    writer.join().unwrap();
    assert!(read.is_some());
}
