//! The messages of the socket: plain data, one message per packet, checked on receipt.
//!
//! ```text
//! client                         host
//!   Hello ----------------------->        what I want, how many frames I hold at once
//!         <--- Buffer + 1 fd -----        once for each that there is
//!         <--- Welcome + 3 fds ---        control segment, lease page, eventfd
//!         <--- Buffer + 1 fd -----        a new one, before the first frame in it
//!         <--- Retire ------------        a buffer is gone
//!         <--- Goodbye -----------        and why
//! ```
//!
//! or, instead of Welcome, `Refused`. Native byte order: both ends are on one machine.

use core::mem::size_of;

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First word of every message.
pub const MAGIC: u32 = u32::from_le_bytes(*b"VSL3");
/// Version of the protocol; both ends must have the same.
pub const VERSION: u16 = 1;
/// Bytes of every message.
pub const MESSAGE_SIZE: usize = 48;
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
    /// Host: come in; with control segment, lease page and eventfd.
    Welcome {
        /// The host's number for this client.
        client: u32,
        /// The host's process, for messages.
        host_pid: u32,
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
    /// Host: the buffer with this id is gone.
    Retire {
        /// The id.
        id: u32,
    },
    /// Host: the last message.
    Goodbye(Goodbye),
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

/// A message's bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Packet {
    magic: u32,
    version: u16,
    kind: u16,
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    wide: u64,
    reserved: [u64; 2],
}

const_assert_eq!(size_of::<Packet>(), MESSAGE_SIZE);

const HELLO: u16 = 1;
const WELCOME: u16 = 2;
const REFUSED: u16 = 3;
const BUFFER: u16 = 4;
const RETIRE: u16 = 5;
const GOODBYE: u16 = 6;

impl Message {
    /// How many descriptors travel with this message.
    pub const fn fds(&self) -> usize {
        match self {
            Self::Welcome { .. } => 3,
            Self::Buffer { .. } => 1,
            _ => 0,
        }
    }

    /// The bytes to send.
    pub fn encode(&self) -> [u8; MESSAGE_SIZE] {
        let (kind, [a, b, c], wide) = match *self {
            Self::Hello { mode, hold } => (HELLO, [mode as u32, hold, 0], 0),
            Self::Welcome {
                client,
                host_pid,
                epoch,
            } => (WELCOME, [client, host_pid, 0], epoch),
            Self::Refused(r) => {
                let fields = match r {
                    Refusal::Version(v) => [1, v, 0],
                    Refusal::Full(n) => [2, n, 0],
                    Refusal::Hold(asked, left) => [3, asked, left],
                    Refusal::Permission(uid) => [4, uid, 0],
                    Refusal::Malformed => [5, 0, 0],
                    Refusal::Resources(errno) => [6, errno, 0],
                };
                (REFUSED, fields, 0)
            }
            Self::Buffer { id, size } => (BUFFER, [id, 0, 0], size),
            Self::Retire { id } => (RETIRE, [id, 0, 0], 0),
            Self::Goodbye(g) => {
                let fields = match g {
                    Goodbye::Closing => [1, 0, 0],
                    Goodbye::OverLimit(held, allowed) => [2, held, allowed],
                    Goodbye::LeaseTime(ms) => [3, ms, 0],
                    Goodbye::NotReading => [4, 0, 0],
                    Goodbye::FormatChange => [5, 0, 0],
                };
                (GOODBYE, fields, 0)
            }
        };
        let packet = Packet {
            magic: MAGIC,
            version: VERSION,
            kind,
            a,
            b,
            c,
            d: 0,
            wide,
            reserved: [0; 2],
        };
        zerocopy::transmute!(packet)
    }

