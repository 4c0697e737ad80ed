//! Properties, and errors for invalid settings.

use gst::prelude::*;
use rustix::net::{SendFlags, SocketAddrUnix};

use crate::host::{PICTURE, host, picture, socket};
use crate::reader::{Reader, vslsrc};
use crate::support::listener;

#[test]
fn properties_report_their_defaults() {
    let element = vslsrc();
    let text = |name: &str| {
        let value = element.property_value(name);
        let reported = element.find_property(name).unwrap();
        let said = reported.default_value().serialize();
        let is = value.serialize();
        // A path that is not set has no text.
        assert_eq!(said.as_deref().ok(), is.as_deref().ok(), "{name}");
        is.map(|text| text.to_string()).unwrap_or_default()
    };
    let expected = [
        ("timeout", "0"),
        ("dts", "false"),
        ("pts", "false"),
        ("reconnect", "false"),
        ("hold", "2"),
        ("when-full", "copy"),
        ("mode", "newest"),
        ("spin", "0"),
        ("timestamps", "capture"),
    ];
    for (name, value) in expected {
        assert_eq!(text(name), value, "{name}");
    }
    assert_eq!(element.property::<Option<String>>("path"), None);
    let stats = element.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("frames").unwrap(), 0);
}

#[test]
fn ranges_are_those_of_the_2_x_element() {
    let element = vslsrc();
    let timeout = element.find_property("timeout").unwrap();
    let timeout = timeout.downcast::<gst::glib::ParamSpecFloat>().unwrap();
    assert_eq!((timeout.minimum(), timeout.maximum()), (0.0, 86_400.0));
    let hold = element.find_property("hold").unwrap();
    let hold = hold.downcast::<gst::glib::ParamSpecUInt>().unwrap();
    assert_eq!((hold.minimum(), hold.maximum()), (1, 64));
    assert_eq!(element.factory().unwrap().rank(), gst::Rank::NONE);
}

#[test]
fn the_path_is_fixed_while_connected() {
    let (_folder, path, mut host) = host();
    let memory = host.memory(PICTURE, 1);
    let mut reader = Reader::playing(&path, &[]);
    host.wait_for_clients(1);
    reader.element.set_property("path", "/elsewhere");
    reader.element.set_property("hold", 7u32);
    assert_eq!(reader.element.property::<String>("path"), path);
    assert_eq!(reader.element.property::<u32>("hold"), 2);
    // Others take effect with the next frame.
    reader.element.set_property("pts", true);
    for is_first in [true, false] {
        host.publish(&picture(memory));
        // The base class begins every stream with a time.
        let pts = reader.pull().pts();
        assert!(is_first || pts.is_none(), "{pts:?}");
    }
    reader.element.set_state(gst::State::Null).unwrap();
    reader.element.set_property("path", "/elsewhere");
    assert_eq!(reader.element.property::<String>("path"), "/elsewhere");
}

/// The error of an element that can't start.
fn refusal(path: Option<&str>, properties: &[(&str, &str)]) -> String {
    let reader = Reader::new(path.unwrap_or_default(), properties);
    if path.is_none() {
        reader.element.set_property("path", None::<String>);
    }
    assert!(reader.element.set_state(gst::State::Paused).is_err());
    let error = reader.error();
    reader.element.set_state(gst::State::Null).unwrap();
    error
}

#[test]
fn a_missing_path_is_an_error() {
    for path in [None, Some("")] {
        let error = refusal(path, &[]);
        assert!(error.contains("set path"), "{error}");
    }
}

#[test]
fn a_long_path_is_refused_with_its_length() {
    let path = format!("/tmp/{}", "x".repeat(200));
    let error = refusal(Some(&path), &[]);
    assert!(error.contains("205"), "{error}");
    assert!(error.contains("another name"), "{error}");
}

#[test]
fn a_missing_host_is_reported_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = socket(&folder);
    let error = refusal(Some(&path), &[]);
    for part in [path.as_str(), "no host", "reconnect=true"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn connecting_to_a_silent_host_times_out() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = socket(&folder);
    let _listener = listener(&SocketAddrUnix::new(&file).unwrap());
    let error = refusal(Some(&path), &[("timeout", "0.05")]);
    assert!(error.contains(&path), "{error}");
    assert!(error.contains("timeout"), "{error}");
}

#[test]
fn a_malformed_host_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = socket(&folder);
    let listener = listener(&SocketAddrUnix::new(&file).unwrap());
    let liar = std::thread::spawn(move || {
        let peer = rustix::net::accept(&listener).unwrap();
        let mut hello = [0; 4096];
        rustix::io::read(&peer, &mut hello).unwrap();
        rustix::net::send(&peer, &[1; 7], SendFlags::NOSIGNAL).unwrap();
        // Kept until the client leaves.
        rustix::io::read(&peer, &mut hello).unwrap_or(0)
    });
    let error = refusal(Some(&path), &[]);
    assert!(error.contains(&path), "{error}");
    assert!(error.contains("7 bytes"), "{error}");
    liar.join().unwrap();
}
