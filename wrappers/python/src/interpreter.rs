//! Only one interpreter of a process can use the package.
//!
//! Exception classes and NumPy functions are cached per process, and objects of one interpreter
//! must not reach another.

#![expect(unsafe_code, reason = "the number of the interpreter, by the C API")]

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// No interpreter has imported the package.
const NONE: i64 = -1;

/// The interpreter that has the package.
static OWNER: AtomicI64 = AtomicI64::new(NONE);

/// Claims the package for this interpreter.
///
/// # Errors
/// `ImportError` if another interpreter has imported it.
pub(crate) fn claim(_py: Python<'_>) -> PyResult<()> {
    // SAFETY: the thread is attached to an interpreter, as the token says.
    let current = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: the interpreter is the one that runs.
    let id = unsafe { ffi::PyInterpreterState_GetID(current) };
    let (order, on_failure) = (Ordering::Relaxed, Ordering::Relaxed);
    match OWNER.compare_exchange(NONE, id, order, on_failure) {
        Ok(_) => Ok(()),
        Err(owner) if owner == id => Ok(()),
        Err(_) => Err(PyImportError::new_err(
            "videostream was imported by another interpreter of this process: use it there, or \
             start another process",
        )),
    }
}
