//! Host and client from many threads, through the exported functions; also under
//! ThreadSanitizer.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "functions of C are called")]

use std::ffi::CString;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use videostream_c::client::Client;
use videostream_c::exports::client::*;
use videostream_c::exports::core::vsl_timestamp;
use videostream_c::exports::frame::*;
use videostream_c::exports::host::*;
use videostream_c::frame::Frame;
use videostream_c::host::Host;

const RGBA: u32 = u32::from_le_bytes(*b"RGBA");
const WANTED: u64 = 60;
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(240);

static ENDED: AtomicU64 = AtomicU64::new(0);

extern "C-unwind" fn count_end(_frame: *mut Frame) {
    ENDED.fetch_add(1, Ordering::Relaxed);
}

/// Posts a frame and serves clients.
fn produce(host: &Host) {
    let frame = vsl_frame_init(32, 16, 0, RGBA, null_mut(), Some(count_end));
    // SAFETY: a frame that was just made.
    let borrowed = unsafe { frame.as_mut() };
    // SAFETY: no path.
    let allocated = unsafe { vsl_frame_alloc(borrowed, std::ptr::null()) };
    assert_eq!(allocated, 0);
    let expires = vsl_timestamp() + 5_000_000;
    // SAFETY: as above.
    let taken = unsafe { vsl_host_post(Some(host), frame, expires, 0, 0, 0) } == 0;
    if !taken {
        // SAFETY: still this thread's.
        unsafe { vsl_frame_release(frame) };
    }
    vsl_host_poll(Some(host), 1);
    vsl_host_process(Some(host));
}

/// Waits for a frame, locks, unlocks and releases it; whether it could be locked.
fn consume(client: &Client) -> bool {
    let frame = vsl_frame_wait(Some(client), 0);
    if frame.is_null() {
        return false;
    }
    // SAFETY: a frame that was just received, and of this thread alone.
    let mut borrowed = unsafe { frame.as_mut() };
    let locked = vsl_frame_trylock(borrowed.as_deref_mut()) == 0;
    if locked {
        assert!(!vsl_frame_mmap(borrowed.as_deref_mut(), None).is_null());
        vsl_frame_unlock(borrowed);
    }
    // SAFETY: as above, once.
    unsafe { vsl_frame_release(frame) };
    locked
}

#[test]
fn threads_of_a_host_and_of_clients_do_not_race() {
    let name = CString::new(format!("vsl_threads_{}", std::process::id())).unwrap();
    // SAFETY: a NUL-terminated string, three times.
    let host = unsafe { vsl_host_init(name.as_ptr()) };
    // SAFETY: released at the end.
    let shared = unsafe { host.as_ref() }.unwrap();
    let clients = [false, true].map(|reconnect| {
        // SAFETY: as above.
        let client = unsafe { vsl_client_init(name.as_ptr(), null_mut(), reconnect) };
        // SAFETY: released at the end.
        unsafe { client.as_ref() }.unwrap()
    });
    let is_over = AtomicBool::new(false);
    let made = AtomicU64::new(0);
    let locked = AtomicU64::new(0);
    let deadline = Instant::now() + PROGRAM_TIMEOUT;
    let run = |work: &dyn Fn()| {
        while !is_over.load(Ordering::Relaxed) {
            work();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                run(&|| {
                    made.fetch_add(1, Ordering::Relaxed);
                    produce(shared);
                })
            });
        }
        for client in clients.into_iter().flat_map(|client| [client; 2]) {
            let (run, locked) = (&run, &locked);
            scope.spawn(move || {
                run(&|| {
                    locked.fetch_add(u64::from(consume(client)), Ordering::Relaxed);
                })
            });
        }
        while locked.load(Ordering::Relaxed) < WANTED && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        vsl_client_disconnect(Some(clients[0]));
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(locked.into_inner() >= WANTED);
    for client in clients {
        // SAFETY: from `vsl_client_init`, once.
        unsafe { vsl_client_release(std::ptr::from_ref(client).cast_mut()) };
    }
    // SAFETY: from `vsl_host_init`, once.
    unsafe { vsl_host_release(host) };
    assert_eq!(ENDED.load(Ordering::Relaxed), made.into_inner());
}
