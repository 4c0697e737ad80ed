//! Sinks that the other side reads.

use gst::prelude::*;
use gst_check::Harness;

use crate::support::feed;

/// A sink that is fed by the test.
pub(crate) fn fed_sink(path: &str, caps: &str) -> (gst::Element, Harness) {
    let sink = crate::support::fed_sink(path);
    // C programs first ask for a hold of 20, and retry with less if refused.
    sink.set_property("lend", 32_u32);
    let harness = feed(&sink, caps);
    (sink, harness)
}

/// A pipeline that shares packets of H.264 of 64 by 48 pixels.
pub(crate) fn packets(encoder: &str, path: &str) -> String {
    format!(
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=60/1 ! \
         {encoder} ! h264parse ! vslsink name=sink path={path}"
    )
}
