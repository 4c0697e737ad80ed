//! Why a host refuses a client or ends its connection, and what is wrong with a message.

use super::{MAGIC, MESSAGE_SIZE, VERSION};

/// Why a host refuses a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It speaks another version.
    #[error(
        "the host speaks protocol version {host}, this client {VERSION}: \
         use the same library release on both sides"
    )]
    Version {
        /// The host's version.
        host: u32,
    },
    /// The maximum number of clients is connected.
    #[error("the host already serves {clients} clients, its maximum")]
    Full {
        /// That number.
        clients: u32,
    },
    /// The client asked to hold more frames than can be spared.
    #[error(
        "asked to hold {asked} frames at once but the host can spare only {left}: \
         hold fewer, or give the host more buffers"
    )]
    Hold {
        /// Frames that it asked for.
        asked: u32,
        /// Frames that can be spared.
        left: u32,
    },
    /// The client's user is not on the host's list.
    #[error(
        "the host does not serve user {uid}: run as the host's user, or let the host allow others"
    )]
    Permission {
        /// The user's id.
        uid: u32,
    },
    /// The host did not understand a message.
    #[error("the host did not understand the request")]
    Malformed,
    /// The host has no memory or descriptors left.
    #[error("the host is out of memory or descriptors (errno {errno})")]
    Resources {
        /// The host's error number.
        errno: u32,
    },
    /// The client connected and sent nothing.
    #[error(
        "this client sent nothing for {ms} ms after it connected, or the host needed its place \
         for another client: connect again"
    )]
    Silent {
        /// Milliseconds that it had.
        ms: u32,
    },
}

/// Why a host ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Goodbye {
    /// The host ends.
    #[error("the host has ended")]
    Closing,
    /// The client held more frames than it asked for.
    #[error("evicted by the host for holding {held} frames where {allowed} were agreed")]
    OverLimit {
        /// Frames that it held.
        held: u32,
        /// Frames that it had asked for.
        allowed: u32,
    },
    /// The client held a frame longer than the host allows.
    #[error("evicted by the host for holding a frame for {ms} ms")]
    LeaseTime {
        /// Milliseconds that it held the frame.
        ms: u32,
    },
    /// The client did not read its messages.
    #[error("evicted by the host for not reading the host's messages")]
    NotReading,
    /// The format of the stream has changed; connect again.
    #[error("the stream's format has changed: connect again")]
    FormatChange,
}

/// What is wrong with a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Its length is not [`MESSAGE_SIZE`].
    #[error("message of {bytes} bytes, expected {MESSAGE_SIZE}")]
    Length {
        /// Its length.
        bytes: usize,
    },
    /// It does not start with [`MAGIC`].
    #[error("message starts with {found:#010x}, expected {MAGIC:#010x}")]
    Magic {
        /// Its first word.
        found: u32,
    },
    /// Its version is not [`VERSION`].
    #[error(
        "the other side speaks protocol version {found}, this one {VERSION}: \
         use the same library release on both sides"
    )]
    Version {
        /// Its version.
        found: u16,
    },
    /// Its kind is unknown.
    #[error("message of unknown kind {found}")]
    Kind {
        /// Its kind.
        found: u16,
    },
    /// A field has an invalid value.
    #[error("message of kind {kind} has invalid value {value}")]
    Field {
        /// The message's kind.
        kind: u16,
        /// The value.
        value: u32,
    },
    /// It carries a wrong number of descriptors.
    #[error("message with {found} descriptors, expected {expected}")]
    Fds {
        /// Descriptors received.
        found: usize,
        /// Descriptors expected.
        expected: usize,
    },
}
