//! Controls of the kernel's virtual cameras under random calls: ids, sizes and values of every
//! kind, right and wrong.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere every test
//! says that it was skipped. The first camera is single-planar, the second multi-planar.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2 timeout=900

#![cfg(target_os = "linux")]

mod fuzz;
mod vivid;

use std::collections::BTreeMap;
use std::time::Duration;

use fuzz::{Held, Rng, recover, seeds, step, watch};
use rustix::fd::AsFd;
use videostream_hal::format::FourCc;
use videostream_hal::v4l2::camera::Capture;
use videostream_hal::v4l2::control::{
    ControlValue, ExposureMode, ExtControl, ExtControlsError, MAX_CONTROLS, Which,
};
use videostream_hal::v4l2::{
    ControlFlags, ControlInfo, ControlType, Device, Error, EventSelector, NodeKind, ioctl,
};
use videostream_testing::on_the_rig;
use vivid::{open_kind, small};

/// Calls of a round.
const CALLS: usize = 1500;

/// What unplugs the device, for good: not to be pressed.
const DISCONNECT: &str = "Disconnect";

/// What the payload of a list is surrounded by.
const GUARD: [u8; 64] = [0x5a; 64];

/// An entry of a list before it is one.
enum Entry {
    Integer(i32),
    Integer64(i64),
    /// With guards before and after.
    Payload(Vec<u8>),
}

struct Fuzz<'d> {
    rng: Rng,
    device: &'d Device,
    controls: Vec<ControlInfo>,
    /// The one that is not to be set.
    disconnect: u32,
    /// How often a kind of call succeeded and failed.
    outcomes: BTreeMap<&'static str, (u32, u32)>,
}

impl<'d> Fuzz<'d> {
    fn new(seed: u64, device: &'d Device) -> Self {
        let controls: Vec<_> = device.node().controls().map(Result::unwrap).collect();
        let disconnect = controls.iter().find(|info| info.name() == DISCONNECT);
        Self {
            rng: Rng::new(seed),
            disconnect: disconnect.unwrap().id,
            device,
            controls,
            outcomes: BTreeMap::new(),
        }
    }

    /// An id: one that exists, one near it, or any.
    fn id(&mut self) -> u32 {
        let known = self.rng.of(&self.controls).id;
        match self.rng.below(10) {
            0 => self.rng.bits() as u32,
            1 => known.wrapping_add(self.rng.below(5) as u32).wrapping_sub(2),
            2 => known | (self.rng.bits() as u32 & 0xf000_0000),
            _ => known,
        }
    }

    fn value(&mut self, info: &ControlInfo) -> i64 {
        let span = info.maximum.wrapping_sub(info.minimum).wrapping_add(1);
        match self.rng.below(5) {
            0 => self.rng.number(),
            1 => *self
                .rng
                .of(&[info.minimum, info.maximum, info.default_value]),
            2 => info.maximum.wrapping_add(1),
            _ if span > 0 => info.minimum + self.rng.below(span.cast_unsigned()).cast_signed(),
            _ => self.rng.number(),
        }
    }

    /// A list of any length, also too long, of entries that mostly fit their control.
    fn list(&mut self) -> Vec<(u32, Entry)> {
        let len = match self.rng.below(12) {
            0 => 0,
            1 => MAX_CONTROLS as u64 + self.rng.below(3),
            2 => MAX_CONTROLS as u64,
            _ => 1 + self.rng.below(5),
        };
        (0..len).map(|_| self.entry()).collect()
    }

