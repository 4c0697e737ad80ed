//! The Rust half of the Python package `videostream`.
//!
//! Classes are defined here over the Rust API. Exceptions, asyncio support and the names of older
//! packages are Python, in `python/videostream`.
//!
//! - [`memory`] is what frames lie in: opened for the first view and given back after the last.
//! - [`plane`] is the buffer protocol and DLPack over it, [`shape`] the dimensions.
//! - [`array`] reads and writes Python arrays as pictures, [`convert`] changes formats and sizes.
//! - [`frame`], [`client`], [`host`] are the classes of sharing.
//! - [`events`] is the descriptor that event loops wait on.
//! - [`feed`] runs a source and tracks its frames, [`source`] is what [`camera`] and [`pattern`]
//!   have in common, [`controls`] are a camera's settings, by a second handle ([`camera_handle`]);
//!   [`stream`] shares a source.
//! - [`encoder`] turns frames into packets ([`packet`]), [`decoder`] packets into frames,
//!   [`recorder`] and [`snapshot`] write files; [`pool`] reuses the memory of frames that are made
//!   here.
//! - [`wait`] waits without the GIL, [`error`] makes exceptions, [`fork`] detects forks,
//!   [`context`] and [`iteration`] are `with` blocks and loops.

mod array;
mod camera;
mod camera_handle;
mod client;
mod context;
mod controls;
mod convert;
mod decoder;
mod descriptor;
mod devices;
mod encoder;
mod error;
mod events;
mod feed;
mod fork;
mod frame;
mod host;
mod interpreter;
mod iteration;
mod memory;
mod packet;
mod pattern;
mod plane;
mod pool;
mod rate;
mod recorder;
mod shape;
mod snapshot;
mod source;
mod stats;
mod stream;
mod wait;

/// What `import videostream` re-exports.
#[pyo3::pymodule(gil_used = false)]
mod _videostream {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::camera::Camera;
    #[pymodule_export]
    use crate::client::{Client, Frames};
    #[pymodule_export]
    use crate::controls::{ControlWatch, Controls};
    #[pymodule_export]
    use crate::convert::convert;
    #[pymodule_export]
    use crate::decoder::Decoder;
    #[pymodule_export]
    use crate::devices::devices;
    #[pymodule_export]
    use crate::encoder::Encoder;
    #[pymodule_export]
    use crate::fork::forked;
    #[pymodule_export]
    use crate::frame::Frame;
    #[pymodule_export]
    use crate::host::Host;
    #[pymodule_export]
    use crate::packet::Packet;
    #[pymodule_export]
    use crate::pattern::TestPattern;
    #[pymodule_export]
    use crate::plane::Plane;
    #[pymodule_export]
    use crate::recorder::{Recorded, Recorder};
    #[pymodule_export]
    use crate::snapshot::py_snapshot;
    #[pymodule_export]
    use crate::source::{Source, SourceFrames};
    #[pymodule_export]
    use crate::stream::Stream;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::claim(module.py())?;
        module.add("__version__", videostream::build::VERSION)
    }
}
