//! The GStreamer plugin `videostream`: `vslsink` shares the frames of a pipeline with other
//! pipelines and programs, `vslsrc` receives shared frames in a pipeline. Neither copies them.

mod caps;
mod copies;
mod formats;
mod frame_memory;
mod memory;
mod placement;
mod pool;
mod shape;
mod times;
mod vslsink;
mod vslsrc;

use std::sync::{Mutex, MutexGuard, PoisonError};

use gst::glib;

/// Locks a mutex whose data a panic can't leave inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    vslsink::register(plugin)?;
    vslsrc::register(plugin)
}

/// The plugin's entry point, and [`plugin_register_static`](plugin::plugin_register_static) for
/// programs that link the elements statically.
#[allow(missing_docs, reason = "made by a macro")]
pub mod plugin {
    use super::init;

    gst::plugin_define!(
        videostream,
        env!("CARGO_PKG_DESCRIPTION"),
        init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "Apache 2.0",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        "videostream",
        env!("BUILD_REL_DATE")
    );
}
