//! The behaviours that the suite tests.

use std::thread;
use std::time::{Duration, Instant};

use videostream::hal::time::{deadline_in, now_ns};
use videostream::ipc::{Error as Ipc, Goodbye, MAX_BUFFERS};
use videostream::share::Policy;
use videostream::{Host, Mode};

use super::process::WATCHDOG;
use super::{Driver, Peer, Stage, frame};

/// Waits for a frame that is there, or comes.
const NEXT: &str = "next 60000";

/// A host under a name whose host is gone. In use for a moment while another test starts a
/// process, which has all sockets until it runs.
fn bind_again(name: &str) -> Host {
    let begin = Instant::now();
    loop {
        match Host::builder(name).bind() {
            Ok(host) => return host,
            Err(error) => {
                let in_use = error.share() == Some(&Ipc::AddressInUse);
                assert!(in_use && begin.elapsed() < WATCHDOG, "{error}");
                thread::yield_now();
            }
        }
    }
}

pub(crate) fn newest_skips_and_every_does_not(driver: Driver) {
    let mut stage = Stage::new(driver, "modes", |host| host.max_outstanding(8));
    let buffers = [7, 8, 9].map(|byte| stage.buffer(byte));
    let mut every = stage.client("every 1");
    let mut newest = stage.client("newest 1");
    for buffer in buffers {
        stage.publish(buffer);
    }
    for (serial, byte) in [(1, 7), (2, 8), (3, 9)] {
        let frame = stage.ask(&mut every, NEXT);
        assert_eq!(frame, format!("{serial} missed 0 byte {byte}"));
        stage.ask(&mut every, &format!("drop {serial}"));
    }
    assert_eq!(stage.ask(&mut newest, NEXT), "3 missed 0 byte 9");
    stage.ask(&mut newest, "drop 3");
    assert_eq!(stage.ask(&mut newest, "try"), "none");
    // The next frame comes with the number of those missed since.
    for buffer in buffers {
        stage.publish(buffer);
    }
    assert_eq!(stage.ask(&mut newest, NEXT), "6 missed 2 byte 9");
}

pub(crate) fn admission_tells_how_much_is_left(driver: Driver) {
    let mut stage = Stage::new(driver, "admission", |host| host.max_outstanding(4));
    let _two = stage.client("newest 2");
    let mut more = stage.peer();
    assert_eq!(
        stage.connect(&mut more, "newest 2"),
        "Refused(Hold { asked: 2, left: 1 })"
    );
    let _one = stage.client("newest 1");
    assert_eq!(stage.host.clients().count(), 2);
    assert_eq!(stage.host.stats().refused, 1);
}

pub(crate) fn the_hold_limit_is_lifted_by_a_drop(driver: Driver) {
    let mut stage = Stage::new(driver, "limit", |host| host.max_outstanding(4));
    let buffer = stage.buffer(1);
    let mut client = stage.client("newest 1");
    stage.publish(buffer);
    stage.ask(&mut client, NEXT);
    stage.publish(buffer);
    assert_eq!(stage.ask(&mut client, "try"), "HoldLimit { limit: 1 }");
    stage.ask(&mut client, "drop 1");
    assert_eq!(stage.ask(&mut client, NEXT), "2 missed 0 byte 1");
}

pub(crate) fn an_expired_frame_is_not_given_out(driver: Driver) {
    let mut stage = Stage::new(driver, "expiry", |host| host);
    let buffer = stage.buffer(1);
    let mut client = stage.client("newest 1");
    let mut short = frame(buffer);
    short.expires_ns = 1;
    stage.host.publish(&short).unwrap();
    assert_eq!(stage.host.reclaim(8, |_| ()), 0);
    assert_eq!(stage.ask(&mut client, "try"), "none");
    // It is not waited for either.
    assert_eq!(stage.ask(&mut client, "next 20"), "TimedOut");
    stage.publish(buffer);
    assert!(stage.ask(&mut client, NEXT).starts_with("2 "));
}

pub(crate) fn until_expiry_blocks_rather_than_drops(driver: Driver) {
    // Longer, should the machine be so slow that the first expires before all slots are taken.
    for expiry_ns in [50_000_000, 1_000_000_000, 20_000_000_000] {
        if blocks_until_expiry(driver, expiry_ns) {
            return;
        }
    }
    panic!("nothing is in the way of another frame");
}

