//! Known pitfalls of elements that share video, one test each.

mod support;

use std::os::unix::fs::FileTypeExt as _;
use std::process::Command;

use gst::prelude::*;
use videostream::hal::format::FourCc;
use videostream::hal::time::now_ns;
use videostream_testing::skip;

use support::actor::{self, Actor};
use support::host::{TestHost, TestPicture, assert_is_test_picture};
use support::pipeline::Pipeline;
use support::{client, decoder, encoder, fed_sink, feed, init, name, until};

const CAPS: &str = "video/x-raw, format=GRAY8, width=64, height=48, framerate=25/1";
const SIZE: usize = 64 * 48;

fn frame(value: u8) -> gst::Buffer {
    gst::Buffer::from_slice(vec![value; SIZE])
}

fn live(caps: &str, sink: &str) -> String {
    format!(
        "videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=60/1{caps} ! \
         vslsink name=sink {sink}"
    )
}

#[test]
fn pipelines_play_in_processes() {
    actor::play_or_check();
}

#[test]
fn a_socket_left_by_a_crash_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("camera").display().to_string();
    let words = live("", &format!("path={path}"));
    let crashed = Actor::playing(&words);
    support::client(&path);
    crashed.kill();
    let kind = std::fs::metadata(&path).unwrap().file_type();
    assert!(kind.is_socket(), "the crash leaves the socket");
    let again = Pipeline::playing(&words);
    client(&path).next(support::WATCHDOG).unwrap();
    again.end();
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn three_readers_cost_no_copy() {
    let path = name("no-copy");
    let folder = tempfile::tempdir().unwrap();
    let log = |part: &str| folder.path().join(part).display().to_string();
    let logs = ["host", "reader-1", "reader-2", "reader-3", "copies"].map(log);
    let with_log = |words: &str, log: &str| {
        let variables = [
            ("GST_DEBUG", "GST_PERFORMANCE:6"),
            ("GST_DEBUG_NO_COLOR", "1"),
            ("GST_DEBUG_FILE", log),
        ];
        let mut actor = Actor::with(words, &variables);
        actor.play();
        actor
    };
    let source =
        "videotestsrc is-live=true ! video/x-raw,format=NV12,width=640,height=480,framerate=60/1";
    let words = format!("{source} ! vslsink name=sink path={path}");
    let mut host = with_log(&words, &logs[0]);
    let mut readers: Vec<_> = logs[1..4]
        .iter()
        .map(|log| {
            let words = format!(
                "vslsrc name=source path={path} hold=1 ! fakesink name=out enable-last-sample=false"
            );
            with_log(&words, log)
        })
        .collect();
    for reader in &mut readers {
        reader.until_more(60);
        assert_eq!(reader.counted("source", "copied"), 0);
    }
    assert_eq!(host.counted("sink", "copied"), 0);
    assert!(host.counted("sink", "published") >= 60);
    for reader in readers {
        assert!(reader.quit().success());
    }
    assert!(host.quit().success());
    // A pipeline that does copy, so that the log is known to tell.
    let words = format!("{source} ! tee ! vslsink name=sink path={path}");
    let mut copying = with_log(&words, &logs[4]);
    until("it copies", || copying.counted("sink", "copied") > 0);
    assert!(copying.quit().success());
    let copies = |log: &String| {
        let said = std::fs::read_to_string(log).unwrap();
        let lines = said.lines();
        lines
            .filter(|line| line.contains("copy"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(!copies(&logs[4]).is_empty(), "no copy is told of");
    let told: Vec<_> = logs[..4].iter().flat_map(copies).collect();
    assert!(told.is_empty(), "{told:?}");
}

/// Ends a pipeline that has just been brought into a state, which must not hang.
fn end_reader(state: &str, words: &str, bring: impl FnOnce(&Pipeline)) {
    let pipeline = Pipeline::new(words);
    bring(&pipeline);
    eprintln!("ends: {state}");
    pipeline.end();
}

#[test]
fn readers_end_in_every_state() {
    let path = name("ends");
    let mut harness = feed(&fed_sink(&path), CAPS);
    let words = format!("vslsrc name=source path={path} ! fakesink name=out");
    let to = |state| move |reader: &Pipeline| assert!(reader.set(state).is_ok());
    end_reader("ready", &words, to(gst::State::Ready));
    end_reader("paused", &words, to(gst::State::Paused));
    end_reader("nothing flows", &words, to(gst::State::Playing));
    end_reader("paused again", &words, |reader| {
        reader.play();
        reader.set(gst::State::Paused).unwrap();
    });
    end_reader("frames flow", &words, |reader| {
        reader.play();
        for count in 1..=5 {
            harness.push(frame(1)).unwrap();
            reader.until_frames(count);
        }
    });
    end_reader("the end has come", &words, |reader| {
        reader.play();
        reader.until_frames(1);
        reader.until_playing();
        reader.send_end();
        reader.eos();
    });
    let early = format!("vslsrc path={path} ! fakesink async=false");
    end_reader("the end has come before a frame", &early, |reader| {
        reader.play();
        reader.send_end();
        reader.eos();
    });
    // Waits for its time, which is in an hour.
    let blocked = format!(
        "vslsrc name=source path={path} hold=1 when-full=drop ! \
         fakesink name=out sync=true ts-offset=3600000000000"
    );
    end_reader("downstream keeps all frames", &blocked, |reader| {
        reader.play();
        harness.push(frame(1)).unwrap();
        reader.until_frames(1);
        harness.push(frame(2)).unwrap();
    });
    let nobody = format!(
        "vslsrc path={} reconnect=true ! fakesink",
        name("ends-nobody")
    );
    end_reader("no host is there", &nobody, Pipeline::play);
    let stopped = name("ends-stopped");
    let host = Actor::playing(&live("", &format!("path={stopped}")));
    let words = format!("vslsrc path={stopped} ! fakesink name=out");
    end_reader("the host is stopped", &words, |reader| {
        reader.play();
        reader.until_frames(5);
        host.stop();
    });
    let words = format!("vslsrc path={stopped} reconnect=true ! fakesink");
    end_reader("the host does not answer", &words, Pipeline::play);
}

#[test]
fn sinks_end_in_every_state() {
    let path = name("sink-ends");
    let source = "appsrc name=in format=time is-live=true \
                  caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1";
    let words =
        format!("{source} ! vslsink name=sink sync=false lifespan=9000000000000000 path={path}");
    let to = |state| move |sink: &Pipeline| assert!(sink.set(state).is_ok());
    end_reader("ready", &words, to(gst::State::Ready));
    end_reader("paused", &words, to(gst::State::Paused));
    end_reader("nothing flows", &words, to(gst::State::Playing));
    let reader = format!("vslsrc path={path} mode=every when-full=drop hold=1 ! fakesink name=out");
    end_reader("a reader holds a frame", &words, |sink| {
        sink.play();
        let mut reader = Actor::playing(&reader);
        sink.push(frame(1));
        reader.until_frames(1);
    });
    let waits = format!("{words} policy=never-drop lend=2");
    let mut holder = None;
    end_reader("it waits for room", &waits, |sink| {
        sink.play();
        let client = videostream::Client::builder(&path).mode(videostream::Mode::Every);
        holder = Some(client.connect().unwrap());
        for value in 0..5 {
            sink.push(frame(value));
        }
        // One more than can be lent: the last one waits.
        until("it waits", || sink.counted("sink", "published") == 3);
    });
    drop(holder.take());
    end_reader(
        "the end has come, and a client holds a frame",
        &words,
        |sink| {
            sink.play();
            let mut client = client(&path);
            sink.push(frame(1));
            let frame = client.next(support::WATCHDOG).unwrap();
            sink.finish();
            sink.eos();
            holder = Some(client);
            assert_eq!(frame.pixels().unwrap().plane(0)[0], 1);
        },
    );
}

#[test]
fn readers_go_on_when_the_host_restarts() {
    let path = name("restarts");
    let words = live("", &format!("path={path}"));
    let reader = format!("vslsrc name=source reconnect=true path={path} ! fakesink name=out");
    let reader = Pipeline::playing(&reader);
    for (turn, ends_well) in [(1, false), (2, true), (3, false)] {
        let host = Actor::playing(&words);
        let gaps = reader.gaps();
        reader.until_more(5);
        match ends_well {
            true => assert!(host.quit().success()),
            false => host.kill(),
        }
        let next = Actor::playing(&words);
        until("a frame behind a gap has come", || reader.gaps() > gaps);
        reader.until_more(5);
        assert!(reader.counted("source", "restarts") >= turn);
        assert!(next.quit().success());
    }
    reader.end();
}

#[test]
fn recordings_have_the_times_of_capture() {
    let test = "recordings_have_the_times_of_capture";
    let Some(encoder) = encoder(test) else { return };
    if Command::new("ffprobe").arg("-version").output().is_err() {
        return skip(test, "no ffprobe");
    }
    let path = name("times");
    let host = Pipeline::playing(&live(",format=I420", &format!("path={path}")));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.mp4").display().to_string();
    let words = format!(
        "vslsrc path={path} ! identity name=out ! {encoder} ! h264parse ! mp4mux ! \
         filesink location={file}"
    );
    let recording = Pipeline::new(&words);
    let (tell, times) = std::sync::mpsc::channel();
    let pad = recording.element("out").static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        tell.send(info.buffer().unwrap().pts().unwrap().nseconds())
            .unwrap();
        gst::PadProbeReturn::Ok
    });
    recording.play();
    recording.until_frames(30);
    recording.until_playing();
    recording.send_end();
    recording.eos();
    recording.end();
    host.end();
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-of",
            "csv=p=0",
            "-show_entries",
            "packet=pts_time",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong = String::from_utf8(output.stderr).unwrap();
    assert_eq!(wrong, "");
    let recorded = said.lines().map(|line| line.trim_end_matches(','));
    let recorded: Vec<f64> = recorded.map(|time| time.parse().unwrap()).collect();
    let captured: Vec<f64> = times.try_iter().map(|ns| ns as f64 / 1e9).collect();
    assert_eq!(recorded.len(), captured.len());
    assert!(
        recorded.windows(2).all(|pair| pair[0] < pair[1]),
        "{recorded:?}"
    );
    for (recorded_at, captured_at) in recorded.iter().zip(&captured) {
        let apart = (recorded_at - recorded[0]) - (captured_at - captured[0]);
        assert!(apart.abs() < 0.001, "{recorded:?} {captured:?}");
    }
}

#[test]
fn readers_need_no_caps_filter() {
    for format in ["NV12", "I420", "YUY2", "RGB", "BGRx", "GRAY8"] {
        let path = name(&format!("caps-{format}"));
        let host = format!(
            "videotestsrc is-live=true ! \
             video/x-raw,format={format},width=62,height=46,framerate=30000/1001,\
             pixel-aspect-ratio=4/3 ! vslsink path={path}"
        );
        let host = Pipeline::playing(&host);
        let reader = Pipeline::playing(&format!("vslsrc path={path} ! fakesink name=out"));
        reader.until_frames(2);
        let caps = reader.caps();
        assert_eq!(caps.get::<&str>("format"), Ok(format));
        assert_eq!((caps.get("width"), caps.get("height")), (Ok(62), Ok(46)));
        let rate = gst::Fraction::new(30_000, 1_001);
        assert_eq!(caps.get("framerate"), Ok(rate));
        assert_eq!(caps.get("pixel-aspect-ratio"), Ok(gst::Fraction::new(4, 3)));
        host.end();
    }
}

#[test]
fn encoded_streams_are_read_from_the_middle() {
    let test = "encoded_streams_are_read_from_the_middle";
    let (Some(encoder), Some(decoder)) = (encoder(test), decoder(test)) else {
        return;
    };
    let path = name("encoded");
    let host = format!(
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=60/1 ! \
         {encoder} ! h264parse ! identity name=out ! vslsink path={path}"
    );
    let host = Pipeline::playing(&host);
    host.until_frames(25);
    let words =
        format!("vslsrc name=source path={path} ! h264parse ! {decoder} ! fakesink name=out");
    let reader = Pipeline::playing(&words);
    reader.until_frames(25);
    assert_eq!(
        (reader.caps().get("width"), reader.caps().get("height")),
        (Ok(64), Ok(48))
    );
    reader.end();
    host.end();
}

#[test]
fn held_frames_are_not_overwritten() {
    let path = name("held");
    let sink = fed_sink(&path);
    let mut harness = feed(&sink, CAPS);
    let words =
        format!("vslsrc name=source path={path} hold=3 ! appsink name=out max-buffers=1 drop=true");
    let reader = Pipeline::playing(&words);
    let mut held = Vec::new();
    for value in 1..=3 {
        harness.push(frame(value)).unwrap();
        held.push((value, reader.pull()));
    }
    for value in 4..=203 {
        harness.push(frame(value)).unwrap();
    }
    for (value, sample) in &held {
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        assert!(bytes.iter().all(|byte| byte == value), "frame {value}");
    }
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("published"), Ok(203));
    assert_eq!(stats.get::<u64>("no-room"), Ok(0));
    assert!(stats.get::<u32>("lent").unwrap() <= 8);
    drop(held);
    reader.end();
}

