//! What wakes the streaming thread: frames that come back, and whoever wants the thread out.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use videostream::share::Reader;

use crate::lock;

/// Whether frames may flow, and how many have come back.
#[derive(Debug, Default)]
pub(super) struct Flow {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_flushing: bool,
    /// How often waits were ended.
    flushes: u64,
    /// Frames that downstream has let go.
    returned: u64,
    /// Threads that sleep here: without any, a frame that comes back costs no system call.
    sleepers: u32,
    /// Of the connection that the streaming thread may wait on.
    reader: Option<Reader>,
}

impl Flow {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Ends every wait, now and until [`Flow::resume`].
    pub(super) fn flush(&self) {
        let mut state = self.lock();
        state.is_flushing = true;
        state.flushes += 1;
        if let Some(reader) = &state.reader {
            reader.cancel();
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn resume(&self) {
        let mut state = self.lock();
        state.is_flushing = false;
        if let Some(reader) = &state.reader {
            reader.ipc().resume();
        }
    }

    pub(super) fn is_flushing(&self) -> bool {
        self.lock().is_flushing
    }

    /// How often waits were ended so far.
    pub(super) fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    /// Whether waits are to end that began after so many ends. They may have been resumed since: whoever slept through
    /// both has to leave all the same.
    pub(super) fn is_over(&self, flushes: u64) -> bool {
        let state = self.lock();
        state.is_flushing || state.flushes != flushes
    }

    /// Waits are on this connection from now on, or on none.
    pub(super) fn set_reader(&self, reader: Option<Reader>) {
        let mut state = self.lock();
        if let Some(reader) = reader.as_ref().filter(|_| state.is_flushing) {
            reader.cancel();
        }
        let before = std::mem::replace(&mut state.reader, reader);
        drop(state);
        drop(before);
    }

    /// The connection, to look at.
    pub(super) fn reader(&self) -> Option<Reader> {
        self.lock().reader.clone()
    }

    /// A frame has come back.
    pub(super) fn count_return(&self) {
        let mut state = self.lock();
        state.returned += 1;
        if state.sleepers > 0 {
            self.changed.notify_all();
        }
    }

    /// How many frames have come back so far.
    pub(super) fn returned(&self) -> u64 {
        self.lock().returned
    }

    /// Sleeps until more than `seen` frames have come back, but no longer than this, and not while waits are to end.
    pub(super) fn wait_for_return(&self, seen: u64, most: Duration) {
        self.wait(most, |state| state.returned != seen);
    }

    /// Sleeps for so long, unless waits are to end.
    pub(super) fn pause(&self, time: Duration) {
        self.wait(time, |_| false);
    }

    fn wait(&self, most: Duration, is_over: impl Fn(&State) -> bool) {
        let end = Instant::now() + most;
        let mut state = self.lock();
        state.sleepers += 1;
        while !state.is_flushing && !is_over(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.sleepers -= 1;
    }
}
