//! Long runs and repeated ones leak nothing: descriptors, mappings, threads, memory, objects.

mod support;

use std::time::{Duration, Instant};

use support::actor::{self, Actor};
use support::{encoder, name};

/// Seconds that the long run takes; 600 at least before a release.
const LONG: &str = "VIDEOSTREAM_LONG";

#[test]
fn pipelines_play_in_processes() {
    actor::play_or_check();
}

/// The resources of a process that must not grow.
const USAGE: [&str; 4] = ["kilobytes", "descriptors", "mappings", "threads"];

/// Tolerance after some hundred state changes: GLib and the allocator keep resources of ended
/// threads for a while.
const CYCLES: [u64; 4] = [4096, 0, 64, 8];

/// Asserts that a process uses no more than before: `slack` more of each.
fn assert_flat(what: &str, before: [u64; 4], after: [u64; 4], slack: [u64; 4]) {
    for (at, name) in USAGE.iter().enumerate() {
        let most = before[at] + slack[at];
        assert!(
            after[at] <= most,
            "{what}: {name}: {before:?} then {after:?}"
        );
    }
}

#[test]
fn a_thousand_state_changes_leak_nothing() {
    let path = name("cycles");
    // Both in one process, which counts.
    let words = format!(
        "videotestsrc ! video/x-raw,format=NV12,width=64,height=48 ! vslsink name=sink \
         path={path} async=false \
         vslsrc name=source path={path} reconnect=true ! fakesink name=out async=false"
    );
    let mut pair = Actor::new(&words);
    pair.ask("cycle 100");
    let before = pair.usage();
    pair.ask("cycle 1000");
    let after = pair.usage();
    assert_flat("1000 cycles", before, after, CYCLES);
    pair.play();
    pair.until_more(10);
    assert!(pair.quit().success());
}

#[test]
fn cycles_with_frames_leak_nothing() {
    let path = name("frames");
    let words = format!(
        "videotestsrc is-live=true ! video/x-raw,format=NV12,width=64,height=48,framerate=500/1 ! \
         vslsink name=sink path={path}"
    );
    let mut sink = Actor::new(&words);
    let words = format!("vslsrc name=source path={path} ! fakesink name=out");
    let mut source = Actor::new(&words);
    let mut cycle = |times: u32| {
        for _ in 0..times {
            sink.play();
            source.play();
            source.until_more(3);
            source.set("null");
            sink.set("null");
        }
        [sink.usage(), source.usage()]
    };
    let before = cycle(20);
    let after = cycle(100);
    for (side, (before, after)) in ["sink", "source"].iter().zip(before.into_iter().zip(after)) {
        assert_flat(side, before, after, CYCLES);
    }
}

/// Returns the objects that the leaks tracer finds at the end of a process that plays this for a
/// while.
fn alive(words: &str, plays: impl FnOnce(&mut Actor)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let variables = [
        ("GST_TRACERS", "leaks"),
        ("GST_DEBUG", "GST_TRACER:7"),
        ("GST_DEBUG_NO_COLOR", "1"),
        ("GST_DEBUG_FILE", log.to_str().unwrap()),
    ];
    let mut actor = Actor::with(words, &variables);
    actor.play();
    plays(&mut actor);
    assert!(actor.quit().success());
    let said = std::fs::read_to_string(&log).unwrap();
    // The tracer ran: it lists the types that it tracks.
    assert!(said.contains("leaks"), "{said}");
    let lines = said
        .lines()
        .filter_map(|line| line.split_once("object-alive, "));
    let objects = lines.map(|(_, object)| object.to_owned());
    // The tracer's own format of such lines.
    objects.filter(|object| !object.contains("%s")).collect()
}

#[test]
fn the_leaks_tracer_finds_a_leak() {
    let words = "fakesrc num-buffers=3 ! fakesink name=out";
    let nothing = alive(words, |actor| {
        actor.wait_for("eos");
    });
    assert!(nothing.is_empty(), "{nothing:?}");
    let leaked = alive(words, |actor| drop(actor.ask("leak")));
    let [leaked] = &leaked[..] else {
        panic!("{leaked:?}");
    };
    assert!(leaked.contains("leaked/on-purpose"), "{leaked}");
}

