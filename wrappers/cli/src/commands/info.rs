//! `videostream info`: capabilities of the library and this machine, or details of one device.

use std::fmt::Write as _;
use std::fs;

use serde::Serialize;
use videostream::build::VERSION;
use videostream::camera::{DeviceFormat, DeviceInfo, devices, find_device};
use videostream::hal::hantro;
use videostream::hal::v4l2::NodeKind;

use super::{devices::memory, formats};
use crate::failure::{CAMERA, Failure};
use crate::output::Output;

#[derive(clap::Args)]
#[command(after_help = "\
With -v, shows every format with its sizes and rates.

Examples:
  videostream info                    cameras, encoders and decoders of this machine
  videostream info --encoder --json
  videostream info 0 -v               everything about /dev/video0")]
pub(crate) struct Args {
    /// Only this device: a path, number, name, serial number, bus address or name in /dev/v4l/by-id
    device: Option<String>,
    /// Cameras
    #[arg(long, conflicts_with = "device")]
    camera: bool,
    /// Encoders
    #[arg(long, conflicts_with = "device")]
    encoder: bool,
    /// Decoders
    #[arg(long, conflicts_with = "device")]
    decoder: bool,
    /// V4L2 codecs, with their nodes
    #[arg(long, conflicts_with = "device")]
    v4l2: bool,
}

#[derive(Serialize)]
struct Machine {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<Camera>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoder: Option<Codec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoder: Option<Codec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v4l2_codecs: Option<Codecs>,
    /// Register nodes of i.MX8M codecs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hantro: Vec<HantroNode>,
}

/// The first camera.
#[derive(Serialize)]
struct Camera {
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    available: bool,
    formats: Vec<String>,
}

/// Codecs that can be encoded or decoded, by hardware or in software.
#[derive(Serialize)]
struct Codec {
    available: bool,
    codecs: Vec<String>,
    /// Whether software can do it.
    software: bool,
}

#[derive(Serialize)]
struct Codecs {
    devices: Vec<CodecNode>,
}

#[derive(Serialize)]
struct CodecNode {
    path: String,
    name: String,
    driver: String,
    is_encoder: bool,
    is_decoder: bool,
    /// Compressed formats.
    formats: Vec<String>,
}

/// A node of an i.MX8M codec that only maps registers.
#[derive(Serialize)]
struct HantroNode {
    path: &'static str,
    name: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cores: Option<u32>,
}

/// One device in JSON.
#[derive(Serialize)]
struct One {
    version: &'static str,
    path: String,
    name: String,
    driver: String,
    bus: String,
    kind: String,
    memory: Vec<&'static str>,
    /// Formats it delivers.
    formats: Vec<formats::Described>,
    /// Formats it accepts.
    input_formats: Vec<formats::Described>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    let found = devices();
    for (_, error) in &found.unreadable {
        output.note(format_args!("note: {error}"));
    }
    if let Some(device) = &args.device {
        let path = find_device(device)?;
        // Names in /dev/v4l are symbolic links to nodes.
        let node = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if let Some(info) = found.devices.iter().find(|info| info.path == node) {
            for gap in &info.gaps {
                output.note(format_args!("note: {}: {gap}", node.display()));
            }
            return one(info, output);
        }
        let unreadable = found.unreadable.into_iter();
        let why = unreadable
            .filter(|(path, _)| *path == node)
            .map(|(_, e)| e)
            .next();
        let words = format!("{}: not a video device", path.display());
        return Err(why.map_or_else(|| Failure::new(CAMERA, words), Failure::from));
    }
    let any = args.camera || args.encoder || args.decoder || args.v4l2;
    let wanted = |wanted: bool| wanted || !any;
    let of = |kind| move |info: &&DeviceInfo| info.kind == kind;
    let all = &found.devices;
    let codec = |kind| {
        let software = cfg!(feature = "software");
        let hardware = all.iter().filter(of(kind)).flat_map(compressed);
        let mut codecs: Vec<_> = hardware.collect();
        if software {
            codecs.push("H264".to_owned());
        }
        codecs.sort();
        codecs.dedup();
        Codec {
            available: !codecs.is_empty(),
            codecs,
            software,
        }
    };
    let nodes = all
        .iter()
        .filter(|info| matches!(info.kind, NodeKind::Encoder | NodeKind::Decoder));
    let first = all.iter().find(of(NodeKind::Camera));
    let machine = Machine {
        version: VERSION,
        camera: wanted(args.camera).then(|| Camera {
            device: first.map(|info| info.path.display().to_string()),
            available: first.is_some(),
            formats: first.map_or_else(Vec::new, |info| names(&info.formats)),
        }),
        encoder: wanted(args.encoder).then(|| codec(NodeKind::Encoder)),
        decoder: wanted(args.decoder).then(|| codec(NodeKind::Decoder)),
        v4l2_codecs: wanted(args.v4l2).then(|| Codecs {
            devices: nodes.map(codec_node).collect(),
        }),
        hantro: if any {
            Vec::new()
        } else {
            hantro_nodes(output)
        },
    };
    if output.json {
        return output.print_json(&machine);
    }
    let details = first.filter(|_| output.is_verbose());
    output.print(text(&machine, details).trim_end())
}

