//! Setting formats along the path from the sensor to the node.

use std::path::{Path, PathBuf};

use videostream_hal::format::FourCc;
use videostream_hal::media::{
    LinkEnds, MbusCode, MbusFormat, MediaError, PadRef, Subdevice, Topology, Which, device_number,
};
use videostream_hal::v4l2::{Device, Field, PixFormat};

use super::report::{NodeReport, PadReport, PipelineReport};
use super::{GraphError, MediaGraph};

/// The requested settings of a pipeline; the rest is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PipelineRequest {
    /// Format of the sensor's pixels; by default the current one if the next block accepts it, or
    /// else the first one that both support.
    pub code: Option<MbusCode>,
    /// Width and height of the sensor's picture; by default the current ones.
    pub size: Option<(u32, u32)>,
    /// Formats of pads on the path, such as the output of a scaler or an image processor.
    pub pads: Vec<(PadRef, MbusFormat)>,
    /// Pixel format of the node; by default the current one if it can hold the last block's
    /// pictures, or else the first one that can.
    pub fourcc: Option<FourCc>,
}

/// The path from a sensor to a video node, see [`MediaGraph::pipeline`].
#[derive(Debug)]
pub struct Pipeline<'g> {
    graph: &'g MediaGraph,
    node: PathBuf,
    links: Vec<LinkEnds>,
    branches: Vec<LinkEnds>,
}

impl<'g> Pipeline<'g> {
    pub(super) fn new(graph: &'g MediaGraph, node: &Path) -> Result<Self, GraphError> {
        let number = device_number(node).map_err(|e| GraphError::device(node, e))?;
        let topology = graph.topology()?;
        let entity = topology
            .entity_of_node(number)
            .ok_or_else(|| GraphError::NoGraph {
                node: node.to_owned(),
                unread: None,
            })?;
        let path = topology.path(entity.id()).map_err(|error| match error {
            MediaError::NoPath { .. } => GraphError::NoPath {
                entity: entity.name().to_owned(),
                links: closed(graph, entity.id()),
            },
            error => GraphError::device(graph.path(), error),
        })?;
        let links: Vec<LinkEnds> = path.iter().filter_map(|l| topology.ends(l)).collect();
        Ok(Self {
            graph,
            node: node.to_owned(),
            branches: branches(&topology, &links),
            links,
        })
    }

    /// Returns the graph of the pipeline.
    #[must_use]
    pub const fn graph(&self) -> &'g MediaGraph {
        self.graph
    }

    /// Returns the links, from the sensor to the node.
    #[must_use]
    pub fn links(&self) -> &[LinkEnds] {
        &self.links
    }

    /// Returns enabled links that leave the path, to other nodes or to statistics. The kernel
    /// requires their pads to agree, too, before any node of the pipeline streams.
    #[must_use]
    pub fn branches(&self) -> &[LinkEnds] {
        &self.branches
    }

    /// Sets the formats of all pads from the sensor to the node, of the node, and then of branches
    /// as far as possible.
    ///
    /// Every pad gets the format of the pad before it. The report has the formats that drivers
    /// chose, and linked pads that differ: see [`PipelineReport::ready`].
    ///
    /// # Errors
    /// - [`GraphError::Format`]: a driver refused to set a pad, for example while it streams.
    /// - [`GraphError::Device`], [`GraphError::Camera`]: a node cannot be opened or set.
    pub fn set(&self, request: &PipelineRequest) -> Result<PipelineReport, GraphError> {
        let mut pads = Vec::new();
        let mut flowing: Option<MbusFormat> = None;
        for (index, ends) in self.links.iter().enumerate() {
            if let Some(subdevice) = self.graph.subdevice(ends.source.entity)? {
                let asked = self.source_format(index, &subdevice, flowing, request)?;
                let got = self.graph.set_format(ends.source, &asked)?;
                pads.push(PadReport {
                    pad: self.graph.name(ends.source),
                    asked,
                    got,
                });
                flowing = Some(got);
            }
            let Some(given) = flowing else { continue };
            if self.graph.subdevice(ends.sink.entity)?.is_some() {
                let asked = explicit(request, ends.sink).unwrap_or(given);
                let got = self.graph.set_format(ends.sink, &asked)?;
                pads.push(PadReport {
                    pad: self.graph.name(ends.sink),
                    asked,
                    got,
                });
                flowing = Some(got);
            }
        }
        let node = match flowing {
            Some(given) => set_node(&self.node, &given, request.fourcc)?,
            None => None,
        };
        for ends in &self.branches {
            self.set_branch(*ends, request, &mut pads)?;
        }
        Ok(PipelineReport {
            path: self.node.clone(),
            pads,
            node,
            mismatches: self.mismatches()?,
        })
    }

    /// Finds a code of a pad that all sinks of its enabled links accept: the current one if
    /// possible, or else the first; without a common one, the current one.
    fn common(
        &self,
        subdevice: &Subdevice,
        source: PadRef,
        now: MbusCode,
    ) -> Result<MbusCode, GraphError> {
        let codes = |subdevice: &Subdevice, pad| -> Vec<MbusCode> {
            let list = subdevice.mbus_codes(pad, Which::Active);
            list.map_while(Result::ok).collect()
        };
        let mut takers = Vec::new();
        for ends in self.links.iter().chain(&self.branches) {
            if ends.source == source
                && let Some(sink) = self.graph.subdevice(ends.sink.entity)?
            {
                takers.push(codes(&sink, ends.sink.index));
            }
        }
        // A sink that does not list its codes may accept any.
        takers.retain(|list| !list.is_empty());
        let good = |code: &MbusCode| takers.iter().all(|list| list.contains(code));
        if good(&now) {
            return Ok(now);
        }
        let shared = codes(subdevice, source.index).into_iter().find(good);
        Ok(shared.unwrap_or(now))
    }

    /// Sets the end of a branch to the format of its start. A pad that cannot be set because it
    /// streams keeps its format; a mismatch is then reported.
    fn set_branch(
        &self,
        ends: LinkEnds,
        request: &PipelineRequest,
        pads: &mut Vec<PadReport>,
    ) -> Result<(), GraphError> {
        let Some(given) = self.graph.format(ends.source)? else {
            return Ok(());
        };
        if self.graph.subdevice(ends.sink.entity)?.is_some() {
            let asked = explicit(request, ends.sink).unwrap_or(given);
            if let Ok(got) = self.graph.set_format(ends.sink, &asked) {
                pads.push(PadReport {
                    pad: self.graph.name(ends.sink),
                    asked,
                    got,
                });
            }
        } else if let Some(path) = self.graph.node_of(ends.sink.entity)? {
            let _ = set_node(&path, &given, None);
        }
        Ok(())
    }

    /// Returns the format to request of the pad at the start of a link.
    fn source_format(
        &self,
        index: usize,
        subdevice: &Subdevice,
        flowing: Option<MbusFormat>,
        request: &PipelineRequest,
    ) -> Result<MbusFormat, GraphError> {
        let ends = self.links[index];
        if let Some(format) = explicit(request, ends.source) {
            return Ok(format);
        }
        let now = subdevice
            .format(ends.source.index, Which::Active)
            .map_err(|error| GraphError::Format {
                pad: self.graph.name(ends.source),
                error,
            })?;
        let mut asked = now;
        let size = match flowing {
            // The size passes through a block unless a format is requested explicitly.
            Some(format) => Some((format.width, format.height)),
            None => request.size,
        };
        (asked.width, asked.height) = size.unwrap_or((now.width, now.height));
        asked.code = match (flowing, request.code) {
            (None, Some(code)) => code,
            _ => self.common(subdevice, ends.source, now.code)?,
        };
        Ok(asked)
    }
}

