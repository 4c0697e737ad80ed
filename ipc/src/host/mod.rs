//! The host: accepts clients, hands out buffers, publishes frames and takes them back.
//!
//! A host has no thread. Its owner polls [`Host::as_fd`] beside whatever else it waits for
//! and calls [`Host::process`] when it is readable; publishing needs neither.

mod accept;
mod access;
mod config;
mod event;
mod listener;
mod memory;
mod offenders;
mod parameters;
mod peer;
mod peers;
mod register;
mod serve;
mod single;
mod unsealed;
mod wait;

use rustix::event::epoll;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::thread::futex;
use videostream_hal::ring::cells::{Control, SlotId};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::{HostControl, SegmentError};
use videostream_hal::ring::{FrameDescriptor, RingLayout, wake};
use videostream_hal::sync::Ordering;
use videostream_hal::time::{Alarm, now_ns};

use self::accept::Door;
pub use self::config::{Access, Config, Drop as DropCause, Exports, MAX_LISTED, Policy, Stats};
use self::memory::Memory;
use self::parameters::Parameters;
use self::peer::Peer;
use self::peers::Peers;
pub use self::wait::TellOf;
use crate::Error;
use crate::address::Address;
use crate::buffers::Registry;
use crate::credentials::overflow_uid;
use crate::listen::FileId;
use crate::wire::{ClientStatus, Goodbye, HostStatus, Message};

/// Words of a descriptor that the host reads back.
const EXPIRES: usize = core::mem::offset_of!(FrameDescriptor, expires_ns) / 8;
const PUBLISHED: usize = core::mem::offset_of!(FrameDescriptor, published_ns) / 8;

/// The owner of a frame ring.
#[derive(Debug)]
pub struct Host {
    publisher: Publisher<HostControl>,
    peers: Peers,
    buffers: Registry<Memory>,
    /// A client lacks something that could not be sent when it should have been.
    behind: bool,
    parameters: Option<Parameters>,
    door: Door,
    alarm: Alarm,
    epoll: OwnedFd,
    address: Address,
    file: Option<FileId>,
    config: Config,
    /// The uid of users who have none here.
    overflow_uid: Option<u32>,
    layout: RingLayout,
    stats: Stats,
    waits: wait::Waits,
}

impl Host {
    /// Creates a ring and listens at `address`. `epoch` should be random: it tells this
    /// host from one that had the name before.
    ///
    /// # Errors
    /// [`Error::AddressInUse`] while another host serves there, [`Error::NotASocket`],
    /// [`Error::Segment`] for slot counts the ring can't have, [`Error::Os`].
    pub fn bind(address: Address, config: Config, epoch: u64) -> Result<Self, Error> {
        Self::start(config, epoch, |config| {
            let (listener, file) = address.bind(config.mode)?;
            Ok((listener, address, file))
        })
    }

    /// Creates a ring and serves a socket that somebody else has bound and listens on, like a service
    /// manager, which keeps it while hosts come and go. Its name is its own: [`Config::mode`]
    /// does not count, and its file stays when the host ends. Who has knocked before is served.
    ///
    /// # Errors
    /// [`Error::Listener`] unless it is a listening Unix socket of type `SOCK_SEQPACKET` with a name;
    /// else as for [`Host::bind`].
    pub fn from_listener(listener: OwnedFd, config: Config, epoch: u64) -> Result<Self, Error> {
        Self::start(config, epoch, |_| {
            let address = listener::adopt(&listener)?;
            Ok((listener, address, None))
        })
    }