    /// Checks and reads a received packet that came with `fds` descriptors.
    pub fn decode(bytes: &[u8], fds: usize) -> Result<Self, WireError> {
        let packet = Packet::read_from_bytes(bytes).map_err(|_| WireError::Length(bytes.len()))?;
        if packet.magic != MAGIC {
            return Err(WireError::Magic(packet.magic));
        }
        if packet.version != VERSION {
            return Err(WireError::Version(packet.version));
        }
        let Packet {
            kind,
            a,
            b,
            c,
            wide,
            ..
        } = packet;
        let field = WireError::Field(kind, a);
        let message = match kind {
            HELLO => Self::Hello {
                mode: match a {
                    0 => Mode::Newest,
                    1 => Mode::Every,
                    _ => return Err(field),
                },
                hold: if b <= MAX_HOLD {
                    b
                } else {
                    return Err(WireError::Field(kind, b));
                },
            },
            WELCOME => Self::Welcome {
                client: a,
                host_pid: b,
                epoch: wide,
            },
            REFUSED => Self::Refused(match a {
                1 => Refusal::Version(b),
                2 => Refusal::Full(b),
                3 => Refusal::Hold(b, c),
                4 => Refusal::Permission(b),
                5 => Refusal::Malformed,
                6 => Refusal::Resources(b),
                _ => return Err(field),
            }),
            BUFFER => Self::Buffer { id: a, size: wide },
            RETIRE => Self::Retire { id: a },
            GOODBYE => Self::Goodbye(match a {
                1 => Goodbye::Closing,
                2 => Goodbye::OverLimit(b, c),
                3 => Goodbye::LeaseTime(b),
                4 => Goodbye::NotReading,
                5 => Goodbye::FormatChange,
                _ => return Err(field),
            }),
            _ => return Err(WireError::Kind(kind)),
        };
        if message.fds() != fds {
            return Err(WireError::Fds(fds, message.fds()));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Message; 16] = [
        Message::Hello {
            mode: Mode::Newest,
            hold: 1,
        },
        Message::Hello {
            mode: Mode::Every,
            hold: 64,
        },
        Message::Welcome {
            client: 1,
            host_pid: 2,
            epoch: u64::MAX,
        },
        Message::Refused(Refusal::Version(7)),
        Message::Refused(Refusal::Full(64)),
        Message::Refused(Refusal::Hold(5, 2)),
        Message::Refused(Refusal::Permission(1000)),
        Message::Refused(Refusal::Malformed),
        Message::Refused(Refusal::Resources(12)),
        Message::Buffer {
            id: 3,
            size: 1 << 40,
        },
        Message::Retire { id: 3 },
        Message::Goodbye(Goodbye::Closing),
        Message::Goodbye(Goodbye::OverLimit(3, 1)),
        Message::Goodbye(Goodbye::LeaseTime(500)),
        Message::Goodbye(Goodbye::NotReading),
        Message::Goodbye(Goodbye::FormatChange),
    ];

    #[test]
    fn every_message_comes_back_as_it_was() {
        for message in ALL {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes, message.fds()), Ok(message));
        }
    }

    #[test]
    fn a_wrong_number_of_descriptors_is_refused() {
        for message in ALL {
            let wrong = message.fds() + 1;
            assert_eq!(
                Message::decode(&message.encode(), wrong),
                Err(WireError::Fds(wrong, message.fds()))
            );
        }
    }

    #[test]
    fn wrong_lengths_words_versions_and_kinds_are_named() {
        let good = ALL[0].encode();
        assert_eq!(Message::decode(&good[..47], 0), Err(WireError::Length(47)));
        assert_eq!(Message::decode(&[], 0), Err(WireError::Length(0)));
        let with = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            Message::decode(&bytes, 0)
        };
        assert!(matches!(with(0, 0), Err(WireError::Magic(_))));
        assert_eq!(with(4, 9), Err(WireError::Version(9)));
        assert_eq!(with(6, 99), Err(WireError::Kind(99)));
        assert_eq!(with(8, 2), Err(WireError::Field(HELLO, 2)));
        assert_eq!(with(12, 65), Err(WireError::Field(HELLO, 65)));
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        let mut bytes = [0u8; MESSAGE_SIZE];
        bytes[..4].copy_from_slice(&MAGIC.to_ne_bytes());
        bytes[4..6].copy_from_slice(&VERSION.to_ne_bytes());
        for kind in 0..10u8 {
            for a in [0, 1, 5, 6, 7, 255] {
                bytes[6] = kind;
                bytes[8] = a;
                if let Ok(message) = Message::decode(&bytes, 0) {
                    assert_eq!(message.fds(), 0);
                }
            }
        }
    }
}
