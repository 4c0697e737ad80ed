//! The host: accepts clients, sends them buffers, publishes and reclaims frames.
//!
//! A host has no thread. Its owner polls [`Host::as_fd`] along with its other descriptors and calls
//! [`Host::process`] when it is readable; publishing needs neither.

mod accept;
mod access;
mod config;
mod event;
mod evict;
mod listener;
mod memory;
mod parameters;
mod peer;
mod peers;
mod register;
mod retire;
mod serve;
mod unsealed;
mod wait;

use rustix::event::epoll;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::thread::futex;
use videostream_hal::Call;
use videostream_hal::ring::cells::{ControlMut, SlotId};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::HostControl;
use videostream_hal::ring::{FrameDescriptor, RingLayout, wake};
use videostream_hal::sync::Ordering;
use videostream_hal::time::{Alarm, now_ns};

use self::accept::Acceptor;
pub use self::config::{Access, Config, DropCause, Exports, MAX_LISTED, Policy, Stats};
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

/// Indices of descriptor words that the host reads back.
const EXPIRES: usize = core::mem::offset_of!(FrameDescriptor, expires_ns) / 8;
const PUBLISHED: usize = core::mem::offset_of!(FrameDescriptor, published_ns) / 8;

/// The owner of a frame ring.
#[derive(Debug)]
pub struct Host {
    publisher: Publisher<HostControl>,
    peers: Peers,
    buffers: Registry<Memory>,
    /// Whether a client lacks a buffer or parameter set that could not be sent in time.
    behind: bool,
    parameters: Option<Parameters>,
    acceptor: Acceptor,
    alarm: Alarm,
    epoll: OwnedFd,
    address: Address,
    file: Option<FileId>,
    config: Config,
    /// The uid that stands for unmapped users.
    overflow_uid: Option<u32>,
    layout: RingLayout,
    stats: Stats,
    waits: wait::Waits,
}

impl Host {
    /// Creates a ring and listens at `address`. `epoch` should be random: it tells this host from
    /// an earlier one of the same name.
    ///
    /// # Errors
    /// [`Error::AddressInUse`] while another host serves there, [`Error::NotASocket`],
    /// [`Error::Ring`] for an invalid number of slots, [`Error::Os`].
    pub fn bind(address: Address, config: Config, epoch: u64) -> Result<Self, Error> {
        Self::start(config, epoch, |config| {
            let (listener, file) = address.bind(config.mode)?;
            Ok((listener, address, file))
        })
    }

