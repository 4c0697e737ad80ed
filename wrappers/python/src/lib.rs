//! The Rust half of the Python package `videostream`.
//!
//! Classes are made here over the Rust API; what needs nothing of it (exceptions, asyncio, the names of older
//! packages) is Python, in `python/videostream`.

/// What `import videostream` re-exports.
#[pyo3::pymodule(gil_used = false)]
mod _videostream {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", videostream::build::VERSION)
    }
}
