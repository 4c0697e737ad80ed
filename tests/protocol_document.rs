//! `docs/protocol.md` says what the code does: its tables are read and compared with the
//! layout of the structs, with the bytes of messages, and with memory that was written.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use videostream::hal::ring::cells::{Control, Lease, SlotId};
use videostream::hal::ring::layout::Header;
use videostream::hal::ring::publisher::Publisher;
use videostream::hal::ring::segment::{HostControl, LeaseMap, Stat};
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor, RingLayout};
use videostream::hal::sync::Ordering;
use videostream::ipc::wire::{
    ClientStatus, Exports, HostStatus, MAGIC, MESSAGE_SIZE, Message, VERSION,
};
use videostream::ipc::{Goodbye, Mode, Refusal};

const DOCUMENT: &str = include_str!("../docs/protocol.md");

/// The rows of the tables below a heading: their cells.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let mut lines = DOCUMENT.lines();
    let found = lines
        .by_ref()
        .any(|line| line.trim_start_matches('#').trim() == heading);
    assert!(found, "no heading {heading:?}");
    lines
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|row| !row[0].starts_with('-'))
        .collect()
}

/// `12`, `8N`, `S` or `S`-free sums of the page, for `n` slots.
fn number(text: &str, n: usize) -> usize {
    if text == "S" {
        return (256 + 8 * n).next_multiple_of(64);
    }
    match text.strip_suffix('N') {
        Some(factor) => factor.parse::<usize>().unwrap() * n,
        None => text
            .parse()
            .unwrap_or_else(|_| panic!("{text:?} is no number")),
    }
}

/// Offset, bytes and name of each field below a heading.
fn fields(heading: &str, n: usize) -> Vec<(usize, usize, &'static str)> {
    let rows = rows(heading).into_iter();
    // A second table, of reasons, has another first line.
    let mut rows = rows.take_while(|row| row[0] != "reason");
    assert_eq!(rows.next().map(|row| row[0]), Some("offset"), "{heading}");
    let field = |row: Vec<&'static str>| (number(row[0], n), number(row[1], n), row[2]);
    rows.map(field).collect()
}

fn field(heading: &str, name: &str, n: usize) -> (usize, usize) {
    let all = fields(heading, n);
    let found = all.into_iter().find(|field| field.2 == name);
    let (offset, bytes, _) = found.unwrap_or_else(|| panic!("no {name} in {heading}"));
    (offset, bytes)
}

/// The fields of a struct as they lie in memory; all of them, or it does not compile.
macro_rules! layout {
    ($type:ident { $($name:ident),* $(,)? }) => {{
        let $type { $($name),* } = any::<$type>();
        vec![$((std::mem::offset_of!($type, $name), size_of_val(&$name), stringify!($name))),*]
    }};
}

/// Some value of the type, for the sizes of its fields.
fn any<T: Zero>() -> T {
    T::zero()
}

trait Zero {
    fn zero() -> Self;
}

impl Zero for Header {
    fn zero() -> Self {
        RingLayout::new(2).unwrap().header(0, 0)
    }
}

impl Zero for FrameDescriptor {
    fn zero() -> Self {
        Self::default()
    }
}

impl Zero for PlaneDescriptor {
    fn zero() -> Self {
        Self::default()
    }
}

#[test]
fn structs_lie_in_memory_as_the_page_says() {
    let header = layout!(Header {
        magic,
        epoch,
        total_size,
        version,
        slots,
        slot_stride,
        host_pid,
        reserved,
    });
    assert_eq!(fields("Header", 0), header);
    let descriptor = layout!(FrameDescriptor {
        serial,
        sequence,
        timestamp_ns,
        dequeued_ns,
        published_ns,
        expires_ns,
        duration_ns,
        pts_ns,
        dts_ns,
        modifier,
        fourcc,
        width,
        height,
        bytes_used,
        flags,
        plane_count,
        planes,
        colorimetry,
        field,
        fence,
        reserved,
        app,
        reserved2,
    });
    assert_eq!(fields("Descriptor", 0), descriptor);
    let plane = layout!(PlaneDescriptor {
        buffer,
        offset,
        stride,
        size
    });
    assert_eq!(fields("Plane", 0), plane);
}

/// The number of `bytes` bytes that lies in a file.
fn at(fd: impl AsFd, (offset, bytes): (usize, usize)) -> u64 {
    let mut number = [0; 8];
    let read = rustix::io::pread(fd, &mut number[..bytes], offset as u64).unwrap();
    assert_eq!(read, bytes);
    u64::from_le_bytes(number)
}

