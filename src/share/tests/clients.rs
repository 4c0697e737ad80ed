//! What clients can do: several threads, cancelling, looking, late joining, moving on.

use std::time::Duration;

use videostream_hal::time::deadline_in;
use videostream_ipc::{Error as Ipc, Goodbye};

use super::super::{Client, Host, Mode};
use super::{SECOND, connect, frame, memory, name};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn threads_of_one_client_read_side_by_side_and_keep_frames() {
    let path = name("threads");
    let mut host = Host::builder(&path).lend(8).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let builder = Client::builder(&path).mode(Mode::Every).hold(4);
    let client = connect(&mut host, builder).unwrap();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let mut reader = client.reader();
            std::thread::spawn(move || {
                let first = reader.next(LONG).unwrap();
                let second = reader.next(LONG).unwrap();
                assert_eq!((first.serial(), second.serial()), (1, 2));
                second
            })
        })
        .collect();
    host.publish(&frame(id)).unwrap();
    host.publish(&frame(id)).unwrap();
    // Frames outlive the thread that took them.
    let kept: Vec<_> = readers.into_iter().map(|r| r.join().unwrap()).collect();
    assert_eq!(client.ipc().held(), 2);
    drop(kept);
    assert_eq!(client.ipc().held(), 0);
}

#[test]
fn threads_that_have_waited_long_are_all_told_of_a_frame() {
    let path = name("slow");
    let mut host = Host::builder(&path).lend(8).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let builder = Client::builder(&path).mode(Mode::Every).hold(4);
    let client = connect(&mut host, builder).unwrap();
    // An event loop of the same client has the event in between.
    for with_event_loop in [false, true, false] {
        if with_event_loop {
            client.ipc().arm(u64::MAX);
        }
        let next = client.ipc().head() + 1;
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let mut reader = client.reader();
                reader.seek(next - 1);
                std::thread::spawn(move || {
                    for serial in next..next + 4 {
                        assert_eq!(reader.next(LONG).unwrap().serial(), serial);
                    }
                })
            })
            .collect();
        for _ in 0..4 {
            // By now they are past the futex, where they sleep at first.
            std::thread::sleep(Duration::from_millis(80));
            host.publish(&frame(id)).unwrap();
        }
        for reader in readers {
            reader.join().unwrap();
        }
        client.ipc().disarm();
        host.reclaim(1, |_| ());
    }
}

#[test]
fn cancelling_ends_the_waits_of_all_threads() {
    let path = name("cancel");
    let mut host = Host::builder(&path).bind().unwrap();
    let client = connect(&mut host, Client::builder(&path)).unwrap();
    for round in 0..20 {
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let mut reader = client.reader();
                std::thread::spawn(move || reader.next_until(u64::MAX).unwrap_err())
            })
            .collect();
        // Before, while and after they fall asleep, in the futex and in the poll.
        std::thread::sleep(Duration::from_millis(round * 5));
        client.reader().cancel();
        for thread in waiting {
            let error = thread.join().unwrap();
            assert_eq!(error.share(), Some(&Ipc::Cancelled));
        }
        client.ipc().resume();
    }
}

#[test]
fn looking_shows_everybody_and_holds_nothing() {
    let path = name("look");
    let mut host = Host::builder(&path).lend(4).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let mut reader = connect(&mut host, Client::builder(&path).hold(2)).unwrap();
    let looker = connect(&mut host, Client::builder(&path).hold(0)).unwrap();
    host.publish(&frame(id)).unwrap();
    let held = reader.next(SECOND).unwrap();
    let looking = std::thread::spawn(move || looker.look(LONG).unwrap());
    while !looking.is_finished() {
        host.process().unwrap();
        std::thread::yield_now();
    }
    let report = looking.join().unwrap();
    assert_eq!((report.host.clients, report.host.head), (2, 1));
    assert_eq!(report.clients.len(), 2);
    let about = report.clients[0];
    assert_eq!((about.hold, about.held, about.last_serial), (2, 1, 1));
    assert_eq!(about.pid, std::process::id());
    assert_eq!(report.clients[1].hold, 0);
    drop(held);
}

#[test]
fn a_late_joiner_gets_the_parameter_sets() {
    let path = name("parameters");
    let mut host = Host::builder(&path).bind().unwrap();
    let early = connect(&mut host, Client::builder(&path)).unwrap();
    assert_eq!(early.parameters().unwrap(), None);
    host.set_parameters(b"first").unwrap();
    host.set_parameters(b"second").unwrap();
    let late = connect(&mut host, Client::builder(&path)).unwrap();
    for client in [early, late] {
        assert_eq!(&*client.parameters().unwrap().unwrap(), b"second");
    }
    let error = host.set_parameters(b"").unwrap_err();
    assert!(matches!(error.share(), Some(Ipc::ParameterSize(0, _))));
}

