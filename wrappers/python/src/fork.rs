//! Objects that belong to the process that made them.
//!
//! A fork copies the objects of Python. What they own does not work in the child: frames that it
//! gives back are the parent's, and a host that it drops removes the parent's socket.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;
use rustix::io::Errno;

use crate::error::{Kind, raise};

/// How many forks lie between the process that imported the package and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Called in the child by `os.register_at_fork`.
#[pyfunction]
#[pyo3(name = "_forked")]
pub(crate) fn forked() {
    // Relaxed: the child has one thread.
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A value that is neither used nor dropped in a forked child.
pub(crate) struct Native<T> {
    value: Option<T>,
    forks: u32,
}

impl<T> Native<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: Some(value),
            forks: FORKS.load(Ordering::Relaxed),
        }
    }

    /// Whether this is the process that made it.
    pub(crate) fn is_here(&self) -> bool {
        self.forks == FORKS.load(Ordering::Relaxed)
    }

    /// The value, unless this is a child.
    pub(crate) fn here(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.is_here())
    }

    /// # Errors
    /// `Forked` in a child.
    pub(crate) fn get(&self) -> PyResult<&T> {
        self.here().ok_or_else(foreign)
    }
}

impl<T> Drop for Native<T> {
    fn drop(&mut self) {
        if !self.is_here() {
            std::mem::forget(self.value.take());
        }
    }
}

pub(crate) fn foreign() -> PyErr {
    let why = "made in another process, before a fork: connect, open or create it again in this \
               one, or start processes with multiprocessing's \"spawn\" or \"forkserver\"";
    raise(Kind::Forked, Errno::CHILD, why, None)
}
