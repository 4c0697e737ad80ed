//! Waits that leave the interpreter to others and end at Ctrl-C.

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use videostream::hal::time::{deadline_in, now_ns};

use crate::error::invalid;

/// How long a wait goes on before it looks for signals, in nanoseconds. One that comes while a
/// thread is on its way into the wait does not interrupt it.
const SLICE_NS: u64 = 50_000_000;

/// A deadline of `CLOCK_MONOTONIC` for a timeout in seconds; `u64::MAX` for `None`.
pub(crate) fn deadline(timeout: Option<f64>) -> PyResult<u64> {
    match timeout {
        None => Ok(u64::MAX),
        Some(seconds) => Ok(deadline_in(nanoseconds("timeout", seconds)?)),
    }
}

/// Seconds as nanoseconds.
pub(crate) fn nanoseconds(name: &str, seconds: f64) -> PyResult<u64> {
    if seconds.is_nan() || seconds < 0.0 {
        return Err(invalid(format!(
            "{name}={seconds}: expected seconds from 0 on, or None for no limit"
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and the conversion saturates"
    )]
    Ok((seconds * 1e9) as u64)
}

/// Calls `attempt`, which waits until the deadline that it is given, until it has a result or
/// `deadline_ns` has passed (`None`). Other threads of Python run meanwhile.
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

/// Locks a mutex that other threads may hold while they work without the interpreter, and wait for it to make
/// an exception: it is left to them meanwhile.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Some(guard) => guard,
        None => Python::attach(|py| mutex.lock_py_attached(py)),
    }
}
