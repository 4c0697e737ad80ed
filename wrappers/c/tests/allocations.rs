//! What frames cost in the steady state: no allocation for any of them.

#![cfg(target_os = "linux")]
#![expect(
    unsafe_code,
    reason = "an allocator that counts; functions of C are called"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering};

use videostream::hal::memory::memfd;
use videostream_c::exports::client::*;
use videostream_c::exports::frame::*;
use videostream_c::exports::host::*;

const RGBA: u32 = u32::from_le_bytes(*b"RGBA");
const BYTES: usize = 32 * 16 * 4;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is the system's; only counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { System.dealloc(start, layout) }
    }
}

#[test]
fn a_frame_that_is_posted_received_locked_and_released_allocates_nothing() {
    let name = CString::new(format!("vsl_allocations_{}", std::process::id())).unwrap();
    // SAFETY: a text that ends with a NUL, twice.
    let host = unsafe { vsl_host_init(name.as_ptr()) };
    // SAFETY: as above.
    let client = unsafe { vsl_client_init(name.as_ptr(), null_mut(), false) };
    // SAFETY: released at the end.
    let shared = unsafe { host.as_ref() };
    // SAFETY: as above.
    let receiver = unsafe { client.as_ref() };
    vsl_client_set_timeout(receiver, 60.0);
    assert_eq!(vsl_host_process(shared), 0);
    let memory = [c"a", c"b", c"c"].map(|name| memfd::create(name, BYTES).unwrap());
    let mut last = 0;
    for turn in 0..300 {
        if turn == 100 {
            last = ALLOCATIONS.load(Ordering::Relaxed);
        }
        let frame = vsl_frame_init(32, 16, 0, RGBA, null_mut(), None);
        // SAFETY: a frame that was just made.
        let borrowed = unsafe { frame.as_mut() };
        let fd = memory[turn % memory.len()].as_raw_fd();
        assert_eq!(vsl_frame_attach(borrowed, fd, 0, 0), 0);
        // SAFETY: as above.
        let posted = unsafe { vsl_host_post(shared, frame, -1, 0, 0, 0) };
        assert_eq!(posted, 0);
        assert_eq!(vsl_host_process(shared), 0);
        let frame = vsl_frame_init(32, 16, 0, RGBA, null_mut(), None);
        // SAFETY: a frame that was just made.
        let borrowed = unsafe { frame.as_mut() };
        assert_eq!(vsl_frame_attach(borrowed, fd, 0, 0), 0);
        // SAFETY: as above.
        let posted = unsafe { vsl_host_post(shared, frame, 0, 0, 0, 0) };
        assert_eq!(posted, 0);
        let received = vsl_frame_wait(receiver, 0);
        // SAFETY: a frame that was just received, and of this thread alone.
        let mut borrowed = unsafe { received.as_mut() };
        assert_eq!(vsl_frame_trylock(borrowed.as_deref_mut()), 0);
        assert!(!vsl_frame_mmap(borrowed.as_deref_mut(), None).is_null());
        assert_eq!(vsl_frame_unlock(borrowed), 0);
        // SAFETY: as above, once.
        unsafe { vsl_frame_release(received) };
        // SAFETY: the host's, from which it is taken.
        unsafe { vsl_frame_release(frame) };
    }
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - last;
    // SAFETY: from `vsl_client_init`, once.
    unsafe { vsl_client_release(client) };
    // SAFETY: from `vsl_host_init`, once.
    unsafe { vsl_host_release(host) };
    assert_eq!(allocated, 0);
}