/// Whether a host is blocked before its first frame expires, after so long. It has to be then.
fn blocks_until_expiry(driver: Driver, expiry_ns: u64) -> bool {
    let test = format!("until-expiry-{expiry_ns}");
    let mut stage = Stage::new(driver, &test, |host| {
        host.max_outstanding(3).policy(Policy::UntilExpiry)
    });
    let buffer = stage.buffer(1);
    let slots = stage.host.slots();
    let mut client = stage.client("every 1");
    let mut late = frame(buffer);
    late.expires_ns = deadline_in(3_600_000_000_000);
    let mut soon = frame(buffer);
    soon.expires_ns = deadline_in(expiry_ns);
    stage.host.publish(&soon).unwrap();
    for _ in 1..slots {
        stage.host.publish(&late).unwrap();
    }
    let Err(error) = stage.host.publish(&late) else {
        assert!(now_ns() >= soon.expires_ns, "it overwrites");
        return false;
    };
    assert_eq!(error.share(), Some(&Ipc::WouldBlock { held: slots }));
    stage.until("the first expires", |host| {
        host.reclaim(1, |_| ()) == slots - 1
    });
    stage.host.publish(&late).unwrap();
    assert_eq!(stage.ask(&mut client, NEXT), "2 missed 0 byte 1");
    assert_eq!(stage.host.reclaim(1, |_| ()), slots);
    true
}

pub(crate) fn never_drop_waits_for_whoever_wants_every_frame(driver: Driver) {
    let mut stage = Stage::new(driver, "never-drop", |host| {
        host.max_outstanding(3).policy(Policy::NeverDrop)
    });
    let buffer = stage.buffer(1);
    let slots = stage.host.slots();
    let mut every = stage.client("every 1");
    let _newest = stage.client("newest 1");
    for _ in 0..slots {
        stage.publish(buffer);
    }
    assert_eq!(stage.host.reclaim(1, |_| ()), slots);
    stage.host.publish(&frame(buffer)).unwrap_err();
    for serial in 1..=4 {
        let got = stage.ask(&mut every, NEXT);
        assert_eq!(got, format!("{serial} missed 0 byte 1"));
        stage.ask(&mut every, &format!("drop {serial}"));
        assert!(stage.host.reclaim(1, |_| ()) < slots);
        stage.publish(buffer);
    }
    stage.ask(&mut every, "leave");
    stage.until("it has left", |host| host.clients().count() == 1);
    assert_eq!(stage.host.reclaim(1, |_| ()), 1, "nobody needs them");
}

pub(crate) fn the_newest_policy_leaves_held_frames_alone(driver: Driver) {
    let mut stage = Stage::new(driver, "newest", |host| host.max_outstanding(3));
    let buffer = stage.buffer(1);
    let mut client = stage.client("newest 1");
    stage.publish(buffer);
    stage.ask(&mut client, NEXT);
    for _ in 0..20 {
        stage.publish(buffer);
        assert!(stage.host.reclaim(3, |_| ()) <= 3);
    }
    assert_eq!(stage.ask(&mut client, "intact 1"), "true");
}

pub(crate) fn a_busy_client_past_its_lease_is_evicted(driver: Driver) {
    let mut stage = Stage::new(driver, "lease", |host| {
        host.max_outstanding(2).lease(Duration::from_millis(1))
    });
    let buffer = stage.buffer(1);
    let mut client = stage.client("newest 1");
    let mut old = frame(buffer);
    old.published_ns = 1;
    stage.host.publish(&old).unwrap();
    stage.ask(&mut client, NEXT);
    assert_eq!(
        stage.host.evict_over_limit(),
        0,
        "not while nothing is short"
    );
    stage.publish(buffer);
    stage.host.reclaim(1, |_| ());
    assert_eq!(stage.host.evict_over_limit(), 1);
    assert_eq!(
        stage.ask(&mut client, "intact 1"),
        "true",
        "not given away yet"
    );
    assert_eq!(stage.host.reclaim(1, |_| ()), 1, "its references are gone");
    assert_eq!(stage.ask(&mut client, "intact 1"), "false");
    stage.ask(&mut client, "drop 1");
    // Although there is a newer frame, which keeps it from looking at its socket.
    let told = stage.ask(&mut client, "try");
    assert!(told.starts_with("Goodbye(LeaseTime {"), "{told}");
    assert_eq!(stage.host.status().evicted, 1);
}

