//! Messages of the socket: plain data, one message per packet, checked on receipt.
//!
//! ```text
//! client                         host
//!   Hello ----------------------->        wanted frames, and how many to hold at once
//!         <--- Buffer + 1 fd -----        for each registered buffer
//!         <--- Welcome + 3 fds ---        control segment, lease page, event
//!         <--- Buffer + 1 fd -----        a new buffer, before the first frame in it
//!         <--- Fence + 1 fd ------        before the frame it belongs to
//!         <--- Unregister --------        a buffer or fence is gone
//!         <--- Parameters + 1 fd -        a codec's parameter sets; also before Welcome
//!   Moved ----------------------->        frame released, if the host waits for that
//!   StatusRequest --------------->        asks for the state of host and clients
//!         <--- Client ------------        for each client
//!         <--- Status ------------        the host's, last
//!         <--- Goodbye -----------        with the reason
//! ```
//!
//! or, instead of Welcome, `Refused`. Native byte order: both ends are on one machine.

mod codec;
mod reason;
mod status;

pub use reason::{Goodbye, Refusal, WireError};
pub use status::{ClientStatus, HostStatus};

/// First word of every message.
pub const MAGIC: u32 = u32::from_le_bytes(*b"VSL3");
/// Version of the protocol; both ends must have the same.
pub const VERSION: u16 = 1;
/// Bytes of every message.
pub const MESSAGE_SIZE: usize = 96;
/// Maximum descriptors of one message.
pub const MAX_FDS: usize = 3;
/// Maximum frames that one client may ask to hold at once.
pub const MAX_HOLD: u32 = 64;

/// A message of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Client: the first message, a request to connect.
    Hello {
        /// Which frames it wants.
        mode: Mode,
        /// Maximum frames held at once; 0 for a client that only asks for status.
        hold: u32,
    },
    /// Host: accepts the client; with control segment, lease page and event socket.
    Welcome {
        /// The host's number for this client.
        client: u32,
        /// The host's process id, for display.
        host_pid: u32,
        /// What clients may do with the buffers.
        exports: Exports,
        /// The ring's random number.
        epoch: u64,
    },
    /// Host: refuses the client and closes the socket.
    Refused(Refusal),
    /// Host: a buffer; with its descriptor.
    Buffer {
        /// Its id in frame descriptors.
        id: u32,
        /// Its bytes.
        size: u64,
    },
    /// Host: a buffer that can shrink, for a client of its own user; with its descriptor. Encoded
    /// as a buffer with a mark.
    Unsealed {
        /// Its id in frame descriptors.
        id: u32,
        /// Its bytes.
        size: u64,
    },
    /// Host: a frame's fence; with the descriptor of a sync file. Encoded as a buffer of size 0
    /// with a mark.
    Fence {
        /// Its id in frame descriptors; buffers and fences share one sequence of ids.
        id: u32,
    },
    /// Host: the buffer or fence with this id is gone.
    Unregister {
        /// The id.
        id: u32,
    },
    /// Host: the parameter sets that a decoder needs first, in a sealed memfd.
    Parameters {
        /// Their bytes.
        size: u64,
    },
    /// Client: asks for [`Message::Client`] of every client and [`Message::Status`].
    StatusRequest,
    /// Host: the state of one client.
    Client(ClientStatus),
    /// Host: its own state; ends the answer to [`Message::StatusRequest`].
    Status(HostStatus),
    /// Host: ends the connection, with the reason.
    Goodbye(Goodbye),
    /// Client: it has released or held a frame, and the host is marked as waiting for that.
    Moved,
}

/// What clients may do with a host's buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exports {
    /// Read only: clients get a descriptor that can't be mapped for writing, as far as the kind of
    /// memory allows:
    ///
    /// - A memfd sealed with `FUTURE_WRITE` or `WRITE` can only be written through earlier
    ///   mappings. This is the only kind of which a malicious client can't get a writable
    ///   descriptor.
    /// - Another memfd is reopened for reading.
    /// - A dma-buf is sent with the access it was exported with: export it for reading, as V4L2
    ///   drivers can. dma-heaps and udmabuf export only writable ones.
    #[default]
    ReadOnly,
    /// Read and write: every buffer is sent as it was registered.
    Writable,
}

/// Which frames a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The newest frame at each call (default); older ones are skipped.
    #[default]
    Newest,
    /// Every frame in order, as far as the ring still has it.
    Every,
}
