//! Text and JSON of a media graph.

use std::fmt::Write as _;

use serde::Serialize;
use videostream::hal::media::PadRef;
use videostream::media::{GraphError, MediaGraph, PadName};

use crate::failure::Failure;
use crate::output::Output;

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
    /// Lens and flash that belong to a sensor.
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

/// Prints graphs.
pub(super) fn show(graphs: &[MediaGraph], output: &Output) -> Result<(), Failure> {
    let described: Result<Vec<_>, GraphError> = graphs.iter().map(describe).collect();
    let described = described?;
    if output.json {
        return output.print_json(&described);
    }
    if described.is_empty() {
        output.note("no media devices: no video node of this machine has a media graph");
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
