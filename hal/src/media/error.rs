//! Errors of media devices.

use core::fmt;

use crate::v4l2::Error;

/// A pad, by entity and index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PadRef {
    /// Id of the entity.
    pub entity: u32,
    /// Number of the pad at its entity, from 0.
    pub index: u32,
}

impl fmt::Display for PadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pad {} of entity {}", self.index, self.entity)
    }
}

/// Where a data link begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkEnds {
    /// The source pad.
    pub source: PadRef,
    /// The sink pad.
    pub sink: PadRef,
}

impl fmt::Display for LinkEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the link from {} to {}", self.source, self.sink)
    }
}

/// Why an operation on a media device failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// A system call failed, or the driver returned invalid data.
    #[error(transparent)]
    Device(#[from] Error),
    /// The caller's memory is too small for what the driver has.
    #[error("the device has {needed} {what}, there is room for {room}")]
    TooSmall {
        /// Entities, interfaces, pads or links.
        what: &'static str,
        /// Entries that are needed.
        needed: usize,
        /// Entries that fit.
        room: usize,
    },
    /// The driver refers to an object that it does not list.
    #[error("{what} {id} is {to}, which the driver does not list (a driver bug)")]
    Dangling {
        /// The element that refers to it: `source of link`.
        what: &'static str,
        /// The id of this element.
        id: u32,
        /// The id that is not listed.
        to: u32,
    },
    /// There is no such link.
    #[error("there is no link from {} to {}", ends.source, ends.sink)]
    NoLink {
        /// Where it would begin and end.
        ends: LinkEnds,
    },
    /// The link is immutable: the hardware is wired like this.
    #[error("{ends} cannot be changed (it is immutable)")]
    Immutable {
        /// Where it begins and ends.
        ends: LinkEnds,
    },
    /// The link cannot be changed while one of its ends streams.
    #[error("{ends} cannot be changed while it streams (EBUSY)")]
    LinkBusy {
        /// Where it begins and ends.
        ends: LinkEnds,
    },
    /// There is no enabled path from a sensor or another source to the entity.
    #[error("no enabled path leads from a source to entity {entity}: enable a link")]
    NoPath {
        /// Id of the entity where the path should end.
        entity: u32,
    },
    /// The path is longer than [`MAX_PATH`](super::MAX_PATH) links.
    #[error("the path to entity {entity} is too long")]
    LongPath {
        /// Id of the entity where it ends.
        entity: u32,
    },
}
