//! Malformed caps, buffers, frames and hosts: every error is reported, nothing crashes, and nothing
//! reads out of bounds.

mod buffers;
mod frames;
#[path = "../support/hostile.rs"]
mod hostile;
mod hosts;
mod properties;
#[path = "../support/mod.rs"]
mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};

use support::init;

/// The turn of a test: descriptors are counted for the whole process.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    init();
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
