//! `vslsink`: shares the frames that flow into it.

mod copies;
mod describe;
mod imp;
mod service;
mod settings;
mod sharing;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element.
    pub struct VslSink(ObjectSubclass<imp::VslSink>)
        @extends gst_video::VideoSink, gst_base::BaseSink, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    // Rank none, so that autoplugging never picks it as a display.
    gst::Element::register(
        Some(plugin),
        "vslsink",
        gst::Rank::NONE,
        VslSink::static_type(),
    )
}
