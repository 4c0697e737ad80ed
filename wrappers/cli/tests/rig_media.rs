//! `videostream media` on the kernel's virtual pipeline.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped.

use std::process::{Command, Output};

use serde_json::Value;
use videostream_testing::on_the_rig;

fn run(words: &[&str]) -> Output {
    let program = std::env::var_os("VIDEOSTREAM_BIN").expect("VIDEOSTREAM_BIN");
    Command::new(program).args(words).output().unwrap()
}

fn success(words: &[&str]) -> String {
    let output = run(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(words: &[&str]) -> Value {
    serde_json::from_str(&success(words)).unwrap()
}

/// The media device of the virtual pipeline.
fn vimc() -> Value {
    let all = json(&["media", "--json"]);
    let found = all.as_array().unwrap().iter();
    found
        .clone()
        .find(|graph| graph["driver"] == "vimc")
        .unwrap()
        .clone()
}

fn entity(graph: &Value, name: &str) -> Value {
    let found = graph["entities"].as_array().unwrap().iter();
    found
        .clone()
        .find(|entity| entity["name"] == name)
        .unwrap()
        .clone()
}

fn is_on(graph: &Value, source: &str, sink: &str) -> bool {
    let links = graph["links"].as_array().unwrap();
    let found = links
        .iter()
        .find(|link| link["source"]["entity"] == source && link["sink"]["entity"] == sink);
    found.unwrap()["enabled"].as_bool().unwrap()
}

#[test]
fn a_graph_is_listed_set_up_and_captured_from() {
    let Some(_turn) = on_the_rig("a_graph_is_listed_set_up_and_captured_from") else {
        return;
    };
    let graph = vimc();
    let media = graph["device"].as_str().unwrap();
    let sensor = entity(&graph, "Sensor A");
    assert_eq!(sensor["function"], "CAM_SENSOR");
    assert_eq!(sensor["belongs"][0], "Lens A");
    assert_eq!(sensor["pads"][0]["direction"], "source");
    let text = success(&["media", media]);
    assert!(
        text.contains("Sensor A  CAM_SENSOR  /dev/v4l-subdev"),
        "{text}"
    );
    assert!(text.contains("-> \"Debayer A\":0  on, always"), "{text}");

    for (state, on) in [("on", true), ("off", false)] {
        let link = format!("RGB/YUV Input:0->Scaler:0={state}");
        // One block at a time feeds the scaler.
        let other = format!("Debayer A:1->Scaler:0={}", if on { "off" } else { "on" });
        let order = if on { [&other, &link] } else { [&link, &other] };
        success(&["media", media, "--link", order[0], "--link", order[1]]);
        assert_eq!(is_on(&vimc(), "RGB/YUV Input", "Scaler"), on);
        assert_eq!(is_on(&vimc(), "Debayer A", "Scaler"), !on);
    }

    let capture = entity(&graph, "RGB/YUV Capture");
    let node = capture["node"].as_str().unwrap();
    let report = json(&["media", node, "--size", "320x240", "--json"]);
    assert_eq!(
        (&report["width"], &report["height"]),
        (&320.into(), &240.into())
    );
    assert_eq!(report["mismatches"].as_array().unwrap().len(), 0);
    let format = report["format"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.png");
    let picture = picture.to_str().unwrap();
    success(&[
        "snapshot",
        "-d",
        node,
        "--format",
        format,
        "--size",
        "320x240",
        "--timeout",
        "60",
        picture,
    ]);
    assert!(std::fs::metadata(picture).unwrap().len() > 100);

    let one = success(&["media", media, "--format", "Sensor A:0=SBGGR8_1X8/640x480"]);
    assert_eq!(one.trim(), "\"Sensor A\":0  SBGGR8_1X8/640x480");
    // Now sensor and debayer differ.
    let output = run(&[
        "snapshot", "-d", node, "--format", format, "--size", "320x240", picture,
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("\"Sensor A\":0 gives SBGGR8_1X8/640x480, but"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_done_is_said_with_its_status() {
    let Some(_turn) = on_the_rig("what_cannot_be_done_is_said_with_its_status") else {
        return;
    };
    let graph = vimc();
    let media = graph["device"].as_str().unwrap();
    for (words, status, said) in [
        (["--link", "Sensor A:0->Debayer A:0=off"], 1, "is immutable"),
        (
            ["--link", "Sensor C:0->Debayer A:0=off"],
            2,
            "no entity \"Sensor C\"; available:",
        ),
        (
            ["--link", "Sensor A:0"],
            2,
            "expected ENTITY:PAD->ENTITY:PAD=on",
        ),
        (["--format", "Lens A:0=Y8_1X8/64x64"], 2, "no such pad"),
        (
            ["--format", "Sensor A:0=NV12/64x64"],
            2,
            "NV12 is not a media bus format",
        ),
        (["--size", "64x64"], 2, "--size needs a video node"),
    ] {
        let output = run(&["media", media, words[0], words[1]]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{words:?}: {text}");
        assert!(text.contains(said), "{words:?}: {text}");
    }
    let absent = run(&["media", "/dev/media99"]);
    assert_eq!(absent.status.code(), Some(3));
}