pub(crate) fn application_bytes_planes_and_modifier_arrive(driver: Driver) {
    let mut stage = Stage::new(driver, "planes", |host| host);
    let [a, b, c] = [3, 4, 5].map(|byte| stage.buffer(byte));
    let mut client = stage.client("newest 1");
    let mut d = frame(a);
    d.plane_count = 4;
    d.planes[1] = d.planes[0];
    d.planes[1].buffer = b;
    d.planes[2] = d.planes[0];
    d.planes[2].offset = 64;
    d.planes[2].size -= 64;
    d.planes[3] = d.planes[0];
    d.planes[3].buffer = c;
    d.modifier = 1 << 40;
    (d.app[0], d.app[63]) = (11, 12);
    stage.host.publish(&d).unwrap();
    stage.ask(&mut client, NEXT);
    let seen = stage.ask(&mut client, "describe 1");
    let modifier = 1u64 << 40;
    let expected = format!("modifier {modifier} fence 0 app 11 12 planes [3, 4, 3, 5]");
    assert_eq!(seen, expected);
}

pub(crate) fn a_late_joiner_gets_the_parameter_sets(driver: Driver) {
    let mut stage = Stage::new(driver, "parameters", |host| host);
    let mut early = stage.client("newest 1");
    assert_eq!(stage.ask(&mut early, "parameters"), "none");
    stage.host.set_parameters(b"first").unwrap();
    stage.host.set_parameters(b"second").unwrap();
    let mut late = stage.client("newest 1");
    for client in [&mut early, &mut late] {
        assert_eq!(stage.ask(client, "parameters"), "second");
    }
    let error = stage.host.set_parameters(b"").unwrap_err();
    assert!(matches!(
        error.share(),
        Some(Ipc::ParameterSize { bytes: 0, .. })
    ));
}

pub(crate) fn goodbye_is_told(driver: Driver) {
    let mut stage = Stage::new(driver, "goodbye", |host| host);
    let mut client = stage.client("newest 1");
    stage.host = Host::builder(format!("{}-2", stage.name)).bind().unwrap();
    assert_eq!(stage.ask(&mut client, NEXT), "Goodbye(Closing)");
    // The name is free again.
    bind_again(&stage.name);
}

pub(crate) fn a_change_of_format_is_told(driver: Driver) {
    let mut stage = Stage::new(driver, "format", |host| host);
    let mut client = stage.client("newest 1");
    stage.host.send_away(Goodbye::FormatChange);
    assert_eq!(stage.ask(&mut client, NEXT), "Goodbye(FormatChange)");
    assert_eq!(stage.connect(&mut client, "newest 1"), "connected");
}

pub(crate) fn a_client_moves_to_the_next_host_and_says_so(driver: Driver) {
    let mut stage = Stage::new(driver, "restart", |host| host);
    let buffer = stage.buffer(1);
    let mut client = stage.client("newest 2 reconnect");
    for _ in 0..5 {
        stage.publish(buffer);
    }
    assert_eq!(stage.ask(&mut client, NEXT), "5 missed 0 byte 1");
    stage.host = Host::builder(format!("{}-2", stage.name)).bind().unwrap();
    stage.host = bind_again(&stage.name);
    let buffer = stage.buffer(2);
    let got = stage.ask_while(&mut client, NEXT, |stage| {
        if stage.host.clients().next().is_some() && stage.host.head() == 0 {
            stage.publish(buffer);
        }
    });
    assert_eq!(got, "1 missed 0 byte 2 restarted");
    assert_eq!(stage.ask(&mut client, "restarts"), "1");
    // A frame of the old host can still be read.
    assert!(stage.ask(&mut client, "describe 5").ends_with("[1]"));
}

