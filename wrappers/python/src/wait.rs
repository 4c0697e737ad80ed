//! Waiting without the GIL, interruptible by Ctrl-C.

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use videostream::hal::time::{deadline_in, now_ns};

use crate::error::{Failure, invalid};

/// How long a wait lasts before it checks for signals, in nanoseconds: a signal that comes just
/// before the system call does not interrupt it.
const SLICE_NS: u64 = 50_000_000;

/// Why a wait stopped without a result, other than by its timeout.
pub(crate) enum Stopped {
    /// Another thread closed the object.
    Closed,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Converts a timeout in seconds to a deadline of `CLOCK_MONOTONIC`; `None` is `u64::MAX`.
pub(crate) fn deadline(timeout: Option<f64>) -> PyResult<u64> {
    match timeout {
        None => Ok(u64::MAX),
        Some(seconds) => Ok(deadline_in(nanoseconds("timeout", seconds)?)),
    }
}

/// Converts seconds to nanoseconds.
pub(crate) fn nanoseconds(name: &str, seconds: f64) -> PyResult<u64> {
    if seconds.is_nan() || seconds < 0.0 {
        return Err(invalid(format!(
            "{name}={seconds}: expected 0 or more seconds, or None for no limit"
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and the conversion saturates"
    )]
    Ok((seconds * 1e9) as u64)
}

/// Calls `attempt` with short deadlines until it has a result; `None` once `deadline_ns` has
/// passed. Other Python threads run meanwhile.
pub(crate) fn until<T: Send, E: From<PyErr> + Send>(
    py: Python<'_>,
    deadline_ns: u64,
    mut attempt: impl FnMut(u64) -> Result<Option<T>, E> + Send,
) -> Result<Option<T>, E> {
    loop {
        let slice = deadline_in(SLICE_NS).min(deadline_ns);
        if let Some(result) = py.detach(|| attempt(slice))? {
            return Ok(Some(result));
        }
        py.check_signals()?;
        if now_ns() >= deadline_ns {
            return Ok(None);
        }
    }
}

/// Locks a mutex whose holder may need the GIL to make an exception: the GIL is released while this
/// waits.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Some(guard) => guard,
        None => Python::attach(|py| mutex.lock_py_attached(py)),
    }
}