#[test]
fn a_client_that_may_reconnect_moves_to_the_next_host_and_says_so() {
    let path = name("reconnect");
    let mut first = Host::builder(&path).bind().unwrap();
    let id = first.register(memory(), 4096).unwrap();
    let builder = Client::builder(&path).reconnect(true);
    let mut client = connect(&mut first, builder).unwrap();
    first.publish(&frame(id)).unwrap();
    let old = client.next(SECOND).unwrap();
    assert!(!old.is_after_restart());
    drop(first);
    let mut second = Host::builder(&path).bind().unwrap();
    let id = second.register(memory(), 4096).unwrap();
    let moving = std::thread::spawn(move || {
        let frame = client.next(LONG).unwrap();
        (frame.is_after_restart(), client.restarts())
    });
    while !moving.is_finished() {
        second.process().unwrap();
        second.reclaim(2, |_| ());
        let _ = second.publish(&frame(id));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(moving.join().unwrap(), (true, 1));
    assert_eq!(old.serial(), 1, "a frame of the old host can still be read");
    drop(old);
}

#[test]
fn a_change_of_format_sends_clients_away_with_that_reason() {
    let path = name("format");
    let mut host = Host::builder(&path).bind().unwrap();
    let mut client = connect(&mut host, Client::builder(&path)).unwrap();
    host.send_away(Goodbye::FormatChange);
    let error = client.next(SECOND).unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::Goodbye(Goodbye::FormatChange)));
    assert!(error.is_worth_reconnecting());
}

#[test]
fn a_reader_can_go_on_behind_a_serial_or_a_time() {
    let path = name("seek");
    let mut host = Host::builder(&path).bind().unwrap();
    let id = host.register(memory(), 4096).unwrap();
    let builder = Client::builder(&path).mode(Mode::Every);
    let mut client = connect(&mut host, builder).unwrap();
    for at in 1..=5 {
        let mut frame = frame(id);
        frame.timestamp_ns = at * 100;
        host.publish(&frame).unwrap();
    }
    client.seek(2);
    assert_eq!(client.next(SECOND).unwrap().serial(), 3);
    let mut reader = client.reader();
    let deadline = deadline_in(1_000_000_000);
    assert_eq!(reader.next_after(400, deadline).unwrap().serial(), 5);
}

/// How many of the files with these inodes are mapped in this process.
fn mapped(inodes: &[u64]) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let inode = |line: &str| line.split_whitespace().nth(4)?.parse().ok();
    let all = maps.lines().filter_map(inode);
    all.filter(|inode| inodes.contains(inode)).count()
}

#[test]
fn no_more_mappings_are_kept_than_asked_for() {
    let path = name("keep-mapped");
    let mut host = Host::builder(&path).lend(8).bind().unwrap();
    let buffers: Vec<_> = (0..6).map(|_| memory()).collect();
    let inode = |fd| rustix::fs::fstat(fd).unwrap().st_ino;
    let inodes: Vec<u64> = buffers.iter().map(inode).collect();
    let ids: Vec<u32> = buffers
        .into_iter()
        .map(|fd| host.register(fd, 4096).unwrap())
        .collect();
    let all = connect(&mut host, Client::builder(&path)).unwrap();
    let few = Client::builder(&path).keep_mapped(2).hold(4);
    let few = connect(&mut host, few).unwrap();
    for (mut client, kept) in [(few, 2), (all, 6)] {
        for round in 0..3 {
            for (at, &id) in ids.iter().enumerate() {
                host.reclaim(1, |_| ());
                host.publish(&frame(id)).unwrap();
                let frame = client.next(SECOND).unwrap();
                assert_eq!(frame.pixels().unwrap().plane(0).len(), 4096);
                let seen = if round == 0 { at + 1 } else { 6 };
                assert_eq!(mapped(&inodes), kept.min(seen), "{kept} {round} {at}");
            }
        }
        if kept == 2 {
            // What frames hold stays mapped, and goes when they are gone.
            let held: Vec<_> = ids[..4]
                .iter()
                .map(|&id| {
                    host.publish(&frame(id)).unwrap();
                    let frame = client.next(SECOND).unwrap();
                    frame.pixels().unwrap();
                    frame
                })
                .collect();
            assert_eq!(mapped(&inodes), 4);
            assert_eq!(held[0].pixels().unwrap().plane(0).len(), 4096);
            drop(held);
            host.publish(&frame(ids[5])).unwrap();
            client.next(SECOND).unwrap().pixels().unwrap();
            assert_eq!(mapped(&inodes), 2);
        }
        drop(client);
        assert_eq!(mapped(&inodes), 0);
    }
}