#[test]
fn an_idle_reader_queues_only_its_hold() {
    let path = name("queues");
    let mut harness = feed(&fed_sink(&path), CAPS);
    let words = format!("vslsrc name=source path={path} hold=3 when-full=drop ! appsink name=out");
    let reader = Pipeline::playing(&words);
    for count in 1..=3 {
        harness.push(frame(1)).unwrap();
        reader.until_frames(count);
    }
    for value in 0..100 {
        harness.push(frame(value)).unwrap();
    }
    // The element keeps the sample that was pulled last. Then there is room again, for the newest.
    let sequence = |sample: gst::Sample| sample.buffer().unwrap().offset();
    assert_eq!([(); 2].map(|()| sequence(reader.pull())), [1, 2]);
    reader.until_frames(4);
    assert_eq!([(); 2].map(|()| sequence(reader.pull())), [3, 103]);
    // Whether it noticed that it was full depends on who was faster.
    let lost = ["dropped", "missed"].map(|which| reader.counted("source", which));
    assert_eq!(lost.iter().sum::<u64>(), 99, "{lost:?}");
    reader.end();
}

#[test]
fn dma_buf_caps_link() {
    init();
    for (element, pad) in [("vslsink", "sink"), ("vslsrc", "src")] {
        let element = gst::ElementFactory::make(element).build().unwrap();
        let all = element.static_pad(pad).unwrap().pad_template_caps();
        let mut known = vec![
            "video/x-raw, format=NV12, width=64, height=48, framerate=25/1",
            "video/x-raw(memory:DMABuf), format=NV12, width=64, height=48, framerate=25/1",
        ];
        let (major, minor, ..) = gst::version();
        if (major, minor) >= (1, 24) {
            known.push(
                "video/x-raw(memory:DMABuf), format=DMA_DRM, drm-format=NV12, width=64, height=48, \
                 framerate=25/1",
            );
        }
        for caps in known {
            let caps: gst::Caps = caps.parse().unwrap();
            assert!(all.can_intersect(&caps), "{caps}: {all}");
        }
    }
}

