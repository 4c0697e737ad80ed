//! Outcome of setting a pipeline, pad by pad.

use std::path::PathBuf;

use videostream_hal::media::MbusFormat;
use videostream_hal::v4l2::PixFormat;

use super::{GraphError, Mismatch, PadName};
use crate::{Camera, CameraError};

/// The requested and the actual format of a pad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadReport {
    /// Name of the pad.
    pub pad: PadName,
    /// The requested format.
    pub asked: MbusFormat,
    /// The value in effect.
    pub got: MbusFormat,
}

/// The requested and the actual format of the video node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The requested format.
    pub asked: PixFormat,
    /// The value in effect.
    pub got: PixFormat,
}

/// Outcome of [`Pipeline::set`](super::Pipeline::set).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineReport {
    /// The path of the video node.
    pub path: PathBuf,
    /// The pads, from the sensor to the node.
    pub pads: Vec<PadReport>,
    /// The node; `None` if it has no capture queue.
    pub node: Option<NodeReport>,
    /// Linked pads that differ; the node can't stream until there are none.
    pub mismatches: Vec<Mismatch>,
}

impl PipelineReport {
    /// Returns the report if the pipeline can stream.
    ///
    /// # Errors
    /// [`GraphError::Mismatch`] with the linked pads that differ.
    pub fn ready(self) -> Result<Self, GraphError> {
        if self.mismatches.is_empty() {
            Ok(self)
        } else {
            Err(GraphError::Mismatch(self.mismatches))
        }
    }

    /// Opens the camera at the end, with the node's current format requested.
    ///
    /// # Errors
    /// Those of [`Camera::open`].
    pub fn camera(&self) -> Result<Camera, CameraError> {
        let camera = Camera::open(&self.path)?;
        Ok(match &self.node {
            Some(node) => camera
                .format(node.got.fourcc)
                .size(node.got.width, node.got.height),
            None => camera,
        })
    }
}

/// Describes a format: `RGB3/640x480`.
pub(super) fn picture(format: &PixFormat) -> String {
    format!("{}/{}x{}", format.fourcc, format.width, format.height)
}
