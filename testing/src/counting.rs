//! The system's allocator, which also counts calls.
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

/// An allocator for the `#[global_allocator]` of a test program.
#[derive(Debug)]
pub struct Counting;

static BYTES: AtomicI64 = AtomicI64::new(0);

thread_local! {
    // Without a destructor or lazy initialisation, so that access does not allocate.
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

/// Returns the number of allocator calls that `work` makes on this thread; parallel tests do not
/// count.
pub fn calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

/// Returns the number of bytes that the whole program has allocated.
pub fn bytes() -> i64 {
    BYTES.load(Ordering::Relaxed)
}
