//! Errors of media devices.

use core::fmt;

use crate::v4l2::Error;

/// A pad, by entity and place.
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
    /// The pad that gives.
    pub source: PadRef,
    /// The pad that takes.
    pub sink: PadRef,
}

impl fmt::Display for LinkEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the link from {} to {}", self.source, self.sink)
    }
}

/// Why an operation on a media device failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaError {
    /// A system call failed, or the driver answered nonsense.
    Device(Error),
    /// The caller's memory is too small for what the driver has.
    TooSmall {
        /// Entities, interfaces, pads or links.
        what: &'static str,
        /// Entries that it takes.
        needed: usize,
        /// Entries that there are.
        room: usize,
    },
    /// The driver named something that it did not list.
    Dangling {
        /// The element that refers to it: `source of link`.
        what: &'static str,
        /// The id of what points.
        id: u32,
        /// The id that leads nowhere.
        to: u32,
    },
    /// There is no such link.
    NoLink(LinkEnds),
    /// The link cannot be changed: it is as the hardware is wired.
    Immutable(LinkEnds),
    /// The link cannot be changed while one of its ends streams.
    LinkBusy(LinkEnds),
    /// There is no enabled way from a sensor or another source to the entity.
    NoPath {
        /// Id of the entity where the way should end.
        entity: u32,
    },
    /// The way is longer than [`MAX_PATH`](super::MAX_PATH) links.
    LongPath {
        /// Id of the entity where it ends.
        entity: u32,
    },
}

impl From<Error> for MediaError {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Device(error) => error.fmt(f),
            Self::TooSmall { what, needed, room } => {
                write!(
                    f,
                    "the device has {needed} {what}, there is room for {room}"
                )
            }
            Self::Dangling { what, id, to } => write!(
                f,
                "the driver's {what} {id} is {to}, which it does not list (a driver defect)"
            ),
            Self::NoLink(ends) => {
                write!(f, "there is no link from {} to {}", ends.source, ends.sink)
            }
            Self::Immutable(ends) => write!(f, "{ends} cannot be changed (it is immutable)"),
            Self::LinkBusy(ends) => {
                write!(f, "{ends} cannot be changed while it streams (EBUSY)")
            }
            Self::NoPath { entity } => write!(
                f,
                "no enabled way leads from a source to entity {entity}: enable a link"
            ),
            Self::LongPath { entity } => write!(f, "the way to entity {entity} is too long"),
        }
    }
}

impl core::error::Error for MediaError {}
