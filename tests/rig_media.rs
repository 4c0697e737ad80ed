//! Media graphs: what is behind the nodes of the kernel's virtual pipeline.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The virtual pipeline is `vimc`: two sensors with lenses, two
//! debayers, a scaler, three video nodes.

mod vimc;

use std::collections::BTreeSet;
use std::process::Command;

use videostream::camera::Node;
use videostream::hal::media::{LinkKind, MbusCode, MbusFormat, Subdevice, Which};
use videostream::hal::v4l2::{ErrorKind, Fraction, SelectionTarget, control};
use videostream::media::{GraphError, MediaGraph, PipelineRequest};
use videostream::{CameraError, devices};
use videostream_testing::TIMEOUT;
use vimc::{assert_same, both_sides, code, ends, node, ours, pad, theirs, vimc};

#[test]
fn every_graph_is_what_media_ctl_says() {
    let Some(_turn) = both_sides("every_graph_is_what_media_ctl_says") else {
        return;
    };
    let mut drivers = BTreeSet::new();
    let mut items = 0;
    for path in MediaGraph::paths().unwrap() {
        let graph = MediaGraph::open(path).unwrap();
        items += assert_same(&graph);
        drivers.insert(graph.info().driver().to_owned());
    }
    println!("{items} items of {drivers:?}");
    for driver in ["vivid", "vim2m", "vicodec", "vimc"] {
        assert!(drivers.contains(driver), "{drivers:?}");
    }
    let graph = vimc();
    assert_eq!(graph.info().model(), "VIMC MDEV");
    assert_eq!(graph.info().bus_info(), "platform:vimc");
    // media-ctl does not show what belongs together.
    let topology = graph.topology().unwrap();
    let kinds = topology.links().iter().map(|link| link.kind());
    assert_eq!(kinds.filter(|kind| *kind == LinkKind::Ancillary).count(), 2);
}

#[test]
fn sensor_and_lens_behind_each_video_node_are_found() {
    let Some(_turn) = both_sides("sensor_and_lens_behind_each_video_node_are_found") else {
        return;
    };
    for (node_name, sensor, lens) in [
        ("Raw Capture 0", "Sensor A", "Lens A"),
        ("Raw Capture 1", "Sensor B", "Lens B"),
        ("RGB/YUV Capture", "Sensor A", "Lens A"),
    ] {
        let path = node(&vimc(), node_name);
        let graph = MediaGraph::behind(&path).unwrap();
        assert_eq!(graph.info().driver(), "vimc");
        let topology = graph.topology().unwrap();
        let number = videostream::hal::media::device_number(&path).unwrap();
        let entity = topology.entity_of_node(number).unwrap();
        assert_eq!(entity.name(), node_name);
        let sensors: Vec<_> = topology.sensors(entity.id()).collect();
        assert_eq!(sensors.len(), 1, "{sensors:?}");
        assert_eq!(sensors[0].name(), sensor);
        let found = topology.lens(sensors[0].id()).unwrap();
        assert_eq!(found.name(), lens);
        assert!(topology.flash(sensors[0].id()).is_none());
        // A lens has controls and no pads.
        let lens = graph.subdevice(found.id()).unwrap().unwrap();
        assert!(
            lens.node()
                .control(control::id::FOCUS_ABSOLUTE)
                .unwrap()
                .is_some()
        );
    }
    // A camera without blocks has a graph, in which nothing leads to it.
    let list = devices();
    let vivid = list.devices.iter().find(|d| d.driver == "vivid").unwrap();
    let graph = MediaGraph::behind(&vivid.path).unwrap();
    let error = graph.pipeline(&vivid.path).unwrap_err();
    assert!(matches!(error, GraphError::NoPath { .. }), "{error}");
    let error = MediaGraph::behind("/dev/null").unwrap_err();
    assert!(
        matches!(error, GraphError::NoGraph { unread: None, .. }),
        "{error}"
    );
}

#[test]
fn media_ctl_and_we_see_each_others_links() {
    let Some(_turn) = both_sides("media_ctl_and_we_see_each_others_links") else {
        return;
    };
    let mut graph = vimc();
    let capture = node(&graph, "RGB/YUV Capture");
    let from_a = ends(&graph, ("Debayer A", 1), ("Scaler", 0));
    let from_b = ends(&graph, ("Debayer B", 1), ("Scaler", 0));
    let line_of_b = |on: &str| format!("\"Debayer B\":1 -> \"Scaler\":0 [{on}]");

    graph.set_link(from_a, false).unwrap();
    assert_same(&graph);
    graph.set_link(from_b, true).unwrap();
    assert!(theirs(&graph).contains(&line_of_b("ENABLED")));
    assert_same(&graph);
    let way = graph.pipeline(&capture).unwrap();
    assert_eq!(graph.name(way.links()[0].source), pad("Sensor B", 0));

    let back = [
        "\"Debayer B\":1->\"Scaler\":0[0]",
        "\"Debayer A\":1->\"Scaler\":0[1]",
    ];
    for link in back {
        let status = Command::new("media-ctl")
            .arg("-d")
            .arg(graph.path())
            .args(["-l", link])
            .status();
        assert!(status.unwrap().success(), "{link}");
    }
    graph.refresh().unwrap();
    assert!(ours(&graph).contains(&line_of_b("")));
    assert_same(&graph);
    let way = graph.pipeline(&capture).unwrap();
    assert_eq!(graph.name(way.links()[0].source), pad("Sensor A", 0));
}

