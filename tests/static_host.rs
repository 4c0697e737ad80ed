//! A host without std, allocator and C library (`tests/nostd-host`) serves a client of the
//! std library.
//!
//! `cargo xtask test --only static_host` builds that program, passes its path in
//! `VIDEOSTREAM_STATIC_HOST`, and runs this test.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use videostream::{Client, Mode};
use videostream_testing::TIMEOUT;

const FRAMES: u64 = 200;

/// Killed when dropped.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        // Both fail for one that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_client_reads_the_frames_of_a_host_without_std() {
    let Some(program) = std::env::var_os("VIDEOSTREAM_STATIC_HOST") else {
        return videostream_testing::skip(
            "a_client_reads_the_frames_of_a_host_without_std",
            "VIDEOSTREAM_STATIC_HOST names no program (cargo xtask test --only static_host)",
        );
    };
    let name = format!("videostream-static-host-{}", std::process::id());
    let child = Command::new(program)
        .arg(&name)
        .stdin(Stdio::null())
        .spawn();
    let mut host = Host(child.unwrap());
    let mut client = Client::builder(&name)
        .mode(Mode::Every)
        .reconnect(true)
        .connect_timeout(TIMEOUT)
        .connect()
        .unwrap();
    let mut last = 0;
    for _ in 0..FRAMES {
        let frame = client.next(TIMEOUT).unwrap();
        assert!(frame.serial() > last);
        last = frame.serial();
        let pixels = frame.pixels().unwrap();
        assert_eq!(pixels.plane(0), [last as u8; 4096]);
        assert!(frame.is_intact());
    }
    assert_eq!(client.restarts(), 0);
    drop(client);
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = host.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < TIMEOUT, "the host does not end");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{status}");
}
