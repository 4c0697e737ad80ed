//! `videostream controls` on the kernel's virtual camera, compared with `v4l2-ctl`.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped.

mod support;
#[path = "../../../hal/tests/v4l2_ctl/mod.rs"]
mod v4l2_ctl;

use serde_json::Value;
use support::run;
use videostream::camera::devices;
use videostream::hal::v4l2::NodeKind;
use videostream_testing::on_the_rig;

fn camera() -> String {
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera);
    found.unwrap().path.display().to_string()
}

/// Text of what is in JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn the_list_is_that_of_v4l2_ctl() {
    let Some(_turn) = on_the_rig("the_list_is_that_of_v4l2_ctl") else {
        return;
    };
    let camera = camera();
    let Some((listed, _)) = v4l2_ctl::ask(&camera, &["-L"]) else {
        videostream_testing::skip("the_list_is_that_of_v4l2_ctl", "this guest has no v4l2-ctl");
        return;
    };
    let theirs = v4l2_ctl::controls(&listed);
    let ours = run(["controls", &camera, "--json"]).json();
    let ours = ours.as_array().unwrap();
    let mut classes: Vec<_> = ours.iter().map(|control| text(&control["class"])).collect();
    classes.dedup();
    assert_eq!(classes, theirs.classes);
    // It lists what it fails to read by the driver's name only.
    assert_eq!(ours.len(), theirs.controls.len() + theirs.unread.len());
    let mut seen = theirs.controls.iter();
    for control in ours {
        if theirs.unread.contains(&text(&control["description"])) {
            continue;
        }
        let theirs = seen.next().unwrap();
        assert_eq!(text(&control["name"]), theirs.name);
        assert_eq!(control["id"], theirs.id);
        assert_eq!(text(&control["type"]), theirs.kind);
        for word in &theirs.range {
            let (name, value) = word.split_once('=').unwrap();
            let field = match name {
                "min" => "minimum",
                "max" => "maximum",
                "dims" => "dimensions",
                name => name,
            };
            let ours = match &control[field] {
                Value::Array(dims) => dims.iter().map(|dim| format!("[{dim}]")).collect(),
                number if value.starts_with("0x") => {
                    format!("{:#010x}", number.as_i64().unwrap())
                }
                number => number.to_string(),
            };
            assert_eq!(ours, value, "{field} of {}", theirs.name);
        }
        let flags = control["flags"].as_array().unwrap();
        assert_eq!(flags.len() as u32, theirs.flags.count_ones(), "{control}");
        let items = control["items"].as_array();
        let items: Vec<_> = items.into_iter().flatten().collect();
        assert_eq!(items.len(), theirs.menu.len(), "{control}");
        for (ours, theirs) in items.iter().zip(&theirs.menu) {
            let (index, name) = theirs.split_once(": ").unwrap();
            assert_eq!(ours["index"].to_string(), index);
            match ours.get("value") {
                Some(number) => assert!(name.starts_with(&format!("{number} ("))),
                None => assert_eq!(text(&ours["name"]), name),
            }
        }
        let shown = theirs.value.as_deref().unwrap_or_default();
        let is_volatile = flags.iter().any(|flag| flag == "volatile");
        match &control["value"] {
            Value::Null => assert_eq!(theirs.kind, "button"),
            _ if is_volatile => {}
            Value::Bool(on) => assert_eq!(shown, u8::from(*on).to_string()),
            Value::Number(bits) if theirs.kind == "bitmask" => {
                let bits = u32::try_from(bits.as_u64().unwrap()).unwrap();
                assert_eq!(shown, bits.cast_signed().to_string());
            }
            Value::Number(number) => {
                assert_eq!(shown.split(' ').next().unwrap(), number.to_string());
            }
            Value::String(text) => assert_eq!(shown, format!("'{text}'")),
            Value::Object(area) => {
                assert_eq!(shown, format!("{}x{}", area["width"], area["height"]));
            }
            // Not shown in the list.
            Value::Array(_) => {}
        }
    }
    println!("{} controls", ours.len());
    assert!(ours.len() > 60, "{}", ours.len());
}

