//! What our lists say of every node is what `v4l2-ctl` says, item by item, both ways.
//!
//! Runs in the guest of `cargo xtask vm` (which sets `VIDEOSTREAM_RIG=1`); elsewhere, and in
//! guests without `v4l2-ctl`, every test says that it was skipped. The first camera is
//! single-planar, the second multi-planar.
//!
//! rig: vivid.n_devs=2 vivid.multiplanar=1,2 timeout=900

#![cfg(target_os = "linux")]

mod our_lists;
mod v4l2_ctl;

use std::sync::MutexGuard;

use v4l2_ctl::{ask, assert_same, blocks, field, run};
use videostream_hal::v4l2::{
    BufType, ControlType, Device, DvStandards, ErrorKind, FrameSize, InputKind, InputStatus,
    SelectionTarget, nodes,
};
use videostream_testing::{on_the_rig, skip};

/// The turn of a test where both sides are; elsewhere `None`, said on standard error.
fn both_sides(test: &str) -> Option<MutexGuard<'static, ()>> {
    let turn = on_the_rig(test)?;
    if run("/dev/video0", "--info").is_none() {
        skip(test, "this guest has no v4l2-ctl");
        return None;
    }
    Some(turn)
}

/// Calls `look` for every node, and for cameras with several inputs at each of them.
fn at_every_node(mut look: impl FnMut(&str, &str, &Device)) -> usize {
    let mut count = 0;
    for path in nodes().unwrap() {
        let node = path.as_str();
        let device = Device::open(node).unwrap();
        let about = format!("{node} {}", device.capabilities().card());
        let inputs: Vec<_> = device.inputs().map(Result::unwrap).collect();
        if inputs.is_empty() {
            look(node, &about, &device);
            count += 1;
        }
        let before = device.input().unwrap_or(0);
        for input in &inputs {
            device.set_input(input.index).unwrap();
            look(node, &format!("{about} {}", input.name()), &device);
            count += 1;
        }
        if !inputs.is_empty() {
            device.set_input(before).unwrap();
        }
    }
    count
}

/// Their text for an option that must exist.
fn theirs(node: &str, option: &str) -> String {
    run(node, option).unwrap()
}

#[test]
fn formats_sizes_and_intervals_are_the_same() {
    let Some(_turn) = both_sides("formats_sizes_and_intervals_are_the_same") else {
        return;
    };
    let mut items = 0;
    let looks = at_every_node(|node, about, device| {
        for (option, queue) in [
            ("--list-formats-ext", BufType::VideoCapture),
            ("--list-formats-ext", BufType::VideoCaptureMplane),
            ("--list-formats-out-ext", BufType::VideoOutput),
            ("--list-formats-out-ext", BufType::VideoOutputMplane),
            ("--list-formats-meta", BufType::MetaCapture),
            ("--list-formats-meta-out", BufType::MetaOutput),
        ] {
            if device.capture_type() != Some(queue) && device.output_type() != Some(queue) {
                continue;
            }
            let theirs = v4l2_ctl::formats(&theirs(node, option));
            let ours = our_lists::formats(device, queue);
            assert!(!queue.is_mplane() || ours.len() > 1, "{about}: {ours:?}");
            assert_same(&format!("{about} {queue:?}"), &theirs, &ours);
            items += ours.len();
        }
    });
    println!("{items} items at {looks} nodes and inputs");
    assert!(items > 1000, "{items}");
}

#[test]
fn intervals_of_a_size_in_a_range_are_the_same() {
    let Some(_turn) = both_sides("intervals_of_a_size_in_a_range_are_the_same") else {
        return;
    };
    let mut count = 0;
    at_every_node(|node, about, device| {
        let Some(queue) = device.capture_type().filter(|queue| !queue.is_meta()) else {
            return;
        };
        let fourcc = device.formats(queue).next().unwrap().unwrap().fourcc;
        let Some(FrameSize::Stepwise { min, max, .. }) =
            device.sizes(fourcc).next().map(Result::unwrap)
        else {
            return;
        };
        for (width, height) in [min, max] {
            let option =
                format!("--list-frameintervals=width={width},height={height},pixelformat={fourcc}");
            let theirs: Vec<_> = theirs(node, &option)
                .lines()
                .filter_map(|line| line.trim().strip_prefix("Interval: "))
                .map(str::to_owned)
                .collect();
            let ours = our_lists::intervals(device, fourcc, width, height);
            assert_same(
                &format!("{about} {fourcc} {width}x{height}"),
                &theirs,
                &ours,
            );
            count += ours.len();
        }
    });
    println!("{count} intervals");
    assert!(count > 0);
}

