//! Why somebody is refused, sent away, or not understood, in words that help.

use super::{MAGIC, MESSAGE_SIZE, VERSION};

/// Why a host refuses a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It speaks another version: the host's.
    Version(u32),
    /// As many clients as the host takes: that number.
    Full(u32),
    /// The client asked to hold more frames than can be spared: asked, left.
    Hold(u32, u32),
    /// The client's user is not on the host's list: its uid.
    Permission(u32),
    /// The message was not understood.
    Malformed,
    /// The host has no memory or descriptors left: its errno.
    Resources(u32),
    /// The client has connected and said nothing: milliseconds that it had.
    Silent(u32),
}

/// Why a host ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// The host ends.
    Closing,
    /// The client held more frames than it asked for: held, allowed.
    OverLimit(u32, u32),
    /// The client held a frame longer than the host lends: milliseconds.
    LeaseTime(u32),
    /// The client did not read its messages.
    NotReading,
    /// The format of the stream has changed; connect again.
    FormatChange,
}

/// What is wrong with a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// Its length in bytes is not [`MESSAGE_SIZE`].
    Length(usize),
    /// It starts with another word.
    Magic(u32),
    /// It has another version.
    Version(u16),
    /// Its kind is unknown.
    Kind(u16),
    /// A field has a value that does not exist: kind, value.
    Field(u16, u32),
    /// It carries this many descriptors instead of the right number: found, expected.
    Fds(usize, usize),
}

impl core::fmt::Display for WireError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Length(n) => write!(f, "message of {n} bytes, expected {MESSAGE_SIZE}"),
            Self::Magic(m) => write!(f, "message starts with {m:#010x}, expected {MAGIC:#010x}"),
            Self::Version(v) => write!(
                f,
                "the other side speaks protocol version {v}, this one {VERSION}: \
                 use the same library release on both sides"
            ),
            Self::Kind(k) => write!(f, "message of unknown kind {k}"),
            Self::Field(k, v) => write!(f, "message of kind {k} has impossible value {v}"),
            Self::Fds(n, want) => write!(f, "message with {n} descriptors, expected {want}"),
        }
    }
}

impl core::error::Error for WireError {}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Version(v) => write!(
                f,
                "the host speaks protocol version {v}, this client {VERSION}: \
                 use the same library release on both sides"
            ),
            Self::Full(n) => write!(f, "the host already serves {n} clients, its maximum"),
            Self::Hold(asked, left) => write!(
                f,
                "asked to hold {asked} frames at once but the host has {left} left to lend: \
                 hold fewer, or give the host more buffers"
            ),
            Self::Permission(uid) => write!(
                f,
                "the host does not serve user {uid}: run as the host's user, \
                 or let the host allow others"
            ),
            Self::Malformed => write!(f, "the host did not understand the request"),
            Self::Resources(errno) => write!(
                f,
                "the host is out of memory or descriptors (errno {errno})"
            ),
            Self::Silent(ms) => write!(
                f,
                "the host heard nothing from this client for {ms} ms after it had connected, \
                 or needed its place for another: connect again"
            ),
        }
    }
}

impl core::fmt::Display for Goodbye {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Closing => write!(f, "the host has ended"),
            Self::OverLimit(held, allowed) => write!(
                f,
                "thrown out for holding {held} frames where {allowed} were agreed"
            ),
            Self::LeaseTime(ms) => write!(f, "thrown out for holding a frame for {ms} ms"),
            Self::NotReading => write!(f, "thrown out for not reading the host's messages"),
            Self::FormatChange => write!(f, "the stream's format has changed: connect again"),
        }
    }
}
