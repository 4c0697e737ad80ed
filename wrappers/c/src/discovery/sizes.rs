//! The sizes of a device's format.

use rustix::io::Errno;
use videostream::hal::format::FourCc;
use videostream::hal::v4l2::{Device as Node, FrameInterval, FrameSize};

use super::types::{Device, FrameRate, MAX_FRAME_RATES, Resolution, text};
use crate::boundary::errno_of_device;

/// The sizes of a format with their intervals; the smallest and the largest of a range.
pub(crate) fn resolutions(device: &Device, fourcc: u32) -> Result<Vec<Resolution>, Errno> {
    let path = text(&device.path);
    if path.is_empty() {
        return Err(Errno::INVAL);
    }
    let node = Node::open(path.as_str()).map_err(errno_of_device)?;
    let mut found = Vec::new();
    for size in node.sizes(FourCc(fourcc)).map_while(Result::ok) {
        match size {
            FrameSize::Discrete { width, height } => {
                found.push(with_rates(&node, FourCc(fourcc), width, height));
            }
            FrameSize::Stepwise { min, max, .. } => {
                found.extend([min, max].map(|(width, height)| Resolution {
                    width,
                    height,
                    ..Resolution::default()
                }));
            }
        }
    }
    Ok(found)
}

fn with_rates(node: &Node, fourcc: FourCc, width: u32, height: u32) -> Resolution {
    let mut resolution = Resolution {
        width,
        height,
        ..Resolution::default()
    };
    let intervals = node.intervals(fourcc, width, height).map_while(Result::ok);
    let discrete = intervals.filter_map(|interval| match interval {
        FrameInterval::Discrete(interval) => Some(interval),
        FrameInterval::Stepwise { .. } => None,
    });
    for (place, interval) in resolution.frame_rates.iter_mut().zip(discrete) {
        *place = FrameRate {
            numerator: interval.numerator,
            denominator: interval.denominator,
        };
        resolution.num_frame_rates += 1;
    }
    debug_assert!(resolution.num_frame_rates <= MAX_FRAME_RATES);
    resolution
}