    fn entry(&mut self) -> (u32, Entry) {
        let info = *self.rng.of(&self.controls);
        let id = if self.rng.once_in(8) {
            self.id()
        } else {
            info.id
        };
        let value = self.value(&info);
        let fitting = if info.flags.contains(ControlFlags::HAS_PAYLOAD) {
            2
        } else if info.control_type == ControlType::Integer64 {
            1
        } else {
            0
        };
        let kind = if self.rng.once_in(8) {
            self.rng.below(3)
        } else {
            fitting
        };
        let entry = match kind {
            0 => Entry::Integer(value as i32),
            1 => Entry::Integer64(value),
            _ => {
                let exact = usize::try_from(info.payload_len()).unwrap();
                let len = match self.rng.below(8) {
                    0 => 0,
                    1 => 1,
                    2 => exact.saturating_sub(1),
                    3 => exact + 1 + self.rng.below(9) as usize,
                    4 => self.rng.below(70_000) as usize,
                    _ => exact,
                };
                let mut bytes = GUARD.to_vec();
                let filling = self.rng.below(3);
                bytes.extend((0..len).map(|_| match filling {
                    0 => 0x20,
                    1 => self.rng.bits() as u8,
                    _ => 0,
                }));
                bytes.extend(GUARD);
                Entry::Payload(bytes)
            }
        };
        (id, entry)
    }

    /// One call on a list; what was written has to stay in its bounds.
    fn exchange(&mut self, call: &'static str) {
        let mut entries = self.list();
        if call != "get list" {
            entries.retain(|(id, _)| id & 0x0fff_ffff != self.disconnect);
        }
        let mut list: Vec<_> = entries
            .iter_mut()
            .map(|(id, entry)| ExtControl {
                id: *id,
                value: match entry {
                    Entry::Integer(value) => ControlValue::Integer(*value),
                    Entry::Integer64(value) => ControlValue::Integer64(*value),
                    Entry::Payload(bytes) => {
                        let end = bytes.len() - GUARD.len();
                        ControlValue::Payload(&mut bytes[GUARD.len()..end])
                    }
                },
            })
            .collect();
        let fd = self.device.as_fd();
        let result = match call {
            "get list" => {
                let which = *self.rng.of(&[Which::Current, Which::Default]);
                ioctl::g_ext_ctrls(fd, which, &mut list)
            }
            "try list" => ioctl::try_ext_ctrls(fd, &mut list),
            "set list" => ioctl::s_ext_ctrls(fd, &mut list),
            _ => self.device.node().set_controls(&mut list),
        };
        let len = list.len();
        drop(list);
        if let Err(ExtControlsError { error, index }) = result {
            assert!(index.is_none_or(|index| index < len), "{error} {index:?}");
            assert!(!error.to_string().is_empty());
        }
        for (id, entry) in &entries {
            if let Entry::Payload(bytes) = entry {
                let intact = bytes.starts_with(&GUARD) && bytes.ends_with(&GUARD);
                assert!(intact, "{id:#010x}: written past its bounds");
            }
        }
        self.count(call, result.map_err(|failed| failed.error));
    }

