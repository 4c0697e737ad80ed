//! An intentional data race: `cargo xtask test` requires that ThreadSanitizer reports it, which
//! shows that the sanitizer is on and works.

use std::sync::Arc;
use std::thread;

use super::cells::SlotId;
use super::tests::Pixels;
use crate::sync::{AtomicU32, Ordering};

/// Rounds of each thread. Both continue until both have made them, so that they overlap.
const ROUNDS: u32 = 1000;

#[test]
fn a_data_race_is_reported() {
    let shared = Arc::new((Pixels::new(1), [const { AtomicU32::new(0) }; 2]));
    let threads = [0, 1].map(|me| {
        let shared = shared.clone();
        thread::spawn(move || {
            let (pixels, rounds) = &*shared;
            let slot = SlotId::checked(0, 1).unwrap();
            // Relaxed: orders nothing.
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
