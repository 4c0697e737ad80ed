//! The system's allocator, with a count of its calls.
//!
//! ```
//! use videostream_testing::counting::{Counting, calls};
//!
//! #[global_allocator]
//! static COUNTING: Counting = Counting;
//!
//! assert_eq!(calls(|| drop(Box::new(1))), 2);
//! ```

#![expect(unsafe_code, reason = "a global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

/// To be the `global_allocator` of a test program.
#[derive(Debug)]
pub struct Counting;

static BYTES: AtomicI64 = AtomicI64::new(0);

thread_local! {
    // Without a destructor and without lazy initialisation: looking at it does not allocate.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the rules.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's duty is the same as the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: `ptr` came from `alloc` above, that is from the system.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

fn count(bytes: i64) {
    CALLS.set(CALLS.get() + 1);
    BYTES.fetch_add(bytes, Ordering::Relaxed);
}

/// Calls of the allocator that `work` makes on this thread: tests side by side do not see each
/// other's.
pub fn calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

/// Bytes of the whole program that are out.
pub fn bytes() -> i64 {
    BYTES.load(Ordering::Relaxed)
}
