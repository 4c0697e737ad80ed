//! A lock that the thread which has it can take again, and that others wait for no longer than
//! they want: callbacks of a host call the host.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The lock.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// A thread; 0 for none.
    owner: AtomicUsize,
    /// How often the owner has taken the lock. The owner's alone.
    depth: AtomicUsize,
    /// Threads that wait, or are about to.
    waiting: AtomicUsize,
    /// Held between a waiter's last look at `owner` and its sleep, and by who wakes it.
    door: Mutex<()>,
    free: Condvar,
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
    /// Takes the lock, within `patience` if there is a limit.
    #[inline]
    pub(super) fn take(&self, patience: Option<Duration>) -> Option<Taken<'_>> {
        let me = this_thread();
        // Relaxed: only this thread writes its own number, and it sees its own writes.
        if self.owner.load(Ordering::Relaxed) != me && !self.try_take(me) {
            self.wait(me, patience)?;
        }
        // Relaxed: passed on with `owner`, and touched by its thread only.
        let depth = self.depth.load(Ordering::Relaxed);
        self.depth.store(depth + 1, Ordering::Relaxed);
        Some(Taken(self))
    }

    #[inline]
    fn try_take(&self, me: usize) -> bool {
        let taken = self
            .owner
            // SYNC(turn): acquires what the last owner has done. SeqCst on failure: see `wait`.
            .compare_exchange(0, me, Ordering::Acquire, Ordering::SeqCst);
        taken.is_ok()
    }

    /// Takes it when the owner has given it up. A waiter counts itself, then looks at `owner`;
    /// the owner clears `owner`, then looks at the count: one of the two sees the other.
    #[cold]
    fn wait(&self, me: usize, patience: Option<Duration>) -> Option<()> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        // Nothing under it panics.
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let taken = loop {
            if self.try_take(me) {
                break Some(());
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            door = match left {
                Some(Duration::ZERO) => break None,
                Some(left) => {
                    let woken = self.free.wait_timeout(door, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.free.wait(door);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
        };
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        drop(door);
        taken
    }

    #[cold]
    fn wake_one(&self) {
        // Who has counted itself and not gone to sleep yet holds the door.
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.free.notify_one();
        drop(door);
    }
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        let turn = self.0;
        let depth = turn.depth.load(Ordering::Relaxed) - 1;
        turn.depth.store(depth, Ordering::Relaxed);
        if depth > 0 {
            return;
        }
        // SYNC(turn): releases what was done under the lock.
        turn.owner.store(0, Ordering::SeqCst);
        if turn.waiting.load(Ordering::SeqCst) > 0 {
            turn.wake_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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

    #[test]
    fn one_thread_at_a_time_has_it_and_none_sleeps_for_ever() {
        const TURNS: u32 = 2000;
        struct Guarded(Turn, Cell<u32>);
        #[expect(unsafe_code, reason = "the lock guards it")]
        // SAFETY: the cell is touched under the lock only.
        unsafe impl Sync for Guarded {}
        let guarded = Guarded(Turn::default(), Cell::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let Guarded(turn, count) = &guarded;
                    for at in 0..TURNS {
                        let _turn = turn.take(None).unwrap();
                        let before = count.get();
                        if at % 16 == 0 {
                            std::thread::yield_now();
                        }
                        count.set(before + 1);
                    }
                });
            }
        });
        assert_eq!(guarded.1.get(), 3 * TURNS);
    }
}
