//! What a hostile process sends: nearly valid messages, and descriptors of every kind.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{FallocateFlags, OFlags, SealFlags};
use rustix::io::{Errno, IoSlice};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags,
    SocketType, sendmsg, socketpair,
};
use videostream::hal::memory::memfd;
use videostream::ipc::wire::{MAGIC, MESSAGE_SIZE, VERSION};

use super::script::Script;

/// Most descriptors with one message: more than any message has.
const MOST: usize = 5;

/// A descriptor of a kind that the script chooses.
pub fn descriptor(script: &mut Script<'_>) -> OwnedFd {
    let sealed = |size: usize, seals: SealFlags| {
        let fd = memfd::create(c"fuzz", size).unwrap();
        memfd::seal(&fd, seals).unwrap();
        fd
    };
    match script.below(11) {
        0 | 1 => sealed(4096, memfd::FIXED_SIZE),
        2 => sealed(64, memfd::FIXED_SIZE),
        3 => sealed(1 << 20, memfd::FIXED_SIZE_READ_ONLY),
        4 => sealed(4096, SealFlags::GROW | SealFlags::SEAL),
        5 => memfd::create(c"fuzz", 4096).unwrap(),
        6 => rustix::pipe::pipe().unwrap().0,
        7 => eventfd(0, EventfdFlags::NONBLOCK).unwrap(),
        8 => socketpair_end(),
        9 => File::open("/dev/zero").unwrap().into(),
        _ => File::open("/").unwrap().into(),
    }
}

fn socketpair_end() -> OwnedFd {
    let kind = SocketType::STREAM;
    let flags = SocketFlags::CLOEXEC;
    let pair = socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
    pair.0
}

/// Sends bytes that may be anything, with up to [`MOST`] descriptors. Never blocks; whether it
/// arrived is of no interest.
pub fn send(socket: &OwnedFd, bytes: &[u8], fds: &[OwnedFd]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).take(MOST).collect();
    if !fds.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let _ = sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags);
}

/// Sends what nearly is a message: the right size and beginning, any kind and fields, any
/// descriptors.
pub fn send_message(socket: &OwnedFd, script: &mut Script<'_>) {
    let mut bytes = [0; MESSAGE_SIZE];
    bytes[..4].copy_from_slice(&MAGIC.to_ne_bytes());
    bytes[4..6].copy_from_slice(&VERSION.to_ne_bytes());
    bytes[6] = script.byte() % 12;
    for at in 0..4 {
        let field = script.word();
        bytes[8 + 4 * at..][..4].copy_from_slice(&field.to_ne_bytes());
    }
    for at in 0..3 {
        let field = script.number();
        bytes[24 + 8 * at..][..8].copy_from_slice(&field.to_ne_bytes());
    }
    if script.one_in(16) {
        let at = script.below(MESSAGE_SIZE);
        bytes[at] ^= script.byte();
    }
    let fds: Vec<_> = (0..script.below(MOST + 1))
        .map(|_| descriptor(script))
        .collect();
    send(socket, &bytes, &fds);
}

/// Sends bytes of the script's own, or a packet of another length.
pub fn send_bytes(socket: &OwnedFd, script: &mut Script<'_>) {
    let count = script.below(200);
    let mut bytes = script.take(count).to_vec();
    if script.one_in(4) {
        bytes.resize(script.below(100) * 100, 0);
    }
    let fds: Vec<_> = (0..script.below(3)).map(|_| descriptor(script)).collect();
    send(socket, &bytes, &fds);
}

/// Half of a hang-up.
pub fn shut_down(socket: &OwnedFd, script: &mut Script<'_>) {
    let how = [Shutdown::Read, Shutdown::Write, Shutdown::Both][script.below(3)];
    let _ = rustix::net::shutdown(socket, how);
}

/// Does to a descriptor that somebody else uses too whatever its kind allows.
pub fn tamper(fd: &OwnedFd, script: &mut Script<'_>) {
    let size = script.number();
    match script.below(8) {
        0 => drop(rustix::fs::ftruncate(fd, size)),
        1 => drop(memfd::seal(fd, SealFlags::WRITE | SealFlags::SEAL)),
        2 => {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = rustix::fs::fallocate(fd, hole, 0, size.max(1));
        }
        // The flags of a description are shared by all who have a descriptor of it: from here
        // on their calls block.
        3 => drop(rustix::fs::fcntl_setfl(fd, OFlags::empty())),
        4 => drop(rustix::fs::seek(fd, rustix::fs::SeekFrom::Start(size))),
        5 => {
            let flags = rustix::io::ReadWriteFlags::NOWAIT;
            let bytes = size.to_ne_bytes();
            let offset = 8 * script.word() as u64;
            let _ = rustix::io::pwritev2(fd, &[IoSlice::new(&bytes)], offset, flags);
        }
        // Full.
        6 => {
            let _ = rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK);
            for _ in 0..100 {
                write(fd, &(u64::MAX - 1).to_ne_bytes());
            }
            let _ = rustix::fs::fcntl_setfl(fd, OFlags::empty());
        }
        // Empty.
        _ => {
            let _ = rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK);
            let _ = rustix::io::read(fd, &mut [0u8; 8]);
            let _ = rustix::fs::fcntl_setfl(fd, OFlags::empty());
        }
    }
}

/// Writes, to a socket without the signal that ends this program when the other end is gone.
fn write(fd: &OwnedFd, bytes: &[u8]) {
    if rustix::net::send(fd, bytes, SendFlags::NOSIGNAL) == Err(Errno::NOTSOCK) {
        let _ = rustix::io::write(fd, bytes);
    }
}

/// Descriptors that this process has open.
pub fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A name that no other process and no other run has.
pub fn name(kind: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    format!("videostream-fuzz-{}-{kind}-{run}", std::process::id())
}
