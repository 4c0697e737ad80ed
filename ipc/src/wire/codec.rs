//! Encoding and decoding of messages.

use core::mem::size_of;

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{
    ClientStatus, Exports, Goodbye, HostStatus, MAGIC, MAX_HOLD, MESSAGE_SIZE, Message, Mode,
    Refusal, VERSION, WireError,
};

/// The layout of a message's bytes.
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
    wide: [u64; 9],
}

const_assert_eq!(size_of::<Packet>(), MESSAGE_SIZE);

const HELLO: u16 = 1;
const WELCOME: u16 = 2;
const REFUSED: u16 = 3;
const BUFFER: u16 = 4;
const UNREGISTER: u16 = 5;
const GOODBYE: u16 = 6;
const PARAMETERS: u16 = 7;
const STATUS_REQUEST: u16 = 8;
const CLIENT: u16 = 9;
const STATUS: u16 = 10;
const MOVED: u16 = 11;

/// Kinds of descriptor in a buffer's message.
const MEMORY: u32 = 0;
const FENCE: u32 = 1;
const UNSEALED: u32 = 2;

impl Message {
    /// Returns the number of file descriptors that accompany this message.
    pub const fn fds(&self) -> usize {
        match self {
            Self::Welcome { .. } => 3,
            Self::Buffer { .. }
            | Self::Unsealed { .. }
            | Self::Fence { .. }
            | Self::Parameters { .. } => 1,
            _ => 0,
        }
    }

    /// Encodes the message.
    pub fn encode(&self) -> [u8; MESSAGE_SIZE] {
        let mut wide = [0; 9];
        let (kind, [a, b, c, d]) = match *self {
            Self::Hello { mode, hold } => (HELLO, [mode as u32, hold, 0, 0]),
            Self::Welcome {
                client,
                host_pid,
                exports,
                epoch,
            } => {
                wide[0] = epoch;
                (WELCOME, [client, host_pid, exports as u32, 0])
            }
            Self::Refused(r) => {
                let fields = match r {
                    Refusal::Version { host: v } => [1, v, 0, 0],
                    Refusal::Full { clients: n } => [2, n, 0, 0],
                    Refusal::Hold { asked, left } => [3, asked, left, 0],
                    Refusal::Permission { uid } => [4, uid, 0, 0],
                    Refusal::Malformed => [5, 0, 0, 0],
                    Refusal::Resources { errno } => [6, errno, 0, 0],
                    Refusal::Silent { ms } => [7, ms, 0, 0],
                };
                (REFUSED, fields)
            }
            Self::Buffer { id, size } => {
                wide[0] = size;
                (BUFFER, [id, MEMORY, 0, 0])
            }
            Self::Unsealed { id, size } => {
                wide[0] = size;
                (BUFFER, [id, UNSEALED, 0, 0])
            }
            Self::Fence { id } => (BUFFER, [id, FENCE, 0, 0]),
            Self::Unregister { id } => (UNREGISTER, [id, 0, 0, 0]),
            Self::Parameters { size } => {
                wide[0] = size;
                (PARAMETERS, [0; 4])
            }
            Self::StatusRequest => (STATUS_REQUEST, [0; 4]),
            Self::Moved => (MOVED, [0; 4]),
            Self::Client(s) => {
                wide[0] = s.acquired;
                wide[1] = s.missed;
                wide[2] = s.last_serial;
                wide[3] = u64::from(s.waiting);
                wide[4] = u64::from(s.hold);
                wide[5] = u64::from(s.held);
                (CLIENT, [s.mode as u32, s.client, s.pid, s.uid])
            }
            Self::Status(s) => {
                wide = [
                    s.head,
                    s.newest_ns,
                    s.blocked,
                    s.sensor_drops,
                    s.no_buffer_drops,
                    s.refused,
                    s.evicted,
                    s.left,
                    0,
                ];
                (STATUS, [s.clients, s.slots, s.lent, s.max_outstanding])
            }
            Self::Goodbye(g) => {
                let fields = match g {
                    Goodbye::Closing => [1, 0, 0, 0],
                    Goodbye::OverLimit { held, allowed } => [2, held, allowed, 0],
                    Goodbye::LeaseTime { ms } => [3, ms, 0, 0],
                    Goodbye::NotReading => [4, 0, 0, 0],
                    Goodbye::FormatChange => [5, 0, 0, 0],
                };
                (GOODBYE, fields)
            }
        };
        let packet = Packet {
            magic: MAGIC,
            version: VERSION,
            kind,
            a,
            b,
            c,
            d,
            wide,
        };
        zerocopy::transmute!(packet)
    }