    fn start(
        config: Config,
        epoch: u64,
        listen: impl FnOnce(&Config) -> Result<(OwnedFd, Address, Option<FileId>), Error>,
    ) -> Result<Self, Error> {
        let layout =
            RingLayout::new(config.slots).map_err(|e| Error::Segment(SegmentError::Layout(e)))?;
        let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
        let control = HostControl::create(layout, epoch, pid)?;
        let epoll =
            epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| Error::Os("epoll_create", e))?;
        let alarm = Alarm::new().map_err(|e| Error::Os("timerfd_create", e))?;
        let (listener, address, file) = listen(&config)?;
        let door = Door::new(listener);
        let host = Self {
            publisher: Publisher::new(control),
            peers: Peers::new(),
            buffers: Registry::new(),
            behind: false,
            parameters: None,
            door,
            alarm,
            epoll,
            address,
            file,
            config,
            overflow_uid: overflow_uid(),
            layout,
            stats: Stats::default(),
            waits: wait::Waits::default(),
        };
        let mut listener = host.door.listener.iter();
        let watched = listener
            .try_for_each(|listener| host.watch(listener.as_fd(), serve::LISTENER))
            .and_then(|()| host.watch(host.alarm.as_fd(), serve::ALARM));
        watched.map_err(|e| Error::Os("epoll_ctl", e))?;
        Ok(host)
    }

    /// The socket's name.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What tells this host from others, of the same name too.
    pub fn epoch(&self) -> u64 {
        self.publisher.control().epoch()
    }

    /// Slots of the ring.
    pub fn slots(&self) -> u32 {
        self.layout.slots()
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// How the attached clients do.
    pub fn clients(&self) -> impl Iterator<Item = ClientStatus> + '_ {
        let places = self.peers.places();
        places.filter_map(|place| self.peers.get(place)?.status(place as u32))
    }

    /// How the host does.
    pub fn status(&self) -> HostStatus {
        HostStatus {
            clients: self.peers.iter().filter_map(Peer::lease).count() as u32,
            slots: self.layout.slots(),
            lent: self.lent(),
            lend: self.config.lend,
            head: self.head(),
            newest_ns: self
                .publisher
                .newest()
                .map_or(0, |slot| self.word(slot, PUBLISHED)),
            blocked: self.stats.blocked,
            sensor_drops: self.stats.sensor_drops,
            no_buffer_drops: self.stats.no_buffer_drops,
            refused: self.stats.refused,
            evicted: self.stats.evicted,
            left: self.stats.left,
        }
    }

    /// Notes frames that the source counted but that never got here.
    pub fn count_drops(&mut self, frames: u64, cause: DropCause) {
        match cause {
            DropCause::Sensor => self.stats.sensor_drops += frames,
            DropCause::NoBuffer => self.stats.no_buffer_drops += frames,
        }
    }

    /// Serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        self.publisher.head()
    }

    /// Frames that are out: readable by clients, or still held by one.
    pub fn lent(&self) -> u32 {
        self.publisher.readable() + self.publisher.draining()
    }

    /// How many frames can be out: see [`Config::lend`].
    pub fn lend(&self) -> u32 {
        self.config.lend
    }

    /// Keeps parameter sets (SPS and PPS, say) for clients that come later, and sends them
    /// to those that are here. To be called before the key frame that they belong to.
    ///
    /// # Errors
    /// [`Error::ParameterSize`] for none or too many bytes.
    pub fn set_parameters(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let last = self.parameters.as_ref().map_or(0, |p| p.generation);
        self.parameters = Some(Parameters::new(bytes, last.wrapping_add(1))?);
        self.send_lacking();
        Ok(())
    }

    /// Publishes a frame as the newest and wakes who waits for it: at most one futex call,
    /// and one write for each client that waits by descriptor. Returns slot and serial; the
    /// descriptor's own serial is set here.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when no slot is free: see [`Host::reclaim`];
    /// [`Error::UnknownBuffer`] for a frame in memory that is not registered, or retired, and
    /// for a fence that another frame had; [`Error::NotMemory`] for a plane in a fence;
    /// [`Error::BadFence`] for a fence that is memory.
    pub fn publish(&mut self, frame: &FrameDescriptor) -> Result<(SlotId, u64), Error> {
        let next = self.head() + 1;
        for plane in frame.planes() {
            match self.buffers.touch(plane.buffer, next) {
                None => return Err(Error::UnknownBuffer(plane.buffer)),
                Some(0) => return Err(Error::NotMemory(plane.buffer)),
                Some(_) => {}
            }
        }
        if frame.fence != 0 {
            match self.buffers.touch(frame.fence, next) {
                None => return Err(Error::UnknownBuffer(frame.fence)),
                Some(0) => {}
                Some(_) => return Err(Error::BadFence(frame.fence)),
            }
        }
        if self.behind {
            self.send_lacking();
        }
        let Some(claim) = self.publisher.claim() else {
            self.stats.blocked += 1;
            return Err(Error::WouldBlock(self.lent()));
        };
        let slot = claim.slot();
        let serial = self.publisher.publish(claim, |serial| {
            FrameDescriptor { serial, ..*frame }.to_words()
        });
        self.stats.published += 1;
        if frame.fence != 0 {
            // From now on only this frame keeps it.
            self.buffers.retire(frame.fence);
        }
        self.wake();
        Ok((slot, serial))
    }

    /// Takes back what nobody holds any more, telling `freed` of each slot, and makes the
    /// oldest frames unreadable, as far as the policy allows, until at most `keep` are out or
    /// only the newest is left. Frames whose expiry has passed go in any case.
    ///
    /// Returns how many frames are out afterwards.
    pub fn reclaim(&mut self, keep: u32, mut freed: impl FnMut(SlotId)) -> u32 {
        let before = self.lent();
        self.collect(&mut freed);
        while let Some((slot, serial)) = self.publisher.oldest() {
            let surplus = self.lent() > keep && self.publisher.readable() > 1;
            let goes = self.has_expired(slot) || (surplus && self.may_drop(serial));
            if !goes {
                break;
            }
            self.publisher.retire_oldest();
            let leases = self.peers.iter().filter_map(Peer::lease);
            self.publisher.collect_retired(slot, leases, &mut freed);
        }
        self.sweep_if_freed(before);
        self.lent()
    }

    /// Whether the policy lets a frame go that has not expired.
    fn may_drop(&self, serial: u64) -> bool {
        match self.config.policy {
            Policy::Newest => true,
            Policy::UntilExpiry => false,
            Policy::NeverDrop => {
                let mut needs = self.peers.iter().filter_map(Peer::needs_after);
                needs.all(|had| had >= serial)
            }
        }
    }

    /// Takes every frame back that nobody holds, the newest included.
    pub fn reclaim_all(&mut self, mut freed: impl FnMut(SlotId)) {
        let before = self.lent();
        while self.publisher.retire_oldest().is_some() {}
        self.collect(&mut freed);
        self.sweep_if_freed(before);
    }

    fn collect(&mut self, freed: &mut impl FnMut(SlotId)) {
        let leases = self.peers.iter().filter_map(Peer::lease);
        self.publisher.collect(leases, freed);
    }

    /// Sweeps if fewer frames are out than before: only then a buffer may have lost its last.
    fn sweep_if_freed(&mut self, before: u32) {
        if self.lent() < before {
            self.sweep();
        }
    }

    fn has_expired(&self, slot: SlotId) -> bool {
        let expires = self.word(slot, EXPIRES);
        expires != 0 && expires <= now_ns()
    }

    fn word(&self, slot: SlotId, at: usize) -> u64 {
        let control = self.publisher.control();
        control.word(slot, at).load(Ordering::Relaxed)
    }

    fn wake(&mut self) {
        wake::after_publish();
        let mut futex = false;
        for peer in self.peers.iter() {
            let Some(lease) = peer.lease() else { continue };
            let waiting = wake::waiting(lease);
            futex |= waiting.futex;
            if waiting.event {
                peer.ring();
                self.stats.event_wakes += 1;
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

    /// The producer can spare another number of frames from now on: see [`Config::lend`]. Clients
    /// that are here keep what they were granted: when it becomes less, [`Host::send_away`]
    /// makes them ask again.
    pub fn set_lend(&mut self, frames: u32) {
        self.config.lend = frames;
    }
}

impl AsFd for Host {
    /// Readable when [`Host::process`] has something to do: also after a client has let go of a frame
    /// while the host [waits](Host::begin_wait) for that.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Host {
    /// Ends the stream: the name is free for another host, and clients are told goodbye, after the
    /// frames that they can still read. What they hold stays theirs: go on with [`Host::process`] and
    /// [`Host::reclaim`] until [`Host::clients`] has none, and the memory is free.
    ///
    /// Dropping the host does the same, without waiting for anybody.
    pub fn close(&mut self) {
        if self.door.listener.is_none() {
            return;
        }
        self.door.close();
        self.publisher.control().close();
        let goodbye = Message::Goodbye(Goodbye::Closing);
        for place in self.peers.places() {
            match self.peers.get(place) {
                Some(peer) if peer.lease().is_none() => self.drop_peer(place, Some(goodbye)),
                Some(peer) => {
                    peer.send(&goodbye);
                    if peer.lease().is_some_and(|lease| wake::waiting(lease).event) {
                        peer.ring();
                    }
                }
                None => {}
            }
        }
        self.wake_futex();
        if let Some(file) = self.file.take() {
            self.address.unlink(file);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.close();
    }
}
