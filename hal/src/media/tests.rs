//! Graphs that a driver may answer with, good and bad.

extern crate std;
use std::vec::Vec;

use videostream_sys::media as sys;

use super::super::{
    Entity, Function, Interface, Link, LinkEnds, MAX_PATH, MediaError, Pad, PadRef, Storage,
    Topology, TopologyCounts,
};

const DATA: u32 = sys::MEDIA_LNK_FL_DATA_LINK | sys::MEDIA_LNK_FL_ENABLED;
const OFF: u32 = sys::MEDIA_LNK_FL_DATA_LINK;
const ANCILLARY: u32 = sys::MEDIA_LNK_FL_ANCILLARY_LINK;
const INTERFACE: u32 = sys::MEDIA_LNK_FL_INTERFACE_LINK;

/// A graph in the making. Entity 1 has pads 100 (sink) and 101 (source), entity 2 has 200 and
/// 201, and so on.
#[derive(Default)]
struct Graph {
    entities: Vec<Entity>,
    interfaces: Vec<Interface>,
    pads: Vec<Pad>,
    links: Vec<Link>,
}

impl Graph {
    fn entity(mut self, function: Function) -> Self {
        let id = u32::try_from(self.entities.len() + 1).unwrap();
        self.entities.push(Entity(sys::media_v2_entity {
            id,
            function: function.0,
            ..Default::default()
        }));
        for (index, flags) in [sys::MEDIA_PAD_FL_SINK, sys::MEDIA_PAD_FL_SOURCE]
            .into_iter()
            .enumerate()
        {
            let index = u32::try_from(index).unwrap();
            self.pads.push(Pad(sys::media_v2_pad {
                id: id * 100 + index,
                entity_id: id,
                flags,
                index,
                ..Default::default()
            }));
        }
        self
    }

    fn link(mut self, flags: u32, source_id: u32, sink_id: u32) -> Self {
        let id = 10_000 + u32::try_from(self.links.len()).unwrap();
        self.links.push(Link(sys::media_v2_link {
            id,
            source_id,
            sink_id,
            flags,
            ..Default::default()
        }));
        self
    }

    fn interface(mut self, id: u32) -> Self {
        let mut raw = sys::media_v2_interface {
            id,
            intf_type: sys::MEDIA_INTF_T_V4L_VIDEO,
            ..Default::default()
        };
        raw.__bindgen_anon_1.devnode = sys::media_v2_intf_devnode {
            major: 81,
            minor: id,
        };
        self.interfaces.push(Interface(raw));
        self
    }

