//! The graph of a media device, checked.

use super::ioctl::g_topology_answer;
use super::{
    DeviceNumber, Entity, Interface, InterfaceKind, Link, LinkEnds, LinkKind, MediaError, Pad,
    PadRef, TopologyCounts,
};

/// Maximum number of entities of a media device; the largest known devices have about a hundred.
pub const MAX_ENTITIES: usize = 512;

/// The caller's memory for a topology, as large as
/// [`MediaDevice::counts`](super::MediaDevice::counts) returns or as the device is known to need.
#[derive(Debug)]
pub struct Storage<'a> {
    /// For entities, 96 bytes each.
    pub entities: &'a mut [Entity],
    /// For interfaces, 112 bytes each.
    pub interfaces: &'a mut [Interface],
    /// For pads, 32 bytes each.
    pub pads: &'a mut [Pad],
    /// For links of all kinds, 40 bytes each.
    pub links: &'a mut [Link],
}

/// `struct media_v2_topology`: a snapshot of the graph of a media device.
///
/// # Invariants
/// There are at most [`MAX_ENTITIES`]; every pad's entity and both ends of every link of a known
/// kind are in the lists.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "media_v2_topology")]
pub struct Topology<'a> {
    version: u64,
    entities: &'a [Entity],
    interfaces: &'a [Interface],
    pads: &'a [Pad],
    links: &'a [Link],
}

impl<'a> Topology<'a> {
    /// Checks the lists that a driver has filled.
    pub(super) fn new(
        storage: &'a Storage<'_>,
        counts: TopologyCounts,
    ) -> Result<Self, MediaError> {
        Self::from_lists(
            counts.version,
            part(storage.entities, counts.entities, "entities")?,
            part(storage.interfaces, counts.interfaces, "interfaces")?,
            part(storage.pads, counts.pads, "pads")?,
            part(storage.links, counts.links, "links")?,
        )
    }

    /// Creates the graph from lists that were read earlier.
    ///
    /// # Errors
    /// - [`MediaError::TooSmall`]: more than [`MAX_ENTITIES`].
    /// - [`MediaError::Dangling`]: an id that is not in the lists.
    /// - [`MediaError::Device`]: two entities with the same id.
    pub fn from_lists(
        version: u64,
        entities: &'a [Entity],
        interfaces: &'a [Interface],
        pads: &'a [Pad],
        links: &'a [Link],
    ) -> Result<Self, MediaError> {
        if entities.len() > MAX_ENTITIES {
            return Err(MediaError::TooSmall {
                what: "entities",
                needed: entities.len(),
                room: MAX_ENTITIES,
            });
        }
        let topology = Self {
            version,
            entities,
            interfaces,
            pads,
            links,
        };
        topology.check()?;
        // INVARIANT: checked by the lines above.
        Ok(topology)
    }

    fn check(&self) -> Result<(), MediaError> {
        for (place, entity) in self.entities.iter().enumerate() {
            let before = &self.entities[..place];
            if before.iter().any(|other| other.id() == entity.id()) {
                return Err(g_topology_answer("id of a second entity", entity.id().into()).into());
            }
        }
        for pad in self.pads {
            self.leads("entity of pad", pad.id(), pad.entity(), |id| {
                self.entity(id).is_some()
            })?;
        }
        for link in self.links {
            let is_entity = |id| self.entity(id).is_some();
            let is_pad = |id| self.pad(id).is_some();
            let is_interface = |id| self.interfaces.iter().any(|i| i.id() == id);
            let (source, sink) = match link.kind() {
                LinkKind::Data => (is_pad(link.source()), is_pad(link.sink())),
                LinkKind::Interface => (is_interface(link.source()), is_entity(link.sink())),
                LinkKind::Ancillary => (is_entity(link.source()), is_entity(link.sink())),
                LinkKind::Other(_) => (true, true),
            };
            self.leads("source of link", link.id(), link.source(), |_| source)?;
            self.leads("sink of link", link.id(), link.sink(), |_| sink)?;
        }
        Ok(())
    }

