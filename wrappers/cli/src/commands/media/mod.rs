//! `videostream media`: shows and sets up links and formats of media graphs.

mod graph;
mod settings;

use serde::Serialize;
use videostream::camera::find_device;
use videostream::hal::media::{LinkEnds, MbusFormat, PadRef};
use videostream::hal::v4l2::ErrorKind;
use videostream::media::{GraphError, MediaGraph, PadName, PipelineReport, PipelineRequest};

use self::graph::show;
use self::settings::{FormatSetting, LinkSetting, format, link};
use crate::args::size;
use crate::failure::{ARGUMENTS, CAMERA, Failure, GENERAL};
use crate::output::Output;

#[derive(clap::Args)]
#[command(after_help = "\
A sensor on MIPI CSI-2 is connected to its video node by hardware blocks. Unless a vendor's daemon
sets them up, links have to be enabled and every pad needs a format before the node streams.

With a video node, --size and --format set everything from the sensor to the node: each pad takes
the format of the one before it, except where --format says otherwise. With a media device,
--format sets single pads.

Examples:
  videostream media                                          every graph
  videostream media /dev/video0 --size 1920x1080             from the sensor to the node
  videostream media /dev/media0 --link 'csis:1->isp:0=on'
  videostream media /dev/video0 --format 'imx219 10-0010:0=SRGGB10_1X10/1920x1080'")]
pub(crate) struct Args {
    /// A media device (/dev/media0), or a video node: its path, number or name [default: all]
    device: Option<String>,
    /// Enable or disable a link; may be repeated
    #[arg(
        long = "link",
        value_name = "ENTITY:PAD->ENTITY:PAD=on|off",
        value_parser = link,
        requires = "device"
    )]
    links: Vec<LinkSetting>,
    /// Set the format of a pad; may be repeated
    #[arg(
        long = "format",
        value_name = "ENTITY:PAD=CODE/WxH",
        value_parser = format,
        requires = "device"
    )]
    formats: Vec<FormatSetting>,
    /// With a video node: size of the sensor's picture
    #[arg(short = 'r', long, value_name = "WxH", value_parser = size, requires = "device")]
    size: Option<(u32, u32)>,
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
    for requested in &args.links {
        let ends = LinkEnds {
            source: graph.pad(&requested.source)?,
            sink: graph.pad(&requested.sink)?,
        };
        graph.set_link(ends, requested.on)?;
    }
    let request: Result<Vec<(PadRef, MbusFormat)>, GraphError> = args
        .formats
        .iter()
        .map(|requested| Ok((graph.pad(&requested.pad)?, requested.format)))
        .collect();
    let request = request?;
    match node {
        Some(node) if args.size.is_some() || !request.is_empty() => {
            let report = graph.pipeline(&node)?.set(&PipelineRequest {
                size: args.size,
                pads: request,
                ..PipelineRequest::default()
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
            for (at, asked) in &request {
                let got = graph.set_format(*at, asked)?;
                if !output.json {
                    output.print(made(&graph.name(*at), asked, &got))?;
                }
            }
            if request.is_empty() && args.links.is_empty() || output.json {
                show(std::slice::from_ref(&graph), output)?;
            }
            Ok(())
        }
    }
}

/// Formats the result of setting a pad's format.
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

/// Prints the result of setting up a pipeline.
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
