//! Limits of spinning and mapping.

use std::fs;
use std::time::{Duration, Instant};

use super::super::{Client, Host, Mode};
use super::{WATCHDOG, connect, frame, memory, name};

/// Returns whether the host's only client sleeps.
fn sleeps(host: &Host) -> bool {
    host.clients().any(|client| client.waiting != 0)
}

#[test]
fn a_client_spins_for_its_limit_then_sleeps() {
    for (spin, wakes) in [(2 * WATCHDOG, 0), (Duration::from_millis(1), 1)] {
        let path = name(&format!("spin-{wakes}"));
        let mut host = Host::builder(&path).bind().unwrap();
        let id = host.register(memory(), 4096).unwrap();
        let mut client = connect(&mut host, Client::builder(&path).spin(spin)).unwrap();
        let waiting = std::thread::spawn(move || client.next(WATCHDOG).unwrap().serial());
        let begin = Instant::now();
        // A client that does not spin would sleep within this time.
        let is_enough = |host: &Host| match wakes {
            0 => begin.elapsed() > Duration::from_millis(100),
            _ => sleeps(host),
        };
        while !is_enough(&host) {
            assert!(begin.elapsed() < WATCHDOG, "it does not sleep");
            std::thread::sleep(Duration::from_millis(1));
        }
        // The other one may be between two ways to sleep by now.
        assert!(wakes != 0 || !sleeps(&host));
        host.publish(&frame(id)).unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
        let stats = host.stats();
        // Once by each way at most.
        assert!(
            stats.futex_wakes + stats.event_wakes <= 2 * wakes,
            "{stats:?}"
        );
    }
}

/// Counts which of these files this process has mapped, by their inodes.
fn mapped(inodes: &[u64]) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    // Files of other file systems may have the same numbers.
    let maps = maps.lines().filter(|line| line.contains("/memfd:"));
    let inode = |line: &str| line.split_whitespace().nth(4)?.parse::<u64>().ok();
    let lines = maps.filter_map(inode);
    lines.filter(|inode| inodes.contains(inode)).count()
}

#[test]
fn a_client_keeps_its_limit_of_mappings() {
    let path = name("mappings");
    let mut host = Host::builder(&path).max_outstanding(8).bind().unwrap();
    let memory = [(); 6].map(|()| memory());
    let inodes = memory
        .each_ref()
        .map(|fd| rustix::fs::fstat(fd).unwrap().st_ino);
    let ids = memory.map(|fd| host.register(fd, 4096).unwrap());
    let builder = Client::builder(&path).mode(Mode::Every).hold(3);
    let mut client = connect(&mut host, builder.keep_mapped(2)).unwrap();
    assert_eq!(mapped(&inodes), 0, "not before they are read");
    let mut read = |round: usize| {
        host.reclaim(1, |_| ());
        host.publish(&frame(ids[round % ids.len()])).unwrap();
        let frame = client.next(WATCHDOG).unwrap();
        assert_eq!(frame.pixels().unwrap().plane(0)[0], 0);
        frame
    };
    for round in 0..20 {
        drop(read(round));
        assert_eq!(mapped(&inodes), 2.min(round + 1));
    }
    // Frames that are held keep theirs, however many.
    let held = [20, 21, 22].map(&mut read);
    assert_eq!(mapped(&inodes), 3);
    for frame in &held {
        assert_eq!(frame.pixels().unwrap().plane(0)[0], 0);
    }
    drop(held);
    drop(read(23));
    assert_eq!(mapped(&inodes), 2);
}
