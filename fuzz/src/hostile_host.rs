//! A host that follows a script, with a real client, over real sockets and memory: the client
//! returns an error or goes on; it never crashes, hangs or leaks what it was given.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::SealFlags;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen,
    socket_with, socketpair,
};
use videostream::hal::memory::memfd;
use videostream::hal::ring::cells::HEAD_SLOT_BITS;
use videostream::hal::ring::layout::{HEAD, Header, STATUS, WAKE};
use videostream::hal::ring::{FrameDescriptor, RingLayout};
use videostream::ipc::wire::{Exports, Message};
use videostream::{Client, Frame, Mode};

use super::descriptors::{
    descriptor, name, open_descriptors, send, send_bytes, send_message, shut_down, tamper,
};
use super::script::Script;

/// Longest script, in steps.
const STEPS: usize = 96;
/// Kinds of steps that are the host's.
pub const STEPS_OF_HOST: u8 = 12;
/// Most messages before the client is in.
const GREETING: usize = 16;
/// Frames that the client holds at once.
const HOLD: usize = 3;
const SLOTS: u32 = 4;
const EPOCH: u64 = 7;
/// How long a wait may take that nothing ends.
const SHORT: Duration = Duration::from_micros(200);

/// What the hostile host has: everything that it shares, writable.
pub struct Hostile {
    socket: OwnedFd,
    control: OwnedFd,
    fds: Vec<OwnedFd>,
    layout: RingLayout,
    serial: u64,
}

pub fn run(bytes: &[u8]) {
    let before = open_descriptors();
    let mut script = Script::new(bytes);
    if let Some((hostile, client)) = greet(&mut script) {
        play(hostile, client, &mut script);
    }
    assert_eq!(open_descriptors(), before, "descriptors are left open");
}

