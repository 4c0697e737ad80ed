//! The Rust half of the Python package `videostream`.
//!
//! Classes are made here over the Rust API; what needs nothing of it (exceptions, asyncio, the names of older
//! packages) is Python, in `python/videostream`.
//!
//! - [`memory`] is what frames lie in: open while views of it are out, given back behind the last.
//! - [`plane`] is the buffer protocol and DLPack over it, [`shape`] the dimensions.
//! - [`array`] are arrays of Python as pictures, [`convert`] makes other formats and sizes.
//! - [`frame`], [`client`], [`host`] are the classes of sharing.
//! - [`events`] is what event loops wait on.
//! - [`wait`] waits with the interpreter free, [`error`] makes exceptions, [`fork`] notices forks.

mod array;
mod client;
mod convert;
mod error;
mod events;
mod fork;
mod frame;
mod host;
mod interpreter;
mod memory;
mod plane;
mod shape;
mod stats;
mod wait;

/// What `import videostream` re-exports.
#[pyo3::pymodule(gil_used = false)]
mod _videostream {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::client::{Client, Frames};
    #[pymodule_export]
    use crate::fork::forked;
    #[pymodule_export]
    use crate::frame::Frame;
    #[pymodule_export]
    use crate::host::Host;
    #[pymodule_export]
    use crate::plane::Plane;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::claim(module.py())?;
        module.add("__version__", videostream::build::VERSION)
    }
}