    /// Creates a ring and serves an existing listening socket, such as that of a service manager,
    /// which keeps it across restarts of hosts. [`Config::mode`] is ignored, and the socket's file
    /// stays when the host ends. Connections that are already queued are served.
    ///
    /// # Errors
    /// [`Error::Listener`] unless it is a listening Unix socket of type `SOCK_SEQPACKET` with a
    /// name; otherwise those of [`Host::bind`].
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
        let layout = RingLayout::new(config.slots)?;
        let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
        let control = HostControl::create(layout, epoch, pid)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|e| Error::os(Call::EpollCreate, e))?;
        let alarm = Alarm::new().map_err(|e| Error::os(Call::TimerfdCreate, e))?;
        let (listener, address, file) = listen(&config)?;
        let acceptor = Acceptor::new(listener);
        let host = Self {
            publisher: Publisher::new(control),
            peers: Peers::new(),
            buffers: Registry::new(),
            behind: false,
            parameters: None,
            acceptor,
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
        let mut listener = host.acceptor.listener.iter();
        let watched = listener
            .try_for_each(|listener| host.watch(listener.as_fd(), serve::LISTENER))
            .and_then(|()| host.watch(host.alarm.as_fd(), serve::ALARM));
        watched.map_err(|e| Error::os(Call::EpollCtl, e))?;
        Ok(host)
    }

    /// Returns the socket's name.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the number that tells this host from others of the same name.
    pub fn epoch(&self) -> u64 {
        self.publisher.control().epoch()
    }

    /// Returns the number of slots of the ring.
    pub fn slots(&self) -> u32 {
        self.layout.slots()
    }

    /// Returns the statistics so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Iterates over the states of the attached clients.
    pub fn clients(&self) -> impl Iterator<Item = ClientStatus> + '_ {
        let indices = self.peers.indices();
        indices.filter_map(|index| self.peers.get(index)?.status(index as u32))
    }

    /// Returns the host's state.
    pub fn status(&self) -> HostStatus {
        HostStatus {
            clients: self.peers.iter().filter_map(Peer::lease).count() as u32,
            slots: self.layout.slots(),
            lent: self.outstanding(),
            max_outstanding: self.config.max_outstanding,
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

    /// Counts frames of the source that were lost before publication.
    pub fn count_drops(&mut self, frames: u64, cause: DropCause) {
        match cause {
            DropCause::Sensor => self.stats.sensor_drops += frames,
            DropCause::NoBuffer => self.stats.no_buffer_drops += frames,
        }
    }

    /// Returns the serial of the newest frame; 0 before the first.
    pub fn head(&self) -> u64 {
        self.publisher.head()
    }

    /// Returns the number of outstanding frames: readable by clients, or still held by one.
    pub fn outstanding(&self) -> u32 {
        self.publisher.readable() + self.publisher.draining()
    }

    /// Returns the maximum of outstanding frames: see [`Config::max_outstanding`].
    pub fn max_outstanding(&self) -> u32 {
        self.config.max_outstanding
    }

    /// Sends parameter sets (such as SPS and PPS) to the attached clients, and keeps them for later
    /// ones. Call this before publishing the key frame that they belong to.
    ///
    /// # Errors
    /// [`Error::ParameterSize`] for zero or too many bytes.
    pub fn set_parameters(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let last = self.parameters.as_ref().map_or(0, |p| p.generation);
        self.parameters = Some(Parameters::new(bytes, last.wrapping_add(1))?);
        self.send_lacking();
        Ok(())
    }

    /// Publishes a frame as the newest and wakes waiting clients: at most one futex call, and one
    /// write for each client that waits by descriptor. Returns slot and serial, and ignores the
    /// descriptor's own serial.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when no slot is free: see [`Host::reclaim`]; [`Error::UnknownBuffer`]
    /// for a frame in memory that is not registered, or no longer, and for a fence of an earlier
    /// frame; [`Error::NotMemory`] for a plane in a fence; [`Error::BadFence`] for a fence that is
    /// memory.
    pub fn publish(&mut self, frame: &FrameDescriptor) -> Result<(SlotId, u64), Error> {
        let next = self.head() + 1;
        for plane in frame.planes() {
            match self.buffers.touch(plane.buffer, next) {
                None => return Err(Error::UnknownBuffer { id: plane.buffer }),
                Some(0) => return Err(Error::NotMemory { id: plane.buffer }),
                Some(_) => {}
            }
        }
        if frame.fence != 0 {
            match self.buffers.touch(frame.fence, next) {
                None => return Err(Error::UnknownBuffer { id: frame.fence }),
                Some(0) => {}
                Some(_) => return Err(Error::BadFence { id: frame.fence }),
            }
        }
        if self.behind {
            self.send_lacking();
        }
        let Some(claim) = self.publisher.claim() else {
            self.stats.blocked += 1;
            return Err(Error::WouldBlock {
                held: self.outstanding(),
            });
        };
        let slot = claim.slot();
        let serial = self.publisher.publish(claim, |serial| {
            FrameDescriptor { serial, ..*frame }.to_words()
        });
        self.stats.published += 1;
        if frame.fence != 0 {
            // From now on only this frame keeps the fence.
            self.buffers.unregister(frame.fence);
        }
        self.wake();
        Ok((slot, serial))
    }

    /// Collects frames that no client holds any more, passing each slot to `freed`, and retires the
    /// oldest readable frames, as far as the policy allows, until at most `keep` are outstanding or
    /// only the newest is left. Expired frames are always retired. Returns the number of frames
    /// that are outstanding afterwards.
    pub fn reclaim(&mut self, keep: u32, mut freed: impl FnMut(SlotId)) -> u32 {
        let before = self.outstanding();
        self.collect(&mut freed);
        while let Some((slot, serial)) = self.publisher.oldest() {
            let surplus = self.outstanding() > keep && self.publisher.readable() > 1;
            let goes = self.has_expired(slot) || (surplus && self.may_drop(serial));
            if !goes {
                break;
            }
            self.publisher.retire_oldest();
            let leases = self.peers.iter().filter_map(Peer::lease);
            self.publisher.collect_retired(slot, leases, &mut freed);
        }
        self.sweep_if_freed(before);
        self.outstanding()
    }

    /// Returns whether the policy allows retiring a frame that has not expired.
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

    /// Reclaims every frame that no client holds, including the newest.
    pub fn reclaim_all(&mut self, mut freed: impl FnMut(SlotId)) {
        let before = self.outstanding();
        while self.publisher.retire_oldest().is_some() {}
        self.collect(&mut freed);
        self.sweep_if_freed(before);
    }

    fn collect(&mut self, freed: &mut impl FnMut(SlotId)) {
        let leases = self.peers.iter().filter_map(Peer::lease);
        self.publisher.collect(leases, freed);
    }

    /// Sweeps if fewer frames are outstanding than before: only then may a buffer have become
    /// unused.
    fn sweep_if_freed(&mut self, before: u32) {
        if self.outstanding() < before {
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
                peer.signal();
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
        // The number of woken threads is of no use, and the address is valid.
        let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
    }

    /// Changes the maximum of outstanding frames: see [`Config::max_outstanding`]. Attached clients
    /// keep what they were granted: if the maximum shrinks, [`Host::send_away`] makes them
    /// reconnect.
    pub fn set_max_outstanding(&mut self, frames: u32) {
        self.config.max_outstanding = frames;
    }
}

impl AsFd for Host {
    /// Returns a descriptor that is readable when [`Host::process`] has work to do, including after
    /// a client has released a frame while the host [waits](Host::begin_wait) for that.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Host {
    /// Ends the stream: frees the name for another host and sends clients a goodbye, which they see
    /// after the frames that are still readable. Clients keep the frames that they hold: continue
    /// with [`Host::process`] and [`Host::reclaim`] until [`Host::clients`] is empty; then the
    /// memory is free. Dropping the host does the same without waiting for clients.
    pub fn close(&mut self) {
        if self.acceptor.listener.is_none() {
            return;
        }
        self.acceptor.close();
        self.publisher.control().close();
        let goodbye = Message::Goodbye(Goodbye::Closing);
        for index in self.peers.indices() {
            match self.peers.get(index) {
                Some(peer) if peer.lease().is_none() => self.drop_peer(index, Some(goodbye)),
                Some(peer) => {
                    peer.send(&goodbye);
                    if peer.lease().is_some_and(|lease| wake::waiting(lease).event) {
                        peer.signal();
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
