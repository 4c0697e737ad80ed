//! The contents of our lists of a node, in the form of the items of `v4l2-ctl`.

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::{
    BufType, ControlFlags, ControlInfo, ControlType, Device, FormatFlags, FrameInterval, FrameSize,
};

use crate::v4l2_ctl::{Control, assert_same};

/// As [`crate::v4l2_ctl::formats`].
pub(crate) fn formats(device: &Device, queue: BufType) -> Vec<String> {
    const FLAGS: [(FormatFlags, &str); 9] = [
        (FormatFlags::COMPRESSED, "compressed"),
        (FormatFlags::EMULATED, "emulated"),
        (FormatFlags::CONTINUOUS_BYTESTREAM, "continuous-bytestream"),
        (FormatFlags::DYN_RESOLUTION, "dyn-resolution"),
        (
            FormatFlags::ENC_CAP_FRAME_INTERVAL,
            "enc-cap-frame-interval",
        ),
        (FormatFlags::CSC_COLORSPACE, "csc-colorspace"),
        (FormatFlags::CSC_YCBCR_ENC, "csc-ycbcr"),
        (FormatFlags::CSC_QUANTIZATION, "csc-quantization"),
        (FormatFlags::CSC_XFER_FUNC, "csc-xfer-func"),
    ];
    let mut items = Vec::new();
    for format in device.formats(queue).map(Result::unwrap) {
        let fourcc = format.fourcc;
        let mut about = format.description().to_owned();
        for (flag, name) in FLAGS {
            if format.flags.contains(flag) {
                about.push_str(", ");
                // HSV formats share the bit, and v4l2-ctl names it after them.
                let hsv =
                    flag == FormatFlags::CSC_YCBCR_ENC && format.description().contains("HSV");
                about.push_str(if hsv { "csc-hsv" } else { name });
            }
        }
        items.push(format!("{fourcc} ({about})"));
        for size in device.sizes(fourcc).map(Result::unwrap) {
            let (text, (width, height)) = match size {
                FrameSize::Discrete { width, height } => {
                    (format!("Discrete {width}x{height}"), (width, height))
                }
                FrameSize::Stepwise { min, max, step } => (
                    format!(
                        "Stepwise {}x{} - {}x{} with step {}/{}",
                        min.0, min.1, max.0, max.1, step.0, step.1
                    ),
                    max,
                ),
            };
            items.push(format!("{fourcc} {text}"));
            // v4l2-ctl lists intervals of single sizes here; of ranges when asked for a size.
            if matches!(size, FrameSize::Discrete { .. }) {
                let seconds = intervals(device, fourcc, width, height);
                items.extend(seconds.iter().map(|s| format!("{fourcc} {text} {s}")));
            }
        }
    }
    items
}

/// The intervals of one size.
pub(crate) fn intervals(device: &Device, fourcc: FourCc, width: u32, height: u32) -> Vec<String> {
    let intervals = device.intervals(fourcc, width, height).map(Result::unwrap);
    let seconds = intervals.map(|interval| {
        let FrameInterval::Discrete(f) = interval else {
            panic!("{interval:?}")
        };
        let (n, d) = (f64::from(f.numerator), f64::from(f.denominator));
        format!("Discrete {:.3}s ({:.3} fps)", n / d, d / n)
    });
    seconds.collect()
}

/// Compares one control, its menu and its value.
pub(crate) fn same_control(about: &str, device: &Device, info: &ControlInfo, control: &Control) {
    let (min, max, step) = (info.minimum, info.maximum, info.step);
    let default = info.default_value;
    let number = || {
        vec![
            format!("min={min}"),
            format!("max={max}"),
            format!("step={step}"),
            format!("default={default}"),
        ]
    };
    let (kind, mut range) = match info.control_type {
        ControlType::Integer => ("int", number()),
        ControlType::Integer64 => ("int64", number()),
        ControlType::U8 => ("u8", number()),
        ControlType::U16 => ("u16", number()),
        ControlType::U32 => ("u32", number()),
        ControlType::Boolean => ("bool", vec![format!("default={default}")]),
        ControlType::Menu | ControlType::IntegerMenu => (
            if info.control_type == ControlType::Menu {
                "menu"
            } else {
                "intmenu"
            },
            vec![
                format!("min={min}"),
                format!("max={max}"),
                format!("default={default}"),
            ],
        ),
        ControlType::Bitmask => (
            "bitmask",
            vec![
                format!("max={max:#010x}"),
                format!("default={default:#010x}"),
            ],
        ),
        ControlType::String => ("str", number()[..3].to_vec()),
        ControlType::Button => ("button", vec![]),
        ControlType::Area => ("area", vec![]),
        ControlType::Other(_) => (control.kind.as_str(), vec![]),
        ControlType::Class => unreachable!("headings are apart"),
    };
    if info.dim_count > 0 {
        let dims = info.dims[..info.dim_count as usize].iter();
        let dims: String = dims.map(|dim| format!("[{dim}]")).collect();
        range.push(format!("dims={dims}"));
    }
    assert_eq!(control.kind, kind, "{about}: {control:?}");
    assert_eq!(control.range, range, "{about}: {control:?}");

    let menu: Vec<_> = device
        .node()
        .menu(info)
        .map(Result::unwrap)
        .map(|item| match info.control_type {
            ControlType::IntegerMenu => {
                format!("{}: {} ({:#x})", item.index, item.value, item.value)
            }
            _ => format!("{}: {}", item.index, item.name()),
        })
        .collect();
    assert_same(&format!("{about} {}", control.name), &control.menu, &menu);

    let hidden = ControlFlags::HAS_PAYLOAD | ControlFlags::WRITE_ONLY | ControlFlags::VOLATILE;
    if !info.flags.intersects(hidden) {
        let value = device.node().control_value(info).unwrap();
        let shown = control.value.as_ref().unwrap();
        let shown = shown.split(' ').next().unwrap();
        let mut shown = shown.parse::<i64>().unwrap();
        // Bit masks are shown as signed numbers.
        if info.control_type == ControlType::Bitmask {
            shown &= i64::from(u32::MAX);
        }
        assert_eq!(shown, value, "{about}: {control:?}");
    }
}