    fn leads(
        &self,
        what: &'static str,
        id: u32,
        to: u32,
        found: impl Fn(u32) -> bool,
    ) -> Result<(), MediaError> {
        if found(to) {
            Ok(())
        } else {
            Err(MediaError::Dangling { what, id, to })
        }
    }

    /// Returns the version, which increases with every change of the graph.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Returns all entities, in the driver's order.
    #[must_use]
    pub const fn entities(&self) -> &'a [Entity] {
        self.entities
    }

    /// Returns all interfaces, in the driver's order.
    #[must_use]
    pub const fn interfaces(&self) -> &'a [Interface] {
        self.interfaces
    }

    /// Returns all pads, in the driver's order.
    #[must_use]
    pub const fn pads(&self) -> &'a [Pad] {
        self.pads
    }

    /// Returns all links, in the driver's order.
    #[must_use]
    pub const fn links(&self) -> &'a [Link] {
        self.links
    }

    /// Returns the entity with an id.
    #[must_use]
    pub fn entity(&self, id: u32) -> Option<&'a Entity> {
        self.entities.iter().find(|entity| entity.id() == id)
    }

    /// Returns the pad with an id.
    #[must_use]
    pub fn pad(&self, id: u32) -> Option<&'a Pad> {
        self.pads.iter().find(|pad| pad.id() == id)
    }

    /// Returns the pads of an entity, in the driver's order.
    pub fn pads_of(&self, entity: u32) -> impl Iterator<Item = &'a Pad> + use<'a> {
        self.pads.iter().filter(move |pad| pad.entity() == entity)
    }

    /// Returns a pad of an entity.
    #[must_use]
    pub fn pad_at(&self, at: PadRef) -> Option<&'a Pad> {
        self.pads_of(at.entity).find(|pad| pad.index() == at.index)
    }

    /// Returns the data links.
    pub fn data_links(&self) -> impl Iterator<Item = &'a Link> + use<'a> {
        let links = self.links.iter();
        links.filter(|link| link.kind() == LinkKind::Data)
    }

    /// Returns the pads that a data link connects; `None` for other links.
    #[must_use]
    pub fn ends(&self, link: &Link) -> Option<LinkEnds> {
        if link.kind() != LinkKind::Data {
            return None;
        }
        let at = |id| {
            self.pad(id).map(|pad| PadRef {
                entity: pad.entity(),
                index: pad.index(),
            })
        };
        Some(LinkEnds {
            source: at(link.source())?,
            sink: at(link.sink())?,
        })
    }

    /// Returns the data link between two pads.
    #[must_use]
    pub fn link_between(&self, ends: LinkEnds) -> Option<&'a Link> {
        self.data_links().find(|link| self.ends(link) == Some(ends))
    }

    /// Returns the video node or sub-device node of an entity; `None` if it has no node.
    #[must_use]
    pub fn interface_of(&self, entity: u32) -> Option<&'a Interface> {
        let links = self.links.iter();
        links
            .filter(|link| link.kind() == LinkKind::Interface && link.sink() == entity)
            .filter_map(|link| self.interfaces.iter().find(|i| i.id() == link.source()))
            .find(|interface| !matches!(interface.kind(), InterfaceKind::Other(_)))
    }

    /// Returns the entity that a node controls.
    #[must_use]
    pub fn entity_of_node(&self, node: DeviceNumber) -> Option<&'a Entity> {
        let interface = self.interfaces.iter().find(|i| i.device() == node)?;
        let link = self
            .links
            .iter()
            .find(|l| l.kind() == LinkKind::Interface && l.source() == interface.id())?;
        self.entity(link.sink())
    }
}

fn part<'a, T>(all: &'a [T], count: usize, what: &'static str) -> Result<&'a [T], MediaError> {
    all.get(..count).ok_or(MediaError::TooSmall {
        what,
        needed: count,
        room: all.len(),
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
