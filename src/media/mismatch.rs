//! Linked pads with different formats, which keep a pipeline from starting.

use std::fmt;
use std::path::Path;

use videostream_hal::media::{MbusFormat, PadRef};
use videostream_hal::v4l2::Device;

use super::report::picture;
use super::{GraphError, MediaGraph, PadName, Pipeline};

/// Two ends of an enabled link with different formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The source pad.
    pub source: PadName,
    /// Its format: `RGB888_1X24/640x480`.
    pub gives: String,
    /// The sink pad, `"Scaler":0`, or the path of the video node.
    pub sink: String,
    /// Its format.
    pub takes: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} gives {}, but {} takes {}",
            self.source, self.gives, self.sink, self.takes
        )
    }
}

impl Pipeline<'_> {
    /// Lists linked pads with different formats; empty if the formats let the node stream.
    ///
    /// # Errors
    /// [`GraphError::Device`]: a sub-device or the node cannot be opened.
    pub fn mismatches(&self) -> Result<Vec<Mismatch>, GraphError> {
        let mut found = Vec::new();
        for ends in self.links().iter().chain(self.branches()) {
            let source = self.graph().format(ends.source)?;
            let sink = self.graph().format(ends.sink)?;
            if let (Some(gives), Some(takes)) = (source, sink)
                && !gives.fits(&takes)
            {
                found.push(Mismatch {
                    source: self.graph().name(ends.source),
                    gives: shown(&gives, &takes),
                    sink: self.graph().name(ends.sink).to_string(),
                    takes: shown(&takes, &gives),
                });
            } else if let (Some(gives), None) = (source, sink)
                && let Some(path) = self.graph().node_of(ends.sink.entity)?
            {
                found.extend(self.node_mismatch(ends.source, &gives, &path)?);
            }
        }
        Ok(found)
    }

    /// Compares a pad with the video node at the end of its link.
    fn node_mismatch(
        &self,
        source: PadRef,
        gives: &MbusFormat,
        path: &Path,
    ) -> Result<Option<Mismatch>, GraphError> {
        let device = Device::open(path).map_err(|e| GraphError::device(path, e))?;
        let Some(queue) = device.capture_type() else {
            return Ok(None);
        };
        let takes = device
            .format(queue)
            .map_err(|e| GraphError::device(path, e))?;
        let mut offered = device.formats_of(queue, gives.code).flatten();
        let fits = (takes.width, takes.height) == (gives.width, gives.height)
            && offered.any(|format| format.fourcc == takes.fourcc);
        Ok((!fits).then(|| Mismatch {
            source: self.graph().name(source),
            gives: gives.to_string(),
            sink: path.display().to_string(),
            takes: picture(&takes),
        }))
    }
}

/// Describes a format; includes the field order if only that differs.
fn shown(format: &MbusFormat, other: &MbusFormat) -> String {
    if (format.width, format.height, format.code) == (other.width, other.height, other.code) {
        format!("{format} with fields {:?}", format.field)
    } else {
        format.to_string()
    }
}

/// Lists mismatches behind a node as far as possible, to explain another error.
pub(crate) fn behind(node: &Path) -> Vec<Mismatch> {
    let look = || MediaGraph::behind(node)?.pipeline(node)?.mismatches();
    look().unwrap_or_default()
}
