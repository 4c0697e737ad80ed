//! What the kernel's virtual camera can be made to do wrong, what is reported of it, and that
//! nothing is left behind: on a single- and on a multi-planar camera.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "looking at memory that a camera has filled")]

mod each_camera;
mod vivid;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use each_camera::{CAMERAS, Vivid, census, on_each, press};
use rustix::io::Errno;
use videostream_hal::Call;
use videostream_hal::memory::mapping::{Access, Mapping};
use videostream_hal::time::deadline_in;
use videostream_hal::v4l2::camera::{Capture, CaptureRequest};
use videostream_hal::v4l2::{Device, Error, ErrorKind, ExportAccess, nodes};
use videostream_testing::{is_the_rig, on_the_rig, skip};
use vivid::{error_of, patience, set, small, start};

#[test]
fn corrupted_frames_are_marked_or_skipped() {
    on_each("corrupted_frames_are_marked_or_skipped", |camera| {
        let delivering = camera.stream();
        press(delivering.device(), "Inject V4L2_BUF_FLAG_ERROR");
        let marked = (0..20)
            .filter(|_| delivering.next_frame(patience()).unwrap().is_corrupted())
            .count();
        assert_eq!(marked, 1);
        assert_eq!(delivering.counters().skipped, 0);
        drop(delivering);

        let skipping = camera.request(|request| {
            let request = CaptureRequest {
                skip_corrupted: true,
                ..*request
            };
            start(camera.open(), &request)
        });
        press(skipping.device(), "Inject V4L2_BUF_FLAG_ERROR");
        for _ in 0..20 {
            assert!(!skipping.next_frame(patience()).unwrap().is_corrupted());
        }
        assert_eq!(skipping.counters().skipped, 1);
        // It went back to the driver: all buffers are there.
        assert_eq!(skipping.queued(), skipping.buffer_count());
    });
}

#[test]
fn dropped_frames_are_gaps_in_the_sequence_and_counted() {
    on_each(
        "dropped_frames_are_gaps_in_the_sequence_and_counted",
        |camera| {
            let stream = camera.stream();
            let first = stream.next_frame(patience()).unwrap().sequence;
            let already = stream.counters().lost;
            set(stream.device(), "Percentage of Dropped Buffers", 60);
            let mut last = first;
            let mut lost = 0;
            for _ in 0..20 {
                let frame = stream.next_frame(patience()).unwrap();
                // In a slow guest the driver gives a number twice now and then.
                let step = frame.sequence.saturating_sub(last);
                assert_eq!(frame.lost(), step.saturating_sub(1));
                lost += frame.lost();
                last = frame.sequence;
            }
            set(stream.device(), "Percentage of Dropped Buffers", 0);
            assert!(lost > 0);
            assert_eq!(stream.counters().lost - already, u64::from(lost));
        },
    );
}

#[test]
fn a_sequence_that_wraps_loses_nothing() {
    on_each("a_sequence_that_wraps_loses_nothing", |camera| {
        let device = camera.open();
        set(&device, "Wrap Sequence Number", 1);
        let stream = camera.request(|request| start(device, request));
        let first = stream.next_frame(patience()).unwrap().sequence;
        assert!(first > u32::MAX - 200, "{first}");
        loop {
            let frame = stream.next_frame(patience()).unwrap();
            let (lost, sequence) = (frame.lost(), frame.sequence);
            // A count that does not wrap would have nearly all numbers lost; a slow guest loses
            // some.
            assert!(lost < 1 << 20, "{lost} lost at {sequence}");
            if sequence < 1 << 20 {
                break;
            }
        }
        set(stream.device(), "Wrap Sequence Number", 0);
    });
}

#[test]
fn a_clock_that_wraps_ends_no_stream() {
    let Some(_turn) = on_the_rig("a_clock_that_wraps_ends_no_stream") else {
        return;
    };
    let nothing = census();
    // Items of the menu "Wrap Timestamp": the clock wraps 16 seconds after the start. One camera
    // goes past the largest number of nanoseconds, the other past the largest 32-bit second.
    let cameras = CAMERAS.map(|(instance, format)| Vivid { instance, format });
    let streams = [(cameras[0], 1), (cameras[1], 2)].map(|(camera, wrap)| {
        let device = camera.open();
        set(&device, "Wrap Timestamp", wrap);
        camera.request(|request| start(device, request))
    });
    // Until both have wrapped, which nothing but a broken clock takes that long.
    let begin = Instant::now();
    let mut last = [0; 2];
    let mut backward = [0; 2];
    while backward[0] == 0 || last[1] <= (1 << 31) * 1_000_000_000 {
        assert!(begin.elapsed() < Duration::from_secs(120), "{last:?}");
        for (at, stream) in streams.iter().enumerate() {
            let now = stream.next_frame(patience()).unwrap().timestamp_ns;
            backward[at] += usize::from(now < last[at]);
            last[at] = now;
        }
    }
    for stream in &streams {
        set(stream.device(), "Wrap Timestamp", 0);
    }
    // Negative seconds are read as 0; where seconds have 64 bits, the other one does not wrap.
    assert_eq!(backward[1], 0);
    assert!(last[0] < 1_000_000_000, "{last:?}");
    drop(streams);
    assert_eq!(census(), nothing);
    for camera in cameras {
        drop(camera.stream().next_frame(patience()).unwrap());
    }
}

