//! The functions of the C interface, each in turns with the same through the Rust API.
//!
//! Both sides have a host of 1,024 slots and one client, which is awake; their frames lie in the
//! same number of buffers. The goal is a difference: a function of C costs at most 100 ns more.
//! `docs/performance.md` says what the figures mean.
//!
//! ```console
//! cargo bench --package videostream-c --bench exports         # everything, and the table
//! cargo bench --package videostream-c --bench exports -- wait # figures with this in their name
//! ```

#![cfg(target_os = "linux")]

mod batch;
mod c;
mod post;
mod receive;
mod rust;

use std::os::fd::OwnedFd;
use std::time::Duration;

use videostream::hal::memory::allocate::Allocator;
use videostream_testing::figures::{self, Goal};

/// Pixels of a frame's side; NV12.
const SIDE: u32 = 64;
/// Bytes of a frame.
const BYTES: u32 = SIDE * SIDE * 3 / 2;
/// Pieces of memory that frames lie in, one after the other.
const BUFFERS: usize = 8;

/// How much more a function of C may cost.
const WITHIN: Goal = Goal::More(100.0);
/// What the other side is called in the table.
const RUST: &str = "Rust API";

fn main() {
    figures::run(
        (Duration::from_millis(200), Duration::from_secs(1)),
        &[post::bench, receive::bench],
    );
}

/// Memory for frames.
fn buffers() -> [OwnedFd; BUFFERS] {
    std::array::from_fn(|_| {
        let allocation = Allocator::memfd_only().allocate(BYTES.into());
        allocation.unwrap().fd
    })
}

/// A socket's name for this run.
fn name(what: &str) -> String {
    format!("videostream-bench-{}-{what}", std::process::id())
}
