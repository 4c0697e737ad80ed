//! A data race, on purpose: `cargo xtask test` wants ThreadSanitizer to report it, which shows
//! that the sanitizer is on and sees what it is to see.

use std::sync::Arc;
use std::thread;

use super::cells::SlotId;
use super::tests::Pixels;
use crate::sync::{AtomicU32, Ordering};

/// Rounds of each thread, until which both go on: they do run side by side.
const ROUNDS: u32 = 1000;

#[test]
fn a_data_race_is_reported() {
    let shared = Arc::new((Pixels::new(1), [const { AtomicU32::new(0) }; 2]));
    let threads = [0, 1].map(|me| {
        let shared = shared.clone();
        thread::spawn(move || {
            let (pixels, rounds) = &*shared;
            let slot = SlotId::checked(0, 1).unwrap();
            // Relaxed: nothing is ordered by it.
            while rounds.iter().any(|r| r.load(Ordering::Relaxed) < ROUNDS) {
                match me {
                    0 => pixels.write(slot, 1),
                    _ => assert!(pixels.read(slot) < 2),
                }
                rounds[me].fetch_add(1, Ordering::Relaxed);
                thread::yield_now();
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}
