//! One interpreter of a process has the package.
//!
//! Classes of exceptions and functions of NumPy are kept for the process, and objects of one interpreter
//! are not for another.

#![expect(unsafe_code, reason = "the number of the interpreter, by the C API")]

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Nobody has it.
const NONE: i64 = -1;

/// The interpreter that has the package.
static OWNER: AtomicI64 = AtomicI64::new(NONE);

/// Takes the package for this interpreter.
///
/// # Errors
/// `ImportError` if another one has it.
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
             start a process",
        )),
    }
}
