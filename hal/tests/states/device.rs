//! What a device is set to: format, interval, input, standard, timings, rectangles, and faults.

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{Fraction, PixFormat, Rounding, SelectionRect, SelectionTarget};

use super::Fuzz;
use crate::fuzz::some_queue;
use crate::vivid;

/// Faults that the driver makes up when one of these is pressed, once each.
const FAULTS: [&str; 5] = [
    "Inject V4L2_BUF_FLAG_ERROR",
    "Inject VIDIOC_REQBUFS Error",
    "Inject VIDIOC_QBUF Error",
    "Inject VIDIOC_STREAMON Error",
    "Inject Fatal Streaming Error",
];

impl Fuzz<'_> {
    /// A format that the driver would take, of a modest size.
    pub(super) fn some_format(&mut self) -> Option<PixFormat> {
        let fourcc = match self.rng.once_in(8) {
            true => FourCc(self.rng.bits() as u32),
            false => *self.rng.of(&self.formats),
        };
        let (width, height) = *self
            .rng
            .of(&[(320, 180), (640, 360), (0, 0), (1, u32::MAX)]);
        let buf_type = some_queue(&mut self.rng, self.device);
        let requested = PixFormat::new(fourcc, width, height);
        let tried = self.device.try_format(buf_type, &requested);
        // The guest has no memory for many of the largest.
        self.count("try format", tried)
            .filter(|given| given.size_image() < 4 << 20)
    }

    pub(super) fn format(&mut self) {
        let buf_type = some_queue(&mut self.rng, self.device);
        if let Some(format) = self.some_format() {
            let set = self.device.set_format(buf_type, &format);
            self.count("set format", set);
        }
        let interval = Fraction {
            numerator: self.rng.size(),
            denominator: self.rng.size(),
        };
        let set = self.device.set_interval(buf_type, interval);
        self.count("set interval", set);
    }

    /// Input, standard, timings and rectangles.
    pub(super) fn picture(&mut self) {
        match self.rng.below(4) {
            0 => {
                let input = self.rng.below(5) as u32;
                let set = self.device.set_input(input);
                self.count("set input", set);
                // The formats of other inputs are larger: back to a modest one.
                let buf_type = self.device.capture_type().unwrap();
                let requested = PixFormat::new(FourCc::YUYV, 320, 180);
                let set = self.device.set_format(buf_type, &requested);
                self.count("set format", set);
            }
            1 => {
                let standards: Vec<_> = self.device.standards().flatten().collect();
                if !standards.is_empty() {
                    let ids = self.rng.of(&standards).ids;
                    let set = self.device.set_standard(ids);
                    self.count("set standard", set);
                }
            }
            2 => {
                let timings: Vec<_> = self.device.dv_timings_list().flatten().collect();
                // Small ones, for the same reason.
                let small: Vec<_> = timings.into_iter().filter(|t| t.width <= 800).collect();
                if !small.is_empty() {
                    let timings = *self.rng.of(&small);
                    let set = self.device.set_dv_timings(&timings);
                    self.count("set timings", set);
                }
            }
            _ => {
                let target = *self.rng.of(&[
                    SelectionTarget::Crop,
                    SelectionTarget::Compose,
                    SelectionTarget::CropBounds,
                ]);
                let rounding = *self.rng.of(&[
                    Rounding::Nearest,
                    Rounding::Up,
                    Rounding::Down,
                    Rounding::Exact,
                ]);
                let rect = SelectionRect {
                    left: self.rng.number() as i32,
                    top: self.rng.number() as i32,
                    width: self.rng.below(700) as u32,
                    height: self.rng.size(),
                };
                let buf_type = some_queue(&mut self.rng, self.device);
                let set = self.device.set_selection(buf_type, target, rounding, rect);
                self.count("set selection", set);
            }
        }
    }

    pub(super) fn fault(&mut self) {
        let name = *self.rng.of(&FAULTS);
        let button = vivid::control(self.device, name);
        let pressed = self.device.node().set_control(&button, 1);
        self.count("fault", pressed);
    }
}
