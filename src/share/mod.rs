//! Sharing frames between processes: [`Host`], [`Client`], [`Frame`].

mod buffer;
mod client;
mod connection;
mod connector;
mod frame;
mod host;
mod inbox;
mod key_frames;
mod publisher;
mod reader;
#[cfg(test)]
mod tests;

pub use crate::back_off::BackOff;
pub use client::{Client, ClientBuilder};
pub use connector::Connector;
pub use frame::{Frame, Pixels};
pub use host::{Host, HostBuilder};
pub use inbox::{Inbox, ReceivedBuffer, Report};
pub use key_frames::KeyFrameGate;
pub use publisher::{FramePublisher, Refused};
pub use reader::Reader;
pub use videostream_ipc::Mode;
pub use videostream_ipc::host::{Access, DropCause, Exports, Policy, Stats, TellOf};
pub use videostream_ipc::wire::{ClientStatus, HostStatus};
