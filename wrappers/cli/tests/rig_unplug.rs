//! A shared camera that loses its signal, changes it, or is unplugged and comes back, seen by
//! processes of the command.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test is
//! skipped. rig: timeout=600

mod support;

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use videostream::Camera;
use videostream::camera::devices;
use videostream::hal::v4l2::{Device, NodeKind};

use support::{Process, assert_accounts, number, place, probe, start, wait_for_more, wait_until};
use videostream_testing::on_the_rig;

/// The platform driver of the virtual camera, and its device.
const DRIVER: &str = "/sys/bus/platform/drivers/vivid";
const DEVICE: &str = "vivid.0";

/// The path of the virtual camera, if it is there.
fn camera() -> Option<String> {
    let list = devices();
    let mut found = list.devices.iter();
    let found = found.find(|device| device.driver == "vivid" && device.kind == NodeKind::Camera);
    found.map(|device| device.path.display().to_string())
}

fn set(device: &Device, name: &str, value: i64) {
    let control = device.node().control_by_name(name).unwrap();
    let control = control.unwrap_or_else(|| panic!("no control {name}"));
    device.node().set_control(&control, value).unwrap();
}

/// A receiver that has had a frame.
fn receiver(socket: &str) -> Process {
    let words = [
        "receive", "--every", "--json", "-v", "-f", "0", "-t", "80", socket,
    ];
    let mut process = start(words);
    process.wait_for("\nframe ");
    process
}

/// The camera, pulled out; put back in when dropped.
struct Pulled;

impl Pulled {
    fn new() -> Self {
        fs::write(format!("{DRIVER}/unbind"), DEVICE).unwrap();
        Self
    }
}

impl Drop for Pulled {
    fn drop(&mut self) {
        fs::write(format!("{DRIVER}/bind"), DEVICE).unwrap();
    }
}

/// The grabber's HDMI input; the webcam again when dropped.
struct Hdmi(Device);

impl Hdmi {
    fn select() -> Self {
        let device = Device::open(camera().unwrap().as_str()).unwrap();
        let mut inputs = device.inputs().flatten();
        let hdmi = inputs.find(|input| input.has_dv_timings).unwrap();
        device.set_input(hdmi.index).unwrap();
        set(&device, "DV Timings Signal Mode", 0);
        Self(device)
    }

    /// Sends a signal of this size.
    fn send(&self, name: &str) {
        let menu = self
            .0
            .node()
            .control_by_name("DV Timings")
            .unwrap()
            .unwrap();
        let item = self
            .0
            .node()
            .menu(&menu)
            .flatten()
            .find(|item| item.name() == name);
        self.0
            .node()
            .set_control(&menu, item.unwrap().index.into())
            .unwrap();
        set(&self.0, "DV Timings Signal Mode", 4);
    }
}

impl Drop for Hdmi {
    fn drop(&mut self) {
        set(&self.0, "DV Timings Signal Mode", 0);
        let _ = self.0.set_input(0);
    }
}

#[test]
fn clients_stay_while_the_signal_changes() {
    let test = "clients_stay_while_the_signal_changes";
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    let hdmi = Hdmi::select();
    let (folder, socket) = place();
    let camera = camera().unwrap();
    let mut host = start(["stream", "-d", &camera, "--json", &socket]);
    host.wait_for("sharing");
    let mut receiver = receiver(&socket);
    let file = folder.path().join("out.mp4");
    let words = ["record", "--ipc", &socket, "--timeout", "80", "--json"];
    let mut recorder = start(words.iter().chain(&[file.to_str().unwrap()]));
    if cfg!(feature = "software") {
        recorder.wait_for("recording to");
    }

    hdmi.send("800x600p60");
    host.wait_for("sharing 800x600");
    receiver.wait_for("800x600");
    wait_for_more(&receiver);
    let recorded = recorder.finish();
    if cfg!(feature = "software") {
        recorded.assert_error(1, &["out.mp4: complete up to here", "is 800x600"]);
        let frames = number(&recorded.json_anyway(), "frames");
        if let Some(found) = probe(test, &file) {
            assert_eq!(found[4], frames.to_string());
        }
    } else {
        recorded.assert_error(4, &["no encoder for H.264"]);
    }

    for lost in [1, 2] {
        set(&hdmi.0, "DV Timings Signal Mode", lost);
        let waiting = host.stderr().matches("waiting: ").count();
        wait_until("the host is without a signal", || {
            host.stderr().matches("no signal at the input").count() == lost as usize
        });
        assert!(waiting <= lost as usize);
        let shared = host.stderr().matches("sharing 800x600").count();
        hdmi.send("800x600p60");
        wait_until("the signal is back", || {
            host.stderr().matches("sharing 800x600").count() > shared
        });
        wait_for_more(&receiver);
        assert!(receiver.is_running() && host.is_running());
    }

    let received = receiver.interrupt().json();
    assert_eq!(number(&received, "format_changes"), 1, "{received}");
    assert_eq!(number(&received, "restarts"), 0, "{received}");
    assert_accounts(&received);
    let shared = host.interrupt().json();
    assert!(number(&shared, "changes") >= 3, "{shared}");
    assert_eq!(number(&shared, "evicted"), 0, "{shared}");
}