#[test]
fn the_control_segment_is_written_where_the_page_says() {
    const S: &str = "Control segment";
    for n in [2, 8, 1024] {
        let layout = RingLayout::new(n).unwrap();
        let control = HostControl::create(layout, 0x1234, 77).unwrap();
        let fd = control.as_fd().try_clone_to_owned().unwrap();
        let n = n as usize;
        let all = fields(S, n);
        let mut end = 0;
        for &(offset, bytes, name) in &all {
            assert!(offset >= end, "{name} lies in what is before it");
            end = offset + bytes;
        }
        assert_eq!(all.len(), 6);
        assert_eq!(end, layout.control_size());
        assert_eq!(field("Header", "epoch", n), (8, 8));
        assert_eq!(at(&fd, field("Header", "epoch", n)), 0x1234);

        let mut host = Publisher::new(control);
        // The second frame, in the second slot.
        for _ in 0..2 {
            let claim = host.claim().unwrap();
            host.publish(claim, |serial| {
                let frame = FrameDescriptor {
                    serial,
                    width: 640,
                    ..FrameDescriptor::default()
                };
                frame.to_words()
            });
        }
        assert_eq!(
            at(&fd, field(S, "head", n)),
            2 * 1024 + 1,
            "serial and slot"
        );
        assert_eq!(at(&fd, field(S, "wake", n)), 2);
        let (index, _) = field(S, "index", n);
        assert_eq!(at(&fd, (index + 4 * 2, 4)), 1, "serial 2 is in slot 1");
        let (slots, bytes) = field(S, "slots", n);
        let slot = slots + bytes / n;
        let (state, width) = field("Slot", "state", n);
        assert_eq!(at(&fd, (slot + state, width)), 2);
        let (descriptor, bytes) = field("Slot", "descriptor", n);
        assert_eq!(bytes, size_of::<FrameDescriptor>());
        let (offset, bytes) = field("Descriptor", "width", n);
        assert_eq!(at(&fd, (slot + descriptor + offset, bytes)), 640);
        host.retire_oldest();
        assert_eq!(at(&fd, (slots + state, width)), 1 | 1 << 63, "it drains");
        assert_eq!(at(&fd, field(S, "status", n)), 0);
        host.control().close();
        assert_eq!(at(&fd, field(S, "status", n)), 1);
        assert_eq!(host.control().slots() as usize, n);
    }
}

#[test]
fn a_lease_page_is_written_where_the_page_says() {
    const L: &str = "Lease page";
    let n = 8;
    let layout = RingLayout::new(n as u32).unwrap();
    let (lease, fd) = LeaseMap::create(layout).unwrap();
    lease.waiting().store(0x1122, Ordering::Relaxed);
    assert_eq!(at(&fd, field(L, "waiting", n)), 0x1122);
    let stats = [
        (Stat::Acquired, "acquired"),
        (Stat::Missed, "missed"),
        (Stat::LastSerial, "last_serial"),
        (Stat::Ended, "ended"),
    ];
    for (value, (stat, name)) in stats.into_iter().enumerate() {
        lease
            .stat(stat)
            .store(value as u64 + 100, Ordering::Relaxed);
        assert_eq!(at(&fd, field(L, name, n)), value as u64 + 100, "{name}");
    }
    let slot = SlotId::checked(5, n as u32).unwrap();
    lease.refs(slot).store(9, Ordering::Relaxed);
    let (refs, bytes) = field(L, "refs", n);
    assert_eq!(at(&fd, (refs + 4 * 5, 4)), 9);
    assert_eq!(refs + bytes, layout.lease_size());
    assert_eq!(fields(L, n).len(), 6);
}

