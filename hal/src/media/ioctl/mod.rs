//! The lower layer: one function per ioctl of `/dev/mediaN`, named after it.

mod device_info;
mod g_topology;
mod request;
mod setup_link;

pub use device_info::{MediaInfo, device_info};
pub use g_topology::{TopologyCounts, g_topology};
pub use setup_link::setup_link;

pub(super) use g_topology::g_topology_answer;