/// Sets the format of a video node to that of the incoming pictures.
fn set_node(
    path: &Path,
    given: &MbusFormat,
    fourcc: Option<FourCc>,
) -> Result<Option<NodeReport>, GraphError> {
    let failed = |error| GraphError::device(path, error);
    let device = Device::open(path).map_err(failed)?;
    let Some(queue) = device.capture_type() else {
        return Ok(None);
    };
    let now = device.format(queue).map_err(failed)?;
    let offered: Vec<FourCc> = device
        .formats_of(queue, given.code)
        .flatten()
        .map(|format| format.fourcc)
        .collect();
    let fourcc = fourcc.unwrap_or_else(|| match offered.first() {
        Some(&first) if !offered.contains(&now.fourcc) => first,
        _ => now.fourcc,
    });
    let mut asked = PixFormat::new(fourcc, given.width, given.height);
    asked.field = given.field;
    asked.colorimetry = given.colorimetry;
    let got = device.set_format(queue, &asked).map_err(failed)?;
    Ok(Some(NodeReport { asked, got }))
}

/// Returns the enabled links that leave a path, nearest first, with those that follow them.
fn branches(topology: &Topology<'_>, way: &[LinkEnds]) -> Vec<LinkEnds> {
    let mut reached: Vec<u32> = way.iter().map(|ends| ends.source.entity).collect();
    let mut found: Vec<LinkEnds> = Vec::new();
    let mut at = 0;
    while let Some(&entity) = reached.get(at) {
        at += 1;
        let enabled = topology.data_links().filter(|link| link.is_enabled());
        for ends in enabled.filter_map(|link| topology.ends(link)) {
            if ends.source.entity == entity && !way.contains(&ends) && !found.contains(&ends) {
                found.push(ends);
                if !reached.contains(&ends.sink.entity) {
                    reached.push(ends.sink.entity);
                }
            }
        }
    }
    found
}

/// Returns the format that was requested for a pad explicitly.
fn explicit(request: &PipelineRequest, pad: PadRef) -> Option<MbusFormat> {
    let found = request.pads.iter().find(|(at, _)| *at == pad);
    found.map(|&(_, mut format)| {
        if format.field == Field::Any {
            format.field = Field::None;
        }
        format
    })
}

/// Returns disabled links to the entity, or to those that enabled links connect before it.
fn closed(graph: &MediaGraph, entity: u32) -> Vec<(super::PadName, super::PadName)> {
    let Ok(topology) = graph.topology() else {
        return Vec::new();
    };
    let before = topology.upstream(entity).map(|(_, entity)| entity.id());
    let near: Vec<u32> = before.chain([entity]).collect();
    topology
        .data_links()
        .filter(|link| !link.is_enabled() && !link.is_immutable())
        .filter_map(|link| topology.ends(link))
        .filter(|ends| near.contains(&ends.sink.entity))
        .map(|ends| (graph.name(ends.source), graph.name(ends.sink)))
        .collect()
}
