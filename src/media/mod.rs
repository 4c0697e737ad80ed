//! The media controller: links and formats from the sensor of a CSI-2 camera to its node.
//!
//! A USB camera is ready when it is plugged in. A camera on MIPI CSI-2 has a graph of sensor,
//! receiver and processors behind its node. Unless a daemon of the vendor does so, a program has to
//! enable links and set the format of every pad before the node can stream:
//!
//! ```no_run
//! use videostream::media::{MediaGraph, PipelineRequest};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let graph = MediaGraph::behind("/dev/video0")?;
//! let report = graph.pipeline("/dev/video0")?.set(&PipelineRequest {
//!     size: Some((1920, 1080)),
//!     ..PipelineRequest::default()
//! })?;
//! for pad in &report.pads {
//!     println!("{}: asked {}, got {}", pad.pad, pad.asked, pad.got);
//! }
//! let stream = report.ready()?.camera()?.start()?;
//! # drop(stream);
//! # Ok(())
//! # }
//! ```

mod error;
mod graph;
mod mismatch;
mod pipeline;
mod report;

pub use error::GraphError;
pub use graph::{MediaGraph, PadName};
pub use mismatch::Mismatch;
pub use pipeline::{Pipeline, PipelineRequest};
pub use report::{NodeReport, PadReport, PipelineReport};

pub(crate) use mismatch::behind as mismatches_behind;