#[test]
fn what_is_set_is_what_v4l2_ctl_reads() {
    let Some(_turn) = on_the_rig("what_is_set_is_what_v4l2_ctl_reads") else {
        return;
    };
    let camera = camera();
    // Name and value, how it is told here, how there.
    let cases = [
        ("brightness", "0x4d", "77", "77"),
        ("hue", "-100", "-100", "-100"),
        ("horizontal_flip", "true", "on", "1"),
        ("Vertical Flip", "on", "on", "1"),
        ("menu", "menu item 4", "Menu Item 4", "4"),
        ("test_pattern", "20", "Gray Ramp", "20"),
        ("integer_menu", "42", "42", "8"),
        ("bitmask", "0x80000010", "0x80000010", "-2147483632"),
        (
            "integer_64_bits",
            "-9000000000",
            "-9000000000",
            "-9000000000",
        ),
        ("string", "abc", "abc", "'abc'"),
        ("area", "640x480", "640x480", "640x480"),
        ("u32_1_element_array", "4096", "4096", "4096"),
    ];
    let mut words = vec!["controls".to_owned(), camera.clone()];
    words.extend(
        cases
            .iter()
            .map(|(name, value, ..)| format!("{name}={value}")),
    );
    let told = run(&words);
    assert!(told.status.success(), "{told:?}");
    for (line, (name, _, ours, theirs)) in told.stdout.lines().zip(cases) {
        let (typed, value) = line.split_once('=').unwrap();
        assert_eq!(value, ours, "{line}");
        if let Some((read, _)) = v4l2_ctl::ask(&camera, &["-C", typed]) {
            let read = read.trim().split_once(": ").unwrap().1.trim();
            let read = if theirs.starts_with('\'') {
                read
            } else {
                read.split(' ').next().unwrap()
            };
            assert_eq!(read, theirs, "{name}");
        }
    }
    assert_eq!(told.stdout.lines().count(), cases.len());

    // Arrays.
    let matrix: Vec<_> = (0..128).map(|at| (at + 16).to_string()).collect();
    let matrix = matrix.join(",");
    let told = run(["controls", &camera, &format!("u16_8x16_matrix={matrix}")]);
    assert_eq!(told.stdout.trim(), format!("u16_8x16_matrix={matrix}"));
    let told = run(["controls", &camera, "u32_dynamic_array=11,12,13"]);
    assert_eq!(told.stdout.trim(), "u32_dynamic_array=11,12,13");
    if let Some((read, _)) = v4l2_ctl::ask(&camera, &["-C", "u16_8x16_matrix"]) {
        let rows = read.lines().filter_map(|line| line.split_once("]:"));
        let numbers = rows.flat_map(|(_, row)| row.split(',').map(str::trim));
        let numbers: Vec<_> = numbers.filter(|number| !number.is_empty()).collect();
        assert_eq!(numbers.join(","), matrix, "{read}");
    }

    let reset = run(["controls", &camera, "--reset"]);
    assert!(reset.status.success(), "{reset:?}");
    let all = run(["controls", &camera, "--json"]).json();
    for control in all.as_array().unwrap() {
        let flags = text(&control["flags"]);
        let kind = text(&control["type"]);
        let unset = ["read-only", "volatile", "inactive", "write-only"];
        if unset.iter().any(|flag| flags.contains(flag)) || ["str", "area"].contains(&&*kind) {
            continue;
        }
        let default = control["default"].as_i64().unwrap();
        match &control["value"] {
            Value::Bool(on) => assert_eq!(i64::from(*on), default, "{control}"),
            Value::Array(all) => assert!(all.iter().all(|v| *v == default), "{control}"),
            value => assert_eq!(value.as_i64(), Some(default), "{control}"),
        }
    }
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_set() {
    let Some(_turn) = on_the_rig("what_is_wrong_is_named_and_nothing_is_set") else {
        return;
    };
    let camera = camera();
    let before = run(["controls", &camera, "brightness", "contrast"]).stdout;
    let fails = |word: &str, code, says: &[&str]| {
        let ended = run(["controls", &camera, "brightness=1", word, "contrast=2"]);
        ended.assert_error(code, says);
        ended.assert_error(code, &[&camera]);
        let after = run(["controls", &camera, "brightness", "contrast"]).stdout;
        assert_eq!(after, before, "{word}");
    };
    fails(
        "saturatoin=3",
        2,
        &["saturatoin", "did you mean saturation?"],
    );
    fails("saturatoin", 2, &["did you mean saturation?"]);
    fails("hue=129", 2, &["hue", "-128 to 128"]);
    fails("hue=blue", 2, &["hue", "-128 to 128"]);
    fails("mute=maybe", 2, &["mute", "on or off"]);
    fails("menu=2", 2, &["menu", "Menu Item 1 (1), Menu Item 3 (3)"]);
    fails("string=x", 2, &["string", "2 to 4 bytes"]);
    fails(
        "u16_8x16_matrix=20,21",
        2,
        &["128 comma-separated numbers", "16 to 8192"],
    );
    fails("bitmask=1", 2, &["bitmask", "0x80402010"]);
    fails("area=0x0", 1, &["area", "EINVAL"]);
    fails(
        "read_only_integer_32_bits=1",
        1,
        &["read_only_integer_32_bits is read-only"],
    );
    fails("gain=4", 1, &["gain is inactive", "gain_automatic"]);
    let nowhere = run(["controls", "no such camera"]);
    nowhere.assert_error(3, &["no such camera", &camera]);
    run(["controls", "/dev/null"]).assert_error(1, &["is not a video device"]);

    // The picture is the camera's while it streams, the rest is not.
    let socket = format!("controls-{}", std::process::id());
    let mut host = support::start([
        "stream",
        "-d",
        &camera,
        "-r",
        "320x180",
        "--control",
        "brightness=99",
        "--control",
        "gain_automatic=off",
        "--control",
        "gain=7",
        &socket,
    ]);
    host.wait_for("sharing");
    let told = run(["controls", &camera, "brightness", "gain"]);
    assert_eq!(told.stdout, "brightness=99\ngain=7\n");
    let held = run(["controls", &camera, "enable_capture_scaler=off"]);
    held.assert_error(1, &["enable_capture_scaler cannot be changed now"]);
    assert!(host.interrupt().status.success());
    let wrong = run([
        "snapshot",
        "-d",
        &camera,
        "--control",
        "hue=1000",
        "/nowhere/x.png",
    ]);
    wrong.assert_error(2, &["hue", "-128 to 128"]);
    assert!(run(["controls", &camera, "--reset"]).status.success());
}