pub(crate) fn looking_shows_everybody_and_holds_nothing(driver: Driver) {
    let mut stage = Stage::new(driver, "look", |host| host.max_outstanding(4));
    let buffer = stage.buffer(1);
    let mut reader = stage.client("newest 2");
    let mut looker = stage.client("newest 0");
    stage.publish(buffer);
    stage.ask(&mut reader, NEXT);
    let report = stage.ask(&mut looker, "look");
    assert_eq!(report, "head 1 of [(0, 0, 0), (2, 1, 1)]");
    assert_eq!(stage.ask(&mut looker, "try"), "HoldLimit { limit: 0 }");
}

pub(crate) fn a_reader_goes_on_behind_a_serial_or_a_time(driver: Driver) {
    let mut stage = Stage::new(driver, "seek", |host| host);
    let buffer = stage.buffer(1);
    let mut client = stage.client("every 2");
    for at in 1..=5 {
        let mut frame = frame(buffer);
        frame.timestamp_ns = at * 100;
        stage.host.publish(&frame).unwrap();
    }
    stage.ask(&mut client, "seek 2");
    assert!(stage.ask(&mut client, NEXT).starts_with("3 "));
    assert!(stage.ask(&mut client, "after 400").starts_with("5 "));
}

pub(crate) fn cancelling_ends_the_waits_of_all_threads(driver: Driver) {
    let mut stage = Stage::new(driver, "cancel", |host| host);
    let mut client = stage.client("newest 1");
    // Before, while and after they fall asleep, in the futex and in the poll.
    for pause in [0, 1, 5, 40, 60, 90] {
        let answer = stage.ask(&mut client, &format!("cancel {pause}"));
        assert_eq!(answer, "Cancelled Cancelled Cancelled");
    }
    let buffer = stage.buffer(1);
    stage.publish(buffer);
    assert_eq!(stage.ask(&mut client, NEXT), "1 missed 0 byte 1");
}

pub(crate) fn retired_buffers_stay_with_their_frames(driver: Driver) {
    let mut stage = Stage::new(driver, "retire", |host| host);
    let [old, new] = [1, 2].map(|byte| stage.buffer(byte));
    let mut first = stage.client("newest 1");
    stage.publish(old);
    stage.host.unregister(old);
    let error = stage.host.publish(&frame(old)).unwrap_err();
    assert_eq!(error.share(), Some(&Ipc::UnknownBuffer { id: old }));
    // It can still be read, by old clients and by new ones.
    let mut second = stage.client("newest 1");
    for client in [&mut first, &mut second] {
        assert_eq!(stage.ask(client, NEXT), "1 missed 0 byte 1");
    }
    stage.publish(new);
    stage.host.reclaim(1, |_| ());
    assert!(stage.ask(&mut first, "describe 1").ends_with("[1]"));
    for client in [&mut first, &mut second] {
        stage.ask(client, "drop 1");
        assert_eq!(stage.ask(client, NEXT), "2 missed 0 byte 2");
    }
}

pub(crate) fn the_buffer_used_longest_ago_makes_room(driver: Driver) {
    let mut stage = Stage::new(driver, "room", |host| host.max_outstanding(4));
    let mut client: Peer = stage.client("every 1");
    // Many times as many buffers as there may be, and the client finds each.
    for serial in 1..=3 * MAX_BUFFERS as u64 {
        let byte = serial as u8;
        let buffer = stage.buffer(byte);
        stage.publish(buffer);
        stage.host.reclaim(2, |_| ());
        let got = stage.ask(&mut client, NEXT);
        assert_eq!(got, format!("{serial} missed 0 byte {byte}"));
        stage.ask(&mut client, &format!("drop {serial}"));
    }
    assert_eq!(stage.host.clients().next().unwrap().mode, Mode::Every);
    assert_eq!(stage.host.stats().evicted, 0);
}

pub(crate) fn threads_of_a_client_read_side_by_side(driver: Driver) {
    let mut stage = Stage::new(driver, "side-by-side", |host| host.max_outstanding(8));
    let buffer = stage.buffer(1);
    let mut client = stage.client("every 4");
    for _ in 0..2 {
        stage.publish(buffer);
    }
    let answer = stage.ask(&mut client, "threads");
    assert_eq!(answer, "[[1, 2], [1, 2]] held 4, then 0");
}
