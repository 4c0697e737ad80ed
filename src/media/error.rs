//! Errors of media graphs.

use std::path::{Path, PathBuf};

use videostream_hal::media::MediaError;
use videostream_hal::v4l2::{Error, ErrorKind};

use super::{Mismatch, PadName};
use crate::CameraError;
use crate::joined::{commas, joined};

/// An error of reading or changing a media graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The node is not part of a media device.
    #[error("{node}: no media device has this node{}", without_graph(unread.as_ref()))]
    NoGraph {
        /// The node.
        node: PathBuf,
        /// The first media device that could not be read, and the error.
        unread: Option<(PathBuf, MediaError)>,
    },
    /// A media device could not be opened or read.
    #[error("{path}: {error}")]
    Device {
        /// Its path, or that of one of its nodes.
        path: PathBuf,
        /// The hal's error.
        #[source]
        error: MediaError,
    },
    /// There is no entity of this name.
    #[error("no entity \"{wanted}\"; available: \"{}\"", joined(names, "\", \""))]
    UnknownEntity {
        /// The requested name.
        wanted: String,
        /// Names of all entities.
        names: Vec<String>,
    },
    /// The entity has no such pad.
    #[error("{pad}: no such pad; \"{}\" has {pads}", pad.entity)]
    UnknownPad {
        /// The requested pad.
        pad: PadName,
        /// Number of pads of the entity.
        pads: usize,
    },
    /// The entity has no node, so its pads cannot be configured.
    #[error("\"{entity}\" has no node: its driver sets it up, not programs")]
    NoNode {
        /// Its name.
        entity: String,
    },
    /// There is no link between the pads.
    #[error("no link leads from {from} to {to}{}", elsewhere(others))]
    NoLink {
        /// Start of the requested link.
        from: PadName,
        /// End of the requested link.
        to: PadName,
        /// The pads to which links from there lead.
        others: Vec<PadName>,
    },
    /// The link cannot be changed.
    #[error("the link from {from} to {to} is immutable: it cannot be changed")]
    Immutable {
        /// Start of the link.
        from: PadName,
        /// End of the link.
        to: PadName,
    },
    /// The link cannot be changed while one of its ends streams.
    #[error(
        "the link from {from} to {to} cannot be changed while it streams; stop the stream first"
    )]
    LinkBusy {
        /// Start of the link.
        from: PadName,
        /// End of the link.
        to: PadName,
    },
    /// No enabled link leads to the node.
    #[error(
        "no enabled link leads from a source to \"{entity}\"{}",
        enablable(links)
    )]
    NoPath {
        /// The node's entity.
        entity: String,
        /// Links to it, or on the way to it, that could be enabled.
        links: Vec<(PadName, PadName)>,
    },
    /// A pad refused a format.
    #[error("{pad}: {error}")]
    Format {
        /// The pad.
        pad: PadName,
        /// The hal's error.
        #[source]
        error: Error,
    },
    /// Linked pads have different formats.
    #[error("the pads of the pipeline disagree: {}", joined(_0, "; "))]
    Mismatch(Vec<Mismatch>),
    /// The video node at the end could not be set up.
    #[error(transparent)]
    Camera(#[from] CameraError),
}

impl GraphError {
    pub(super) fn device(path: &Path, error: impl Into<MediaError>) -> Self {
        Self::Device {
            path: path.to_owned(),
            error: error.into(),
        }
    }

    /// Returns the kind of the error, as in the hal.
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

fn without_graph(unread: Option<&(PathBuf, MediaError)>) -> String {
    match unread {
        Some((path, error)) => {
            let path = path.display();
            format!(", as far as they can be read; {path}: {error}")
        }
        None => ": there is nothing behind it to set up".to_owned(),
    }
}

fn elsewhere(others: &[PadName]) -> String {
    if others.is_empty() {
        return ", nor anywhere else".to_owned();
    }
    format!("; links from there lead to {}", commas(others))
}

fn enablable(links: &[(PadName, PadName)]) -> String {
    if links.is_empty() {
        return String::new();
    }
    let links = links.iter().map(|(from, to)| format!("{from} -> {to}"));
    format!("; one that can be enabled: {}", commas(links))
}
