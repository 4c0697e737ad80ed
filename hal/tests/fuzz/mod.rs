//! Shared parts of the device fuzz tests: repeatable random numbers, a watchdog, and the checks
//! afterwards.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fd::AsFd;
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::queue::{Configured, Failed, Queue};
use videostream_hal::v4l2::{
    BufType, ControlFlags, ControlType, Device, Error, PixFormat, Ready, wait,
};

use crate::vivid::patience;

/// Rounds of each test, each with a seed of its own; `VIDEOSTREAM_FUZZ_ROUNDS` asks for more.
pub(crate) fn seeds(least: u64) -> std::ops::Range<u64> {
    let rounds = std::env::var("VIDEOSTREAM_FUZZ_ROUNDS");
    let rounds = rounds.ok().and_then(|text| text.parse().ok());
    0..rounds.unwrap_or(least)
}

/// Random numbers that repeat for the same seed (splitmix64).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.bits() % end.max(1)
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// A number of any size, small ones and limits more often than others.
    pub(crate) fn number(&mut self) -> i64 {
        const LIMITS: [i64; 14] = [
            0,
            1,
            -1,
            2,
            255,
            256,
            65_536,
            i32::MAX as i64,
            i32::MIN as i64,
            u32::MAX as i64,
            i64::MAX,
            i64::MIN,
            -2,
            100,
        ];
        match self.below(4) {
            0 => *self.of(&LIMITS),
            1 => self.below(300).cast_signed() - 40,
            2 => i64::from(self.bits() as i32),
            _ => self.bits().cast_signed(),
        }
    }

    /// A length, index or size, rarely a huge one.
    pub(crate) fn size(&mut self) -> u32 {
        match self.below(8) {
            0 => *self.of(&[0, 1, 31, 32, 33, 64, u32::MAX, u32::MAX - 1, 1 << 31]),
            1 => self.bits() as u32,
            _ => self.below(8) as u32,
        }
    }
}

/// Steps done so far, by all tests of the program.
static STEPS: AtomicU64 = AtomicU64::new(0);

/// Ends the program when nothing moves for this long: a hang, since no guest is this slow.
const STUCK: Duration = Duration::from_secs(120);

/// Tells the watchdog that things move.
pub(crate) fn step() {
    STEPS.fetch_add(1, Ordering::Relaxed);
}

/// Starts the watchdog.
pub(crate) fn watch() {
    thread::spawn(|| {
        let mut last = STEPS.load(Ordering::Relaxed);
        loop {
            thread::sleep(STUCK);
            let now = STEPS.load(Ordering::Relaxed);
            if now == last {
                let _ = writeln!(std::io::stderr(), "stuck after step {now}");
                std::process::abort();
            }
            last = now;
        }
    });
}

/// Descriptors and mappings of devices and buffers that the process has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    descriptors: BTreeMap<String, usize>,
    mappings: Vec<String>,
}

impl Held {
    pub(crate) fn now() -> Self {
        let mut descriptors = BTreeMap::new();
        for entry in fs::read_dir("/proc/self/fd").unwrap() {
            // Gone meanwhile: the folder's own.
            if let Ok(target) = fs::read_link(entry.unwrap().path()) {
                let target = target.display().to_string();
                if !target.starts_with("/proc/") {
                    *descriptors.entry(target).or_default() += 1;
                }
            }
        }
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let named = ["/dev/video", "/memfd:", "dmabuf"];
        let ours = maps.lines().filter(|l| named.iter().any(|n| l.contains(n)));
        Self {
            descriptors,
            mappings: ours.map(str::to_owned).collect(),
        }
    }
}

/// Presses of a fault, or left-over faults, that a plain capture gets over.
const TRIES: usize = 24;

/// Restores a device after arbitrary calls and checks that it captures as usual.
pub(crate) fn recover(device: &Device, about: &str) {
    set_back(device);
    let mut refused = Vec::new();
    for _ in 0..TRIES {
        step();
        // Errors that were asked for come once each.
        match capture(device) {
            Ok(()) => return,
            Err(error) => refused.push(error),
        }
    }
    panic!("{about}: a dead end: {refused:?}");
}

/// Sets input and every control to what they were, as far as they can be set.
fn set_back(device: &Device) {
    let _ = device.set_input(0);
    for info in device.node().controls().map(Result::unwrap) {
        let has_value = !matches!(info.control_type, ControlType::Class | ControlType::Button);
        let locked = ControlFlags::READ_ONLY | ControlFlags::WRITE_ONLY;
        if !has_value || info.flags.intersects(locked) {
            continue;
        }
        if info.flags.contains(ControlFlags::HAS_PAYLOAD) {
            let mut bytes = vec![0; usize::try_from(info.payload_len()).unwrap()];
            device.node().default_payload(&info, &mut bytes).unwrap();
            device
                .node()
                .set_control_payload(&info, &mut bytes)
                .unwrap();
        } else {
            device
                .node()
                .set_control(&info, info.default_value)
                .unwrap();
        }
    }
    device.set_input(0).unwrap();
}

/// Three frames, the ordinary way.
fn capture(device: &Device) -> Result<(), Error> {
    let buf_type = device.capture_type().unwrap();
    let given = device.set_format(buf_type, &PixFormat::new(FourCc::YUYV, 320, 180))?;
    assert_eq!((given.fourcc, given.width), (FourCc::YUYV, 320));
    device.set_interval(buf_type, videostream_hal::v4l2::Fraction::from_fps(60))?;
    let queue = Queue::<_, Configured>::new(device, buf_type);
    let error = |Failed { error, .. }| error;
    let queue = queue.allocate(3).map_err(error)?;
    let Ok(queue) = queue.queue_all_and_stream_on() else {
        return Err(Error::TimedOut);
    };
    for _ in 0..3 {
        step();
        wait(device.as_fd(), Ready::CAPTURE, patience())?;
        queue.dequeue()?.requeue()?;
    }
    Ok(())
}

/// A queue of every kind that a capture device might be asked for, mostly the right one.
pub(crate) fn some_queue(rng: &mut Rng, device: &Device) -> BufType {
    const ALL: [BufType; 6] = [
        BufType::VideoCapture,
        BufType::VideoCaptureMplane,
        BufType::VideoOutput,
        BufType::VideoOutputMplane,
        BufType::MetaCapture,
        BufType::MetaOutput,
    ];
    match rng.once_in(10) {
        true => *rng.of(&ALL),
        false => device.capture_type().unwrap(),
    }
}