#[test]
fn a_stopped_sink_leaks_no_object() {
    let path = name("alive-sink");
    let words = format!(
        "videotestsrc is-live=true ! capsfilter name=caps \
         caps=video/x-raw,format=NV12,width=64,height=48,framerate=60/1 ! \
         tee name=tee ! queue ! vslsink name=sink path={path} \
         tee. ! queue ! fakesink name=out"
    );
    let reader = |more: &str| format!("vslsrc name=source path={path} {more} ! fakesink name=out");
    let sink = alive(&words, |sink| {
        let mut readers = ["hold=1", "hold=1 mode=every"].map(|more| Actor::playing(&reader(more)));
        for reader in &mut readers {
            reader.until_frames(5);
        }
        sink.ask("set caps caps video/x-raw,format=I420,width=32,height=16,framerate=60/1");
        for reader in &mut readers {
            support::until("I420", || reader.ask("caps").contains("I420"));
        }
        sink.ask("end");
        for reader in &mut readers {
            reader.wait_for("eos");
        }
        sink.wait_for("eos");
    });
    assert!(sink.is_empty(), "{sink:#?}");
}

#[test]
fn a_stopped_source_leaks_no_object() {
    let path = name("alive-source");
    let words = format!(
        "videotestsrc is-live=true ! capsfilter name=caps \
         caps=video/x-raw,format=NV12,width=64,height=48,framerate=60/1 ! \
         vslsink name=sink path={path}"
    );
    let mut sink = Actor::playing(&words);
    let words = format!(
        "vslsrc name=source path={path} ! tee name=tee ! queue ! fakesink name=out \
         tee. ! queue ! videoconvert ! video/x-raw,format=BGRx ! fakesink sync=true"
    );
    let source = alive(&words, |source| {
        source.until_frames(5);
        sink.ask("set caps caps video/x-raw,format=I420,width=32,height=16,framerate=60/1");
        let until = |source: &mut Actor, caps: &str| {
            support::until(caps, || source.ask("caps").contains(caps));
        };
        until(source, "I420");
        sink.ask("end");
        source.wait_for("eos");
    });
    assert!(source.is_empty(), "{source:#?}");
}

#[test]
fn a_stopped_packet_pipeline_leaks_no_object() {
    let test = "a_stopped_packet_pipeline_leaks_no_object";
    let Some(encoder) = encoder(test) else { return };
    let path = name("alive-packets");
    // Both in one process.
    let words = format!(
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=60/1 ! \
         {encoder} ! \
         h264parse ! vslsink name=sink path={path} async=false \
         vslsrc name=source path={path} reconnect=true ! h264parse ! fakesink name=out async=false"
    );
    let alive = alive(&words, |pair| {
        pair.until_frames(30);
        pair.ask("end");
        pair.wait_for("eos");
    });
    assert!(alive.is_empty(), "{alive:#?}");
}

#[test]
fn a_long_run_is_flat() {
    let seconds = std::env::var(LONG).map_or(5.0, |text| text.parse().expect("seconds"));
    let path = name("long");
    let words = format!(
        "videotestsrc is-live=true ! video/x-raw,format=NV12,width=640,height=480,framerate=60/1 ! \
         vslsink name=sink path={path} pool-size=16"
    );
    let mut all = vec![Actor::playing(&words)];
    for reader in [
        "hold=1 ! fakesink name=out",
        "hold=2 mode=every ! fakesink name=out",
        "! queue ! fakesink name=out sync=true",
        "! videoconvert ! video/x-raw,format=RGB ! fakesink name=out",
    ] {
        all.push(Actor::playing(&format!(
            "vslsrc name=source path={path} {reader}"
        )));
    }
    for reader in &mut all[1..] {
        reader.until_frames(30);
    }
    let begin = Instant::now();
    let mut usage = |after: f64| {
        let due = begin + Duration::from_secs_f64(seconds * after);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let usage = all.iter_mut().map(Actor::usage);
        usage.collect::<Vec<_>>()
    };
    let (middle, late) = (usage(0.5), usage(1.0));
    println!("{USAGE:?} of the sink and its readers: {middle:?}, then {late:?}");
    // Slow readers copy frames into memory that they keep, and may map a ring buffer late.
    let slack = match seconds < 60.0 {
        true => [16384, 18, 48, 0],
        false => [2048, 0, 32, 0],
    };
    for (side, (before, after)) in middle.into_iter().zip(late).enumerate() {
        assert_flat(&format!("process {side}"), before, after, slack);
    }
    println!(
        "published {}, copied {}",
        all[0].counted("sink", "published"),
        all[0].counted("sink", "copied")
    );
    for reader in &mut all[1..] {
        let counts =
            ["frames", "missed", "dropped", "copied"].map(|what| reader.counted("source", what));
        println!("frames, missed, dropped, copied: {counts:?}");
        assert!(counts[0] > 30);
    }
    for actor in all {
        assert!(actor.quit().success());
    }
}