#[test]
fn dma_bufs_are_offered() {
    let path = name("dma-bufs");
    let host = Pipeline::playing(&live(",format=NV12", &format!("path={path}")));
    let is_dma_buf = {
        let mut client = client(&path);
        let frame = client.next(support::WATCHDOG).unwrap();
        videostream::hal::memory::memfd::is_dma_buf(frame.plane_fd(0).unwrap())
    };
    if !is_dma_buf {
        return skip("dma_bufs_are_offered", "no dma-buf heap and no udmabuf");
    }
    for caps in ["video/x-raw", "video/x-raw(memory:DMABuf)"] {
        let words = format!("vslsrc path={path} ! {caps} ! appsink name=out");
        let reader = Pipeline::playing(&words);
        let sample = reader.pull();
        let memory = sample.buffer().unwrap().peek_memory(0);
        assert!(
            memory.is_memory_type::<gst_allocators::DmaBufMemory>(),
            "{caps}"
        );
        reader.end();
    }
    host.end();
}

#[test]
fn latency_covers_late_frames() {
    const LATE_NS: u64 = 500_000_000;
    let path = name("late");
    let mut host = TestHost::new(&path);
    let picture = TestPicture::new(FourCc::GREY, 64, 48, 0);
    let frame = picture.within(host.register(&picture.bytes));
    let words = format!(
        "vslsrc name=source path={path} ! fakesink name=out sync=true qos=true \
         max-lateness=200000000"
    );
    let reader = Pipeline::playing(&words);
    let sink = reader.element("out");
    let counted = |what: &str| {
        sink.property::<gst::Structure>("stats")
            .get::<u64>(what)
            .unwrap()
    };
    until("50 frames are shown", || {
        let mut late = frame;
        late.timestamp_ns = now_ns() - LATE_NS;
        host.publish_now(late);
        std::thread::sleep(std::time::Duration::from_millis(10));
        counted("rendered") >= 50
    });
    // All of them, but for those before the latency was known, and what a busy machine is late
    // with.
    assert!(
        counted("dropped") <= counted("rendered") + 10,
        "{}",
        counted("dropped")
    );
    let mut query = gst::query::Latency::new();
    assert!(reader.pipeline().query(&mut query));
    let (is_live, min, max) = query.result();
    assert!(is_live);
    assert!(min.nseconds() >= LATE_NS, "{min}");
    assert!(max.is_none_or(|max| max >= min), "{min} {max:?}");
    reader.end();
}

