//! Hosts and clients in C.

use gst::prelude::*;

use crate::sinks::fed_sink;
use crate::support::c_program::Partner;
use crate::support::pipeline::Pipeline;
use crate::support::{decoder, name, until};

#[test]
fn pictures_of_a_c_host_reach_a_pipeline() {
    let path = name("c-host");
    let test = "pictures_of_a_c_host_reach_a_pipeline";
    let Some(mut host) = Partner::start(test, "host", &path) else {
        return;
    };
    let reader = Pipeline::playing(&format!("vslsrc path={path} ! appsink name=out"));
    for value in 1..=10 {
        assert_eq!(host.ask(&format!("post {value} 600000")), value.to_string());
        let sample = reader.pull();
        let caps = sample.caps().unwrap().structure(0).unwrap();
        assert_eq!(caps.get::<&str>("format"), Ok("NV12"));
        assert_eq!((caps.get("width"), caps.get("height")), (Ok(64), Ok(48)));
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        assert_eq!(bytes.as_slice(), [value; 64 * 48 * 3 / 2]);
    }
    reader.end();
    host.quit();
}

#[test]
fn packets_of_a_c_host_reach_a_pipeline() {
    let test = "packets_of_a_c_host_reach_a_pipeline";
    let Some(decoder) = decoder(test) else { return };
    let path = name("c-packets");
    let Some(mut host) = Partner::start(test, "host", &path) else {
        return;
    };
    assert_eq!(host.ask("encode 20"), "runs");
    let words = format!("vslsrc path={path} ! h264parse ! {decoder} ! fakesink name=out");
    let reader = Pipeline::playing(&words);
    reader.until_frames(20);
    assert_eq!(
        (reader.caps().get("width"), reader.caps().get("height")),
        (Ok(64), Ok(48))
    );
    reader.end();
    host.quit();
}

#[test]
fn pictures_reach_a_c_client() {
    let path = name("c-client");
    let caps = "video/x-raw, format=NV12, width=64, height=48, framerate=25/1";
    let (sink, mut harness) = fed_sink(&path, caps);
    let test = "pictures_reach_a_c_client";
    let Some(mut client) = Partner::start(test, "client", &path) else {
        return;
    };
    // It connects with its first wait, for frames from then on.
    client.process.tell("wait");
    until("it is in", || sink.property::<u32>("num-clients") == 1);
    for serial in 1..=10_u8 {
        let mut buffer = gst::Buffer::from_slice([serial; 64 * 48 * 3 / 2]);
        let change = buffer.get_mut().unwrap();
        change.set_pts(gst::ClockTime::from_nseconds(serial.into()));
        harness.push(buffer).unwrap();
        if serial > 1 {
            client.process.tell("wait");
        }
        let frame = client.process.next();
        let words: Vec<_> = frame.split(' ').collect();
        assert_eq!(words[..2], [serial.to_string().as_str(), "64x48"]);
        let [.., duration, pts, _] = words[..] else {
            panic!("{frame}");
        };
        assert_eq!((duration, pts), ("40000000", serial.to_string().as_str()));
        assert_eq!(client.ask(&format!("lock {serial}")), "0");
        assert_eq!(client.ask(&format!("look {serial}")), serial.to_string());
        assert_eq!(client.ask(&format!("unlock {serial}")), "0");
        assert_eq!(client.ask(&format!("release {serial}")), "0");
    }
    client.quit();
}
