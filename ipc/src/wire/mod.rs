//! The messages of the socket: plain data, one message per packet, checked on receipt.
//!
//! ```text
//! client                         host
//!   Hello ----------------------->        what I want, how many frames I hold at once
//!         <--- Buffer + 1 fd -----        once for each that there is
//!         <--- Welcome + 3 fds ---        control segment, lease page, event
//!         <--- Buffer + 1 fd -----        a new one, before the first frame in it
//!         <--- Fence + 1 fd ------        before the frame that it belongs to
//!         <--- Retire ------------        a buffer or fence is gone
//!         <--- Parameters + 1 fd -        a codec's parameter sets; also before Welcome
//!   Moved ----------------------->        I have let go of a frame, and the host waits for it
//!   Look ------------------------>        how are you all?
//!         <--- Client ------------        once for each client
//!         <--- Status ------------        the host itself, last
//!         <--- Goodbye -----------        and why
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
/// Most descriptors with one message.
pub const MAX_FDS: usize = 3;
/// Most frames that one client may ask to hold at once.
pub const MAX_HOLD: u32 = 64;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Client: the first message.
    Hello {
        /// Which frames it wants.
        mode: Mode,
        /// How many frames it holds at most at once; 0 for a client that only looks.
        hold: u32,
    },
    /// Host: come in; with control segment, lease page and a socket that tells of frames.
    Welcome {
        /// The host's number for this client.
        client: u32,
        /// The host's process, for messages.
        host_pid: u32,
        /// What clients may do with the buffers.
        exports: Exports,
        /// The ring's random number.
        epoch: u64,
    },
    /// Host: no; the socket is closed next.
    Refused(Refusal),
    /// Host: a buffer; with its descriptor.
    Buffer {
        /// Its id in frame descriptors.
        id: u32,
        /// Its bytes.
        size: u64,
    },
    /// Host: a buffer that can be cut short, for a client of its own user; with its descriptor. It
    /// is sent as a buffer that says so.
    Unsealed {
        /// Its id in frame descriptors.
        id: u32,
        /// Its bytes.
        size: u64,
    },
    /// Host: a frame's fence; with the descriptor of a sync file. It is sent as a buffer that
    /// says so and has no size.
    Fence {
        /// Its id in frame descriptors, of the same numbers as those of buffers.
        id: u32,
    },
    /// Host: the buffer or fence with this id is gone.
    Retire {
        /// The id.
        id: u32,
    },
    /// Host: parameter sets that decoding starts with, in a sealed memfd.
    Parameters {
        /// Their bytes.
        size: u64,
    },
    /// Client: asks for [`Message::Client`] of every client and [`Message::Status`].
    Look,
    /// Host: how a client does.
    Client(ClientStatus),
    /// Host: how it does itself; ends the answer to [`Message::Look`].
    Status(HostStatus),
    /// Host: the last message.
    Goodbye(Goodbye),
    /// Client: it has let go of a frame or held one, and the host has marked that it waits for that.
    Moved,
}

/// What clients may do with a host's buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exports {
    /// Read. A client gets a descriptor that can't be mapped for writing.
    ///
    /// - A memfd sealed with `FUTURE_WRITE` or `WRITE`: nobody can write it but through mappings
    ///   from before. Of memory like this alone can a client that means harm not get a writable
    ///   descriptor.
    /// - Another memfd: clients get a descriptor opened anew for reading.
    /// - A dma-buf has the descriptor that it was exported with; export it for reading, as
    ///   V4L2 drivers can. dma-heaps and udmabuf give writable ones only.
    #[default]
    ReadOnly,
    /// Read and write, as the host can: every buffer is sent as it was registered.
    Writable,
}

/// Which frames a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The newest at each call; older ones are skipped.
    #[default]
    Newest,
    /// Every frame in order, as far as the ring still has it.
    Every,
}
