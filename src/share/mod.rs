//! Sharing frames between processes: [`Host`], [`Client`], [`Frame`].

mod buffer;
mod client;
mod frame;
mod host;
#[cfg(test)]
mod tests;

pub use client::{Client, ClientBuilder};
pub use frame::{Frame, Pixels};
pub use host::{Host, HostBuilder};
pub use videostream_ipc::Mode;
pub use videostream_ipc::host::{Access, ClientInfo, Stats};
