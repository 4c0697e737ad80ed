//! `vslsrc`: receives the frames of a host in a pipeline.

mod copies;
mod failure;
mod flow;
mod imp;
mod key_frame_requester;
mod link;
mod negotiation;
mod settings;
mod streaming;
mod timing;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The element.
    pub struct VslSrc(ObjectSubclass<imp::VslSrc>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for property in [
        settings::Frames::static_type(),
        settings::WhenFull::static_type(),
        settings::Timestamps::static_type(),
    ] {
        property.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    // Rank none, so that autoplugging never picks it as a camera.
    gst::Element::register(
        Some(plugin),
        "vslsrc",
        gst::Rank::NONE,
        VslSrc::static_type(),
    )
}
