//! Seeds of the fuzz targets: findings, and scripts that reach every action. Each byte string of
//! `fuzz/seeds` runs as it would under the fuzzer.

#![cfg(target_os = "linux")]

#[path = "../fuzz/src/lib.rs"]
#[allow(
    unreachable_pub,
    missing_docs,
    reason = "written for the fuzzer's crate"
)]
mod fuzz;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long one byte string may take before the test gives up.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Each run counts the descriptors of this process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn run_all(target: &str, run: fn(&[u8])) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "no seeds in {}", folder.display());
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        let (done, ended) = channel();
        let running = std::thread::spawn(move || {
            // Told also by unwinding.
            let _done: std::sync::mpsc::Sender<()> = done;
            run(&bytes);
        });
        let name = seed.display();
        if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(WATCHDOG) {
            panic!("{name} hangs");
        }
        running.join().unwrap_or_else(|_| panic!("{name} fails"));
    }
}

#[test]
fn bytes_of_any_kind_are_read_without_harm() {
    run_all("wire", fuzz::wire::run);
}

#[test]
fn a_host_and_its_honest_client_outlive_hostile_clients() {
    run_all("hostile_client", fuzz::hostile_client::run);
}

#[test]
fn a_client_outlives_a_hostile_host() {
    run_all("hostile_host", fuzz::hostile_host::run);
}

#[test]
fn the_split_does_not_depend_on_read_sizes() {
    run_all("annex_b", fuzz::annex_b::run);
    run_all("parameter_sets", fuzz::parameter_sets::run);
}

#[cfg(feature = "record")]
#[test]
fn raw_video_of_any_kind_is_read_without_harm() {
    run_all("y4m", fuzz::y4m::run);
}

#[cfg(feature = "snapshot")]
#[test]
fn images_of_any_kind_are_saved_or_refused() {
    run_all("jpeg", fuzz::jpeg::run);
}

#[cfg(feature = "record")]
#[test]
fn an_mp4_of_any_kind_is_read_without_harm() {
    run_all("mp4", fuzz::mp4::run);
}
