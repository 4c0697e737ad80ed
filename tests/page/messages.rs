//! Messages of every kind, and the page's expected rows.

use videostream::ipc::wire::{ClientStatus, Exports, HostStatus, Message};
use videostream::ipc::{Goodbye, Mode, Refusal};

use super::rows;

/// The name of a variant in the code.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// A message's name on the page: that of its variant. Three of them are one message.
pub(crate) fn name(message: &Message) -> String {
    match message {
        Message::Fence { .. } | Message::Unsealed { .. } => "Buffer".to_owned(),
        _ => variant(message),
    }
}

/// A message's kind and its fields, none of which is 0 where that is possible.
pub(crate) fn values(message: &Message) -> (u64, Vec<(&'static str, u64)>) {
    match *message {
        Message::Hello { mode, hold } => {
            let values = vec![("mode", mode as u64), ("hold", hold.into())];
            (1, values)
        }
        Message::Welcome {
            client,
            host_pid,
            exports,
            epoch,
        } => {
            let values = vec![
                ("client", client.into()),
                ("host_pid", host_pid.into()),
                ("exports", exports as u64),
                ("epoch", epoch),
            ];
            (2, values)
        }
        Message::Refused(why) => {
            let number = reason("3 Refused (0 descriptors)", &variant(&why));
            let (first, second) = match why {
                Refusal::Version { host } => (host, 0),
                Refusal::Full { clients } => (clients, 0),
                Refusal::Hold { asked, left } => (asked, left),
                Refusal::Permission { uid } => (uid, 0),
                Refusal::Malformed => (0, 0),
                Refusal::Resources { errno } => (errno, 0),
                Refusal::Silent { ms } => (ms, 0),
            };
            (3, reasons(number, first, second))
        }
        Message::Buffer { id, size } => (4, buffer(id, 0, size)),
        Message::Fence { id } => (4, buffer(id, 1, 0)),
        Message::Unsealed { id, size } => (4, buffer(id, 2, size)),
        Message::Unregister { id } => (5, vec![("id", id.into())]),
        Message::Goodbye(why) => {
            let number = reason("6 Goodbye (0 descriptors)", &variant(&why));
            let (first, second) = match why {
                Goodbye::OverLimit { held, allowed } => (held, allowed),
                Goodbye::LeaseTime { ms } => (ms, 0),
                Goodbye::Closing | Goodbye::NotReading | Goodbye::FormatChange => (0, 0),
            };
            (6, reasons(number, first, second))
        }
        Message::Parameters { size } => (7, vec![("size", size)]),
        Message::StatusRequest => (8, vec![]),
        Message::Moved => (11, vec![]),
        Message::Client(c) => {
            let ClientStatus {
                client,
                pid,
                uid,
                mode,
                waiting,
                hold,
                held,
                acquired,
                missed,
                last_serial,
            } = c;
            let values = vec![
                ("mode", mode as u64),
                ("client", client.into()),
                ("pid", pid.into()),
                ("uid", uid.into()),
                ("acquired", acquired),
                ("missed", missed),
                ("last_serial", last_serial),
                ("waiting", waiting.into()),
                ("hold", hold.into()),
                ("held", held.into()),
            ];
            (9, values)
        }
        Message::Status(s) => {
            let HostStatus {
                clients,
                slots,
                lent,
                max_outstanding,
                head,
                newest_ns,
                blocked,
                sensor_drops,
                no_buffer_drops,
                refused,
                evicted,
                left,
            } = s;
            let values = vec![
                ("clients", clients.into()),
                ("slots", slots.into()),
                ("lent", lent.into()),
                ("max_outstanding", max_outstanding.into()),
                ("head", head),
                ("newest_ns", newest_ns),
                ("blocked", blocked),
                ("sensor_drops", sensor_drops),
                ("no_buffer_drops", no_buffer_drops),
                ("refused", refused),
                ("evicted", evicted),
                ("left", left),
            ];
            (10, values)
        }
    }
}

fn buffer(id: u32, what: u64, size: u64) -> Vec<(&'static str, u64)> {
    vec![("id", id.into()), ("what", what), ("size", size)]
}

fn reasons(reason: u64, first: u32, second: u32) -> Vec<(&'static str, u64)> {
    vec![
        ("reason", reason),
        ("first", first.into()),
        ("second", second.into()),
    ]
}

/// The number of a reason, as the page says.
fn reason(heading: &str, name: &str) -> u64 {
    let rows = rows(heading);
    let row = rows.iter().find(|row| row[1] == name);
    row.unwrap_or_else(|| panic!("no reason {name}"))[0]
        .parse()
        .unwrap()
}

/// One of each kind, and of each reason.
pub(crate) fn messages() -> Vec<Message> {
    vec![
        Message::Hello {
            mode: Mode::Every,
            hold: 7,
        },
        Message::Welcome {
            client: 1,
            host_pid: 2,
            exports: Exports::Writable,
            epoch: u64::MAX - 3,
        },
        Message::Refused(Refusal::Version { host: 11 }),
        Message::Refused(Refusal::Full { clients: 12 }),
        Message::Refused(Refusal::Hold {
            asked: 13,
            left: 14,
        }),
        Message::Refused(Refusal::Permission { uid: 15 }),
        Message::Refused(Refusal::Malformed),
        Message::Refused(Refusal::Resources { errno: 16 }),
        Message::Refused(Refusal::Silent { ms: 19 }),
        Message::Buffer {
            id: 17,
            size: 1 << 40,
        },
        Message::Fence { id: 23 },
        Message::Unsealed {
            id: 24,
            size: 1 << 40,
        },
        Message::Unregister { id: 18 },
        Message::Goodbye(Goodbye::Closing),
        Message::Goodbye(Goodbye::OverLimit {
            held: 19,
            allowed: 20,
        }),
        Message::Goodbye(Goodbye::LeaseTime { ms: 21 }),
        Message::Goodbye(Goodbye::NotReading),
        Message::Goodbye(Goodbye::FormatChange),
        Message::Parameters { size: 22 },
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
    ]
}
