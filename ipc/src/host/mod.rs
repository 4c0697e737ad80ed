//! The host: accepts clients, hands out buffers, publishes frames and takes them back.
//!
//! A host has no thread. Its owner polls [`Host::as_fd`] beside whatever else it waits for
//! and calls [`Host::process`] when it is readable; publishing needs neither.

mod peer;
mod registry;

use core::mem::MaybeUninit;

use rustix::event::{epoll, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use rustix::thread::futex;
use rustix::time::Timespec;
use videostream_hal::ring::cells::{Control, SlotId};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::HostControl;
use videostream_hal::ring::{FrameDescriptor, RingLayout, wake};
use videostream_hal::sync::Ordering;
use videostream_hal::time::now_ns;

pub use self::peer::ClientInfo;
use self::peer::{Peer, Step};
use self::registry::Registry;
use crate::address::{Address, FileId};
use crate::wire::{Goodbye, Message, Refusal};
use crate::{Error, MAX_CLIENTS, socket};

/// Epoll key of the listening socket; a peer's key is its place.
const LISTENER: u64 = u64::MAX;
/// Events taken in one call of [`Host::process`]: bounds its time, the rest stays pending.
const EVENTS: usize = 32;
/// How long a client may take to say hello.
const HELLO_NS: u64 = 2_000_000_000;

/// Who may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The host's own user, and root.
    #[default]
    SameUser,
    /// The host's own user, root, and these users and groups.
    Listed {
        /// User ids.
        uids: heapless::Vec<u32, 16>,
        /// Primary group ids.
        gids: heapless::Vec<u32, 16>,
    },
    /// Whoever can reach the socket.
    Anyone,
}

/// How a host behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Slots of the ring, a power of two from 2 to 1024.
    pub slots: u32,
    /// Frames that can be out at once, readable or held: what the producer can spare. The
    /// sum of what clients may hold stays below it. Below `slots`, so that one is free for the
    /// next frame.
    pub lend: u32,
    /// Permission bits of the socket's file.
    pub mode: u32,
    /// Who may connect.
    pub access: Access,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slots: 16,
            lend: 8,
            mode: 0o600,
            access: Access::SameUser,
        }
    }
}

/// What a host has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames published.
    pub published: u64,
    /// Publishes that found all slots held.
    pub blocked: u64,
    /// Publishes that woke futex sleepers.
    pub futex_wakes: u64,
    /// Eventfds written.
    pub eventfd_wakes: u64,
    /// Clients refused.
    pub refused: u64,
    /// Clients thrown out.
    pub evicted: u64,
    /// Clients that left, by themselves or by dying.
    pub left: u64,
}

/// The owner of a frame ring.
#[derive(Debug)]
pub struct Host {
    publisher: Publisher<HostControl>,
    peers: [Option<Peer>; MAX_CLIENTS],
    buffers: Registry,
    listener: OwnedFd,
    epoll: OwnedFd,
    address: Address,
    file: Option<FileId>,
    config: Config,
    layout: RingLayout,
    stats: Stats,
}