#[test]
fn a_start_that_fails_gives_the_device_back() {
    on_each("a_start_that_fails_gives_the_device_back", |camera| {
        for (button, call) in [
            ("Inject VIDIOC_REQBUFS Error", Call::ReqBufs),
            ("Inject VIDIOC_QBUF Error", Call::QBuf),
            ("Inject VIDIOC_STREAMON Error", Call::StreamOn),
        ] {
            let device = camera.open();
            press(&device, button);
            let error = camera.request(|request| Capture::start(device, request, &mut |_| {}));
            let error = error.unwrap_err();
            let errno = Errno::INVAL;
            assert_eq!(error, Error::System { call, errno });
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            drop(camera.stream().next_frame(patience()).unwrap());
        }
    });
}

#[test]
fn a_failed_restart_can_be_tried_again() {
    let test = "a_failed_restart_can_be_tried_again";
    on_each(test, |camera| {
        let mut stream = camera.stream();
        for button in [
            "Inject VIDIOC_REQBUFS Error",
            "Inject VIDIOC_QBUF Error",
            "Inject VIDIOC_STREAMON Error",
        ] {
            press(stream.device(), button);
            let mut restart = || camera.request(|request| stream.renegotiate(request, &mut |_| {}));
            assert_eq!(
                restart().unwrap_err().errno(),
                Some(Errno::INVAL),
                "{button}"
            );
            assert!(!stream.is_streaming());
            assert_eq!((stream.buffer_count(), stream.queued()), (0, 0));
            let none = stream.next_frame(Some(deadline_in(20_000_000)));
            assert_eq!(none.unwrap_err(), Error::TimedOut);
            assert_eq!(census()["buffers"], 0);
            camera
                .request(|request| stream.renegotiate(request, &mut |_| {}))
                .unwrap();
            drop(stream.next_frame(patience()).unwrap());
        }
    });
}

#[test]
fn a_refused_buffer_can_be_queued_later() {
    let test = "a_refused_buffer_can_be_queued_later";
    on_each(test, |camera| {
        let stream = camera.stream();
        let kept = stream.next_frame(patience()).unwrap().into_index();
        press(stream.device(), "Inject VIDIOC_QBUF Error");
        let error = stream.requeue(kept).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        drop(stream.next_frame(patience()).unwrap());
        stream.requeue(kept).unwrap();
        assert_eq!(stream.queued(), stream.buffer_count());
    });
}

#[test]
fn a_fatal_error_is_reported_and_a_new_start_heals() {
    on_each(
        "a_fatal_error_is_reported_and_a_new_start_heals",
        |camera| {
            let mut broken = camera.stream();
            drop(broken.next_frame(patience()).unwrap());
            for heal in [true, false] {
                press(broken.device(), "Inject Fatal Streaming Error");
                // Frames that were finished before come first.
                let error = error_of(&broken);
                assert_eq!(error.kind(), ErrorKind::StreamFailed, "{error}");
                let again = broken.next_frame(patience()).unwrap_err();
                assert_eq!(again.kind(), ErrorKind::StreamFailed, "{again}");
                if heal {
                    camera
                        .request(|request| broken.renegotiate(request, &mut |_| {}))
                        .unwrap();
                    drop(broken.next_frame(patience()).unwrap());
                }
            }
        },
    );
}

#[test]
fn a_deadline_ends_the_wait_for_a_silent_camera() {
    let test = "a_deadline_ends_the_wait_for_a_silent_camera";
    on_each(test, |camera| {
        let stream = camera.stream();
        set(stream.device(), "Percentage of Dropped Buffers", 100);
        let error = loop {
            match stream.next_frame(Some(deadline_in(500_000_000))) {
                Ok(frame) => drop(frame),
                Err(error) => break error,
            }
        };
        set(stream.device(), "Percentage of Dropped Buffers", 0);
        assert_eq!(error, Error::TimedOut);
        drop(stream.next_frame(patience()).unwrap());
    });
}

