//! What became of a pipeline's wish, pad by pad.

use std::path::PathBuf;

use videostream_hal::media::MbusFormat;
use videostream_hal::v4l2::PixFormat;

use super::{GraphError, Mismatch, PadName};
use crate::{Camera, CameraError};

/// A pad: what was asked and what the driver made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PadReport {
    /// Which pad.
    pub pad: PadName,
    /// What was asked.
    pub asked: MbusFormat,
    /// What it has now.
    pub got: MbusFormat,
}

/// The video node: what was asked and what the driver made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// What was asked.
    pub asked: PixFormat,
    /// What it has now.
    pub got: PixFormat,
}

/// What became of a wish, from the sensor to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineReport {
    /// The path of the video node.
    pub path: PathBuf,
    /// The pads, in the order in which pictures pass them.
    pub pads: Vec<PadReport>,
    /// The node; `None` if it has no capture queue.
    pub node: Option<NodeReport>,
    /// Linked pads that differ: the node does not stream while there are any.
    pub mismatches: Vec<Mismatch>,
}

impl PipelineReport {
    /// The report of a pipeline that can stream.
    ///
    /// # Errors
    /// [`GraphError::Mismatch`]: linked pads differ; it names them.
    pub fn ready(self) -> Result<Self, GraphError> {
        if self.mismatches.is_empty() {
            Ok(self)
        } else {
            Err(GraphError::Mismatch(self.mismatches))
        }
    }

    /// The camera at the end, asked for the format that the node has now.
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

/// `RGB3/640x480`.
pub(super) fn picture(format: &PixFormat) -> String {
    format!("{}/{}x{}", format.fourcc, format.width, format.height)
}