/// A message's kind and name, and what its fields are, none of it 0 where that is possible.
fn values(message: &Message) -> (u64, &'static str, Vec<(&'static str, u64)>) {
    match *message {
        Message::Hello { mode, hold } => {
            let values = vec![("mode", mode as u64), ("hold", hold.into())];
            (1, "Hello", values)
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
            (2, "Welcome", values)
        }
        Message::Refused(why) => {
            let (reason, first, second) = match why {
                Refusal::Version(v) => (reason("Refused", "Version"), v, 0),
                Refusal::Full(n) => (reason("Refused", "Full"), n, 0),
                Refusal::Hold(asked, left) => (reason("Refused", "Hold"), asked, left),
                Refusal::Permission(uid) => (reason("Refused", "Permission"), uid, 0),
                Refusal::Malformed => (reason("Refused", "Malformed"), 0, 0),
                Refusal::Resources(errno) => (reason("Refused", "Resources"), errno, 0),
            };
            (3, "Refused", reasons(reason, first, second))
        }
        Message::Buffer { id, size } => (4, "Buffer", buffer(id, 0, size)),
        Message::Fence { id } => (4, "Buffer", buffer(id, 1, 0)),
        Message::Retire { id } => (5, "Retire", vec![("id", id.into())]),
        Message::Goodbye(why) => {
            let (reason, first, second) = match why {
                Goodbye::Closing => (reason("Goodbye", "Closing"), 0, 0),
                Goodbye::OverLimit(held, agreed) => (reason("Goodbye", "OverLimit"), held, agreed),
                Goodbye::LeaseTime(ms) => (reason("Goodbye", "LeaseTime"), ms, 0),
                Goodbye::NotReading => (reason("Goodbye", "NotReading"), 0, 0),
                Goodbye::FormatChange => (reason("Goodbye", "FormatChange"), 0, 0),
            };
            (6, "Goodbye", reasons(reason, first, second))
        }
        Message::Parameters { size } => (7, "Parameters", vec![("size", size)]),
        Message::Look => (8, "Look", vec![]),
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
            (9, "Client", values)
        }
        Message::Status(s) => {
            let HostStatus {
                clients,
                slots,
                lent,
                lend,
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
                ("lend", lend.into()),
                ("head", head),
                ("newest_ns", newest_ns),
                ("blocked", blocked),
                ("sensor_drops", sensor_drops),
                ("no_buffer_drops", no_buffer_drops),
                ("refused", refused),
                ("evicted", evicted),
                ("left", left),
            ];
            (10, "Status", values)
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
fn reason(message: &str, name: &str) -> u64 {
    let heading = match message {
        "Refused" => "3 Refused (0 descriptors)",
        _ => "6 Goodbye (0 descriptors)",
    };
    let rows = rows(heading);
    let row = rows.iter().find(|row| row[1] == name);
    row.unwrap_or_else(|| panic!("no reason {name}"))[0]
        .parse()
        .unwrap()
}

/// One of each kind, and of each reason.
fn messages() -> Vec<Message> {
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
        Message::Refused(Refusal::Version(11)),
        Message::Refused(Refusal::Full(12)),
        Message::Refused(Refusal::Hold(13, 14)),
        Message::Refused(Refusal::Permission(15)),
        Message::Refused(Refusal::Malformed),
        Message::Refused(Refusal::Resources(16)),
        Message::Buffer {
            id: 17,
            size: 1 << 40,
        },
        Message::Fence { id: 23 },
        Message::Retire { id: 18 },
        Message::Goodbye(Goodbye::Closing),
        Message::Goodbye(Goodbye::OverLimit(19, 20)),
        Message::Goodbye(Goodbye::LeaseTime(21)),
        Message::Goodbye(Goodbye::NotReading),
        Message::Goodbye(Goodbye::FormatChange),
        Message::Parameters { size: 22 },
        Message::Look,
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
            lend: 4,
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

#[test]
fn every_message_is_sent_as_the_page_says_byte_by_byte() {
    let mut seen = BTreeMap::new();
    for message in messages() {
        let (kind, name, mut values) = values(&message);
        let heading = format!("{kind} {name} ({} descriptors)", message.fds());
        values.extend([
            ("magic", MAGIC.into()),
            ("version", VERSION.into()),
            ("kind", kind),
        ]);
        let mut all = fields("Beginning of every message", 0);
        if !rows(&heading).is_empty() {
            all.extend(fields(&heading, 0));
        }
        assert_eq!(all.len(), values.len(), "{name}: {all:?}");
        // What the page says that the packet is.
        let mut bytes = [0; MESSAGE_SIZE];
        for (offset, len, field) in all {
            let value = values.iter().find(|(name, _)| *name == field);
            let (_, value) = value.unwrap_or_else(|| panic!("{name} has no {field}"));
            let number = value.to_le_bytes();
            assert!(
                number[len..].iter().all(|&byte| byte == 0),
                "{name}: {field}"
            );
            bytes[offset..offset + len].copy_from_slice(&number[..len]);
        }
        if cfg!(target_endian = "little") {
            assert_eq!(message.encode(), bytes, "{name}");
        }
        seen.insert(kind, name);
    }
    // Every heading of a message is that of one.
    let headings = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("### "));
    let messages = headings.filter(|text| text.ends_with("descriptors)"));
    assert_eq!(messages.count(), seen.len());
    assert!(DOCUMENT.contains(&format!("one packet of {MESSAGE_SIZE} bytes")));
    assert!(DOCUMENT.starts_with(&format!(
        "# Protocol and memory layout\n\nVersion {VERSION} of both"
    )));
}

#[test]
fn the_models_that_the_argument_names_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in ["hal/src/ring", "ipc/src/buffers"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            code += &std::fs::read_to_string(file.unwrap().path()).unwrap();
        }
    }
    let page = include_str!("../docs/architecture.md");
    let words = page.split('`').skip(1).step_by(2);
    let models: Vec<_> = words.filter(|word| word.starts_with("loom_")).collect();
    assert!(models.len() >= 10, "{models:?}");
    for model in models {
        assert!(code.contains(&format!("fn {model}()")), "no model {model}");
    }
}
