//! The guest has what the other rig tests rely on.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::process::Command;
use std::{env, path::Path};

/// The guest's architecture; none, and a word about it, outside of a guest.
fn guest(test: &str) -> Option<String> {
    let arch = env::var("VIDEOSTREAM_RIG_ARCH").ok();
    if arch.is_none() {
        println!("skipped: {test}: runs in the rig's guest (cargo xtask test)");
    }
    arch
}

/// Names of the video nodes, as their drivers call them.
fn video_nodes() -> Vec<String> {
    let nodes = fs::read_dir("/sys/class/video4linux").expect("video nodes");
    let names = nodes.map(|node| fs::read_to_string(node.unwrap().path().join("name")).unwrap());
    names.map(|name| name.trim().to_owned()).collect()
}

#[test]
fn every_driver_of_the_guest_has_its_nodes() {
    if guest("every_driver_of_the_guest_has_its_nodes").is_none() {
        return;
    }
    let nodes = video_nodes();
    for name in [
        "vivid-000-vid-cap",
        "vivid-000-vid-out",
        "vim2m",
        "stateful-encoder",
        "stateful-decoder",
        "stateless-decoder",
        // Of vimc: its output, and one of its blocks.
        "RGB/YUV Capture",
        "Debayer A",
    ] {
        assert!(
            nodes.iter().any(|node| node.contains(name)),
            "no {name} among {nodes:?}"
        );
    }
    for device in [
        "/dev/dma_heap/system",
        "/dev/udmabuf",
        "/dev/cuse",
        "/dev/media0",
        "/dev/v4l-subdev0",
    ] {
        let kind = fs::metadata(device)
            .unwrap_or_else(|e| panic!("{device}: {e}"))
            .file_type();
        assert!(kind.is_char_device(), "{device} is no character device");
        File::options().read(true).write(true).open(device).unwrap();
    }
}

#[test]
fn results_written_in_the_guest_can_be_read_back() {
    let Some(arch) = guest("results_written_in_the_guest_can_be_read_back") else {
        return;
    };
    let out = PathBuf::from(env::var_os("VIDEOSTREAM_RIG_OUT").expect("VIDEOSTREAM_RIG_OUT"));
    let file = out.join(format!("guest-{arch}"));
    fs::write(&file, &arch).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), arch);
    fs::remove_file(&file).unwrap();
}

#[test]
fn shared_memory_temporary_files_and_loopback_work() {
    if guest("shared_memory_temporary_files_and_loopback_work").is_none() {
        return;
    }
    for folder in ["/dev/shm", "/tmp", "/run"] {
        let file = Path::new(folder).join("rig-guest");
        fs::write(&file, folder).unwrap_or_else(|e| panic!("{folder}: {e}"));
        fs::remove_file(&file).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    sender.write_all(b"x").unwrap();
    let mut byte = [0];
    listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn the_command_starts() {
    if guest("the_command_starts").is_none() {
        return;
    }
    let command = env::var_os("VIDEOSTREAM_BIN").expect("VIDEOSTREAM_BIN");
    // Only that it can be executed here: what it says is for its own tests.
    let output = Command::new(&command).arg("--help").output();
    assert!(output.is_ok(), "{}: {output:?}", command.display());
}
