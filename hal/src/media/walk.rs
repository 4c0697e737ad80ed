//! Walks through the graph, against the flow of pictures.

use super::topology::MAX_ENTITIES;
use super::{Entity, Function, Link, LinkKind, MediaError, Topology};
use crate::bits::BitSet;

/// Maximum number of links of a [`Path`].
pub const MAX_PATH: usize = 32;

/// The enabled data links from the source of pictures to a video node, in the order of the flow.
pub type Path<'a> = heapless::Vec<&'a Link, MAX_PATH>;

/// The links that lead to an entity, nearest first; see [`Topology::upstream`].
#[derive(Debug)]
pub struct Upstream<'a> {
    topology: Topology<'a>,
    /// Positions in the entity list of the reached entities, in order.
    reached: heapless::Vec<u16, MAX_ENTITIES>,
    /// The same as a set, so that each is reached once: links may form a cycle.
    seen: BitSet<{ MAX_ENTITIES / 64 }>,
    /// The reached entity whose links are being followed, and its next link.
    at: usize,
    link: usize,
}

impl<'a> Upstream<'a> {
    fn new(topology: Topology<'a>, entity: u32) -> Self {
        let mut walk = Self {
            topology,
            reached: heapless::Vec::new(),
            seen: BitSet::EMPTY,
            at: 0,
            link: 0,
        };
        walk.reach(entity);
        walk
    }

    /// Marks an entity as reached; returns whether it is reached for the first time.
    fn reach(&mut self, id: u32) -> bool {
        let entities = self.topology.entities();
        let Some(place) = entities.iter().position(|entity| entity.id() == id) else {
            return false;
        };
        // There are at most `MAX_ENTITIES`, and no entity is pushed twice.
        self.seen.insert(place) && self.reached.push(place as u16).is_ok()
    }
}

impl<'a> Iterator for Upstream<'a> {
    type Item = (&'a Link, &'a Entity);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let place = *self.reached.get(self.at)?;
            let entity = self.topology.entities().get(usize::from(place))?;
            let Some(link) = self.topology.links().get(self.link) else {
                self.at += 1;
                self.link = 0;
                continue;
            };
            self.link += 1;
            if link.kind() != LinkKind::Data || !link.is_enabled() {
                continue;
            }
            let ends = self.topology.ends(link)?;
            if ends.sink.entity == entity.id() && self.reach(ends.source.entity) {
                return Some((link, self.topology.entity(ends.source.entity)?));
            }
        }
    }
}

impl<'a> Topology<'a> {
    /// Returns the enabled data links that lead to an entity and the entities where they begin,
    /// nearest first; every entity once.
    #[must_use]
    pub fn upstream(&self, entity: u32) -> Upstream<'a> {
        Upstream::new(*self, entity)
    }

    /// Returns the sensors behind an entity, nearest first, through enabled links.
    pub fn sensors(&self, entity: u32) -> impl Iterator<Item = &'a Entity> + use<'a> {
        self.upstream(entity)
            .map(|(_, entity)| entity)
            .filter(|entity| entity.function() == Function::CAM_SENSOR)
    }

    /// Returns the entities that belong to a sensor by ancillary links: lens, flash.
    pub fn ancillaries(&self, sensor: u32) -> impl Iterator<Item = &'a Entity> + use<'a> {
        let topology = *self;
        let links = topology.links().iter();
        links
            .filter(move |link| link.kind() == LinkKind::Ancillary && link.source() == sensor)
            .filter_map(move |link| topology.entity(link.sink()))
    }

    /// Returns the lens of a sensor.
    #[must_use]
    pub fn lens(&self, sensor: u32) -> Option<&'a Entity> {
        let mut found = self.ancillaries(sensor);
        found.find(|entity| entity.function() == Function::LENS)
    }

    /// Returns the flash of a sensor.
    #[must_use]
    pub fn flash(&self, sensor: u32) -> Option<&'a Entity> {
        let mut found = self.ancillaries(sensor);
        found.find(|entity| entity.function() == Function::FLASH)
    }

    /// Returns the enabled path to an entity from the nearest sensor or, without a sensor, from the
    /// farthest entity.
    ///
    /// # Errors
    /// - [`MediaError::NoPath`]: no enabled link leads to the entity.
    /// - [`MediaError::LongPath`]: more than [`MAX_PATH`] links.
    pub fn path(&self, entity: u32) -> Result<Path<'a>, MediaError> {
        let start = match self.sensors(entity).next() {
            Some(sensor) => sensor,
            None => {
                let farthest = self.upstream(entity).last();
                farthest.ok_or(MediaError::NoPath { entity })?.1
            }
        };
        let mut path = Path::new();
        let mut at = start.id();
        // Each step leads to an entity that was reached earlier, so the walk ends at the entity.
        while at != entity {
            let step = self
                .upstream(entity)
                .find(|(_, from)| from.id() == at)
                .and_then(|(link, _)| Some((link, self.ends(link)?)));
            let (link, ends) = step.ok_or(MediaError::NoPath { entity })?;
            path.push(link)
                .map_err(|_| MediaError::LongPath { entity })?;
            at = ends.sink.entity;
        }
        Ok(path)
    }
}
