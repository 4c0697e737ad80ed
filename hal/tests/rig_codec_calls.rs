//! The calls that a codec makes, in the order of the kernel's documents.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and without
//! strace, every test says that it was skipped. Only on x86_64: coding is slow under emulation.
//!
//! rig: arch=x86_64

#![cfg(target_os = "linux")]

mod vicodec;

use std::env;

use vicodec::clip::Clip;
use vicodec::{Decoding, Encoding, number};
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::Memory;
use videostream_testing::{on_the_rig, strace};

/// Set where a test calls itself under strace.
const CHILD: &str = "VIDEOSTREAM_TEST_CHILD";
const ENCODER: &str = "an_encoder_keeps_to_the_state_machine";
const DECODER: &str = "a_decoder_keeps_to_the_state_machine";
const FRAMES: usize = 40;

/// The requests that change the state of a codec or move its buffers; questions, which a program
/// may ask at any time, are left out.
const STEPS: [&str; 11] = [
    "VIDIOC_S_FMT",
    "VIDIOC_S_SELECTION",
    "VIDIOC_SUBSCRIBE_EVENT",
    "VIDIOC_REQBUFS",
    "VIDIOC_STREAMON",
    "VIDIOC_STREAMOFF",
    "VIDIOC_QBUF",
    "VIDIOC_DQBUF",
    "VIDIOC_ENCODER_CMD",
    "VIDIOC_DECODER_CMD",
    "VIDIOC_DQEVENT",
];

#[test]
fn an_encoder_keeps_to_the_state_machine() {
    let Some(_turn) = on_the_rig(ENCODER) else {
        return;
    };
    let clip = Clip::new(FourCc::NV12, 640, 368);
    if env::var_os(CHILD).is_some() {
        let mut encoding = Encoding::start(&clip, Memory::Mmap);
        assert_eq!(encoding.run(&clip, 0..FRAMES).len(), FRAMES);
        encoding.encoder.reset().unwrap();
        drop(encoding.encoder);
        return;
    }
    let Some(calls) = calls(ENCODER) else {
        return;
    };
    let (set_up, rest) = split(&calls, "STREAMON");
    assert_eq!(
        set_up,
        [
            "S_FMT CAPTURE",
            "S_FMT OUTPUT",
            "S_SELECTION",
            "REQBUFS OUTPUT",
            "REQBUFS CAPTURE",
        ]
    );
    // Capture buffers are queued before that queue starts, the first picture after both run.
    let (start, rest) = split(rest, "QBUF OUTPUT");
    let captures = start.iter().filter(|call| *call == "QBUF CAPTURE").count();
    assert!(captures >= 2, "{start:?}");
    assert_eq!(start.first().unwrap(), "STREAMON OUTPUT");
    assert_eq!(start.last().unwrap(), "STREAMON CAPTURE");
    assert_eq!(start.len(), captures + 2);
    let (encoding, rest) = split(rest, "ENCODER_CMD");
    let submitted = encoding.iter().filter(|call| *call == "QBUF OUTPUT");
    assert_eq!(submitted.count(), FRAMES);
    // A drain takes what is left up to the mark; nothing is queued for output in it.
    assert_eq!(rest.first().unwrap(), "ENCODER_CMD");
    let (drain, end) = split(&rest[1..], "STREAMOFF");
    assert!(!drain.is_empty());
    let allowed =
        |call: &String| ["DQBUF CAPTURE", "QBUF CAPTURE", "DQBUF OUTPUT"].contains(&call.as_str());
    assert!(drain.iter().all(allowed), "{drain:?}");
    let taken = calls.iter().filter(|call| *call == "DQBUF CAPTURE").count();
    assert_eq!(taken, FRAMES);
    // A reset stops and starts capture only; the end stops both and frees.
    assert_eq!(end[0], "STREAMOFF CAPTURE");
    let (again, end) = split(&end[1..], "STREAMON");
    assert!(again.iter().all(|call| call == "QBUF CAPTURE"), "{again:?}");
    assert_eq!(
        end,
        [
            "STREAMON CAPTURE",
            "STREAMOFF OUTPUT",
            "REQBUFS OUTPUT",
            "STREAMOFF CAPTURE",
            "REQBUFS CAPTURE",
        ]
    );
}

