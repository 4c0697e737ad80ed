//! Text and JSON of a device's formats, sizes and rates.

use std::fmt::Write as _;

use serde::Serialize;
use videostream::camera::{DeviceFormat, DeviceSize};
use videostream::hal::v4l2::{Fraction, FrameInterval, FrameSize};

/// A format in JSON.
#[derive(Clone, Serialize)]
pub(crate) struct Described {
    fourcc: String,
    description: String,
    compressed: bool,
    sizes: Vec<Size>,
}

/// A size, or a range of them, with frames per second.
#[derive(Clone, Serialize)]
struct Size {
    size: String,
    fps: Vec<String>,
}

impl From<&DeviceFormat> for Described {
    fn from(format: &DeviceFormat) -> Self {
        let sizes = format.sizes.iter().map(|size| Size {
            size: size_text(&size.size),
            fps: rates(size),
        });
        Self {
            fourcc: format.fourcc.to_string(),
            description: format.description.clone(),
            compressed: format.compressed,
            sizes: sizes.collect(),
        }
    }
}

/// Returns a line for the format, and one for each size.
pub(crate) fn lines(format: &DeviceFormat, indent: &str) -> String {
    let compressed = if format.compressed {
        " (compressed)"
    } else {
        ""
    };
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{indent}{}  {}{compressed}",
        format.fourcc, format.description
    );
    for size in &format.sizes {
        let rates = rates(size);
        let rates = if rates.is_empty() {
            String::new()
        } else {
            format!("  {} fps", rates.join(", "))
        };
        let _ = writeln!(text, "{indent}      {}{rates}", size_text(&size.size));
    }
    text
}

fn size_text(size: &FrameSize) -> String {
    match size {
        FrameSize::Discrete { width, height } => format!("{width}x{height}"),
        FrameSize::Stepwise { min, max, step } => format!(
            "{}x{} to {}x{} in steps of {}x{}",
            min.0, min.1, max.0, max.1, step.0, step.1
        ),
    }
}

/// Returns frames per second in the driver's order, usually the highest first.
fn rates(size: &DeviceSize) -> Vec<String> {
    let rates = size.intervals.iter().map(|interval| match interval {
        FrameInterval::Discrete(seconds) => rate(*seconds),
        FrameInterval::Stepwise { min, max, .. } => format!("{} to {}", rate(*max), rate(*min)),
    });
    rates.collect()
}

fn rate(seconds: Fraction) -> String {
    let fps = f64::from(seconds.denominator) / f64::from(seconds.numerator);
    if fps.is_finite() {
        ((fps * 100.0).round() / 100.0).to_string()
    } else {
        "?".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_rounded_for_people() {
        let rate = |numerator, denominator| {
            super::rate(Fraction {
                numerator,
                denominator,
            })
        };
        assert_eq!(rate(1, 30), "30");
        assert_eq!(rate(1001, 30_000), "29.97");
        assert_eq!(rate(0, 30), "?");
    }
}