#[test]
fn errors_name_fixed_links_and_unknown_entities() {
    let Some(_turn) = both_sides("errors_name_fixed_links_and_unknown_entities") else {
        return;
    };
    let mut graph = vimc();
    let fixed = ends(&graph, ("Sensor A", 0), ("Debayer A", 0));
    let error = graph.set_link(fixed, false).unwrap_err();
    assert!(matches!(error, GraphError::Immutable { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("\"Sensor A\":0 to \"Debayer A\":0 is immutable"),
        "{text}"
    );
    // It is on already.
    graph.set_link(fixed, true).unwrap();

    let absent = ends(&graph, ("Sensor A", 0), ("Debayer B", 0));
    let text = graph.set_link(absent, true).unwrap_err().to_string();
    assert!(
        text.contains("\"Debayer A\":0, \"Raw Capture 0\":0"),
        "{text}"
    );
    let text = graph.entity("Sensor C").unwrap_err().to_string();
    assert!(
        text.contains("no entity \"Sensor C\"; available: \"Sensor A\""),
        "{text}"
    );
    let text = graph.pad(&pad("Scaler", 2)).unwrap_err().to_string();
    assert!(
        text.contains("\"Scaler\":2: no such pad; \"Scaler\" has 2"),
        "{text}"
    );
    let raw = graph.pad(&pad("Raw Capture 0", 0)).unwrap();
    let requested = MbusFormat::new(code("SRGGB8_1X8"), 640, 480);
    let error = graph.set_format(raw, &requested).unwrap_err();
    assert!(matches!(error, GraphError::NoNode { .. }), "{error}");
    // The kernel itself refuses, too, when the flags are sent all the same.
    let refused = videostream::hal::media::ioctl::setup_link(
        std::os::fd::AsFd::as_fd(
            &std::fs::File::options()
                .read(true)
                .write(true)
                .open(graph.path())
                .unwrap(),
        ),
        fixed,
        0,
    );
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn formats_set_from_sensor_to_node_deliver_frames() {
    let Some(_turn) = both_sides("formats_set_from_sensor_to_node_deliver_frames") else {
        return;
    };
    let mut graph = vimc();
    for (node_name, size) in [
        ("RGB/YUV Capture", (320, 240)),
        ("Raw Capture 1", (480, 270)),
        ("RGB/YUV Capture", (640, 480)),
    ] {
        let path = node(&graph, node_name);
        let request = PipelineRequest {
            size: Some(size),
            ..PipelineRequest::default()
        };
        let report = graph.pipeline(&path).unwrap().set(&request).unwrap();
        graph.refresh().unwrap();
        // What the report says is what the pads have.
        let theirs = theirs(&graph);
        for pad in &report.pads {
            let line = format!("{} has {}", pad.pad, pad.got);
            assert!(theirs.contains(&line), "{line}: {theirs:#?}");
        }
        let report = report.ready().unwrap();
        let got = report.node.as_ref().unwrap().got;
        assert_eq!((got.width, got.height), size);
        let mut stream = report.camera().unwrap().start().unwrap();
        for _ in 0..3 {
            let frame = stream.next_within(TIMEOUT).unwrap();
            assert!(frame.bytes_used[0] >= size.0 * size.1, "{frame:?}");
            stream.requeue(frame.index).unwrap();
        }
        // While it streams its links stay as they are.
        if node_name == "RGB/YUV Capture" {
            let link = ends(&graph, ("Debayer A", 1), ("Scaler", 0));
            let error = graph.set_link(link, false).unwrap_err();
            assert!(matches!(error, GraphError::LinkBusy { .. }), "{error}");
        }
    }
}

#[test]
fn disagreeing_pads_are_named_by_report_and_error() {
    let Some(_turn) = both_sides("disagreeing_pads_are_named_by_report_and_error") else {
        return;
    };
    let graph = vimc();
    let path = node(&graph, "RGB/YUV Capture");
    let pipeline = graph.pipeline(&path).unwrap();
    let sink = graph.pad(&pad("Debayer A", 0)).unwrap();
    let wrong = MbusFormat::new(code("SRGGB8_1X8"), 320, 240);
    let report = pipeline.set(&PipelineRequest {
        code: Some(code("SRGGB8_1X8")),
        size: Some((640, 480)),
        pads: vec![(sink, wrong)],
        ..PipelineRequest::default()
    });
    let report = report.unwrap();
    let sentence = "\"Sensor A\":0 gives SRGGB8_1X8/640x480, \
                    but \"Debayer A\":0 takes SRGGB8_1X8/320x240";
    assert_eq!(report.mismatches.len(), 1, "{:?}", report.mismatches);
    assert_eq!(report.mismatches[0].to_string(), sentence);

    let error = report.camera().unwrap().start().map(|_| ()).unwrap_err();
    assert!(matches!(error, CameraError::Pipeline { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Pipeline);
    assert!(error.to_string().contains(sentence), "{error}");
    let error = report.ready().unwrap_err();
    assert!(error.to_string().contains(sentence), "{error}");

    // A node that takes another size than the last pad gives is named by its path.
    let good = pipeline.set(&PipelineRequest {
        size: Some((320, 240)),
        ..PipelineRequest::default()
    });
    let good = good.unwrap().ready().unwrap();
    let fourcc = good.node.as_ref().unwrap().got.fourcc;
    let camera = good.camera().unwrap().format(fourcc).size(640, 480);
    let error = camera.start().map(|_| ()).unwrap_err().to_string();
    let takes = format!("but {} takes {fourcc}/640x480", path.display());
    assert!(
        error.contains("\"Scaler\":1 gives RGB888_1X24/320x240"),
        "{error}"
    );
    assert!(error.contains(&takes), "{error}");
}

#[test]
fn a_sensor_lists_formats_and_sizes_and_has_controls() {
    let Some(_turn) = both_sides("a_sensor_lists_formats_and_sizes_and_has_controls") else {
        return;
    };
    let graph = vimc();
    let id = |name: &str| graph.entity(name).unwrap().id();
    let sensor = graph.subdevice(id("Sensor A")).unwrap().unwrap();
    let path = node(&graph, "Sensor A");
    let number = |line: &str| {
        let (_, rest) = line.split_once("0x").unwrap();
        let digits = rest.split([':', ',', ' ']).next().unwrap();
        u32::from_str_radix(digits, 16).unwrap()
    };
    let ask = |option: &str| {
        let output = Command::new("v4l2-ctl")
            .arg("-d")
            .arg(&path)
            .arg(option)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let theirs = ask("--list-subdev-mbus-codes=0");
    let theirs: Vec<_> = theirs
        .lines()
        .skip(1)
        .map(|line| MbusCode(number(line)))
        .collect();
    let codes: Vec<_> = sensor
        .mbus_codes(0, Which::Active)
        .map(Result::unwrap)
        .collect();
    assert_eq!(codes, theirs);
    assert!(
        codes.contains(&code("SBGGR8_1X8")) && codes.len() > 10,
        "{codes:?}"
    );
    let theirs = ask(&format!(
        "--list-subdev-framesizes=pad=0,code={:#x}",
        codes[0].0
    ));
    let sizes: Vec<_> = sensor
        .sizes(0, codes[0], Which::Active)
        .map(Result::unwrap)
        .collect();
    assert_eq!(sizes.len(), 1);
    let range = format!(
        "{}x{} - {}x{}",
        sizes[0].min.0, sizes[0].min.1, sizes[0].max.0, sizes[0].max.1
    );
    assert!(theirs.contains(&range), "{range}: {theirs}");

    // Formats for trying out are the handle's own.
    let before = sensor.format(0, Which::Active).unwrap();
    let requested = MbusFormat::new(code("SGRBG8_1X8"), 128, 96);
    let tried = sensor.set_format(0, Which::Try, &requested).unwrap();
    assert_eq!(
        (tried.width, tried.height, tried.code),
        (128, 96, requested.code)
    );
    assert_eq!(sensor.format(0, Which::Try).unwrap(), tried);
    assert_eq!(sensor.format(0, Which::Active).unwrap(), before);
    assert!(sensor.format(1, Which::Active).is_err());

    // The same code as for video nodes reads and sets controls.
    let pattern = sensor
        .node()
        .control(control::id::BRIGHTNESS)
        .unwrap()
        .unwrap();
    let set = sensor.node().set_control(&pattern, 100).unwrap();
    assert_eq!(sensor.node().control_value(&pattern).unwrap(), set);
    assert!(sensor.node().controls().map(Result::unwrap).count() > 3);

    // The scaler crops; a sensor of this kind has no interval.
    let scaler = graph.subdevice(id("Scaler")).unwrap().unwrap();
    let crop = scaler
        .selection(0, Which::Active, SelectionTarget::Crop)
        .unwrap();
    let now = scaler.format(0, Which::Active).unwrap();
    assert_eq!((crop.width, crop.height), (now.width, now.height));
    assert!(sensor.set_interval(0, Fraction::from_fps(30)).is_err());
    let foreign = Subdevice::open(node(&graph, "Raw Capture 0")).unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::NotSupported);
    assert!(Node::open(path).is_err());
}