#[test]
fn a_decoder_keeps_to_the_state_machine() {
    let Some(_turn) = on_the_rig(DECODER) else {
        return;
    };
    let clips = [
        Clip::new(FourCc::NV12, 640, 368),
        Clip::new(FourCc::NV12, 720, 400),
    ];
    if env::var_os(CHILD).is_some() {
        let mut packets = Encoding::start(&clips[0], Memory::Mmap).run(&clips[0], 0..FRAMES);
        let mut more = Encoding::start(&clips[1], Memory::Mmap).run(&clips[1], FRAMES..2 * FRAMES);
        packets.append(&mut more);
        // Everything above is another program's work.
        let _ = std::fs::metadata("/decoder-begins");
        let mut decoding = Decoding::start(None, 3_000_000, Memory::Mmap);
        decoding.run(&packets, |time| {
            (&clips[number(time) / FRAMES], number(time))
        });
        decoding.decoder.seek().unwrap();
        drop(decoding.decoder);
        return;
    }
    let Some(calls) = calls(DECODER) else {
        return;
    };
    let (set_up, rest) = split(&calls, "QBUF OUTPUT");
    assert_eq!(
        set_up,
        [
            "S_FMT OUTPUT",
            "SUBSCRIBE_EVENT",
            "SUBSCRIBE_EVENT",
            "REQBUFS OUTPUT",
            "STREAMON OUTPUT",
        ]
    );
    // Input only, until the stream has told its format; then capture is made and started.
    let (before, rest) = split(rest, "REQBUFS CAPTURE");
    let allowed =
        |call: &String| ["QBUF OUTPUT", "DQBUF OUTPUT", "DQEVENT"].contains(&call.as_str());
    assert!(before.iter().all(allowed), "{before:?}");
    assert!(before.iter().any(|call| call == "DQEVENT"));
    let (start, rest) = split(rest, "STREAMON CAPTURE");
    assert!(
        start[1..].iter().all(|call| call == "QBUF CAPTURE"),
        "{start:?}"
    );
    // The change: the last picture in the old size, the event, then capture is set up again, while
    // the output queue keeps running.
    let (first, rest) = split(&rest[1..], "STREAMOFF");
    assert_eq!(first.last().unwrap(), "DQEVENT");
    let taken = first.iter().filter(|call| *call == "DQBUF CAPTURE").count();
    assert_eq!(taken, FRAMES + 1, "an empty one is the mark");
    assert_eq!(rest[..2], ["STREAMOFF CAPTURE", "REQBUFS CAPTURE"]);
    let (again, rest) = split(&rest[2..], "STREAMON CAPTURE");
    assert_eq!(
        again
            .iter()
            .filter(|call| *call == "REQBUFS CAPTURE")
            .count(),
        1
    );
    assert!(
        again.iter().all(|call| !call.ends_with("OUTPUT")),
        "{again:?}"
    );
    let (second, rest) = split(&rest[1..], "DECODER_CMD");
    assert!(second.iter().any(|call| call == "QBUF OUTPUT"));
    assert_eq!(rest.first().unwrap(), "DECODER_CMD");
    let (drain, end) = split(&rest[1..], "STREAMOFF");
    assert!(!drain.iter().any(|call| call == "QBUF OUTPUT"), "{drain:?}");
    let taken = [second, drain].concat();
    let taken = taken.iter().filter(|call| *call == "DQBUF CAPTURE").count();
    assert_eq!(taken, FRAMES);
    // A seek stops and starts output, here with capture for an immediate one.
    assert_eq!(end[..2], ["STREAMOFF OUTPUT", "STREAMOFF CAPTURE"]);
    let started = end.iter().filter(|call| call.starts_with("STREAMON"));
    assert_eq!(
        started.collect::<Vec<_>>(),
        ["STREAMON OUTPUT", "STREAMON CAPTURE"]
    );
}

/// The calls before the first that begins so, and that one with all after it.
fn split<'c>(calls: &'c [String], with: &str) -> (&'c [String], &'c [String]) {
    let at = calls.iter().position(|call| call.starts_with(with));
    calls.split_at(at.unwrap_or_else(|| panic!("no {with} in {calls:?}")))
}

/// The steps of a test that calls itself, as `QBUF OUTPUT`; only those that the driver carried
/// out. `None` without strace.
fn calls(name: &str) -> Option<Vec<String>> {
    if !strace::is_there(name) {
        return None;
    }
    let only = ["-e", "trace=ioctl,stat,statx,newfstatat"];
    let text = strace::trace(name, &only, (CHILD, "1"));
    let text = text.split("/decoder-begins").last().unwrap();
    Some(text.lines().filter_map(step).collect())
}

/// A line of strace as a step, with the queue where strace knows the request well enough to show
/// it.
fn step(line: &str) -> Option<String> {
    let (_, call) = line.split_once("ioctl(")?;
    // Which buffer is named where the driver has none ready is of no interest.
    if call.contains(" = -1 ") {
        return None;
    }
    let mut words = call.split(", ");
    let request = words.nth(1)?;
    if !STEPS.contains(&request) {
        return None;
    }
    let name = request.trim_start_matches("VIDIOC_");
    let argument = call.split_once(request)?.1;
    let queue = ["CAPTURE", "OUTPUT"]
        .into_iter()
        .find(|queue| argument.contains(&format!("V4L2_BUF_TYPE_VIDEO_{queue}")));
    Some(match queue {
        Some(queue) => format!("{name} {queue}"),
        None => name.to_owned(),
    })
}
