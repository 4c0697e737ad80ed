//! Waking the streaming thread: for returned frames, and for flushes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use videostream::share::Reader;

use crate::lock;

/// Whether frames may flow, and how many have returned.
#[derive(Debug, Default)]
pub(super) struct Flow {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_flushing: bool,
    /// Number of flushes.
    flushes: u64,
    /// Number of frames that downstream has released.
    returned: u64,
    /// Number of sleeping threads: without any, a returned frame costs no system call.
    sleepers: u32,
    /// A reader of the connection that the streaming thread may wait on.
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

    /// Returns the number of flushes so far.
    pub(super) fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    /// Whether a wait that began after this number of flushes is to end. A thread that slept
    /// through both flush and resume has to leave, too.
    pub(super) fn is_over(&self, flushes: u64) -> bool {
        let state = self.lock();
        state.is_flushing || state.flushes != flushes
    }

    /// Sets the connection that waits are on.
    pub(super) fn set_reader(&self, reader: Option<Reader>) {
        let mut state = self.lock();
        if let Some(reader) = reader.as_ref().filter(|_| state.is_flushing) {
            reader.cancel();
        }
        let before = std::mem::replace(&mut state.reader, reader);
        drop(state);
        drop(before);
    }

    /// Returns the connection, to look at.
    pub(super) fn reader(&self) -> Option<Reader> {
        self.lock().reader.clone()
    }

    /// Notes a returned frame.
    pub(super) fn count_return(&self) {
        let mut state = self.lock();
        state.returned += 1;
        if state.sleepers > 0 {
            self.changed.notify_all();
        }
    }

    /// Returns the number of returned frames.
    pub(super) fn returned(&self) -> u64 {
        self.lock().returned
    }

    /// Sleeps until more than `seen` frames have returned, for `most` at most, or until a flush.
    pub(super) fn wait_for_return(&self, seen: u64, most: Duration) {
        self.wait(most, |state| state.returned != seen);
    }

    /// Sleeps, unless a flush comes.
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