#[test]
fn padded_pictures_arrive_intact() {
    let formats = [
        ("NV12", FourCc::NV12),
        ("I420", FourCc::YU12),
        ("RGB", FourCc::RGB3),
        ("GRAY8", FourCc::GREY),
    ];
    for (format, fourcc) in formats {
        // The second has lines that are odd, the third no plane where it usually is.
        for (padding, is_apart) in [(0, false), (13, false), (66, true)] {
            let path = name(&format!("padded-{format}-{padding}"));
            let caps = format!("video/x-raw, format={format}, width=62, height=46, framerate=25/1");
            let sink = fed_sink(&path);
            let mut harness = feed(&sink, &caps);
            let picture = TestPicture::new(fourcc, 62, 46, padding);
            let buffer = picture.buffer(format, is_apart);
            let words = format!("vslsrc path={path} ! appsink name=out");
            let reader = Pipeline::playing(&words);
            // What does not read GstVideoMeta gets lines where they usually are.
            let words = format!(
                "vslsrc name=source path={path} ! identity drop-allocation=true ! appsink name=out"
            );
            let plain = Pipeline::playing(&words);
            harness.push(buffer).unwrap();
            for reader in [&reader, &plain] {
                let sample = reader.pull();
                assert_is_test_picture(sample.buffer().unwrap(), sample.caps().unwrap());
            }
            assert_eq!(plain.counted("source", "copied"), 1, "{format} {padding}");
            let stats = sink.property::<gst::Structure>("stats");
            assert_eq!(stats.get::<u64>("copied"), Ok(0), "{format} {padding}");
            plain.end();
            reader.end();
        }
    }
}