    fn count<T>(&mut self, call: &'static str, result: Result<T, Error>) {
        let outcome = self.outcomes.entry(call).or_default();
        match result {
            Ok(_) => outcome.0 += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                outcome.1 += 1;
            }
        }
    }

    fn call(&mut self) {
        let device = self.device;
        match self.rng.below(12) {
            0 => {
                let id = self.id();
                self.count("query", ioctl::query_ext_ctrl(device.as_fd(), id));
            }
            1 => {
                let (id, index) = (self.id(), self.rng.size());
                let integer = self.rng.once_in(2);
                let item = ioctl::querymenu(device.as_fd(), id, index, integer);
                self.count("item", item);
            }
            2 => {
                let info = *self.rng.of(&self.controls);
                self.count("value", device.node().control_value(&info));
            }
            3 | 4 => self.set(),
            5 => self.exchange("get list"),
            6 => self.exchange("try list"),
            7 => self.exchange("set list"),
            8 => self.exchange("set all"),
            9 => {
                let len = self.rng.below(40) as usize;
                let name: String = (0..len)
                    .map(|_| char::from_u32(self.rng.below(0x250) as u32).unwrap_or('-'))
                    .collect();
                self.count("name", device.node().control_by_name(&name));
                let info = *self.rng.of(&self.controls);
                self.count("menu item", device.node().menu_item(&info, &name));
            }
            10 => self.setting(),
            _ => self.event(),
        }
    }

    fn set(&mut self) {
        let mut info = *self.rng.of(&self.controls);
        if info.id == self.disconnect {
            return;
        }
        if self.rng.once_in(16) {
            // Not what the driver says of it.
            info.control_type = *self.rng.of(&[ControlType::Integer64, ControlType::Bitmask]);
            info.flags ^= ControlFlags::HAS_PAYLOAD;
        }
        let value = self.value(&info);
        let result = self.device.node().set_control(&info, value);
        let ordinary = [
            ControlType::Integer,
            ControlType::Boolean,
            ControlType::Menu,
        ];
        if let Ok(set) = result
            && ordinary.contains(&info.control_type)
            && !info.flags.contains(ControlFlags::VOLATILE)
        {
            assert!(
                (info.minimum..=info.maximum).contains(&set),
                "{info:?} {set}"
            );
        }
        self.count("set", result);
    }

    fn setting(&mut self) {
        let settings = self.device.node().settings();
        let (number, on) = (self.rng.number(), self.rng.once_in(2));
        let said = match self.rng.below(9) {
            0 => settings.set_gain(number).map(drop),
            1 => settings.set_auto_gain(on),
            2 => settings.set_hflip(on),
            3 => settings.set_vflip(on),
            4 => settings.set_rotation(number as u32),
            5 => {
                let time = Duration::from_nanos(number.unsigned_abs());
                settings.set_exposure_time(time).map(drop)
            }
            6 => settings.set_white_balance(number as u32).map(drop),
            7 => settings.set_exposure_mode(ExposureMode::Other(number as u32)),
            _ => settings.set_test_pattern(&number.to_string()),
        };
        let outcome = self.outcomes.entry("setting").or_default();
        match said {
            Ok(()) => outcome.0 += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                outcome.1 += 1;
            }
        }
    }

    fn event(&mut self) {
        let id = self.id();
        let selector = match self.rng.below(5) {
            0 => EventSelector::SourceChange {
                input: self.rng.size(),
            },
            1 => EventSelector::FrameSync,
            2 => EventSelector::EndOfStream,
            _ => EventSelector::Control {
                id,
                initial: self.rng.once_in(2),
            },
        };
        match self.rng.below(3) {
            0 => self.count("subscribe", self.device.node().subscribe(selector)),
            1 => self.count("unsubscribe", self.device.node().unsubscribe(selector)),
            _ => self.count("event", self.device.node().next_event()),
        }
    }
}

fn rounds(test: &str, instance: u32, streaming: bool) {
    let Some(_turn) = on_the_rig(test) else {
        return;
    };
    watch();
    // What the first use makes, such as the descriptors of the time zone or the thread's.
    recover(&open_kind(instance, NodeKind::Camera), "before");
    let before = Held::now();
    for seed in seeds(2) {
        println!("seed {seed}");
        let device = open_kind(instance, NodeKind::Camera);
        let other = open_kind(instance, NodeKind::Camera);
        let stream =
            streaming.then(|| Capture::start(other, &small(&[FourCc::YUYV]), &mut |_| {}).unwrap());
        let mut fuzz = Fuzz::new(seed, &device);
        for _ in 0..CALLS {
            step();
            fuzz.call();
            // Whatever comes of the stream meanwhile, faults included.
            let _ = stream.as_ref().map(Capture::take_frame);
        }
        for (call, (done, refused)) in &fuzz.outcomes {
            println!("{call}: {done} done, {refused} refused");
            assert!(done + refused > 0);
        }
        for call in ["set", "set list", "get list", "query", "value"] {
            let (done, refused) = fuzz.outcomes[call];
            assert!(done > 0 && refused > 0, "{call}: {done} {refused}");
        }
        drop(stream);
        recover(&device, &format!("seed {seed}"));
        drop(device);
        assert_eq!(Held::now(), before, "seed {seed}");
    }
}

#[test]
fn controls_withstand_random_calls() {
    rounds("controls_withstand_random_calls", 0, false);
}

#[test]
fn controls_withstand_random_calls_beside_a_stream() {
    rounds("controls_withstand_random_calls_beside_a_stream", 0, true);
}

#[test]
fn mplane_camera_controls_withstand_random_calls() {
    let test = "mplane_camera_controls_withstand_random_calls";
    rounds(test, 1, true);
}