#[test]
fn an_unplugged_camera_ends_its_host_with_a_reason() {
    let Some(_turn) = on_the_rig("an_unplugged_camera_ends_its_host_with_a_reason") else {
        return;
    };
    let (_folder, socket) = place();
    let camera = camera().unwrap();
    let mut host = start(["stream", "-d", &camera, "-r", "320x180", "--json", &socket]);
    host.wait_for("sharing");
    let receiver = receiver(&socket);
    set(&Device::open(camera.as_str()).unwrap(), "Disconnect", 1);
    host.finish().assert_error(3, &[&camera, "unplugged"]);
    // A receiver without a limit ends with its host.
    assert_accounts(&receiver.finish().json());
    assert!(fs::symlink_metadata(&socket).is_err());
    // The driver re-creates the node once no process has it open.
    let again = Camera::open(&camera).unwrap().size(320, 180).start();
    drop(again.unwrap());
}

#[test]
fn a_replugged_camera_continues_under_a_new_number() {
    let Some(_turn) = on_the_rig("a_replugged_camera_continues_under_a_new_number") else {
        return;
    };
    let (_folder, socket) = place();
    let before = camera().unwrap();
    let words = [
        "stream",
        "--reconnect",
        "-d",
        &before,
        "-r",
        "320x180",
        "--control",
        "brightness=77",
        "--json",
        &socket,
    ];
    let mut host = start(words);
    host.wait_for("sharing");
    let mut receiver = receiver(&socket);
    // An open node keeps its number from being reused.
    let keeper = File::open(&before).unwrap();

    let pulled = Pulled::new();
    host.wait_for("waiting: ");
    assert!(host.stderr().contains("unplugged"), "{}", host.stderr());
    assert_eq!(camera(), None);
    drop(pulled);
    host.wait_for("now sharing 320x180 NV12");
    let after = camera().unwrap();
    assert_ne!(after, before);
    // The settings are applied to the re-created driver as well.
    let device = Device::open(after.as_str()).unwrap();
    let brightness = device
        .node()
        .control_by_name("Brightness")
        .unwrap()
        .unwrap();
    assert_ne!(brightness.default_value, 77);
    assert_eq!(device.node().control_value(&brightness).unwrap(), 77);
    wait_for_more(&receiver);
    assert!(receiver.is_running() && host.is_running());

    let received = receiver.interrupt().json();
    assert_eq!(number(&received, "restarts"), 0, "{received}");
    assert_eq!(number(&received, "format_changes"), 0, "{received}");
    assert_eq!(received["in_order"], true, "{received}");
    let shared = host.interrupt().json();
    assert_eq!(number(&shared, "changes"), 1, "{shared}");
    drop(keeper);
}

#[test]
fn a_host_waits_for_a_camera_that_is_not_there_yet() {
    let Some(_turn) = on_the_rig("a_host_waits_for_a_camera_that_is_not_there_yet") else {
        return;
    };
    let (folder, socket) = place();
    // As udev makes them below /dev/v4l/by-path.
    let link = folder.path().join("by-path").display().to_string();
    let words = [
        "stream",
        "--reconnect",
        "-d",
        &link,
        "-r",
        "320x180",
        "--json",
        &socket,
    ];
    let mut host = start(words);
    host.wait_for("waiting: ");
    assert!(
        host.stderr().contains("no such device"),
        "{}",
        host.stderr()
    );
    let camera = camera().unwrap();
    symlink(&camera, &link).unwrap();
    host.wait_for("sharing");
    let receiver = receiver(&socket);

    // The link names the camera, before and after it is unplugged.
    set(&Device::open(camera.as_str()).unwrap(), "Disconnect", 1);
    host.wait_for("now sharing 320x180 NV12");
    wait_for_more(&receiver);
    assert_eq!(receiver.interrupt().json()["in_order"], true);
    host.interrupt().json();

    // It can be stopped while it waits, too.
    fs::remove_file(&link).unwrap();
    let mut host = start(["stream", "--reconnect", "-d", &link, &socket]);
    host.wait_for("waiting: ");
    assert!(host.interrupt().status.success());
}