    fn check<T>(mut self, look: impl FnOnce(Result<Topology<'_>, MediaError>) -> T) -> T {
        let counts = TopologyCounts {
            version: 7,
            entities: self.entities.len(),
            interfaces: self.interfaces.len(),
            pads: self.pads.len(),
            links: self.links.len(),
        };
        let storage = Storage {
            entities: &mut self.entities,
            interfaces: &mut self.interfaces,
            pads: &mut self.pads,
            links: &mut self.links,
        };
        look(Topology::new(&storage, counts))
    }
}

/// Sensor 1 → receiver 2 → node 4, and block 3 → node 4 switched off; lens 5 and flash 6 at the
/// sensor.
fn camera() -> Graph {
    Graph::default()
        .entity(Function::CAM_SENSOR)
        .entity(Function::VID_IF_BRIDGE)
        .entity(Function::PROC_VIDEO_SCALER)
        .entity(Function::IO_V4L)
        .entity(Function::LENS)
        .entity(Function::FLASH)
        .interface(50)
        .link(INTERFACE, 50, 4)
        .link(DATA, 101, 200)
        .link(DATA, 201, 400)
        .link(OFF, 301, 400)
        .link(ANCILLARY, 1, 5)
        .link(ANCILLARY, 1, 6)
}

#[test]
fn sensor_lens_and_flash_behind_a_node_are_found() {
    camera().check(|topology| {
        let topology = topology.unwrap();
        let device = topology.interfaces()[0].device();
        let node = topology.entity_of_node(device).unwrap();
        assert_eq!(node.id(), 4);
        assert_eq!(topology.interface_of(4).unwrap().device(), device);
        let sensors: Vec<_> = topology.sensors(4).map(Entity::id).collect();
        assert_eq!(sensors, [1]);
        assert_eq!(topology.lens(1).unwrap().id(), 5);
        assert_eq!(topology.flash(1).unwrap().id(), 6);
        assert!(topology.lens(2).is_none() && topology.interface_of(1).is_none());
        let path = topology.path(4).unwrap();
        let path: Vec<_> = path
            .iter()
            .map(|link| (link.source(), link.sink()))
            .collect();
        assert_eq!(path, [(101, 200), (201, 400)]);
    });
}

#[test]
fn without_an_enabled_link_there_is_no_way() {
    camera().check(|topology| {
        let topology = topology.unwrap();
        assert_eq!(
            topology.path(3).unwrap_err(),
            MediaError::NoPath { entity: 3 }
        );
        assert_eq!(
            topology.path(99).unwrap_err(),
            MediaError::NoPath { entity: 99 }
        );
    });
}

#[test]
fn without_a_sensor_the_path_starts_farthest() {
    let graph = Graph::default()
        .entity(Function::DV_DECODER)
        .entity(Function::PROC_VIDEO_SCALER)
        .entity(Function::IO_V4L)
        .link(DATA, 201, 300)
        .link(DATA, 101, 200);
    graph.check(|topology| {
        let path = topology.unwrap().path(3).unwrap();
        assert_eq!(path.len(), 2);
        assert_eq!(path[0].source(), 101);
    });
}

#[test]
fn walks_end_where_links_run_in_a_circle() {
    let graph = Graph::default()
        .entity(Function::PROC_VIDEO_SCALER)
        .entity(Function::PROC_VIDEO_SCALER)
        .entity(Function::IO_V4L)
        .link(DATA, 101, 200)
        .link(DATA, 201, 100)
        .link(DATA, 101, 100)
        .link(DATA, 201, 300)
        .link(DATA, 301, 100);
    graph.check(|topology| {
        let topology = topology.unwrap();
        assert_eq!(topology.upstream(3).count(), 2);
        assert_eq!(topology.sensors(3).count(), 0);
        assert_eq!(topology.path(3).unwrap().len(), 2);
    });
}

#[test]
fn a_way_that_is_too_long_is_refused() {
    let mut graph = Graph::default().entity(Function::CAM_SENSOR);
    for id in 1..=u32::try_from(MAX_PATH).unwrap() + 1 {
        graph = graph
            .entity(Function::PROC_VIDEO_SCALER)
            .link(DATA, id * 100 + 1, id * 100 + 100);
    }
    let last = u32::try_from(graph.entities.len()).unwrap();
    graph.check(|topology| {
        let topology = topology.unwrap();
        let error = topology.path(last).unwrap_err();
        assert_eq!(error, MediaError::LongPath { entity: last });
        assert_eq!(topology.path(last - 1).unwrap().len(), MAX_PATH);
    });
}

#[test]
fn ids_that_lead_nowhere_are_refused_by_name() {
    let dangling = |graph: Graph| graph.check(|topology| topology.unwrap_err());
    for (graph, what, to) in [
        (camera().link(DATA, 999, 200), "source of link", 999),
        (camera().link(DATA, 101, 998), "sink of link", 998),
        // A pad's number is no entity's.
        (camera().link(ANCILLARY, 101, 5), "source of link", 101),
        (camera().link(INTERFACE, 1, 5), "source of link", 1),
    ] {
        let error = dangling(graph);
        let id = 10_006;
        assert_eq!(error, MediaError::Dangling { what, id, to });
    }
    let mut graph = camera();
    graph.pads[3].0.entity_id = 77;
    assert_eq!(
        dangling(graph),
        MediaError::Dangling {
            what: "entity of pad",
            id: 201,
            to: 77
        }
    );
}

#[test]
fn two_entities_of_one_id_are_refused() {
    let mut graph = camera();
    graph.entities[2].0.id = 1;
    let error = graph.check(|topology| topology.unwrap_err());
    assert!(matches!(error, MediaError::Device(_)), "{error}");
}

#[test]
fn links_of_unknown_kinds_are_kept_and_not_followed() {
    camera().link(0x7000_0000, 5, 999).check(|topology| {
        let topology = topology.unwrap();
        let link = topology.links().last().unwrap();
        assert_eq!(topology.ends(link), None);
        assert_eq!(topology.sensors(4).count(), 1);
    });
}

#[test]
fn links_are_found_by_their_ends() {
    camera().check(|topology| {
        let topology = topology.unwrap();
        let at = |entity, index| PadRef { entity, index };
        let ends = LinkEnds {
            source: at(3, 1),
            sink: at(4, 0),
        };
        let link = topology.link_between(ends).unwrap();
        assert!(!link.is_enabled() && !link.is_immutable());
        let nowhere = LinkEnds {
            source: at(4, 1),
            ..ends
        };
        assert!(topology.link_between(nowhere).is_none());
        assert_eq!(topology.pad_at(at(2, 1)).unwrap().id(), 201);
    });
}
