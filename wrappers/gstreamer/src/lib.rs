//! The GStreamer plugin `videostream`: `vslsink` shares the frames of a pipeline with other pipelines and programs, `vslsrc`
//! takes them into one, both without a copy.

mod formats;
mod memory;
mod pool;
mod shape;
mod times;
mod vslsink;

use gst::glib;

fn init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    vslsink::register(plugin)
}

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
