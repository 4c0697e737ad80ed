//! Processes that are killed or suspended in every state: the other side goes on, or reports the
//! error.

mod support;

use gst::prelude::*;
use tempfile::TempDir;
use videostream::Mode;
use videostream_testing::process::Random;

use support::actor::{self, Actor};
use support::pipeline::Pipeline;
use support::{WATCHDOG, encoder, name, until};

/// A socket's name of one test.
struct Place {
    path: String,
    /// Gone after it.
    _folder: Option<TempDir>,
}

impl Place {
    /// Both kinds of names.
    fn both(test: &str) -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(test).display().to_string();
        [
            Self {
                path: name(test),
                _folder: None,
            },
            Self {
                path: file,
                _folder: Some(folder),
            },
        ]
    }

    /// A sink of live frames.
    fn sink(&self, more: &str) -> String {
        format!("{LIVE} ! vslsink name=sink path={} {more}", self.path)
    }

    /// A source in front of a sink that counts.
    fn reader(&self, more: &str) -> String {
        format!(
            "vslsrc name=source path={} {more} ! fakesink name=out",
            self.path
        )
    }
}

const LIVE: &str =
    "videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=64,height=48,framerate=60/1";

/// Frames that stay until they are taken.
const FOREVER: &str = "lifespan=9000000000000000";

#[test]
fn pipelines_play_in_processes() {
    actor::play_or_check();
}

#[test]
fn a_killed_sink_is_replaced() {
    for place in Place::both("playing") {
        let sink = Actor::playing(&place.sink(""));
        let [stays, ends] =
            ["reconnect=true", ""].map(|more| Pipeline::playing(&place.reader(more)));
        stays.until_more(5);
        ends.until_more(5);
        let gaps = stays.gaps();
        sink.kill();
        let why = ends.error();
        assert!(
            why.contains(&place.path) && why.contains("reconnect=true"),
            "{why}"
        );
        // At once, with the leftovers of the killed one.
        let next = Actor::playing(&place.sink(""));
        until("a frame behind a gap has come", || stays.gaps() > gaps);
        stays.until_more(5);
        // A reader that gave up can start again.
        ends.set(gst::State::Null).unwrap();
        ends.play();
        ends.until_more(5);
        stays.end();
        ends.end();
        assert!(next.quit().success());
    }
}

#[test]
fn a_killed_sink_never_blocks_the_next_one() {
    let mut random = Random::new();
    for place in Place::both("moment") {
        let reader = Pipeline::playing(&place.reader("reconnect=true"));
        for _ in 0..8 {
            let mut sink = Actor::new(&place.sink(""));
            sink.tell("play");
            std::thread::sleep(std::time::Duration::from_micros(random.below(20_000)));
            sink.kill();
        }
        let sink = Actor::playing(&place.sink(""));
        reader.until_more(5);
        assert!(sink.quit().success());
        reader.end();
    }
}

#[test]
fn a_sink_killed_while_paused_frees_its_readers() {
    for place in Place::both("paused") {
        let mut sink = Actor::new(&place.sink(""));
        sink.set("pause");
        let [stays, ends] =
            ["reconnect=true", ""].map(|more| Pipeline::playing(&place.reader(more)));
        sink.kill();
        let why = ends.error();
        assert!(why.contains(&place.path), "{why}");
        let next = Actor::playing(&place.sink(""));
        stays.until_more(5);
        assert!(next.quit().success());
        stays.end();
    }
}

#[test]
fn frames_of_a_killed_sink_stay_readable() {
    for place in Place::both("held") {
        let sink = Actor::playing(&place.sink(FOREVER));
        let words = format!(
            "vslsrc path={} hold=2 when-full=drop ! appsink name=out",
            place.path
        );
        let reader = Pipeline::playing(&words);
        let samples = [reader.pull(), reader.pull()];
        let bytes = |sample: &gst::Sample| {
            let bytes = sample.buffer().unwrap().map_readable().unwrap();
            bytes.to_vec()
        };
        let before = samples.each_ref().map(bytes);
        sink.kill();
        let next = Actor::playing(&place.sink(""));
        assert_eq!(samples.each_ref().map(bytes), before);
        // Its hold is full, but it still gets the end.
        let why = reader.error();
        assert!(why.contains(&place.path), "{why}");
        drop(samples);
        reader.end();
        assert!(next.quit().success());
    }
}

