//! Clients that follow a script, at a real host with an honest client, over real sockets and
//! memory: the host stays up, and the honest client gets every frame.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use videostream::hal::memory::memfd;
use videostream::hal::ring::cells::{Lease, SlotId};
use videostream::hal::ring::segment::{ControlMap, LeaseMap, Stat};
use videostream::hal::ring::{FrameDescriptor, PlaneDescriptor};
use videostream::hal::sync::Ordering;
use videostream::ipc::socket;
use videostream::ipc::wire::Message;
use videostream::ipc::{Error, Goodbye};
use videostream::share::TellOf;
use videostream::{Client, Host, Mode};

use super::descriptors::{
    descriptor, name, open_descriptors, send, send_bytes, send_message, shut_down, tamper,
};
use super::script::Script;

/// Longest script, in steps.
const STEPS: usize = 96;
/// Hostile connections at once.
const PEERS: usize = 4;
/// Frames that the host lends.
const LEND: u32 = 6;
const SIZE: u32 = 4096;
/// A run that gets there has failed.
const WATCHDOG: Duration = Duration::from_secs(40);

/// A connection that keeps to nothing.
struct Peer {
    socket: OwnedFd,
    fds: Vec<OwnedFd>,
    lease: Option<LeaseMap>,
}

struct World {
    name: String,
    host: Host,
    honest: Client,
    peers: [Option<Peer>; PEERS],
    buffers: Vec<u32>,
}

pub fn run(bytes: &[u8]) {
    let before = open_descriptors();
    let mut world = World::new();
    let mut script = Script::new(bytes);
    for _ in 0..STEPS {
        let Some(step) = script.next() else { break };
        world.step(step, &mut script);
    }
    world.end();
    assert_eq!(open_descriptors(), before, "descriptors are left open");
}

fn buffer() -> OwnedFd {
    let fd = memfd::create(c"fuzz", SIZE as usize).unwrap();
    memfd::seal(&fd, memfd::FIXED_SIZE_READ_ONLY).unwrap();
    fd
}