    /// Checks and decodes a packet that came with `fds` descriptors.
    ///
    /// # Errors
    /// [`WireError`], for any packet that no host or client of this version sends.
    pub fn decode(bytes: &[u8], fds: usize) -> Result<Self, WireError> {
        let packet =
            Packet::read_from_bytes(bytes).map_err(|_| WireError::Length { bytes: bytes.len() })?;
        if packet.magic != MAGIC {
            return Err(WireError::Magic {
                found: packet.magic,
            });
        }
        if packet.version != VERSION {
            return Err(WireError::Version {
                found: packet.version,
            });
        }
        let Packet {
            kind,
            a,
            b,
            c,
            d,
            wide,
            ..
        } = packet;
        let field = WireError::Field { kind, value: a };
        let mode = || match a {
            0 => Ok(Mode::Newest),
            1 => Ok(Mode::Every),
            _ => Err(field),
        };
        // For numbers that are only displayed: saturates.
        let narrow = |at: usize| u32::try_from(wide[at]).unwrap_or(u32::MAX);
        let message = match kind {
            HELLO if b > MAX_HOLD => return Err(WireError::Field { kind, value: b }),
            HELLO => Self::Hello {
                mode: mode()?,
                hold: b,
            },
            WELCOME => Self::Welcome {
                client: a,
                host_pid: b,
                exports: match c {
                    0 => Exports::ReadOnly,
                    1 => Exports::Writable,
                    _ => return Err(WireError::Field { kind, value: c }),
                },
                epoch: wide[0],
            },
            REFUSED => Self::Refused(match a {
                1 => Refusal::Version { host: b },
                2 => Refusal::Full { clients: b },
                3 => Refusal::Hold { asked: b, left: c },
                4 => Refusal::Permission { uid: b },
                5 => Refusal::Malformed,
                6 => Refusal::Resources { errno: b },
                7 => Refusal::Silent { ms: b },
                _ => return Err(field),
            }),
            BUFFER => match b {
                MEMORY => Self::Buffer {
                    id: a,
                    size: wide[0],
                },
                UNSEALED => Self::Unsealed {
                    id: a,
                    size: wide[0],
                },
                FENCE if wide[0] == 0 => Self::Fence { id: a },
                FENCE => {
                    return Err(WireError::Field {
                        kind,
                        value: narrow(0),
                    });
                }
                _ => return Err(WireError::Field { kind, value: b }),
            },
            UNREGISTER => Self::Unregister { id: a },
            PARAMETERS => Self::Parameters { size: wide[0] },
            STATUS_REQUEST => Self::StatusRequest,
            MOVED => Self::Moved,
            CLIENT => Self::Client(ClientStatus {
                mode: mode()?,
                client: b,
                pid: c,
                uid: d,
                acquired: wide[0],
                missed: wide[1],
                last_serial: wide[2],
                waiting: narrow(3),
                hold: narrow(4),
                held: narrow(5),
            }),
            STATUS => Self::Status(HostStatus {
                clients: a,
                slots: b,
                lent: c,
                max_outstanding: d,
                head: wide[0],
                newest_ns: wide[1],
                blocked: wide[2],
                sensor_drops: wide[3],
                no_buffer_drops: wide[4],
                refused: wide[5],
                evicted: wide[6],
                left: wide[7],
            }),
            GOODBYE => Self::Goodbye(match a {
                1 => Goodbye::Closing,
                2 => Goodbye::OverLimit {
                    held: b,
                    allowed: c,
                },
                3 => Goodbye::LeaseTime { ms: b },
                4 => Goodbye::NotReading,
                5 => Goodbye::FormatChange,
                _ => return Err(field),
            }),
            _ => return Err(WireError::Kind { found: kind }),
        };
        if message.fds() != fds {
            return Err(WireError::Fds {
                found: fds,
                expected: message.fds(),
            });
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Message; 24] = [
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
            exports: Exports::Writable,
            epoch: u64::MAX,
        },
        Message::Refused(Refusal::Version { host: 7 }),
        Message::Refused(Refusal::Full { clients: 64 }),
        Message::Refused(Refusal::Hold { asked: 5, left: 2 }),
        Message::Refused(Refusal::Permission { uid: 1000 }),
        Message::Refused(Refusal::Malformed),
        Message::Refused(Refusal::Resources { errno: 12 }),
        Message::Refused(Refusal::Silent { ms: 2000 }),
        Message::Buffer {
            id: 3,
            size: 1 << 40,
        },
        Message::Unsealed { id: 4, size: 5 },
        Message::Fence { id: 4 },
        Message::Unregister { id: 3 },
        Message::Parameters { size: 40 },
        Message::StatusRequest,
        Message::Moved,
        Message::Client(ClientStatus {
            client: 1,
            pid: 2,
            uid: 3,
            mode: Mode::Every,
            waiting: 4,
            hold: 5,
            held: 6,
            acquired: 7,
            missed: 8,
            last_serial: 9,
        }),
        Message::Status(HostStatus {
            clients: 1,
            slots: 2,
            lent: 3,
            max_outstanding: 4,
            head: 5,
            newest_ns: 6,
            blocked: 7,
            sensor_drops: 8,
            no_buffer_drops: 9,
            refused: 10,
            evicted: 11,
            left: 12,
        }),
        Message::Goodbye(Goodbye::Closing),
        Message::Goodbye(Goodbye::OverLimit {
            held: 3,
            allowed: 1,
        }),
        Message::Goodbye(Goodbye::LeaseTime { ms: 500 }),
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
                Err(WireError::Fds {
                    found: wrong,
                    expected: message.fds()
                })
            );
        }
    }

    #[test]
    fn wrong_lengths_words_versions_and_kinds_are_named() {
        let good = ALL[0].encode();
        assert_eq!(
            Message::decode(&good[..95], 0),
            Err(WireError::Length { bytes: 95 })
        );
        assert_eq!(Message::decode(&[], 0), Err(WireError::Length { bytes: 0 }));
        let with = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            Message::decode(&bytes, 0)
        };
        assert!(matches!(with(0, 0), Err(WireError::Magic { .. })));
        assert_eq!(with(4, 9), Err(WireError::Version { found: 9 }));
        assert_eq!(with(6, 99), Err(WireError::Kind { found: 99 }));
        assert_eq!(
            with(8, 2),
            Err(WireError::Field {
                kind: HELLO,
                value: 2
            })
        );
        assert_eq!(
            with(12, 65),
            Err(WireError::Field {
                kind: HELLO,
                value: 65
            })
        );
    }

    #[test]
    fn fences_with_a_size_and_unknown_kinds_are_refused() {
        let mut bytes = Message::Fence { id: 4 }.encode();
        bytes[24] = 1;
        let field = |value| {
            Err(WireError::Field {
                kind: BUFFER,
                value,
            })
        };
        assert_eq!(Message::decode(&bytes, 1), field(1));
        bytes[12..16].copy_from_slice(&3u32.to_ne_bytes());
        assert_eq!(Message::decode(&bytes, 1), field(3));
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        let mut bytes = [0u8; MESSAGE_SIZE];
        bytes[..4].copy_from_slice(&MAGIC.to_ne_bytes());
        bytes[4..6].copy_from_slice(&VERSION.to_ne_bytes());
        for kind in 0..16u8 {
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