#[test]
fn a_sink_killed_in_a_wait_frees_its_readers() {
    for place in Place::both("waits") {
        let sink_words = place.sink(&format!("{FOREVER} policy=never-drop lend=2"));
        let mut sink = Actor::playing(&sink_words);
        let reader = videostream::Client::builder(&place.path).mode(Mode::Every);
        let mut reader = reader
            .reconnect(true)
            .connect_timeout(WATCHDOG)
            .connect()
            .unwrap();
        let held = reader.next(WATCHDOG).unwrap();
        // Two that can be shared, and one that waits for room.
        let most = held.serial() + 3;
        until("it waits", || sink.counted("sink", "published") >= most - 1);
        sink.kill();
        drop(held);
        let next = Actor::playing(&sink_words);
        let before = reader.restarts();
        until("the reader has moved", || {
            reader.next(WATCHDOG).unwrap();
            reader.restarts() > before
        });
        assert!(next.quit().success());
    }
}

#[test]
fn a_sink_killed_after_eos_has_ended() {
    for place in Place::both("ended") {
        let mut sink = Actor::playing(&place.sink(""));
        let reader = Pipeline::playing(&place.reader(""));
        reader.until_more(5);
        sink.ask("end");
        sink.wait_for("eos");
        reader.eos();
        sink.kill();
        let next = Actor::playing(&place.sink(""));
        let again = Pipeline::playing(&place.reader(""));
        again.until_more(5);
        again.end();
        reader.end();
        assert!(next.quit().success());
    }
}

#[test]
fn killed_readers_never_stop_the_sink() {
    for place in Place::both("readers") {
        let sink = Pipeline::playing(&place.sink(&format!("{FOREVER} lend=16")));
        let witness = Pipeline::playing(&place.reader("hold=1"));
        witness.until_more(1);
        let clients = || sink.element("sink").property::<u32>("num-clients");
        let keeps = format!(
            "vslsrc name=source path={} hold=2 when-full=drop ! appsink name=out",
            place.path
        );
        for (state, words) in [
            ("ready", place.reader("hold=1")),
            ("pause", place.reader("hold=1")),
            ("play", place.reader("hold=1")),
            ("end", place.reader("hold=1")),
            ("keeps frames", keeps),
        ] {
            let mut reader = Actor::new(&words);
            match state {
                "ready" | "pause" => reader.set(state),
                _ => {
                    reader.play();
                    reader.until_frames(2);
                }
            }
            if state == "end" {
                reader.ask("end");
                reader.wait_for("eos");
            }
            reader.kill();
            until("only the witness is left", || clients() == 1);
            witness.until_more(10);
        }
        assert_eq!(sink.counted("sink", "clients-evicted"), 0);
        // Frames of killed readers are free again.
        until("no more is out than is lent", || {
            sink.counted("sink", "lent") <= 16
        });
        witness.end();
        sink.end();
    }
}

#[test]
fn never_drop_ignores_killed_readers() {
    let [place, _] = Place::both("never-drop");
    let sink = Pipeline::playing(&place.sink(&format!("{FOREVER} policy=never-drop lend=4")));
    // It holds one, and takes no other.
    let words = format!(
        "vslsrc name=source path={} mode=every hold=1 when-full=drop ! appsink name=out",
        place.path
    );
    let mut stuck = Actor::playing(&words);
    stuck.until_frames(1);
    let published = || sink.counted("sink", "published");
    // One that is held, and as many more as have room; then nothing flows.
    let mut before = published();
    until("the sink waits", || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        std::mem::replace(&mut before, published()) == before
    });
    stuck.kill();
    until("the sink goes on", || published() >= before + 10);
    sink.end();
}

