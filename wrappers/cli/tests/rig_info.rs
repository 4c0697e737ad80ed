//! `videostream info` and the formats of `devices -v`, on the kernel's virtual camera.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped.

mod support;

use support::run;
use videostream::camera::devices;
use videostream::hal::v4l2::NodeKind;
use videostream_testing::on_the_rig;

#[test]
fn a_device_is_told_with_formats_sizes_and_rates() {
    let Some(_turn) = on_the_rig("a_device_is_told_with_formats_sizes_and_rates") else {
        return;
    };
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera);
    let camera = found.unwrap();
    let path = camera.path.display().to_string();

    let one = run(["info", &path, "--json"]).json();
    assert_eq!(one["kind"], "a camera", "{one}");
    let formats = one["formats"].as_array().unwrap();
    assert_eq!(formats.len(), camera.formats.len());
    for (told, format) in formats.iter().zip(&camera.formats) {
        assert_eq!(told["fourcc"], format.fourcc.to_string());
        let sizes = told["sizes"].as_array().unwrap();
        assert_eq!(sizes.len(), format.sizes.len());
        for (told, size) in sizes.iter().zip(&format.sizes) {
            let rates = told["fps"].as_array().unwrap();
            assert_eq!(rates.len(), size.intervals.len(), "{told}");
        }
    }
    for words in [&["info", &path, "-v"][..], &["devices", "--cameras", "-v"]] {
        let text = run(words).stdout;
        assert!(text.contains("YUYV") && text.contains("320x180"), "{text}");
        assert!(text.contains(" fps"), "{text}");
    }

    let machine = run(["info", "--json"]).json();
    assert_eq!(machine["camera"]["available"], true);
    let nodes = machine["v4l2_codecs"]["devices"].as_array().unwrap();
    // The aarch64 guest may have cameras only.
    let codecs = [NodeKind::Encoder, NodeKind::Decoder];
    let codecs = list.devices.iter().filter(|d| codecs.contains(&d.kind));
    assert_eq!(nodes.len(), codecs.count());
    let only = run(["info", "--encoder", "--json"]).json();
    assert!(only.get("camera").is_none() && only.get("encoder").is_some());
    assert!(run(["info"]).stdout.contains(&path));
    run(["info", "no such camera"]).assert_error(3, &["no such camera", &path]);
    run(["info", "/dev/null"]).assert_error(3, &["/dev/null"]);
}