impl World {
    fn new() -> Self {
        let name = name("host");
        let mut host = Host::builder(&name).max_outstanding(LEND).bind().unwrap();
        let id = host.register(buffer(), SIZE.into()).unwrap();
        let builder = Client::builder(&name).mode(Mode::Every);
        let builder = builder.connect_timeout(WATCHDOG);
        let connecting = std::thread::spawn(move || builder.connect());
        while !connecting.is_finished() {
            host.process().unwrap();
            std::thread::yield_now();
        }
        Self {
            honest: connecting.join().unwrap().unwrap(),
            name,
            host,
            peers: [const { None }; PEERS],
            buffers: vec![id],
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 24 {
            0..=5 => self.host_step(step % 24, script),
            6 | 7 => self.connect(script),
            _ => {
                let at = script.below(PEERS);
                if let Some(peer) = &mut self.peers[at] {
                    peer.step(step % 24, script);
                    if step % 24 == 8 {
                        self.peers[at] = None;
                    }
                }
            }
        }
    }

    fn connect(&mut self, script: &mut Script<'_>) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let address = SocketAddrUnix::new_abstract_name(self.name.as_bytes()).unwrap();
        // Fails when the host's backlog is full.
        if connect(&socket, &address).is_ok() {
            self.peers[script.below(PEERS)] = Some(Peer {
                socket,
                fds: Vec::new(),
                lease: None,
            });
        }
    }

    fn host_step(&mut self, step: u8, script: &mut Script<'_>) {
        match step {
            0 | 1 => {
                for _ in 0..=script.below(4) {
                    self.host.process().unwrap();
                }
            }
            2 => self.publish(),
            3 => {
                if self.buffers.len() < 6 {
                    let id = self.host.register(buffer(), SIZE.into()).unwrap();
                    self.buffers.push(id);
                } else {
                    let id = self.buffers.remove(0);
                    self.host.unregister(id);
                }
                // The honest one listens.
                self.honest.parameters().unwrap();
            }
            4 => {
                let bytes = vec![7; 1 + script.below(200)];
                self.host.set_parameters(&bytes).unwrap();
                let seen = self.honest.parameters().unwrap();
                assert_eq!(seen.as_deref(), Some(&bytes[..]));
            }
            _ => {
                let byte = script.byte();
                self.host.reclaim(byte.into(), |_| ());
                // From here on clients report releases, or no longer do.
                match byte % 4 {
                    0 => self.host.ipc_mut().begin_wait(TellOf::Releases),
                    1 => self.host.ipc_mut().begin_wait(TellOf::HoldsAndReleases),
                    2 => self.host.ipc_mut().end_wait(),
                    _ => {}
                }
                std::hint::black_box(self.host.ipc().moves());
                // What lies in leases is passed on as it is.
                let all: Vec<_> = self.host.clients().collect();
                assert!(all.len() <= 1 + PEERS);
                for client in all {
                    let message = Message::Client(client);
                    assert_eq!(Message::decode(&message.encode(), 0), Ok(message));
                }
            }
        }
    }

    /// Publishes a frame, with the room that a producer makes, and sees that the honest client
    /// has it.
    fn publish(&mut self) {
        if self.host.reclaim(LEND, |_| ()) > LEND {
            self.host.evict_over_limit();
            let out = self.host.reclaim(LEND, |_| ());
            assert!(out <= LEND, "{out} frames are out");
        }
        let mut frame = FrameDescriptor {
            plane_count: 1,
            ..FrameDescriptor::default()
        };
        frame.planes[0] = PlaneDescriptor {
            buffer: *self.buffers.last().unwrap(),
            size: SIZE,
            ..PlaneDescriptor::default()
        };
        let (_, serial) = self.host.publish(&frame).unwrap();
        let frame = self.honest.try_next().unwrap().expect("the frame is there");
        assert_eq!((frame.serial(), frame.missed()), (serial, 0));
        assert_eq!(frame.pixels().unwrap().plane(0).len(), SIZE as usize);
        assert!(frame.is_intact());
    }

    /// Whatever was done, the honest client is served on and everything else is given back.
    fn end(mut self) {
        self.publish();
        self.peers = [const { None }; PEERS];
        // Every queue of messages ends, and so does what is in the backlog.
        for _ in 0..100_000 {
            self.host.process().unwrap();
            let status = self.host.status();
            if status.clients == 1 && self.is_idle() {
                break;
            }
        }
        assert_eq!(self.host.clients().count(), 1, "the honest client is left");
        self.publish();
        self.publish();
        assert_eq!(self.host.reclaim(1, |_| ()), 1, "only the newest is out");
        self.host.reclaim_all(|_| ());
        assert_eq!(self.host.outstanding(), 0, "nothing is held");
        drop(self.host);
        let end = self.honest.next(WATCHDOG).unwrap_err();
        assert_eq!(end.share(), Some(&Error::Goodbye(Goodbye::Closing)));
    }

    /// Whether nothing waits in the host's sockets.
    fn is_idle(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds = [PollFd::new(&self.host, PollFlags::IN)];
        // The fuzzer's timer interrupts.
        let ready = rustix::io::retry_on_intr(|| poll(&mut fds, Some(&Timespec::default())));
        ready.unwrap() == 0
    }
}

impl Peer {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step {
            // Hung up by the caller.
            8 => {}
            9 | 10 => {
                let mode = [Mode::Newest, Mode::Every][script.below(2)];
                let hold = script.below(8) as u32;
                send(&self.socket, &Message::Hello { mode, hold }.encode(), &[]);
            }
            11 => send_message(&self.socket, script),
            12 => send_bytes(&self.socket, script),
            13 => shut_down(&self.socket, script),
            14 => {
                for _ in 0..script.byte() {
                    send(&self.socket, &Message::StatusRequest.encode(), &[]);
                }
            }
            15 => {
                let fds = [descriptor(script)];
                send(&self.socket, &Message::StatusRequest.encode(), &fds);
            }
            16 | 17 => self.read(),
            18 => {
                if let Some(fd) = self.fds.get(script.below(8)) {
                    tamper(fd, script);
                }
            }
            _ => self.lie(step, script),
        }
    }

    /// Writes anything into its lease page.
    fn lie(&mut self, step: u8, script: &mut Script<'_>) {
        let Some(lease) = &self.lease else { return };
        match step {
            19 => lease.waiting().store(script.word(), Ordering::Relaxed),
            20 => {
                let stats = [Stat::Acquired, Stat::Missed, Stat::LastSerial];
                let stat = lease.stat(stats[script.below(3)]);
                stat.store(script.number(), Ordering::Relaxed);
            }
            21 => {
                for slot in (0..8).filter_map(|raw| SlotId::checked(raw, 8)) {
                    lease.refs(slot).store(script.word(), Ordering::Relaxed);
                }
            }
            _ => {
                // Below the smallest number of slots that LEND can have.
                if let Some(slot) = SlotId::checked(script.below(8) as u32, 8) {
                    lease.refs(slot).store(script.word(), Ordering::Relaxed);
                }
            }
        }
    }

    /// Reads everything and keeps what it gets.
    fn read(&mut self) {
        loop {
            match socket::receive(&self.socket) {
                Ok(Some((message, fds))) => {
                    self.fds.extend(fds);
                    if matches!(message, Message::Welcome { .. }) {
                        self.open();
                    }
                }
                // The host's messages are right, whatever it was sent.
                Err(Error::Wire(error)) => panic!("the host sent {error:?}"),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Maps ring and lease, as a client does.
    fn open(&mut self) {
        use std::os::fd::AsFd;
        if let Some([control, lease, _]) = self.fds.last_chunk() {
            let Ok(control) = ControlMap::open(control.as_fd()) else {
                return;
            };
            self.lease = LeaseMap::open(lease.as_fd(), control.layout()).ok();
        }
    }
}