#[test]
fn inputs_and_outputs_are_the_same() {
    let Some(_turn) = both_sides("inputs_and_outputs_are_the_same") else {
        return;
    };
    let (mut inputs, mut outputs) = (0, 0);
    at_every_node(|node, about, device| {
        let listed = blocks(&theirs(node, "--list-inputs"));
        let ours: Vec<_> = device.inputs().map(Result::unwrap).collect();
        assert_eq!(listed.len(), ours.len(), "{about}");
        for (block, input) in listed.iter().zip(&ours) {
            assert_eq!(field(block, "Input"), input.index.to_string());
            assert_eq!(field(block, "Name"), input.name());
            let kind = match input.kind {
                InputKind::Tuner => "0x00000001 (Tuner)",
                InputKind::Camera => "0x00000002 (Camera)",
                InputKind::Touch => "0x00000003 (Touch)",
                InputKind::Other(_) => "other",
            };
            assert_eq!(field(block, "Type"), kind);
            assert_eq!(
                field(block, "Audioset"),
                format!("{:#010x}", input.audio_set)
            );
            assert_eq!(field(block, "Tuner"), format!("{:#010x}", input.tuner));
            let standards = format!("0x{:016X} ", input.standards.bits());
            assert!(field(block, "Standard").starts_with(&standards));
            let status = match input.status {
                status if status.is_empty() => "0x00000000 (ok)".to_owned(),
                InputStatus::NO_SIGNAL => "0x00000002 (no signal)".to_owned(),
                other => format!("{other:?}"),
            };
            assert_eq!(field(block, "Status"), status);
            let able = field(block, "Capabilities");
            assert_eq!(able.contains("DV timings"), input.has_dv_timings);
            assert_eq!(able.contains("SDTV standards"), input.has_standards);
        }
        inputs += ours.len();
        let listed = blocks(&theirs(node, "--list-outputs"));
        let ours: Vec<_> = device.outputs().map(Result::unwrap).collect();
        assert_eq!(listed.len(), ours.len(), "{about}");
        for (block, output) in listed.iter().zip(&ours) {
            assert_eq!(field(block, "Output"), output.index.to_string());
            assert_eq!(field(block, "Name"), output.name());
            assert!(field(block, "Type").starts_with(&format!("{:#010x}", output.output_type)));
            assert_eq!(
                field(block, "Audioset"),
                format!("{:#010x}", output.audio_set)
            );
            let standards = format!("0x{:016X} ", output.standards.bits());
            assert!(field(block, "Standard").starts_with(&standards));
            let able = field(block, "Capabilities");
            assert_eq!(able.contains("DV timings"), output.has_dv_timings);
            assert_eq!(able.contains("SDTV standards"), output.has_standards);
        }
        outputs += ours.len();
    });
    println!("{inputs} inputs, {outputs} outputs");
    assert!(inputs >= 2 * 4 * 4 && outputs >= 4, "{inputs} {outputs}");
}

#[test]
fn standards_and_timings_are_the_same() {
    let Some(_turn) = both_sides("standards_and_timings_are_the_same") else {
        return;
    };
    let (mut standards, mut timings) = (0, 0);
    at_every_node(|node, about, device| {
        let listed = blocks(&theirs(node, "--list-standards"));
        let ours: Vec<_> = device.standards().map(Result::unwrap).collect();
        assert_eq!(listed.len(), ours.len(), "{about}");
        for (block, standard) in listed.iter().zip(&ours) {
            assert_eq!(field(block, "Name"), standard.name());
            assert_eq!(
                field(block, "ID"),
                format!("0x{:016X}", standard.ids.bits())
            );
            let period = standard.frame_period;
            let text = format!("{}/{}", period.numerator, period.denominator);
            assert_eq!(field(block, "Frame period"), text);
            assert_eq!(
                field(block, "Frame lines"),
                standard.frame_lines.to_string()
            );
        }
        standards += ours.len();
        let listed = blocks(&theirs(node, "--list-dv-timings"));
        let ours: Vec<_> = device.dv_timings_list().map(Result::unwrap).collect();
        assert_eq!(listed.len(), ours.len(), "{about}");
        for (block, t) in listed.iter().zip(&ours) {
            assert_eq!(field(block, "Active width"), t.width.to_string());
            assert_eq!(field(block, "Active height"), t.height.to_string());
            assert_eq!(field(block, "Total width"), t.total_width().to_string());
            assert_eq!(field(block, "Total height"), t.total_height().to_string());
            let interlaced = field(block, "Frame format") == "interlaced";
            assert_eq!(interlaced, t.interlaced);
            let clock = format!("{} Hz ", t.pixel_clock_hz);
            assert!(field(block, "Pixelclock").starts_with(&clock), "{block:?}");
            assert_eq!(field(block, "Horizontal sync"), t.h_sync.to_string());
            let books = field(block, "Standards");
            for (name, book) in [
                ("CTA-861", DvStandards::CTA861),
                ("DMT", DvStandards::DMT),
                ("CVT", DvStandards::CVT),
            ] {
                assert_eq!(books.contains(name), t.standards.contains(book), "{books}");
            }
            let vic = block.iter().find(|(name, _)| name == "CTA-861 VIC");
            assert_eq!(vic.map_or(0, |(_, vic)| vic.parse().unwrap()), t.cta861_vic);
        }
        timings += ours.len();
    });
    println!("{standards} standards, {timings} timings");
    assert!(standards > 20 && timings > 200, "{standards} {timings}");
}