#[test]
fn never_drop_waits_for_stopped_readers() {
    let [place, _] = Place::both("never-drop-stopped");
    let sink = Pipeline::playing(&place.sink(&format!("{FOREVER} policy=never-drop lend=4")));
    let mut reader = Actor::playing(&place.reader("mode=every hold=1"));
    reader.until_frames(2);
    reader.stop();
    let published = || sink.counted("sink", "published");
    let mut before = published();
    until("the sink waits", || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        std::mem::replace(&mut before, published()) == before
    });
    reader.go_on();
    reader.until_more(20);
    assert_eq!(reader.counted("source", "missed"), 0);
    assert_eq!(reader.counted("source", "dropped"), 0);
    assert!(reader.quit().success());
    sink.end();
}

#[test]
fn readers_wait_for_a_stopped_sink() {
    for place in Place::both("stopped-sink") {
        let mut sink = Actor::playing(&place.sink(""));
        let readers =
            ["reconnect=true hold=1", "hold=1"].map(|more| Pipeline::playing(&place.reader(more)));
        readers.iter().for_each(|reader| reader.until_more(5));
        sink.stop();
        // A new reader reports the path that does not answer.
        let late = Pipeline::new(&place.reader("hold=1"));
        assert!(late.set(gst::State::Playing).is_err());
        let why = late.error();
        assert!(
            why.contains(&place.path) && why.contains("timeout"),
            "{why}"
        );
        late.end();
        let patient = Pipeline::playing(&place.reader("reconnect=true hold=1"));
        sink.go_on();
        for reader in readers.iter().chain([&patient]) {
            reader.until_more(5);
        }
        assert!(sink.counted("sink", "published") > 5);
        for reader in readers.into_iter().chain([patient]) {
            reader.end();
        }
        assert!(sink.quit().success());
    }
}

#[test]
fn stopped_readers_never_stop_the_sink() {
    for place in Place::both("stopped-readers") {
        let sink = Pipeline::playing(&place.sink("lend=16"));
        let witness = Pipeline::playing(&place.reader("hold=1"));
        witness.until_more(1);
        for state in ["ready", "pause", "play"] {
            let mut reader = Actor::new(&place.reader("hold=1"));
            reader.set(state);
            if state == "play" {
                reader.until_frames(2);
            }
            reader.stop();
            witness.until_more(20);
            reader.go_on();
            reader.play();
            reader.until_more(5);
            assert!(reader.quit().success());
        }
        witness.end();
        sink.end();
    }
}

#[test]
fn a_sink_stopped_and_killed_frees_its_readers() {
    let [place, _] = Place::both("stopped-killed");
    let sink = Actor::playing(&place.sink(""));
    let reader = Pipeline::playing(&place.reader(""));
    reader.until_more(5);
    sink.stop();
    sink.kill();
    let why = reader.error();
    assert!(why.contains(&place.path), "{why}");
    reader.end();
}

#[test]
fn an_encoded_stream_resumes_after_a_crash() {
    let test = "an_encoded_stream_resumes_after_a_crash";
    let Some(encoder) = encoder(test) else { return };
    let [place, _] = Place::both("encoded");
    let sink = format!(
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=60/1 ! \
         {encoder} ! h264parse ! vslsink name=sink path={}",
        place.path
    );
    let words = format!(
        "vslsrc name=source path={} reconnect=true ! h264parse ! fakesink name=out",
        place.path
    );
    let reader = Pipeline::playing(&words);
    for _ in 0..3 {
        let host = Actor::playing(&sink);
        reader.until_more(15);
        host.kill();
    }
    let host = Actor::playing(&sink);
    reader.until_more(15);
    assert!(reader.counted("source", "restarts") >= 3);
    reader.end();
    assert!(host.quit().success());
}
