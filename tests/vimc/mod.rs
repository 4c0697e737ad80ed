//! The kernel's virtual pipeline: its graph, also as `media-ctl` prints it, and its entities by
//! name.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::MutexGuard;

use videostream::hal::media::{Function, LinkEnds, MbusCode, PadRef};
use videostream::media::{MediaGraph, PadName};
use videostream_testing::{on_the_rig, skip};

/// The turn of a test with `media-ctl` in the guest; elsewhere `None`, said on standard error.
pub(crate) fn both_sides(test: &str) -> Option<MutexGuard<'static, ()>> {
    let turn = on_the_rig(test)?;
    if Command::new("media-ctl").arg("--version").output().is_err() {
        skip(test, "no media-ctl");
        return None;
    }
    Some(turn)
}

/// What `media-ctl` says of a graph, an item a line.
pub(crate) fn theirs(graph: &MediaGraph) -> BTreeSet<String> {
    let output = Command::new("media-ctl")
        .arg("-d")
        .arg(graph.path())
        .arg("-p")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut entity, mut pad) = (String::new(), 0);
    let mut items = BTreeSet::new();
    let (_, body) = text.split_once("Device topology\n").unwrap();
    for line in body.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("- entity ") {
            let (id, rest) = rest.split_once(": ").unwrap();
            let (name, counts) = rest.rsplit_once(" (").unwrap();
            let pads = counts.split(' ').next().unwrap();
            entity = name.to_owned();
            items.insert(format!("{name} is {id} with {pads} pads"));
        } else if let Some(path) = line.strip_prefix("device node name ") {
            items.insert(format!("{entity} at {path}"));
        } else if let Some(rest) = line.strip_prefix("type ") {
            for (theirs, ours) in [
                ("subtype V4L ", "IO_V4L"),
                ("subtype Sensor", "CAM_SENSOR"),
                ("subtype Lens", "LENS"),
            ] {
                if rest.contains(theirs) {
                    items.insert(format!("{entity} is {ours}"));
                }
            }
        } else if let Some(rest) = line.strip_prefix("pad") {
            let (index, flags) = rest.split_once(": ").unwrap();
            pad = index.parse().unwrap();
            items.insert(format!("\"{entity}\":{pad} {flags}"));
        } else if let Some(rest) = line.strip_prefix("[fmt:") {
            let format = rest.split([' ', ']']).next().unwrap();
            items.insert(format!("\"{entity}\":{pad} has {format}"));
        } else if let Some(rest) = line.strip_prefix("-> ") {
            items.insert(format!("\"{entity}\":{pad} -> {rest}"));
        } else {
            // Links seen from their end, rectangles and empty lines.
            let known = ["<- ", "crop", "compose", "colorspace", "(null)"];
            let plain = line.is_empty() || known.iter().any(|start| line.starts_with(start));
            assert!(plain, "not understood: {line:?}");
        }
    }
    items
}

/// What we say of it, in the same form.
pub(crate) fn ours(graph: &MediaGraph) -> BTreeSet<String> {
    let topology = graph.topology().unwrap();
    let mut items = BTreeSet::new();
    for entity in topology.entities() {
        let name = entity.name();
        let pads: Vec<_> = topology.pads_of(entity.id()).collect();
        items.insert(format!(
            "{name} is {} with {} pads",
            entity.id(),
            pads.len()
        ));
        if let Some(path) = graph.node_of(entity.id()).unwrap() {
            items.insert(format!("{name} at {}", path.display()));
        }
        let function = entity.function();
        if [Function::IO_V4L, Function::CAM_SENSOR, Function::LENS].contains(&function) {
            items.insert(format!("{name} is {function}"));
        }
        for pad in pads {
            let name = graph.name(PadRef {
                entity: pad.entity(),
                index: pad.index(),
            });
            let flags = if pad.is_sink() { "Sink" } else { "Source" };
            items.insert(format!("{name} {flags}"));
            let at = graph.pad(&name).unwrap();
            if let Some(format) = graph.format(at).unwrap() {
                items.insert(format!("{name} has {format}"));
            }
        }
    }
    for link in topology.data_links() {
        let ends = topology.ends(link).unwrap();
        let flags = [
            (link.is_enabled(), "ENABLED"),
            (link.is_immutable(), "IMMUTABLE"),
            (link.is_dynamic(), "DYNAMIC"),
        ];
        let flags: Vec<_> = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
        items.insert(format!(
            "{} -> {} [{}]",
            graph.name(ends.source),
            graph.name(ends.sink),
            flags.join(",")
        ));
    }
    items
}

pub(crate) fn assert_same(graph: &MediaGraph) -> usize {
    let (theirs, ours) = (theirs(graph), ours(graph));
    let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
        these.difference(those).cloned().collect()
    };
    assert!(
        theirs == ours,
        "{}: only media-ctl: {:#?}\nonly ours: {:#?}",
        graph.path().display(),
        only(&theirs, &ours),
        only(&ours, &theirs)
    );
    ours.len()
}

pub(crate) fn vimc() -> MediaGraph {
    let paths = MediaGraph::paths().unwrap().into_iter();
    let mut graphs = paths.map(|path| MediaGraph::open(path).unwrap());
    graphs
        .find(|graph| graph.info().driver() == "vimc")
        .unwrap()
}

pub(crate) fn pad(entity: &str, index: u32) -> PadName {
    PadName {
        entity: entity.to_owned(),
        index,
    }
}

pub(crate) fn ends(graph: &MediaGraph, source: (&str, u32), sink: (&str, u32)) -> LinkEnds {
    LinkEnds {
        source: graph.pad(&pad(source.0, source.1)).unwrap(),
        sink: graph.pad(&pad(sink.0, sink.1)).unwrap(),
    }
}

pub(crate) fn node(graph: &MediaGraph, entity: &str) -> PathBuf {
    let id = graph.entity(entity).unwrap().id();
    graph.node_of(id).unwrap().unwrap()
}

pub(crate) fn code(name: &str) -> MbusCode {
    MbusCode::from_name(name).unwrap()
}
