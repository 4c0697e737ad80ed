//! `videostream media`: the blocks behind video nodes, their links and formats.

use std::fmt::Write as _;

use serde::Serialize;
use videostream::camera::find_device;
use videostream::hal::media::{LinkEnds, MbusCode, MbusFormat, PadRef};
use videostream::hal::v4l2::{ErrorKind, Field};
use videostream::media::{GraphError, MediaGraph, PadName, PipelineReport, PipelineWish};

use crate::args::size;
use crate::failure::{ARGUMENTS, CAMERA, Failure, GENERAL};
use crate::output::Output;

#[derive(clap::Args)]
#[command(after_help = "\
A sensor on MIPI CSI-2 is joined to its video node by blocks. Unless a daemon of the vendor sets
them up, links have to be enabled and every pad needs a format before the node streams.

With a video node, --size and --format set everything from the sensor to the node: each pad takes
what the one before it gives, except where --format says otherwise. With a media device, --format
sets single pads.

Examples:
  videostream media                                          every graph
  videostream media /dev/video0 --size 1920x1080             from the sensor to the node
  videostream media /dev/media0 --link 'csis:1->isp:0=on'
  videostream media /dev/video0 --format 'imx219 10-0010:0=SRGGB10_1X10/1920x1080'")]
pub(crate) struct Args {
    /// A media device (/dev/media0), or a video node: its path, number or name [default: all]
    device: Option<String>,
    /// Enable or disable a link; may be given several times
    #[arg(long = "link", value_name = "ENTITY:PAD->ENTITY:PAD=on|off", value_parser = link, requires = "device")]
    links: Vec<LinkWish>,
    /// Set the format of a pad; may be given several times
    #[arg(long = "format", value_name = "ENTITY:PAD=CODE/WxH", value_parser = format, requires = "device")]
    formats: Vec<FormatWish>,
    /// With a video node: size of the sensor's picture
    #[arg(short = 'r', long, value_name = "WxH", value_parser = size, requires = "device")]
    size: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct LinkWish {
    source: PadName,
    sink: PadName,
    on: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FormatWish {
    pad: PadName,
    format: MbusFormat,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    let Some(device) = &args.device else {
        let graphs: Result<Vec<_>, GraphError> =
            MediaGraph::paths()?.iter().map(MediaGraph::open).collect();
        return show(&graphs?, output);
    };
    let is_media = device.trim_start_matches("/dev/").starts_with("media");
    let (mut graph, node) = if is_media {
        let name = device.trim_start_matches("/dev/");
        (MediaGraph::open(format!("/dev/{name}"))?, None)
    } else {
        let node = find_device(device)?;
        (MediaGraph::behind(&node)?, Some(node))
    };
    for wish in &args.links {
        let ends = LinkEnds {
            source: graph.pad(&wish.source)?,
            sink: graph.pad(&wish.sink)?,
        };
        graph.set_link(ends, wish.on)?;
    }
    let wishes: Result<Vec<(PadRef, MbusFormat)>, GraphError> = args
        .formats
        .iter()
        .map(|wish| Ok((graph.pad(&wish.pad)?, wish.format)))
        .collect();
    let wishes = wishes?;
    match node {
        Some(node) if args.size.is_some() || !wishes.is_empty() => {
            let report = graph.pipeline(&node)?.set(&PipelineWish {
                size: args.size,
                pads: wishes,
                ..PipelineWish::default()
            })?;
            tell(&report, output)?;
            report.ready()?;
            Ok(())
        }
        None if args.size.is_some() => Err(Failure::new(
            ARGUMENTS,
            "--size needs a video node: a media device may have several",
        )),
        _ => {
            for (at, asked) in &wishes {
                let got = graph.set_format(*at, asked)?;
                if !output.json {
                    output.print(made(&graph.name(*at), asked, &got))?;
                }
            }
            if wishes.is_empty() && args.links.is_empty() || output.json {
                show(std::slice::from_ref(&graph), output)?;
            }
            Ok(())
        }
    }
}

/// What became of a wish for a pad.
fn made(pad: &PadName, asked: &MbusFormat, got: &MbusFormat) -> String {
    if (asked.code, asked.width, asked.height) == (got.code, got.width, got.height) {
        format!("{pad}  {got}")
    } else {
        format!("{pad}  {got}, not {asked}")
    }
}

#[derive(Serialize)]
struct PipelineOut {
    node: String,
    format: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    pads: Vec<PadOutcome>,
    mismatches: Vec<String>,
}

#[derive(Serialize)]
struct PadOutcome {
    entity: String,
    pad: u32,
    asked: String,
    got: String,
}

/// What became of a pipeline.
fn tell(report: &PipelineReport, output: &Output) -> Result<(), Failure> {
    let node = report.node.as_ref().map(|node| node.got);
    if output.json {
        let pads = report.pads.iter().map(|pad| PadOutcome {
            entity: pad.pad.entity.clone(),
            pad: pad.pad.index,
            asked: pad.asked.to_string(),
            got: pad.got.to_string(),
        });
        return output.print_json(&PipelineOut {
            node: report.path.display().to_string(),
            format: node.map(|format| format.fourcc.to_string()),
            width: node.map(|format| format.width),
            height: node.map(|format| format.height),
            pads: pads.collect(),
            mismatches: report.mismatches.iter().map(ToString::to_string).collect(),
        });
    }
    for pad in &report.pads {
        output.print(made(&pad.pad, &pad.asked, &pad.got))?;
    }
    if let Some(format) = node {
        let (width, height) = (format.width, format.height);
        let path = report.path.display();
        output.print(format_args!("{path}  {} {width}x{height}", format.fourcc))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct GraphOut {
    device: String,
    driver: String,
    model: String,
    bus: String,
    entities: Vec<EntityOut>,
    links: Vec<LinkOut>,
}

#[derive(Serialize)]
struct EntityOut {
    id: u32,
    name: String,
    function: String,
    node: Option<String>,
    pads: Vec<PadOut>,
    /// Lens and flash of a sensor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    belongs: Vec<String>,
}

#[derive(Serialize)]
struct PadOut {
    index: u32,
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut>,
}

#[derive(Serialize)]
struct FormatOut {
    code: String,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct LinkOut {
    source: End,
    sink: End,
    enabled: bool,
    immutable: bool,
    dynamic: bool,
}

#[derive(Serialize)]
struct End {
    entity: String,
    pad: u32,
}

impl End {
    fn name(&self) -> String {
        format!("\"{}\":{}", self.entity, self.pad)
    }
}

impl From<PadName> for End {
    fn from(name: PadName) -> Self {
        Self {
            entity: name.entity,
            pad: name.index,
        }
    }
}

fn describe(graph: &MediaGraph) -> Result<GraphOut, GraphError> {
    let topology = graph.topology()?;
    let mut entities = Vec::new();
    for entity in topology.entities() {
        let mut pads = Vec::new();
        for pad in topology.pads_of(entity.id()) {
            let at = PadRef {
                entity: entity.id(),
                index: pad.index(),
            };
            pads.push(PadOut {
                index: pad.index(),
                direction: if pad.is_sink() { "sink" } else { "source" },
                format: graph.format(at)?.map(|format| FormatOut {
                    code: format.code.to_string(),
                    width: format.width,
                    height: format.height,
                }),
            });
        }
        entities.push(EntityOut {
            id: entity.id(),
            name: entity.name().to_owned(),
            function: entity.function().to_string(),
            node: graph
                .node_of(entity.id())?
                .map(|path| path.display().to_string()),
            pads,
            belongs: topology
                .ancillaries(entity.id())
                .map(|part| part.name().to_owned())
                .collect(),
        });
    }
    let links = topology.data_links().filter_map(|link| {
        let ends = topology.ends(link)?;
        Some(LinkOut {
            source: graph.name(ends.source).into(),
            sink: graph.name(ends.sink).into(),
            enabled: link.is_enabled(),
            immutable: link.is_immutable(),
            dynamic: link.is_dynamic(),
        })
    });
    let info = graph.info();
    Ok(GraphOut {
        device: graph.path().display().to_string(),
        driver: info.driver().to_owned(),
        model: info.model().to_owned(),
        bus: info.bus_info().to_owned(),
        entities,
        links: links.collect(),
    })
}

fn show(graphs: &[MediaGraph], output: &Output) -> Result<(), Failure> {
    let described: Result<Vec<_>, GraphError> = graphs.iter().map(describe).collect();
    let described = described?;
    if output.json {
        return output.print_json(&described);
    }
    if described.is_empty() {
        output.note("no media device: no video node here has blocks behind it");
    }
    for graph in &described {
        output.print(text(graph).trim_end())?;
    }
    Ok(())
}

fn text(graph: &GraphOut) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line(format!(
        "{}  {} ({}, {})",
        graph.device, graph.driver, graph.model, graph.bus
    ));
    for entity in &graph.entities {
        let node = entity.node.as_deref().unwrap_or("no node");
        let mut words = format!("  {}  {}  {node}", entity.name, entity.function);
        if !entity.belongs.is_empty() {
            words.push_str("  with ");
            words.push_str(&entity.belongs.join(", "));
        }
        line(words);
        for pad in &entity.pads {
            let format = pad.format.as_ref();
            let format = format.map(|f| format!("  {}/{}x{}", f.code, f.width, f.height));
            let format = format.unwrap_or_default();
            line(format!("    {} {}{format}", pad.index, pad.direction));
            let from = graph
                .links
                .iter()
                .filter(|link| link.source.entity == entity.name && link.source.pad == pad.index);
            for link in from {
                let on = if link.enabled { "on" } else { "off" };
                let fixed = if link.immutable { ", always" } else { "" };
                line(format!("      -> {}  {on}{fixed}", link.sink.name()));
            }
        }
    }
    text
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        let code = match &error {
            GraphError::Camera(_) | GraphError::NoGraph { .. } => CAMERA,
            GraphError::UnknownEntity { .. }
            | GraphError::UnknownPad { .. }
            | GraphError::NoLink { .. }
            | GraphError::NoNode { .. } => ARGUMENTS,
            _ => match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied => CAMERA,
                _ => GENERAL,
            },
        };
        Self::new(code, error)
    }
}

/// `Sensor A:0`, also with quotes around the name.
fn pad(text: &str) -> Option<PadName> {
    let (entity, index) = text.trim().rsplit_once(':')?;
    let entity = entity.trim().trim_matches('"');
    (!entity.is_empty()).then_some(PadName {
        entity: entity.to_owned(),
        index: index.trim().parse().ok()?,
    })
}

/// `Debayer A:1->Scaler:0=on`.
fn link(text: &str) -> Result<LinkWish, String> {
    let parsed = || {
        let (ends, state) = text.rsplit_once('=')?;
        let (source, sink) = ends.split_once("->")?;
        Some(LinkWish {
            source: pad(source)?,
            sink: pad(sink)?,
            on: match state.trim() {
                "on" | "1" => true,
                "off" | "0" => false,
                _ => return None,
            },
        })
    };
    parsed().ok_or_else(|| "expected ENTITY:PAD->ENTITY:PAD=on or =off".to_owned())
}

/// `Sensor A:0=SBGGR8_1X8/640x480`.
fn format(text: &str) -> Result<FormatWish, String> {
    let expected = "expected ENTITY:PAD=CODE/WIDTHxHEIGHT, such as 'ov5640:0=UYVY8_1X16/640x480'";
    let parts = || {
        let (at, format) = text.rsplit_once('=')?;
        let (code, wide) = format.rsplit_once('/')?;
        Some((pad(at)?, code.trim(), wide.trim()))
    };
    let (pad, code, wide) = parts().ok_or_else(|| expected.to_owned())?;
    let code = MbusCode::from_name(code)
        .ok_or_else(|| format!("no format {code} on a bus; {expected}"))?;
    let (width, height) = size(wide)?;
    let mut format = MbusFormat::wish(code, width, height);
    format.field = Field::None;
    Ok(FormatWish { pad, format })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_with_and_without_quotes() {
        let wish = link("Debayer A:1->Scaler:0=on").unwrap();
        assert_eq!(wish.source.to_string(), "\"Debayer A\":1");
        assert_eq!(wish, link("\"Debayer A\":1 -> \"Scaler\":0=1").unwrap());
        assert!(!link("a:0->b:1=off").unwrap().on);
        // Names have colons and hyphens.
        let wish = link("i2c:4-0036:0->rkisp1_csi:0=on").unwrap();
        assert_eq!(wish.source.entity, "i2c:4-0036");
        for wrong in [
            "",
            "a->b=on",
            "a:0->b:0",
            "a:0->b:0=maybe",
            ":0->b:0=on",
            "a:x->b:0=on",
        ] {
            assert!(link(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn formats_are_read_by_the_kernels_names() {
        let wish = format("imx219 10-0010:0=SRGGB10_1X10/1920x1080").unwrap();
        assert_eq!(wish.format.to_string(), "SRGGB10_1X10/1920x1080");
        assert_eq!(wish.pad.entity, "imx219 10-0010");
        for wrong in [
            "",
            "a:0=1920x1080",
            "a:0=NV12/64x64",
            "a:0=SRGGB10_1X10/64",
            "a=Y8_1X8/1x1",
        ] {
            assert!(format(wrong).is_err(), "{wrong}");
        }
    }
}
