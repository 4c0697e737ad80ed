//! The media controller: what is behind a video node.
//!
//! A USB camera is one node. Behind the node of a MIPI CSI-2 camera there is a graph: a sensor, a
//! receiver, an image processor, perhaps a scaler, each an *entity* with *pads*, joined by
//! *links*. Programs choose which links are enabled and which format each pad has; streaming fails
//! with `EPIPE` while the formats of two linked pads differ.
//!
//! | | |
//! |---|---|
//! | [`MediaDevice`] | `/dev/mediaN`: information, topology, enabling and disabling links |
//! | [`Topology`] | entities, interfaces, pads and links, in the caller's memory |
//! | [`Subdevice`] | `/dev/v4l-subdevN`: formats, sizes, rectangles and controls of an entity |
//! | [`devices`], [`node_path`], [`device_number`] | from device to node and back |
//!
//! ```no_run
//! use videostream_hal::media::{
//!     Entity, Interface, Link, MediaDevice, MediaError, Pad, Storage, device_number,
//! };
//!
//! # fn main() -> Result<(), MediaError> {
//! let device = MediaDevice::open("/dev/media0")?;
//! let mut storage = Storage {
//!     entities: &mut [Entity::default(); 64],
//!     interfaces: &mut [Interface::default(); 64],
//!     pads: &mut [Pad::default(); 256],
//!     links: &mut [Link::default(); 256],
//! };
//! let topology = device.topology(&mut storage)?;
//! let node = topology.entity_of_node(device_number("/dev/video0")?);
//! if let Some(sensor) = node.and_then(|node| topology.sensors(node.id()).next()) {
//!     let lens = topology.lens(sensor.id());
//!     assert!(lens.is_none_or(|lens| lens.id() != sensor.id()));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing allocates. The driver's answer is checked when it is read: counts against the caller's
//! memory, both ends of each link, the entity of each pad. Walks end even if links form a cycle.
//!
//! Source: kernel page `userspace-api/media/mediactl/media-controller.html`.

mod device;
mod elements;
mod error;
mod function;
pub mod ioctl;
mod node;
mod subdevice;
mod topology;
mod walk;

pub use crate::format::MbusCode;
pub use device::MediaDevice;
pub use elements::{DeviceNumber, Entity, Interface, InterfaceKind, Link, LinkKind, Pad, PadFlags};
pub use error::{LinkEnds, MediaError, PadRef};
pub use function::Function;
pub use ioctl::{MediaInfo, TopologyCounts};
pub use node::{DevicePath, MAX_DEVICES, device_number, devices, node_path};
pub use subdevice::{
    MbusCodes, MbusFormat, PadIntervals, PadSizes, SizeRange, Subdevice, SubdeviceCapabilities,
    Which,
};
pub use topology::{MAX_ENTITIES, Storage, Topology};
pub use walk::{MAX_PATH, Path, Upstream};
