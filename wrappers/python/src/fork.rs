//! Objects that belong to the process that created them.
//!
//! A fork copies Python objects, but what they own stays the parent's: a child that released a
//! frame or dropped a host would give back the parent's buffer or remove its socket.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;
use rustix::io::Errno;

use crate::error::{Kind, raise};

/// Number of forks since the package was imported.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Counts a fork; `os.register_at_fork` calls it in the child.
#[pyfunction]
#[pyo3(name = "_forked")]
pub(crate) fn forked() {
    // Relaxed: the child has one thread.
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A value that a forked child neither uses nor drops.
pub(crate) struct ProcessLocal<T> {
    value: Option<T>,
    forks: u32,
}

impl<T> ProcessLocal<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: Some(value),
            forks: FORKS.load(Ordering::Relaxed),
        }
    }

    /// Whether this is the process that created it.
    pub(crate) fn is_here(&self) -> bool {
        self.forks == FORKS.load(Ordering::Relaxed)
    }

    /// Returns the value, or `None` in a forked child.
    pub(crate) fn here(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.is_here())
    }

    /// # Errors
    /// `Forked` in a child.
    pub(crate) fn get(&self) -> PyResult<&T> {
        self.here().ok_or_else(forked_error)
    }
}

impl<T> Drop for ProcessLocal<T> {
    fn drop(&mut self) {
        if !self.is_here() {
            std::mem::forget(self.value.take());
        }
    }
}

pub(crate) fn forked_error() -> PyErr {
    let why = "created in another process, before a fork: connect, open or create it again in this \
               one, or start processes with multiprocessing's \"spawn\" or \"forkserver\"";
    raise(Kind::Forked, Errno::CHILD, why, None)
}
