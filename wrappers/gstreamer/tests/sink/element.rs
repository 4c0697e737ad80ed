//! The sink under test, and what feeds it.

use videostream::Client;

use crate::support::{WATCHDOG, init, name};

pub(crate) const CAPS: &str = "video/x-raw, format=GRAY8, width=64, height=48, framerate=25/1";
pub(crate) const SIZE: usize = 64 * 48;

/// A sink that does not wait for the clock.
pub(crate) fn sink(test: &str) -> gst::Element {
    init();
    gst::ElementFactory::make("vslsink")
        .property("path", name(test))
        .property("sync", false)
        .build()
        .unwrap()
}

pub(crate) fn bytes(size: usize, value: u8) -> gst::Buffer {
    gst::Buffer::from_slice(vec![value; size])
}

pub(crate) fn next(client: &mut Client) -> videostream::Frame {
    client.next(WATCHDOG).unwrap()
}
