//! `docs/protocol.md` says what the code does: its tables are read and compared with the
//! layout of the structs, with the bytes of messages, and with memory that was written.

#![cfg(target_os = "linux")]

mod page;

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use page::messages::{messages, name, values};
use page::{DOCUMENT, field, fields, rows};
use videostream::hal::ring::cells::{ControlMut, Lease, SlotId};
use videostream::hal::ring::layout::Header;
use videostream::hal::ring::publisher::Publisher;
use videostream::hal::ring::segment::{HostControl, LeaseMap, Stat};
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor, RingLayout};
use videostream::hal::sync::Ordering;
use videostream::ipc::wire::{MAGIC, MESSAGE_SIZE, VERSION};

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
        sample_aspect,
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
        assert_eq!(all.len(), 7);
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
        host.control().waits().store(0x3344, Ordering::Relaxed);
        assert_eq!(at(&fd, field(S, "waits", n)), 0x3344);
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
        (Stat::Moves, "moves"),
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
    assert_eq!(fields(L, n).len(), 7);
}

#[test]
fn every_message_is_sent_as_the_page_says_byte_by_byte() {
    let mut seen = BTreeMap::new();
    for message in messages() {
        let (kind, mut values) = values(&message);
        let name = name(&message);
        let fds = message.fds();
        let plural = if fds == 1 { "" } else { "s" };
        let heading = format!("{kind} {name} ({fds} descriptor{plural})");
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
    let messages = headings.filter(|text| text.contains(" descriptor"));
    assert_eq!(messages.count(), seen.len());
    let prose = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(prose.contains(&format!("one packet of {MESSAGE_SIZE} bytes")));
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