impl Host {
    /// Creates a ring and listens at `address`. `epoch` should be random: it tells this
    /// host from one that had the name before.
    ///
    /// # Errors
    /// [`Error::AddressInUse`] while another host serves there, [`Error::NotASocket`],
    /// [`Error::Segment`] for slot counts the ring can't have, [`Error::Os`].
    pub fn bind(address: Address, config: Config, epoch: u64) -> Result<Self, Error> {
        let layout = RingLayout::new(config.slots)
            .map_err(|e| Error::Segment(videostream_hal::ring::segment::SegmentError::Layout(e)))?;
        let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
        let control = HostControl::create(layout, epoch, pid)?;
        let epoll =
            epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| Error::Os("epoll_create", e))?;
        let (listener, file) = address.bind(config.mode)?;
        let host = Self {
            publisher: Publisher::new(control),
            peers: [const { None }; MAX_CLIENTS],
            buffers: Registry::new(),
            listener,
            epoll,
            address,
            file,
            config,
            layout,
            stats: Stats::default(),
        };
        host.watch(host.listener.as_fd(), LISTENER)?;
        Ok(host)
    }

    /// The socket's name.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Slots of the ring.
    pub fn slots(&self) -> u32 {
        self.layout.slots()
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The attached clients.
    pub fn clients(&self) -> impl Iterator<Item = ClientInfo> + '_ {
        self.peers.iter().flatten().filter_map(Peer::info)
    }

    /// Serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        self.publisher.head()
    }

    /// Frames that are out: readable by clients, or still held by one.
    pub fn lent(&self) -> u32 {
        self.publisher.readable() + self.publisher.draining()
    }

    /// Registers a buffer of `size` bytes and sends it to every client; the id goes into
    /// frame descriptors. The same memory gets the same id again, by whatever descriptor.
    ///
    /// # Errors
    /// [`Error::TooManyBuffers`]; [`Error::BadBuffer`] for memory that could be cut short
    /// under a client's mapping.
    pub fn register(&mut self, fd: OwnedFd, size: u64) -> Result<u32, Error> {
        let id = self.buffers.insert(fd, size)?;
        self.send_buffers();
        Ok(id)
    }

    /// Takes a buffer out of use and tells every client. Frames still held keep their
    /// clients' mappings.
    pub fn retire(&mut self, id: u32) {
        if !self.buffers.remove(id) {
            return;
        }
        for place in 0..MAX_CLIENTS {
            if let Some(peer) = &mut self.peers[place]
                && !peer.retire(id)
            {
                self.evict(place, Goodbye::NotReading);
            }
        }
    }

    /// Publishes a frame as the newest and wakes who waits for it: at most one futex call,
    /// and one write for each client with an armed eventfd. Returns slot and serial; the
    /// descriptor's own serial is set here.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when no slot is free: see [`Host::reclaim`].
    pub fn publish(&mut self, frame: &FrameDescriptor) -> Result<(SlotId, u64), Error> {
        let Some(claim) = self.publisher.claim() else {
            self.stats.blocked += 1;
            return Err(Error::WouldBlock(self.lent()));
        };
        let slot = claim.slot();
        let serial = self.publisher.publish(claim, |serial| {
            FrameDescriptor { serial, ..*frame }.to_words()
        });
        self.stats.published += 1;
        self.wake();
        Ok((slot, serial))
    }

    /// Takes back what nobody holds any more, telling `freed` of each slot, and makes the
    /// oldest frames unreadable until at most `keep` are out, or only the newest is left.
    /// Frames whose expiry has passed go in any case.
    ///
    /// Returns how many frames are out afterwards.
    pub fn reclaim(&mut self, keep: u32, mut freed: impl FnMut(SlotId)) -> u32 {
        self.collect(&mut freed);
        while self.publisher.readable() > 0 {
            let surplus = self.lent() > keep && self.publisher.readable() > 1;
            if !surplus && !self.oldest_has_expired() {
                break;
            }
            self.publisher.retire_oldest();
            self.collect(&mut freed);
        }
        self.lent()
    }

    /// Takes every frame back that nobody holds, the newest included.
    pub fn reclaim_all(&mut self, mut freed: impl FnMut(SlotId)) {
        while self.publisher.retire_oldest().is_some() {}
        self.collect(&mut freed);
    }

    fn collect(&mut self, freed: &mut impl FnMut(SlotId)) {
        let leases = self.peers.iter().flatten().filter_map(Peer::lease);
        self.publisher.collect(leases, freed);
    }

    fn oldest_has_expired(&self) -> bool {
        const EXPIRES: usize = core::mem::offset_of!(FrameDescriptor, expires_ns) / 8;
        self.publisher.oldest().is_some_and(|(slot, _)| {
            let control = self.publisher.control();
            let expires = control.word(slot, EXPIRES).load(Ordering::Relaxed);
            expires != 0 && expires <= now_ns()
        })
    }

    fn wake(&mut self) {
        wake::after_publish();
        let mut futex = false;
        for peer in self.peers.iter().flatten() {
            let Some(lease) = peer.lease() else { continue };
            let waiting = wake::waiting(lease);
            futex |= waiting.futex;
            if waiting.eventfd {
                peer.ring();
                self.stats.eventfd_wakes += 1;
            }
        }
        if futex {
            self.stats.futex_wakes += 1;
            self.wake_futex();
        }
    }

    fn wake_futex(&self) {
        let word = self.publisher.control().wake();
        // The count of the woken is of no use, and a bad address is impossible.
        let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
    }

    /// Serves the socket: accepts clients, answers them, notices who left. Call it when
    /// [`Host::as_fd`] is readable; it never blocks and takes a bounded time.
    pub fn process(&mut self) -> Result<(), Error> {
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let events = match epoll::wait(&self.epoll, &mut space, Some(&now)) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(Error::Os("epoll_wait", errno)),
        };
        for event in events.iter() {
            match event.data.u64() {
                LISTENER => self.accept()?,
                place => self.serve(place as usize),
            }
        }
        self.drop_silent();
        self.send_buffers();
        Ok(())
    }

    fn accept(&mut self) -> Result<(), Error> {
        for _ in 0..EVENTS {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = match rustix::net::accept_with(&self.listener, flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return Ok(()),
                // Out of descriptors or memory: served clients go on, the knocker waits.
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => return Ok(()),
                Err(errno) => return Err(Error::Os("accept", errno)),
            };
            let Ok(credentials) = rustix::net::sockopt::socket_peercred(&socket) else {
                continue;
            };
            let (uid, gid) = (credentials.uid.as_raw(), credentials.gid.as_raw());
            if !self.allows(uid, gid) {
                self.refuse(&socket, Refusal::Permission(uid));
                continue;
            }
            let Some(place) = self.peers.iter().position(Option::is_none) else {
                self.refuse(&socket, Refusal::Full(MAX_CLIENTS as u32));
                continue;
            };
            if self.watch(socket.as_fd(), place as u64).is_err() {
                continue;
            }
            let pid = credentials.pid.as_raw_nonzero().get() as u32;
            self.peers[place] = Some(Peer::new(socket, pid, uid, now_ns()));
        }
        Ok(())
    }

    fn allows(&self, uid: u32, gid: u32) -> bool {
        let own = rustix::process::geteuid().as_raw();
        match &self.config.access {
            Access::Anyone => true,
            _ if uid == own || uid == 0 => true,
            Access::SameUser => false,
            Access::Listed { uids, gids } => uids.contains(&uid) || gids.contains(&gid),
        }
    }

    fn refuse(&mut self, socket: &OwnedFd, why: Refusal) {
        self.stats.refused += 1;
        let _ = socket::send(socket, &Message::Refused(why), &[]);
    }

    fn serve(&mut self, place: usize) {
        let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        match peer.receive() {
            Step::Nothing => {}
            Step::Hello { mode, hold } => {
                let lent: u32 = self.clients().map(|c| c.hold).sum();
                // One frame more than is held must be out: the newest.
                let left = self
                    .config
                    .lend
                    .min(self.config.slots - 1)
                    .saturating_sub(1 + lent);
                let answer = if hold > left {
                    Err(Refusal::Hold(hold, left))
                } else {
                    self.admit(place, mode, hold)
                };
                if let Err(why) = answer {
                    self.stats.refused += 1;
                    self.drop_peer(place, Some(Message::Refused(why)));
                }
            }
            Step::Refuse(why) => {
                self.stats.refused += 1;
                self.drop_peer(place, Some(Message::Refused(why)));
            }
            Step::Gone => {
                self.stats.left += 1;
                self.drop_peer(place, None);
            }
        }
    }

    fn admit(&mut self, place: usize, mode: crate::Mode, hold: u32) -> Result<(), Refusal> {
        let resources = |errno: Errno| Refusal::Resources(errno.raw_os_error() as u32);
        let flags = eventfd_flags();
        let eventfd = eventfd(0, flags).map_err(resources)?;
        let control = self.publisher.control();
        let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
        let welcome = Message::Welcome {
            client: place as u32,
            host_pid: pid,
            epoch: control.epoch(),
        };
        match &mut self.peers[place] {
            Some(peer) => peer.attach(
                control,
                self.layout,
                &self.buffers,
                welcome,
                eventfd,
                (mode, hold),
            ),
            None => Ok(()),
        }
    }

    /// Sends every client the buffers that it does not have yet. A client whose queue is
    /// full gets them at the next call, and if it never reads, a frame in a buffer that it
    /// does not know.
    fn send_buffers(&mut self) {
        for place in 0..MAX_CLIENTS {
            if let Some(peer) = &mut self.peers[place]
                && peer.send_buffers(&self.buffers).is_err()
            {
                self.stats.left += 1;
                self.drop_peer(place, None);
            }
        }
    }

    fn drop_silent(&mut self) {
        let now = now_ns();
        for place in 0..MAX_CLIENTS {
            if let Some(peer) = &self.peers[place]
                && peer.is_silent_since(now.saturating_sub(HELLO_NS))
            {
                self.stats.refused += 1;
                self.drop_peer(place, Some(Message::Refused(Refusal::Malformed)));
            }
        }
    }

    /// Throws a client out and tells it why; the references of its lease are gone.
    fn evict(&mut self, place: usize, why: Goodbye) {
        self.stats.evicted += 1;
        self.drop_peer(place, Some(Message::Goodbye(why)));
    }

    fn drop_peer(&mut self, place: usize, last: Option<Message>) {
        if let Some(peer) = self.peers[place].take() {
            if let Some(message) = last {
                peer.send(&message);
            }
            let _ = epoll::delete(&self.epoll, peer.socket());
        }
    }

    /// Throws out clients that hold more frames than they were granted. For a producer that
    /// runs out of buffers: honest clients can't cause that. Returns how many went.
    pub fn evict_over_limit(&mut self) -> usize {
        let mut gone = 0;
        for place in 0..MAX_CLIENTS {
            let over = self.peers[place].as_ref().and_then(Peer::over_limit);
            if let Some((held, allowed)) = over {
                self.evict(place, Goodbye::OverLimit(held, allowed));
                gone += 1;
            }
        }
        gone
    }

    fn watch(&self, fd: BorrowedFd<'_>, key: u64) -> Result<(), Error> {
        let data = epoll::EventData::new_u64(key);
        epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)
            .map_err(|e| Error::Os("epoll_ctl", e))
    }
}

fn eventfd_flags() -> rustix::event::EventfdFlags {
    use rustix::event::EventfdFlags;
    EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK
}

impl AsFd for Host {
    /// Readable when [`Host::process`] has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Drop for Host {
    /// Tells all clients and removes the socket's file.
    fn drop(&mut self) {
        self.publisher.control().close();
        for peer in self.peers.iter().flatten() {
            peer.send(&Message::Goodbye(Goodbye::Closing));
            if let Some(lease) = peer.lease()
                && wake::waiting(lease).eventfd
            {
                peer.ring();
            }
        }
        self.wake_futex();
        if let Some(file) = self.file {
            self.address.unlink(file);
        }
    }
}
