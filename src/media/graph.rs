//! The graph of a media device and its nodes in the file system.

use std::fmt;
use std::path::{Path, PathBuf};

use videostream_hal::media::{
    Entity, Interface, InterfaceKind, Link, LinkEnds, MbusFormat, MediaDevice, MediaError,
    MediaInfo, Pad, PadRef, Storage, Subdevice, Topology, Which, device_number, devices, node_path,
};

use super::{GraphError, Pipeline};

/// Attempts to read a graph that changes while it is read.
const ATTEMPTS: usize = 8;

/// A pad, identified by the name of its entity and displayed as `"Sensor A":0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PadName {
    /// The entity's name.
    pub entity: String,
    /// The pad's number within the entity, from 0.
    pub index: u32,
}

impl fmt::Display for PadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\":{}", self.entity, self.index)
    }
}

/// An open media device and a snapshot of its graph.
#[derive(Debug)]
pub struct MediaGraph {
    path: PathBuf,
    device: MediaDevice,
    version: u64,
    entities: Vec<Entity>,
    interfaces: Vec<Interface>,
    pads: Vec<Pad>,
    links: Vec<Link>,
}

impl MediaGraph {
    /// Opens `/dev/mediaN` and reads its graph.
    ///
    /// # Errors
    /// [`GraphError::Device`]: no such device, no permission, not a media device, or invalid
    /// data from the driver.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GraphError> {
        let path = path.as_ref();
        let device = MediaDevice::open(path).map_err(|e| GraphError::device(path, e))?;
        let mut graph = Self {
            path: path.to_owned(),
            device,
            version: 0,
            entities: Vec::new(),
            interfaces: Vec::new(),
            pads: Vec::new(),
            links: Vec::new(),
        };
        graph.refresh()?;
        Ok(graph)
    }

    /// Lists the paths of all media devices.
    ///
    /// # Errors
    /// [`GraphError::Device`]: `/dev` cannot be read.
    pub fn paths() -> Result<Vec<PathBuf>, GraphError> {
        let found = devices().map_err(|e| GraphError::device(Path::new("/dev"), e))?;
        Ok(found.map(|path| PathBuf::from(path.as_str())).collect())
    }

    /// Opens the graph that contains a video node or sub-device node.
    ///
    /// # Errors
    /// [`GraphError::NoGraph`] if the driver has no media controller; [`GraphError::Device`].
    pub fn behind(node: impl AsRef<Path>) -> Result<Self, GraphError> {
        let node = node.as_ref();
        let number = device_number(node).map_err(|e| GraphError::device(node, e))?;
        let mut unread = None;
        for path in Self::paths()? {
            match Self::open(&path) {
                Ok(graph) if graph.interfaces.iter().any(|i| i.device() == number) => {
                    return Ok(graph);
                }
                Ok(_) => {}
                Err(GraphError::Device { path, error }) => {
                    unread.get_or_insert((path, error));
                }
                Err(other) => return Err(other),
            }
        }
        Err(GraphError::NoGraph {
            node: node.to_owned(),
            unread,
        })
    }

    /// Reads the graph again, since other programs may change links, and devices come and go.
    ///
    /// # Errors
    /// [`GraphError::Device`].
    pub fn refresh(&mut self) -> Result<(), GraphError> {
        let mut result = Ok(());
        for _ in 0..ATTEMPTS {
            result = self.read();
            if !matches!(result, Err(MediaError::TooSmall { .. })) {
                break;
            }
        }
        result.map_err(|e| GraphError::device(&self.path, e))
    }

    fn read(&mut self) -> Result<(), MediaError> {
        let counts = self.device.counts()?;
        let mut entities = vec![Entity::default(); counts.entities];
        let mut interfaces = vec![Interface::default(); counts.interfaces];
        let mut pads = vec![Pad::default(); counts.pads];
        let mut links = vec![Link::default(); counts.links];
        let mut storage = Storage {
            entities: &mut entities,
            interfaces: &mut interfaces,
            pads: &mut pads,
            links: &mut links,
        };
        let topology = self.device.topology(&mut storage)?;
        self.version = topology.version();
        self.entities = topology.entities().to_vec();
        self.interfaces = topology.interfaces().to_vec();
        self.pads = topology.pads().to_vec();
        self.links = topology.links().to_vec();
        Ok(())
    }

    /// Returns the path of the media device.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns driver, model, serial number and bus.
    #[must_use]
    pub const fn info(&self) -> &MediaInfo {
        self.device.info()
    }

    /// Returns entities, pads and links of the last snapshot.
    ///
    /// # Errors
    /// [`GraphError::Device`]; never for a snapshot of [`MediaGraph::refresh`].
    pub fn topology(&self) -> Result<Topology<'_>, GraphError> {
        Topology::from_lists(
            self.version,
            &self.entities,
            &self.interfaces,
            &self.pads,
            &self.links,
        )
        .map_err(|e| GraphError::device(&self.path, e))
    }

    /// Finds an entity by its name.
    ///
    /// # Errors
    /// [`GraphError::UnknownEntity`] with the names of all entities.
    pub fn entity(&self, name: &str) -> Result<&Entity, GraphError> {
        let found = self.entities.iter().find(|entity| entity.name() == name);
        found.ok_or_else(|| GraphError::UnknownEntity {
            wanted: name.to_owned(),
            names: self.entities.iter().map(|e| e.name().to_owned()).collect(),
        })
    }

    /// Finds a pad by its entity's name.
    ///
    /// # Errors
    /// [`GraphError::UnknownEntity`], [`GraphError::UnknownPad`].
    pub fn pad(&self, name: &PadName) -> Result<PadRef, GraphError> {
        let at = PadRef {
            entity: self.entity(&name.entity)?.id(),
            index: name.index,
        };
        let topology = self.topology()?;
        if topology.pad_at(at).is_none() {
            return Err(GraphError::UnknownPad {
                pad: name.clone(),
                pads: topology.pads_of(at.entity).count(),
            });
        }
        Ok(at)
    }

    /// Returns the name of a pad.
    #[must_use]
    pub fn name(&self, pad: PadRef) -> PadName {
        let entity = self.entities.iter().find(|e| e.id() == pad.entity);
        PadName {
            entity: entity.map_or_else(|| pad.entity.to_string(), |e| e.name().to_owned()),
            index: pad.index,
        }
    }

    /// Returns the node of an entity, `/dev/video0` or `/dev/v4l-subdev0`, if it has one.
    ///
    /// # Errors
    /// [`GraphError::Device`]: the kernel no longer knows the node's number.
    pub fn node_of(&self, entity: u32) -> Result<Option<PathBuf>, GraphError> {
        let topology = self.topology()?;
        let Some(interface) = topology.interface_of(entity) else {
            return Ok(None);
        };
        let path = node_path(interface.device()).map_err(|e| GraphError::device(&self.path, e))?;
        Ok(Some(PathBuf::from(path.as_str())))
    }

    /// Opens the sub-device of an entity; `None` if the entity is not one or has no node.
    ///
    /// # Errors
    /// [`GraphError::Device`]: it cannot be opened.
    pub fn subdevice(&self, entity: u32) -> Result<Option<Subdevice>, GraphError> {
        let interface = self.topology()?.interface_of(entity);
        if interface.is_none_or(|i| i.kind() != InterfaceKind::Subdevice) {
            return Ok(None);
        }
        let Some(path) = self.node_of(entity)? else {
            return Ok(None);
        };
        let opened = Subdevice::open(&path).map_err(|e| GraphError::device(&path, e))?;
        Ok(Some(opened))
    }

    /// Returns the format of a pad; `None` for pads without one (video nodes, lenses).
    ///
    /// # Errors
    /// [`GraphError::Device`]: the sub-device cannot be opened.
    pub fn format(&self, pad: PadRef) -> Result<Option<MbusFormat>, GraphError> {
        let subdevice = self.subdevice(pad.entity)?;
        Ok(subdevice.and_then(|s| s.format(pad.index, Which::Active).ok()))
    }

    /// Requests a format at a pad; returns the format that the driver chose.
    ///
    /// # Errors
    /// - [`GraphError::NoNode`]: the entity has no sub-device node.
    /// - [`GraphError::Format`]: the driver refused.
    pub fn set_format(
        &self,
        pad: PadRef,
        requested: &MbusFormat,
    ) -> Result<MbusFormat, GraphError> {
        let Some(subdevice) = self.subdevice(pad.entity)? else {
            return Err(GraphError::NoNode {
                entity: self.name(pad).entity,
            });
        };
        subdevice
            .set_format(pad.index, Which::Active, requested)
            .map_err(|error| GraphError::Format {
                pad: self.name(pad),
                error,
            })
    }

    /// Enables or disables a link, and reads the graph again.
    ///
    /// # Errors
    /// - [`GraphError::NoLink`]: no link connects the pads; lists the links from there.
    /// - [`GraphError::Immutable`], [`GraphError::LinkBusy`]: it cannot be changed at all, or not
    ///   now.
    /// - [`GraphError::Device`].
    pub fn set_link(&mut self, ends: LinkEnds, enabled: bool) -> Result<(), GraphError> {
        let (from, to) = (self.name(ends.source), self.name(ends.sink));
        let topology = self.topology()?;
        match self.device.set_link(&topology, ends, enabled) {
            Ok(()) => self.refresh(),
            Err(MediaError::NoLink { .. }) => {
                let links = topology.data_links().filter_map(|link| topology.ends(link));
                let others = links
                    .filter(|other| other.source == ends.source)
                    .map(|other| self.name(other.sink))
                    .collect();
                Err(GraphError::NoLink { from, to, others })
            }
            Err(MediaError::Immutable { .. }) => Err(GraphError::Immutable { from, to }),
            Err(MediaError::LinkBusy { .. }) => Err(GraphError::LinkBusy { from, to }),
            Err(error) => Err(GraphError::device(&self.path, error)),
        }
    }

    /// Returns the path from the sensor to a video node through enabled links.
    ///
    /// # Errors
    /// - [`GraphError::NoPath`]: no enabled link leads there; lists links that could be enabled.
    /// - [`GraphError::NoGraph`]: the node is not part of this graph.
    /// - [`GraphError::Device`].
    pub fn pipeline(&self, node: impl AsRef<Path>) -> Result<Pipeline<'_>, GraphError> {
        Pipeline::new(self, node.as_ref())
    }
}
