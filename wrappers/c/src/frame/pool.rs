//! A pool of released frames: once it has enough of them, new frames need no allocation.

#![expect(
    unsafe_code,
    reason = "a frame is given to another thread; a function of C at the end"
)]

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::Frame;

/// Most frames that are kept.
const MAX_SHELLS: usize = 64;

/// A released frame, which refers to nothing.
///
/// # Invariants
/// It was emptied by [`Frame::empty`].
struct Shell(Box<Frame>);

// SAFETY: what a frame shares with its thread was dropped, by the type's invariant; the pointer of
// the program that it still has is never followed.
unsafe impl Send for Shell {}

static POOL: Mutex<Vec<Shell>> = Mutex::new(Vec::new());

fn pool() -> MutexGuard<'static, Vec<Shell>> {
    // A push or a pop is whole or has not happened.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Boxes `frame`, in the box of a released frame if there is one.
pub(super) fn boxed(frame: Frame) -> Box<Frame> {
    let shell = pool().pop();
    match shell {
        Some(Shell(mut place)) => {
            *place = frame;
            place
        }
        None => Box::new(frame),
    }
}

/// Keeps the box of a released frame, if there is room.
pub(super) fn give_back(mut frame: Box<Frame>) {
    static AT_EXIT: Once = Once::new();
    frame.empty();
    AT_EXIT.call_once(|| {
        // SAFETY: the function may run at any time, also when the library is unloaded. If it is
        // not taken, the shells stay until the process is gone.
        let _ = unsafe { libc::atexit(forget) };
    });
    let mut pool = pool();
    if pool.len() < MAX_SHELLS {
        if pool.capacity() == 0 {
            pool.reserve_exact(MAX_SHELLS);
        }
        // INVARIANT: emptied above.
        pool.push(Shell(frame));
    }
}

/// Frees the pool, for leak checkers.
extern "C" fn forget() {
    drop(std::mem::take(&mut *pool()));
}
