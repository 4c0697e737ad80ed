//! Stamps the version and date that GStreamer shows of the plugin.

fn main() {
    gst_plugin_version_helper::info();
}
