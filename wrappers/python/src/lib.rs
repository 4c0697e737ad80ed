//! The Rust half of the Python package `videostream`.
//!
//! Classes are made here over the Rust API; what needs nothing of it (exceptions, asyncio, the
//! names of older packages) is Python, in `python/videostream`.
//!
//! - [`memory`] is what frames lie in: open while views of it are out, given back behind the last.
//! - [`plane`] is the buffer protocol and DLPack over it, [`shape`] the dimensions.
//! - [`array`] are arrays of Python as pictures, [`convert`] makes other formats and sizes.
//! - [`frame`], [`client`], [`host`] are the classes of sharing.
//! - [`events`] is what event loops wait on.
//! - [`feed`] is a source and its frames that are out, [`source`] what [`camera`] and [`pattern`]
//!   have in common, [`controls`] what a camera lets set, [`stream`] a source behind a host.
//! - [`encoder`] makes packets ([`packet`]) of frames, [`decoder`] frames of packets, [`recorder`]
//!   and [`snapshot`] files; [`pool`] is the memory of frames that are made here.
//! - [`wait`] waits with the interpreter free, [`error`] makes exceptions, [`fork`] notices forks.

mod array;
mod camera;
mod client;
mod controls;
mod convert;
mod decoder;
mod devices;
mod encoder;
mod error;
mod events;
mod feed;
mod fork;
mod frame;
mod host;
mod interpreter;
mod memory;
mod packet;
mod pattern;
mod plane;
mod pool;
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