/// Lets a client connect; `None` if it does not get in.
fn greet(script: &mut Script<'_>) -> Option<(Hostile, Client)> {
    let name = name("client");
    let flags = SocketFlags::CLOEXEC;
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    bind(&listener, &address).unwrap();
    listen(&listener, 1).unwrap();
    let mode = [Mode::Newest, Mode::Every][script.below(2)];
    let builder = Client::builder(&name).mode(mode).hold(HOLD as u32);
    let connecting = std::thread::spawn(move || builder.connect());
    // The fuzzer's timer interrupts.
    let peer = rustix::io::retry_on_intr(|| accept(&listener)).unwrap();
    let mut hostile = Hostile::new(peer, script);
    hostile.greet(script);
    match connecting.join().unwrap() {
        Ok(client) => Some((hostile, client)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fn play(mut hostile: Hostile, mut client: Client, script: &mut Script<'_>) {
    let mut frames = Vec::new();
    for _ in 0..STEPS {
        let Some(step) = script.next() else { break };
        match step % 24 {
            0..STEPS_OF_HOST => hostile.step(step % 24, script),
            step => use_client(&mut client, step, &mut frames, script),
        }
    }
    drop(frames);
    assert_eq!(client.ipc().held(), 0, "nothing stays held");
}

/// A call of the client; its result may be an error but is one at once.
fn use_client(client: &mut Client, step: u8, frames: &mut Vec<Frame>, script: &mut Script<'_>) {
    match step {
        12..=15 => {
            if let Ok(Some(frame)) = client.try_next() {
                look_at(&frame);
                frames.push(frame);
                assert!(frames.len() <= HOLD);
            }
        }
        16 => {
            if let Ok(frame) = client.next(SHORT) {
                look_at(&frame);
            }
        }
        17 => drop(client.parameters()),
        18 => drop(client.look(SHORT)),
        19 => {
            client.ipc().arm(script.number());
            client.ipc().disarm();
        }
        20 => client.seek(script.number()),
        21 => {
            client.reader().cancel();
            client.ipc().resume();
        }
        _ => {
            frames.pop();
        }
    }
}

/// Reads all that a frame offers.
fn look_at(frame: &Frame) {
    assert!(!frame.descriptor().planes().is_empty());
    let _ = (frame.is_intact(), frame.flags(), frame.plane_fd(0));
    assert_eq!(frame.fence().is_some(), frame.descriptor().fence != 0);
    let _ = frame.wait_fence(0);
    let Ok(pixels) = frame.pixels() else { return };
    let mut sum = 0u64;
    for plane in 0..frame.descriptor().planes().len() {
        let bytes = pixels.plane(plane);
        sum = bytes.iter().fold(sum, |sum, &b| sum.wrapping_add(b.into()));
    }
    std::hint::black_box(sum);
    if let Ok(picture) = pixels.picture() {
        std::hint::black_box(picture.width());
    }
}

impl Hostile {
    /// The host of a client that has connected.
    pub fn new(socket: OwnedFd, script: &mut Script<'_>) -> Self {
        // Mostly the ring that it says it is.
        let slots = match script.byte() {
            other @ 248.. => 1 << (other - 247),
            _ => SLOTS,
        };
        let layout = RingLayout::new(slots).unwrap();
        let size = match script.byte() {
            0..240 => layout.control_size(),
            _ => script.number() as usize % (1 << 20),
        };
        let control = memfd::create(c"fuzz-ring", size).unwrap();
        let mut header: [u8; size_of::<Header>()] = bytes_of(&layout.header(EPOCH, 1));
        if script.byte() >= 240 {
            header[script.below(size_of::<Header>())] ^= script.byte();
        }
        let _ = rustix::io::pwrite(&control, &header[..size.min(header.len())], 0);
        // Every process with the descriptor can write: the host of this ring is not trusted.
        let seals = match script.byte() {
            0..240 => memfd::FIXED_SIZE,
            _ => SealFlags::GROW,
        };
        memfd::seal(&control, seals).unwrap();
        Self {
            socket,
            control,
            fds: Vec::new(),
            layout,
            serial: 0,
        }
    }

    /// Says something, and welcomes the client or hangs up.
    pub fn greet(&mut self, script: &mut Script<'_>) {
        for _ in 0..GREETING {
            match script.byte() % 8 {
                0 => send_bytes(&self.socket, script),
                1 => send_message(&self.socket, script),
                2 | 3 => self.send_buffer(script),
                _ => return self.welcome(script),
            }
        }
        // The client does not wait in vain.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
    }

    fn welcome(&mut self, script: &mut Script<'_>) {
        let epoch = EPOCH + u64::from(script.byte() >= 248);
        let lease = match script.byte() {
            0..240 => {
                let fd = memfd::create(c"fuzz-lease", self.layout.lease_size()).unwrap();
                memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
                fd
            }
            _ => descriptor(script),
        };
        let event = match script.byte() {
            0..240 => {
                let flags = SocketFlags::CLOEXEC;
                let kind = SocketType::STREAM;
                let (ours, event) = socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
                self.fds.push(ours);
                event
            }
            _ => descriptor(script),
        };
        let fds = [self.control.try_clone().unwrap(), lease, event];
        let message = Message::Welcome {
            client: script.word(),
            host_pid: script.word(),
            exports: Exports::ReadOnly,
            epoch,
        };
        send(&self.socket, &message.encode(), &fds);
        self.fds.extend(fds);
    }

    /// A buffer, mostly as long as it says.
    fn send_buffer(&mut self, script: &mut Script<'_>) {
        let id = script.below(6) as u32;
        let (fd, size) = match script.byte() {
            0..200 => {
                let fd = memfd::create(c"fuzz-buffer", 8192).unwrap();
                memfd::seal(&fd, memfd::FIXED_SIZE).unwrap();
                (fd, 8192)
            }
            200..220 => (descriptor(script), script.number()),
            220..236 => return self.send_unsealed(id, script),
            _ => (descriptor(script), 0),
        };
        let message = match size {
            0 => Message::Fence { id },
            _ => Message::Buffer { id, size },
        };
        let fds = [fd];
        send(&self.socket, &message.encode(), &fds);
        self.fds.extend(fds);
    }

    /// A buffer that can be cut short, mostly as long as it says, or no memory at all. The
    /// client must not keep it: cutting it short would kill clients that read it.
    fn send_unsealed(&self, id: u32, script: &mut Script<'_>) {
        let fd = match script.byte() {
            0..200 => memfd::create(c"fuzz-unsealed", 8192).unwrap(),
            _ => descriptor(script),
        };
        let size = match script.byte() {
            0..200 => 8192,
            _ => script.number(),
        };
        send(
            &self.socket,
            &Message::Unsealed { id, size }.encode(),
            &[fd],
        );
    }

    /// Does one of [`STEPS_OF_HOST`] things.
    pub fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step {
            0 => send_bytes(&self.socket, script),
            1 => send_message(&self.socket, script),
            2 => self.send_buffer(script),
            3 => {
                let id = script.below(6) as u32;
                send(&self.socket, &Message::Unregister { id }.encode(), &[]);
            }
            4..=6 => self.publish(script),
            7 => {
                let offset = 8 * script.below(self.layout.control_size() / 8).min(255);
                self.poke(offset, script.number());
            }
            8 => {
                // Past what the client may look at without a check.
                let offset = [HEAD, WAKE, STATUS][script.below(3)];
                self.poke(offset, script.number());
            }
            9 => {
                let at = script.byte().into();
                let offset = self.layout.index_offset(at) / 8 * 8;
                self.poke(offset, script.number());
            }
            10 => {
                if let Some(fd) = self.fds.get(script.below(12)) {
                    tamper(fd, script);
                }
            }
            _ if script.one_in(4) => shut_down(&self.socket, script),
            _ => {
                let size = script.number();
                let fds = [descriptor(script)];
                send(&self.socket, &Message::Parameters { size }.encode(), &fds);
            }
        }
    }

    /// Publishes as a host does, a frame that is mostly wrong somewhere.
    fn publish(&mut self, script: &mut Script<'_>) {
        let serial = self.serial + 1;
        self.serial = serial;
        let mut frame = FrameDescriptor {
            serial,
            plane_count: 1 + script.below(3) as u32,
            fourcc: u32::from_le_bytes(*b"NV12"),
            width: 64,
            height: 64,
            ..FrameDescriptor::default()
        };
        for plane in &mut frame.planes {
            plane.buffer = script.below(6) as u32;
            plane.stride = 64;
            plane.size = 4096;
            match script.byte() {
                0..160 => {}
                160..200 => plane.offset = script.word(),
                200..230 => plane.size = script.word(),
                _ => plane.stride = script.word(),
            }
        }
        match script.byte() {
            0..180 => {}
            180..200 => frame.fourcc = u32::from_le_bytes(*b"YUYV"),
            200..210 => frame.fourcc = script.word(),
            210..220 => frame.width = script.word(),
            220..230 => frame.height = script.word(),
            230..240 => frame.plane_count = script.word(),
            240..248 => frame.fence = script.below(6) as u32,
            _ => frame.serial = script.number(),
        }
        let slot = serial as usize % self.layout.slots() as usize;
        for (at, word) in frame.to_words().into_iter().enumerate() {
            self.poke(self.layout.descriptor_offset(slot) + 8 * at, word);
        }
        self.poke(self.layout.state_offset(slot), serial);
        let index = serial as u32 % (2 * self.layout.slots());
        let bytes = (slot as u32).to_ne_bytes();
        let _ = rustix::io::pwrite(
            &self.control,
            &bytes,
            self.layout.index_offset(index) as u64,
        );
        self.poke(HEAD, serial << HEAD_SLOT_BITS | slot as u64);
    }

    fn poke(&self, offset: usize, value: u64) {
        let _ = rustix::io::pwrite(&self.control, &value.to_ne_bytes(), offset as u64);
    }
}

/// The header as it lies in memory.
fn bytes_of(header: &Header) -> [u8; size_of::<Header>()] {
    let mut bytes = [0; size_of::<Header>()];
    let mut put = |at: usize, from: &[u8]| bytes[at..at + from.len()].copy_from_slice(from);
    put(0, &header.magic.to_ne_bytes());
    put(8, &header.epoch.to_ne_bytes());
    put(16, &header.total_size.to_ne_bytes());
    put(24, &header.version.to_ne_bytes());
    put(28, &header.slots.to_ne_bytes());
    put(32, &header.slot_stride.to_ne_bytes());
    put(36, &header.host_pid.to_ne_bytes());
    bytes
}
