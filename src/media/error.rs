//! What goes wrong with media graphs, by name.

use std::fmt;
use std::path::{Path, PathBuf};

use videostream_hal::media::MediaError;
use videostream_hal::v4l2::{Error, ErrorKind};

use super::{Mismatch, PadName};
use crate::CameraError;

/// Why a media graph could not be read or changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum GraphError {
    /// No media device knows the node.
    NoGraph {
        /// The node.
        node: PathBuf,
        /// The first media device that could not be looked at, and why.
        unread: Option<(PathBuf, MediaError)>,
    },
    /// A media device could not be opened or read.
    Device {
        /// Its path, or that of a node of it.
        path: PathBuf,
        /// Why.
        error: MediaError,
    },
    /// No entity has the name.
    UnknownEntity {
        /// What was asked for.
        wanted: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// The entity has no such pad.
    UnknownPad {
        /// What was asked for.
        pad: PadName,
        /// How many pads it has.
        pads: usize,
    },
    /// The entity has no node, so that nothing can be set at its pads.
    NoNode {
        /// Its name.
        entity: String,
    },
    /// There is no link between the pads.
    NoLink {
        /// Where it should begin.
        source: PadName,
        /// Where it should end.
        sink: PadName,
        /// The pads to which links lead from there.
        others: Vec<PadName>,
    },
    /// The link cannot be changed.
    Immutable {
        /// Where it begins.
        source: PadName,
        /// Where it ends.
        sink: PadName,
    },
    /// The link cannot be changed while one of its ends streams.
    LinkBusy {
        /// Where it begins.
        source: PadName,
        /// Where it ends.
        sink: PadName,
    },
    /// No enabled link leads to the node.
    NoPath {
        /// The node's entity.
        entity: String,
        /// Links to it, or on the way to it, that could be enabled.
        links: Vec<(PadName, PadName)>,
    },
    /// A pad refused a format.
    Format {
        /// The pad.
        pad: PadName,
        /// Why.
        error: Error,
    },
    /// Pads that are linked have different formats.
    Mismatch(Vec<Mismatch>),
    /// The video node at the end could not be set up.
    Camera(CameraError),
}

impl GraphError {
    pub(super) fn device(path: &Path, error: impl Into<MediaError>) -> Self {
        Self::Device {
            path: path.to_owned(),
            error: error.into(),
        }
    }

    /// What can be done about it, as in the layer below.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoGraph { .. }
            | Self::UnknownEntity { .. }
            | Self::UnknownPad { .. }
            | Self::NoLink { .. } => ErrorKind::NotFound,
            Self::Device {
                error: MediaError::Device(error),
                ..
            }
            | Self::Format { error, .. } => error.kind(),
            Self::Device { .. } => ErrorKind::BadAnswer,
            Self::NoNode { .. } | Self::Immutable { .. } => ErrorKind::NotSupported,
            Self::LinkBusy { .. } => ErrorKind::Busy,
            Self::NoPath { .. } | Self::Mismatch(_) => ErrorKind::Pipeline,
            Self::Camera(error) => error.kind(),
        }
    }
}

impl From<CameraError> for GraphError {
    fn from(error: CameraError) -> Self {
        Self::Camera(error)
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGraph { node, unread: None } => write!(
                f,
                "{}: no media device has this node: nothing behind it is to be set up",
                node.display()
            ),
            Self::NoGraph {
                node,
                unread: Some((path, error)),
            } => write!(
                f,
                "{}: no media device has this node, as far as they can be read; {}: {error}",
                node.display(),
                path.display()
            ),
            Self::Device { path, error } => write!(f, "{}: {error}", path.display()),
            Self::UnknownEntity { wanted, names } => {
                write!(
                    f,
                    "no entity \"{wanted}\"; there are \"{}\"",
                    names.join("\", \"")
                )
            }
            Self::UnknownPad { pad, pads } => {
                write!(f, "{pad}: no such pad; \"{}\" has {pads}", pad.entity)
            }
            Self::NoNode { entity } => write!(
                f,
                "\"{entity}\" has no node: its driver sets it up, not programs"
            ),
            Self::NoLink {
                source,
                sink,
                others,
            } if others.is_empty() => {
                write!(
                    f,
                    "no link leads from {source} to {sink}, nor anywhere else"
                )
            }
            Self::NoLink {
                source,
                sink,
                others,
            } => {
                let others: Vec<_> = others.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "no link leads from {source} to {sink}; links from there lead to {}",
                    others.join(", ")
                )
            }
            Self::Immutable { source, sink } => write!(
                f,
                "the link from {source} to {sink} is immutable: it is always as it is now"
            ),
            Self::LinkBusy { source, sink } => write!(
                f,
                "the link from {source} to {sink} cannot be changed while it streams; stop the \
                 stream first"
            ),
            Self::NoPath { entity, links } => {
                write!(f, "no enabled link leads from a source to \"{entity}\"")?;
                for (at, (source, sink)) in links.iter().enumerate() {
                    let before = if at == 0 {
                        "; one that can be enabled: "
                    } else {
                        ", "
                    };
                    write!(f, "{before}{source} -> {sink}")?;
                }
                Ok(())
            }
            Self::Format { pad, error } => write!(f, "{pad}: {error}"),
            Self::Mismatch(list) => {
                f.write_str("the pads of the pipeline disagree: ")?;
                for (at, mismatch) in list.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "; " };
                    write!(f, "{comma}{mismatch}")?;
                }
                Ok(())
            }
            Self::Camera(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GraphError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Device { error, .. } => Some(error),
            Self::Format { error, .. } => Some(error),
            Self::Camera(error) => Some(error),
            _ => None,
        }
    }
}
