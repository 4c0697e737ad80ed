//! A lock that the thread which has it can take again, and that others wait for no longer than
//! they want: callbacks of a host call the host.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The lock.
#[derive(Debug, Default)]
pub(super) struct Turn {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// A thread; 0 for none.
    owner: usize,
    /// How often it has taken the lock.
    depth: usize,
    waiting: usize,
}

/// The lock is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a>(&'a Turn);

/// A number that no other thread has that lives at the same time.
fn this_thread() -> usize {
    thread_local! { static PLACE: u8 = const { 0 } }
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

impl Turn {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under it panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock, within `patience` if there is a limit.
    pub(super) fn take(&self, patience: Option<Duration>) -> Option<Taken<'_>> {
        let me = this_thread();
        let mut state = self.state();
        if state.owner != me && state.owner != 0 {
            let deadline = patience.map(|patience| Instant::now() + patience);
            while state.owner != 0 {
                let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                if left == Some(Duration::ZERO) {
                    return None;
                }
                state.waiting += 1;
                state = match left {
                    Some(left) => {
                        let woken = self.free.wait_timeout(state, left);
                        woken.unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => self
                        .free
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner),
                };
                state.waiting -= 1;
            }
        }
        state.owner = me;
        state.depth += 1;
        Some(Taken(self))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.depth -= 1;
        if state.depth == 0 {
            state.owner = 0;
            if state.waiting > 0 {
                self.0.free.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_takes_it_again_and_another_gives_up_after_a_while() {
        let turn = Turn::default();
        let outer = turn.take(None).unwrap();
        let inner = turn.take(None).unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| turn.take(Some(Duration::from_millis(1))).is_none());
            assert!(other.join().unwrap());
            drop(inner);
            let other = scope.spawn(|| turn.take(Some(Duration::from_millis(1))).is_none());
            assert!(other.join().unwrap());
            let other = scope.spawn(|| turn.take(None).is_some());
            drop(outer);
            assert!(other.join().unwrap());
        });
    }
}