fn names(formats: &[DeviceFormat]) -> Vec<String> {
    formats
        .iter()
        .map(|format| format.fourcc.to_string())
        .collect()
}

/// Returns a codec's compressed formats: output of encoders, input of decoders.
fn compressed(info: &DeviceInfo) -> Vec<String> {
    let formats = info.formats.iter().chain(&info.input_formats);
    let formats = formats.filter(|format| format.compressed);
    formats.map(|format| format.fourcc.to_string()).collect()
}

fn codec_node(info: &DeviceInfo) -> CodecNode {
    CodecNode {
        path: info.path.display().to_string(),
        name: info.card.clone(),
        driver: info.driver.clone(),
        is_encoder: info.kind == NodeKind::Encoder,
        is_decoder: info.kind == NodeKind::Decoder,
        formats: compressed(info),
    }
}

fn hantro_nodes(output: &Output) -> Vec<HantroNode> {
    let mut nodes = Vec::new();
    match hantro::nodes() {
        Ok(kinds) => nodes.extend(kinds.map(|kind| hantro_node(kind, output))),
        Err(error) => output.note(format_args!("note: /dev: {error}")),
    }
    nodes
}

fn hantro_node(kind: hantro::NodeKind, output: &Output) -> HantroNode {
    let path = kind.path();
    let cores = match kind {
        hantro::NodeKind::Decoder => {
            hantro::decoder::HantroDecoder::open(path).map(|node| node.cores())
        }
        hantro::NodeKind::Vc8000e => hantro::vc8000e::Vc8000e::open(path).map(|node| node.cores()),
        hantro::NodeKind::H1 => hantro::h1::H1::open(path).map(|_| hantro::h1::CORES),
    };
    HantroNode {
        path,
        name: kind.to_string(),
        role: kind.role(),
        cores: cores
            .inspect_err(|error| output.note(format_args!("note: {path}: {error}")))
            .ok(),
    }
}

fn text(machine: &Machine, details: Option<&DeviceInfo>) -> String {
    let mut text = format!("videostream {}\n", machine.version);
    // Writing to a string does not fail.
    if let Some(camera) = &machine.camera {
        let _ = match &camera.device {
            Some(path) => writeln!(text, "camera    {path}: {}", camera.formats.join(" ")),
            None => writeln!(text, "camera    none"),
        };
        let formats = details.map_or(&[][..], |info| &info.formats);
        for format in formats {
            text.push_str(&formats::lines(format, "            "));
        }
    }
    for (name, codec) in [("encoder", &machine.encoder), ("decoder", &machine.decoder)] {
        let Some(codec) = codec else {
            continue;
        };
        let codecs = match &codec.codecs[..] {
            [] => "none".to_owned(),
            codecs => codecs.join(" "),
        };
        let software = if codec.software {
            " (H264 in software)"
        } else {
            ""
        };
        let _ = writeln!(text, "{name:<9} {codecs}{software}");
    }
    for node in machine
        .v4l2_codecs
        .iter()
        .flat_map(|codecs| &codecs.devices)
    {
        let kind = if node.is_encoder {
            "encodes"
        } else {
            "decodes"
        };
        let formats = node.formats.join(" ");
        let (path, name, driver) = (&node.path, &node.name, &node.driver);
        let _ = writeln!(text, "codec     {path}: {name} ({driver}) {kind} {formats}");
    }
    for node in &machine.hantro {
        let cores = match node.cores {
            Some(1) => ", 1 core".to_owned(),
            Some(cores) => format!(", {cores} cores"),
            None => String::new(),
        };
        let (path, name) = (node.path, &node.name);
        let _ = writeln!(text, "registers {path}: {name}{cores}");
    }
    text
}

fn one(info: &DeviceInfo, output: &Output) -> Result<(), Failure> {
    if output.json {
        return output.print_json(&One {
            version: VERSION,
            path: info.path.display().to_string(),
            name: info.card.clone(),
            driver: info.driver.clone(),
            bus: info.bus_info.clone(),
            kind: info.kind.to_string(),
            memory: memory(info.buffers),
            formats: info.formats.iter().map(Into::into).collect(),
            input_formats: info.input_formats.iter().map(Into::into).collect(),
        });
    }
    let mut text = String::new();
    let _ = writeln!(text, "device    {}", info.path.display());
    let _ = writeln!(text, "name      {}", info.card);
    let _ = writeln!(text, "kind      {}", info.kind);
    let _ = writeln!(text, "driver    {} at {}", info.driver, info.bus_info);
    let _ = writeln!(text, "memory    {}", memory(info.buffers).join(" "));
    for (name, list) in [("delivers", &info.formats), ("takes", &info.input_formats)] {
        if list.is_empty() {
            continue;
        }
        if output.is_verbose() {
            let _ = writeln!(text, "{name}");
            for format in list {
                text.push_str(&formats::lines(format, "  "));
            }
        } else {
            let _ = writeln!(text, "{name:<9} {}", names(list).join(" "));
        }
    }
    output.print(text.trim_end())
}