#[test]
fn a_stopped_reader_delays_no_other() {
    let path = name("stopped");
    let sink = fed_sink(&path);
    let mut harness = feed(&sink, CAPS);
    let words = format!("vslsrc name=source path={path} ! fakesink name=out");
    let mut stopped = Actor::playing(&words);
    let every = format!(
        "vslsrc name=source path={path} mode=every hold=1 ! fakesink name=out \
         enable-last-sample=false"
    );
    let reader = Pipeline::playing(&every);
    harness.push(frame(1)).unwrap();
    reader.until_frames(1);
    stopped.until_frames(1);
    stopped.stop();
    for count in 2..=300 {
        harness.push(frame(1)).unwrap();
        reader.until_frames(count);
    }
    assert_eq!(reader.counted("source", "missed"), 0);
    assert_eq!(reader.counted("source", "dropped"), 0);
    let stats = sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("published"), Ok(300));
    assert_eq!(stats.get::<u64>("no-room"), Ok(0));
    stopped.go_on();
    stopped.until_frames(2);
    reader.end();
}

#[test]
fn the_first_reader_gets_the_current_format() {
    let path = name("format");
    let mut harness = feed(&fed_sink(&path), CAPS);
    harness.push(frame(1)).unwrap();
    harness.set_src_caps_str("video/x-raw, format=RGB, width=32, height=16, framerate=10/1");
    let rgb = || gst::Buffer::from_slice(vec![1; 32 * 16 * 3]);
    harness.push(rgb()).unwrap();
    let reader = Pipeline::playing(&format!("vslsrc path={path} ! fakesink name=out"));
    reader.until_frames(1);
    let said = |caps: gst::Structure| {
        let format = caps.get::<String>("format").unwrap();
        (
            format,
            caps.get::<i32>("width").unwrap(),
            caps.get::<i32>("height").unwrap(),
        )
    };
    assert_eq!(said(reader.caps()), ("RGB".to_owned(), 32, 16));
    // And again while it reads.
    harness.set_src_caps_str(CAPS);
    harness.push(frame(1)).unwrap();
    reader.until_frames(2);
    assert_eq!(said(reader.caps()), ("GRAY8".to_owned(), 64, 48));
    reader.end();
}
