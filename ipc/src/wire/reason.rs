//! Why somebody is refused, sent away, or not understood, in words that help.

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
    /// As many clients are connected as the host takes.
    #[error("the host already serves {clients} clients, its maximum")]
    Full {
        /// That number.
        clients: u32,
    },
    /// The client asked to hold more frames than can be spared.
    #[error(
        "asked to hold {asked} frames at once but the host has {left} left to lend: \
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
    /// The message was not understood.
    #[error("the host did not understand the request")]
    Malformed,
    /// The host has no memory or descriptors left.
    #[error("the host is out of memory or descriptors (errno {errno})")]
    Resources {
        /// What its kernel answered.
        errno: u32,
    },
    /// The client has connected and said nothing.
    #[error(
        "the host heard nothing from this client for {ms} ms after it had connected, \
         or needed its place for another: connect again"
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
    #[error("thrown out for holding {held} frames where {allowed} were agreed")]
    OverLimit {
        /// Frames that it held.
        held: u32,
        /// Frames that it had asked for.
        allowed: u32,
    },
    /// The client held a frame longer than the host allows.
    #[error("thrown out for holding a frame for {ms} ms")]
    LeaseTime {
        /// Milliseconds that it held the frame.
        ms: u32,
    },
    /// The client did not read its messages.
    #[error("thrown out for not reading the host's messages")]
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
    /// It starts with another word than [`MAGIC`].
    #[error("message starts with {found:#010x}, expected {MAGIC:#010x}")]
    Magic {
        /// Its first word.
        found: u32,
    },
    /// It has another version than [`VERSION`].
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
    /// A field has a value that does not exist.
    #[error("message of kind {kind} has impossible value {value}")]
    Field {
        /// The message's kind.
        kind: u16,
        /// The value.
        value: u32,
    },
    /// It carries a wrong number of descriptors.
    #[error("message with {found} descriptors, expected {expected}")]
    Fds {
        /// Descriptors that came.
        found: usize,
        /// Descriptors that belong to it.
        expected: usize,
    },
}
