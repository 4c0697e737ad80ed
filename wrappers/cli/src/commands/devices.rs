//! `videostream devices`: lists the machine's video devices.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use videostream::camera::{DeviceFormat, DeviceInfo, devices};
use videostream::hal::v4l2::NodeKind;
use videostream::hal::v4l2::ioctl::BufferCapabilities;

use crate::failure::Failure;
use crate::output::Output;

/// Formats shown for each device without `-v`.
const SHOWN_FORMATS: usize = 5;

#[derive(clap::Args)]
#[command(after_help = "\
Nodes of the same hardware are one entry. With -v, lists every format with its sizes and rates.

Examples:
  videostream devices
  videostream devices --cameras -v
  videostream devices --json")]
pub(crate) struct Args {
    /// Cameras
    #[arg(long)]
    cameras: bool,
    /// Encoders
    #[arg(long)]
    encoders: bool,
    /// Decoders
    #[arg(long)]
    decoders: bool,
    /// Converters and outputs
    #[arg(long)]
    converters: bool,
    /// List each node, instead of one entry for all nodes of the same hardware
    #[arg(long)]
    all: bool,
}

/// The listing in JSON.
#[derive(Serialize)]
struct Listing {
    cameras: Vec<Unit>,
    encoders: Vec<Unit>,
    decoders: Vec<Unit>,
    converters: Vec<Unit>,
    summary: Totals,
}

/// A piece of hardware.
#[derive(Clone, Serialize)]
struct Unit {
    name: String,
    driver: String,
    bus: String,
    devices: Vec<Node>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    formats: Vec<String>,
    memory: Vec<&'static str>,
    #[serde(skip)]
    details: Vec<DeviceFormat>,
}

#[derive(Clone, Serialize)]
struct Node {
    path: String,
    card: String,
}

/// Counts of all devices, whether listed or not.
#[derive(Serialize)]
struct Totals {
    total_devices: usize,
    hardware_units: usize,
    cameras: usize,
    encoders: usize,
    decoders: usize,
    converters: usize,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    let found = devices();
    for (_, error) in &found.unreadable {
        output.note(format_args!("note: {error}"));
    }
    for device in &found.devices {
        for gap in &device.gaps {
            output.note(format_args!("note: {}: {gap}", device.path.display()));
        }
    }
    let group = |kinds: &[NodeKind]| {
        let of_kind = found.devices.iter().filter(|d| kinds.contains(&d.kind));
        units(of_kind, args.all)
    };
    let mut listing = Listing {
        cameras: group(&[NodeKind::Camera]),
        encoders: group(&[NodeKind::Encoder]),
        decoders: group(&[NodeKind::Decoder]),
        converters: group(&[NodeKind::Converter, NodeKind::Output]),
        summary: Totals {
            total_devices: found.devices.len(),
            hardware_units: units(found.devices.iter(), false).len(),
            cameras: 0,
            encoders: 0,
            decoders: 0,
            converters: 0,
        },
    };
    let any = args.cameras || args.encoders || args.decoders || args.converters;
    let Listing {
        cameras,
        encoders,
        decoders,
        converters,
        summary,
    } = &mut listing;
    for (list, count, wanted) in [
        (cameras, &mut summary.cameras, args.cameras),
        (encoders, &mut summary.encoders, args.encoders),
        (decoders, &mut summary.decoders, args.decoders),
        (converters, &mut summary.converters, args.converters),
    ] {
        *count = list.len();
        if any && !wanted {
            list.clear();
        }
    }
    if output.json {
        return output.print_json(&listing);
    }
    output.print(listing.text(output.is_verbose()).trim_end())
}

/// Groups nodes by bus into units, or makes a unit of each, and sorts by name.
fn units<'a>(devices: impl Iterator<Item = &'a DeviceInfo>, each: bool) -> Vec<Unit> {
    let mut units: BTreeMap<(String, String, String), Unit> = BTreeMap::new();
    for device in devices {
        let path = device.path.display().to_string();
        // Drivers without a bus name: one unit for each node.
        let own = if each || device.bus_info.is_empty() {
            path.clone()
        } else {
            String::new()
        };
        let key = (device.bus_info.clone(), device.driver.clone(), own);
        let unit = units.entry(key).or_insert_with(|| Unit {
            name: device.card.clone(),
            driver: device.driver.clone(),
            bus: device.bus_info.clone(),
            devices: Vec::new(),
            formats: Vec::new(),
            memory: memory(device.buffers),
            details: Vec::new(),
        });
        unit.devices.push(Node {
            path,
            card: device.card.clone(),
        });
        for format in telling_formats(device) {
            let name = format.fourcc.to_string();
            if !unit.formats.contains(&name) {
                unit.formats.push(name);
                unit.details.push(format.clone());
            }
        }
    }
    let mut units: Vec<_> = units.into_values().collect();
    units.sort_by(|a, b| a.name.cmp(&b.name));
    units
}

/// Returns the formats that characterize a device: the input of decoders and outputs, the output of
/// others.
fn telling_formats(device: &DeviceInfo) -> &[DeviceFormat] {
    match device.kind {
        NodeKind::Decoder | NodeKind::Output => &device.input_formats,
        _ => &device.formats,
    }
}

pub(super) fn memory(buffers: BufferCapabilities) -> Vec<&'static str> {
    [
        (BufferCapabilities::MMAP, "MMAP"),
        (BufferCapabilities::USERPTR, "USERPTR"),
        (BufferCapabilities::DMABUF, "DMABUF"),
    ]
    .into_iter()
    .filter_map(|(flag, name)| buffers.contains(flag).then_some(name))
    .collect()
}

impl Listing {
    fn text(&self, verbose: bool) -> String {
        let mut text = format!(
            "V4L2 devices: {} nodes, {} hardware units\n",
            self.summary.total_devices, self.summary.hardware_units
        );
        for (title, list) in [
            ("Cameras", &self.cameras),
            ("Encoders", &self.encoders),
            ("Decoders", &self.decoders),
            ("Converters and outputs", &self.converters),
        ] {
            if list.is_empty() {
                continue;
            }
            // Writing to a string does not fail.
            let _ = writeln!(text, "\n{title}");
            for unit in list {
                let paths: Vec<_> = unit.devices.iter().map(|node| &*node.path).collect();
                let _ = writeln!(
                    text,
                    "  {:<14} {} ({}, {})",
                    paths.join(" "),
                    unit.name,
                    unit.driver,
                    unit.bus
                );
                let _ = writeln!(text, "  {:<14} {}", "", unit.formats_text(verbose));
                for format in unit.details.iter().filter(|_| verbose) {
                    text.push_str(&super::formats::lines(format, "                 "));
                }
            }
        }
        if self.summary.total_devices == 0 {
            text.push_str("no video devices: try `videostream stream --pattern SOCKET`\n");
        }
        text
    }
}

impl Unit {
    /// Formats the first formats, the number of others, and kinds of memory.
    fn formats_text(&self, verbose: bool) -> String {
        let shown = if verbose { 0 } else { SHOWN_FORMATS };
        let mut words: Vec<_> = self.formats.iter().take(shown).cloned().collect();
        match self.formats.len() {
            all if verbose => words.push(format!("{all} formats")),
            all if all > shown => words.push(format!("+{} more", all - shown)),
            _ => {}
        }
        if !self.memory.is_empty() {
            words.push(format!("[{}]", self.memory.join(" ")));
        }
        words.join(" ")
    }
}