#[test]
fn a_camera_with_all_buffers_out_is_not_ready() {
    on_each("a_camera_with_all_buffers_out_is_not_ready", |camera| {
        let stream = camera.stream();
        let mut out = Vec::new();
        while stream.queued() > 0 {
            out.push(stream.next_frame(patience()).unwrap().into_index());
        }
        assert!(stream.take_frame().unwrap().is_none());
        let error = stream
            .next_frame(Some(deadline_in(100_000_000)))
            .unwrap_err();
        assert_eq!(error, Error::TimedOut);
        for index in out {
            stream.requeue(index).unwrap();
        }
        drop(stream.next_frame(patience()).unwrap());
    });
}

/// What is true of a stream whose camera has gone.
fn assert_gone(stream: &mut Capture, held: u32, pages: &Mapping) {
    let error = error_of(stream);
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    let back = stream.requeue(held).unwrap_err();
    assert_eq!(back.kind(), ErrorKind::Disconnected, "{back}");
    let ask = stream.device().node().control(0x0098_0900).unwrap_err();
    assert_eq!(ask.kind(), ErrorKind::Disconnected, "{ask}");
    let again = stream.renegotiate(&small(&[]), &mut |_| {}).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Disconnected, "{again}");
    // What was mapped stays readable.
    // SAFETY: the buffer is out, and its camera gone: nobody writes it. Its size is fixed.
    let bytes = unsafe { pages.bytes() };
    assert!(bytes.iter().any(|&byte| byte != 0));
}

#[test]
fn an_unplugged_camera_is_reported_as_such() {
    on_each("an_unplugged_camera_is_reported_as_such", |camera| {
        let mut stream = camera.stream();
        let held = stream.next_frame(patience()).unwrap().into_index();
        let fd = stream.export(held, 0, ExportAccess::ReadOnly).unwrap();
        let pages = Mapping::new(&fd, 4096, Access::Read).unwrap();
        press(stream.device(), "Disconnect");
        assert_gone(&mut stream, held, &pages);
        // The other instance is not disturbed.
        let other = CAMERAS.iter().find(|other| other.0 != camera.instance);
        let &(instance, format) = other.unwrap();
        let other = Vivid { instance, format };
        drop(other.stream().next_frame(patience()).unwrap());
        // The driver plugs itself in again when its last handle is closed, after this.
    });
}

/// Whether the driver has a camera.
fn is_there() -> bool {
    let mut nodes = nodes().unwrap();
    nodes.any(|node| {
        let device = Device::open(node.as_str());
        device.is_ok_and(|device| device.capabilities().driver() == "vivid")
    })
}

#[test]
fn unbinding_the_driver_reads_as_unplugging() {
    const DRIVER: &str = "/sys/bus/platform/drivers/vivid";
    let test = "unbinding_the_driver_reads_as_unplugging";
    on_each(test, |camera| {
        let mut stream = camera.stream();
        let held = stream.next_frame(patience()).unwrap().into_index();
        let fd = stream.export(held, 0, ExportAccess::ReadOnly).unwrap();
        let pages = Mapping::new(&fd, 4096, Access::Read).unwrap();
        fs::write(format!("{DRIVER}/unbind"), "vivid.0").unwrap();
        assert_gone(&mut stream, held, &pages);
        assert!(!is_there());
        drop((stream, fd, pages));
        fs::write(format!("{DRIVER}/bind"), "vivid.0").unwrap();
    });
}

/// A tool of the guest, also where the host's files are its own.
fn guest(words: &[&str]) -> Option<bool> {
    let mut busybox = Command::new("/proc/1/root/bin/busybox");
    let status = busybox.args(words).stderr(Stdio::null()).status();
    status.ok().map(|status| status.success())
}

#[test]
fn a_driver_in_use_stays_loaded() {
    const MODULES: &str = "/proc/1/root/rig";
    let test = "a_driver_in_use_stays_loaded";
    let parameters = fs::read_to_string(format!("{MODULES}/modules")).unwrap_or_default();
    let line = parameters.lines().find(|line| line.starts_with("vivid"));
    if is_the_rig() && (line.is_none() || guest(&["true"]).is_none()) {
        return skip(test, "modules are out of reach");
    }
    on_each(test, |camera| {
        let stream = camera.stream();
        drop(stream.next_frame(patience()).unwrap());
        // The kernel refuses while a node is open: a capture can't lose its driver's code.
        assert_eq!(guest(&["rmmod", "vivid"]), Some(false));
        drop(stream.next_frame(patience()).unwrap());
        drop(stream);
        assert_eq!(guest(&["rmmod", "vivid"]), Some(true));
        assert!(!is_there());
        let file = format!("{MODULES}/modules.d/vivid.ko");
        let words = line.unwrap().split_whitespace().skip(1);
        let insmod = ["insmod", &file]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>();
        assert_eq!(guest(&insmod), Some(true));
        assert!(is_there());
    });
}