#[test]
fn rectangles_are_the_same() {
    let Some(_turn) = both_sides("rectangles_are_the_same") else {
        return;
    };
    let targets = [
        ("crop", SelectionTarget::Crop),
        ("crop_default", SelectionTarget::CropDefault),
        ("crop_bounds", SelectionTarget::CropBounds),
        ("compose", SelectionTarget::Compose),
        ("compose_default", SelectionTarget::ComposeDefault),
        ("compose_bounds", SelectionTarget::ComposeBounds),
        ("compose_padded", SelectionTarget::ComposePadded),
        ("native_size", SelectionTarget::NativeSize),
    ];
    let mut count = 0;
    at_every_node(|node, about, device| {
        for (option, queue) in [
            ("--get-selection", device.capture_type()),
            ("--get-selection-output", device.output_type()),
        ] {
            let Some(queue) = queue.filter(|queue| !queue.is_meta()) else {
                continue;
            };
            for (name, target) in targets {
                let (text, _) = ask(node, &[&format!("{option}=target={name}")]).unwrap();
                let ours = match device.selection(queue, target) {
                    Ok(rect) => format!(
                        ": {name}, Left {}, Top {}, Width {}, Height {}, Flags:",
                        rect.left, rect.top, rect.width, rect.height
                    ),
                    Err(error) => {
                        let kinds = [ErrorKind::NotSupported, ErrorKind::InvalidArgument];
                        assert!(kinds.contains(&error.kind()), "{about}: {error}");
                        assert!(!text.contains("Left"), "{about} {queue:?}: {text}");
                        continue;
                    }
                };
                assert!(text.contains(&ours), "{about} {queue:?}: {text}: {ours}");
                count += 1;
            }
        }
    });
    println!("{count} rectangles");
    assert!(count > 30, "{count}");
}

#[test]
fn controls_and_menus_are_the_same() {
    let Some(_turn) = both_sides("controls_and_menus_are_the_same") else {
        return;
    };
    let mut count = 0;
    at_every_node(|node, about, device| {
        let mut theirs = v4l2_ctl::controls(&theirs(node, "--list-ctrls-menus"));
        let (headings, ours): (Vec<_>, Vec<_>) = device
            .node()
            .controls()
            .map(Result::unwrap)
            .partition(|info| info.control_type == ControlType::Class);
        let names: Vec<_> = headings.iter().map(|info| info.name().to_owned()).collect();
        assert_same(about, &theirs.classes, &names);
        let mut unread = Vec::new();
        for info in &ours {
            // Found by the name that v4l2-ctl spells.
            let Some(at) = theirs.controls.iter().position(|c| c.id == info.id) else {
                unread.push(info.name().to_owned());
                continue;
            };
            let control = theirs.controls.remove(at);
            let by_name = device
                .node()
                .control_by_name(&control.name)
                .unwrap()
                .unwrap();
            assert_eq!(by_name.id, info.id, "{about}: {control:?}");
            assert_eq!(control.flags, info.flags.bits(), "{about}: {control:?}");
            our_lists::same_control(about, device, info, &control);
        }
        assert!(theirs.controls.is_empty(), "only v4l2-ctl: {theirs:?}");
        assert_same(about, &theirs.unread, &unread);
        count += ours.len();
    });
    println!("{count} controls");
    assert!(count > 400, "{count}");
}
