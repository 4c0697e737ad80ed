//! Properties, states and caps.

use gst::prelude::*;

use crate::element::{CAPS, sink};
use crate::support::{error_text, feed, init, name, with_bus};

#[test]
fn properties_have_their_names_and_defaults() {
    init();
    let sink = gst::ElementFactory::make("vslsink").build().unwrap();
    assert_eq!(sink.property::<Option<String>>("path"), None);
    assert_eq!(sink.property::<i64>("lifespan"), 100);
    assert_eq!(sink.property::<u32>("pool-size"), 8);
    assert!(sink.property::<bool>("sync"));
    assert_eq!(sink.property::<i64>("max-lateness"), 5_000_000);
    assert!(sink.property::<bool>("qos"));
    assert!(sink.property::<bool>("show-preroll-frame"));
    let policy = sink.property_value("policy");
    let (_, policy) = glib_enum(&policy);
    assert_eq!(policy, "newest");
    assert_eq!(sink.property::<u32>("lend"), 0);
    assert_eq!(sink.property::<String>("socket-mode"), "600");
    assert_eq!(sink.property::<Option<String>>("allow"), None);
    assert_eq!(sink.property::<u32>("num-clients"), 0);
    assert_eq!(sink.factory().unwrap().rank(), gst::Rank::NONE);
}

fn glib_enum(value: &gst::glib::Value) -> (i32, String) {
    let (_, value) = gst::glib::EnumValue::from_value(value).unwrap();
    (value.value(), value.nick().to_owned())
}

/// What the sink says when it can't start.
fn refusal(property: &str, value: &str) -> String {
    init();
    let sink = gst::ElementFactory::make("vslsink").build().unwrap();
    sink.set_property("path", name("refusal"));
    sink.set_property(property, value);
    let bus = with_bus(&sink);
    assert!(sink.set_state(gst::State::Paused).is_err());
    let text = error_text(&bus);
    sink.set_state(gst::State::Null).unwrap();
    text
}

#[test]
fn invalid_values_are_named() {
    let long = format!("/tmp/{}", "x".repeat(200));
    let text = refusal("path", &long);
    assert!(text.contains(&long) && text.contains("108"), "{text}");
    let text = refusal("path", "/no-such-folder/socket");
    assert!(
        text.contains("/no-such-folder/socket") && text.contains("create"),
        "{text}"
    );
    let text = refusal("path", "/etc/passwd");
    assert!(
        text.contains("/etc/passwd") && text.contains("socket"),
        "{text}"
    );
    let text = refusal("path", "");
    assert!(text.contains("empty"), "{text}");
    let text = refusal("socket-mode", "rw-rw----");
    assert!(
        text.contains("rw-rw----") && text.contains("octal"),
        "{text}"
    );
    let text = refusal("allow", "no-such-user-here");
    assert!(text.contains("no-such-user-here"), "{text}");
}

#[test]
fn a_name_in_use_is_refused() {
    let first = sink("in-use");
    let _harness = feed(&first, CAPS);
    let second = sink("in-use");
    let bus = with_bus(&second);
    assert!(second.set_state(gst::State::Paused).is_err());
    let text = error_text(&bus);
    assert!(text.contains(&name("in-use")), "{text}");
    second.set_state(gst::State::Null).unwrap();
}

#[test]
fn the_default_path_has_the_elements_name() {
    init();
    let sink = gst::ElementFactory::make("vslsink")
        .name("front-door")
        .build()
        .unwrap();
    sink.set_state(gst::State::Paused).unwrap();
    let path = sink.property::<String>("path");
    assert!(path.starts_with("/tmp/front-door."), "{path}");
    crate::support::client(&path);
    sink.set_state(gst::State::Null).unwrap();
    assert!(!std::path::Path::new(&path).exists());
    assert_eq!(sink.property::<Option<String>>("path"), None);
}

#[test]
fn the_path_is_fixed_while_sharing() {
    let sink = sink("fixed");
    let _harness = feed(&sink, CAPS);
    sink.set_property("path", "elsewhere");
    assert_eq!(sink.property::<String>("path"), name("fixed"));
    sink.set_property("lifespan", 5_i64);
    assert_eq!(sink.property::<i64>("lifespan"), 5);
}

#[test]
fn caps_that_cannot_be_shared_are_refused() {
    init();
    let sink = sink("wrong-caps");
    let pad = sink.static_pad("sink").unwrap();
    for wrong in [
        "video/x-h264, stream-format=avc, alignment=au",
        "video/x-raw, format=NV12_64Z32, width=64, height=48, framerate=25/1",
        "audio/x-raw",
    ] {
        let caps: gst::Caps = wrong.parse().unwrap();
        assert!(!pad.query_accept_caps(&caps), "{wrong}");
    }
}

#[test]
fn states_change_a_thousand_times() {
    let sink = sink("states");
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let cycle = || {
        sink.set_state(gst::State::Playing).unwrap();
        sink.set_state(gst::State::Null).unwrap();
    };
    cycle();
    let before = descriptors();
    for _ in 0..1000 {
        cycle();
    }
    // Other tests of this program have descriptors of their own, but not hundreds.
    assert!(descriptors() < before + 300);
}
