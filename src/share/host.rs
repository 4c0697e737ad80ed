//! Hosts: publish frames that any number of processes hold without a copy.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::rand::{GetRandomFlags, getrandom};
use videostream_hal::Call;
use videostream_hal::ring::cells::SlotId;
use videostream_hal::ring::{FrameDescriptor, MAX_SLOTS, MIN_SLOTS};
use videostream_ipc::address::Address;
use videostream_ipc::host as ipc;
use videostream_ipc::wire::Goodbye;

use super::{Access, ClientStatus, Exports, HostStatus, Policy, Stats};
use crate::{Error, Result};

/// Configures a [`Host`]; made by [`Host::builder`].
#[derive(Clone, Debug)]
pub struct HostBuilder {
    path: PathBuf,
    listener: Option<Arc<OwnedFd>>,
    config: ipc::Config,
}

impl HostBuilder {
    /// Sets a listening socket to serve instead of creating one, as with systemd's socket
    /// activation. The host uses its name, does not remove its file at the end, and serves clients
    /// that have connected before. `mode` has no effect.
    #[must_use]
    pub fn listener(mut self, socket: OwnedFd) -> Self {
        self.listener = Some(Arc::new(socket));
        self
    }

    /// Sets the maximum number of frames that are published or held at once (default 8). All
    /// clients together can hold one less. Each is a buffer that the producer can't fill meanwhile.
    #[must_use]
    pub fn max_outstanding(mut self, frames: u32) -> Self {
        self.config.max_outstanding = frames;
        // One more slot, for the frame that is published next.
        self.config.slots = frames
            .saturating_add(1)
            .clamp(MIN_SLOTS, MAX_SLOTS)
            .next_power_of_two();
        self
    }

    /// Sets the permission bits of the socket's file (default `0o600`); without effect on abstract
    /// names.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.config.mode = mode;
        self
    }

    /// Sets which frames make room for new ones (default: the oldest that no client holds).
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Sets how long a client may hold a frame once the producer runs out of buffers (default: no
    /// limit). After that the client is evicted, with the reason.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.config.lease_ns = super::client::nanoseconds(time);
        self
    }

    /// Sets the users that may connect (default: the same user, and root).
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.config.access = access;
        self
    }

    /// Sets whether clients may write to the buffers (default: only read).
    #[must_use]
    pub fn exports(mut self, exports: Exports) -> Self {
        self.config.exports = exports;
        self
    }

    /// Creates the ring and listens.
    ///
    /// A socket file that a killed host left behind is replaced.
    ///
    /// # Errors
    /// [`Error::Share`]: the name is too long, in use, not a socket, or may not be created; or the
    /// socket of [`listener`](Self::listener) can't be served.
    pub fn bind(self) -> Result<Host> {
        let mut socket = self.path.display().to_string();
        let host = (|| {
            let mut epoch = [0; 8];
            getrandom(&mut epoch, GetRandomFlags::empty()).map_err(|errno| {
                videostream_ipc::Error::Os {
                    call: Call::Getrandom,
                    errno,
                }
            })?;
            let epoch = u64::from_ne_bytes(epoch);
            let Some(listener) = self.listener else {
                let address = Address::new(self.path.as_os_str().as_encoded_bytes())?;
                return ipc::Host::bind(address, self.config, epoch);
            };
            let listener = Arc::try_unwrap(listener).or_else(|shared| {
                let listener = fcntl_dupfd_cloexec(&*shared, 0);
                listener.map_err(|errno| videostream_ipc::Error::Os {
                    call: Call::Fcntl,
                    errno,
                })
            })?;
            let host = ipc::Host::from_listener(listener, self.config, epoch)?;
            socket = String::from_utf8_lossy(host.address().name()).into_owned();
            Ok(host)
        })();
        match host {
            Ok(host) => Ok(Host {
                inner: Box::new(host),
                socket,
            }),
            Err(why) => Err(Error::Share { socket, why }),
        }
    }
}

/// The publisher of a stream's frames.
///
/// It has no thread: poll its file descriptor and call [`Host::process`] when it is readable, or
/// let [`Stream`](crate::Stream) do that.
#[derive(Debug)]
pub struct Host {
    inner: Box<ipc::Host>,
    socket: String,
}

impl Host {
    /// Configures a host on the socket `path`: a file if it starts with `/`, else an abstract name.
    #[must_use]
    pub fn builder(path: impl AsRef<Path>) -> HostBuilder {
        HostBuilder {
            path: path.as_ref().to_owned(),
            listener: None,
            config: ipc::Config::default(),
        }
    }

    /// Returns the socket's name.
    #[must_use]
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// Registers a buffer for frames: a dma-buf, or a memfd sealed against shrinking, of at least
    /// `size` bytes. It is sent to each client once. Returns the buffer's id.
    ///
    /// # Errors
    /// [`Error::Share`]: too many buffers, or memory that could shrink.
    pub fn register(&mut self, fd: OwnedFd, size: u64) -> Result<u32> {
        let result = self.inner.register(fd, size);
        self.named(result)
    }

    /// Registers the fence of one frame, a sync file, such as that of
    /// [`export_sync_file`](videostream_hal::memory::dmabuf::export_sync_file). Put the returned id
    /// into the frame's [`fence`](FrameDescriptor::fence) field; the fence is unregistered together
    /// with the frame. Unregister it if the frame is not published after all.
    ///
    /// The frame's buffer is reclaimed when no client holds it, which may be before its fence has
    /// signalled: wait for the fence, or have the driver wait, before filling the buffer again.
    ///
    /// # Errors
    /// [`Error::Share`]: not a sync file, or too many buffers and fences.
    pub fn register_fence(&mut self, fd: OwnedFd) -> Result<u32> {
        let result = self.inner.register_fence(fd);
        self.named(result)
    }

    /// Sets the parameter sets for present and future clients; call it before publishing the key
    /// frame that they belong to.
    ///
    /// # Errors
    /// [`Error::Share`] for no bytes or too many.
    pub fn set_parameters(&mut self, bytes: &[u8]) -> Result<()> {
        let result = self.inner.set_parameters(bytes);
        self.named(result)
    }

    /// Publishes a frame and wakes waiting clients. Returns its slot and serial.
    ///
    /// # Errors
    /// [`Error::Share`] with `WouldBlock` if no slot is free: see [`Host::reclaim`].
    pub fn publish(&mut self, frame: &FrameDescriptor) -> Result<(SlotId, u64)> {
        let result = self.inner.publish(frame);
        self.named(result)
    }

    /// Accepts clients, answers messages, and removes clients that left; never blocks.
    ///
    /// # Errors
    /// [`Error::Share`] if the listening socket fails; never because of a client.
    pub fn process(&mut self) -> Result<()> {
        let result = self.inner.process();
        self.named(result)
    }

    fn named<T>(&self, result: std::result::Result<T, videostream_ipc::Error>) -> Result<T> {
        result.map_err(|why| Error::Share {
            socket: self.socket.clone(),
            why,
        })
    }
}

/// Calls that can't fail.
impl Host {
    /// Returns the number of slots of the ring.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.inner.slots()
    }

    /// Returns the statistics so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// Iterates over the states of the attached clients.
    pub fn clients(&self) -> impl Iterator<Item = ClientStatus> + '_ {
        self.inner.clients()
    }

    /// Returns the host's state.
    #[must_use]
    pub fn status(&self) -> HostStatus {
        self.inner.status()
    }

    /// Returns the serial of the newest frame; 0 before the first.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.inner.head()
    }

    /// Returns the number of outstanding frames: readable by clients, or still held by one.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.inner.outstanding()
    }

    /// Returns the maximum of outstanding frames: see [`HostBuilder::max_outstanding`].
    #[must_use]
    pub fn max_outstanding(&self) -> u32 {
        self.inner.max_outstanding()
    }

    /// Passes the slot of each frame that no client holds any more to `freed`, until at most `keep`
    /// frames are outstanding: see [`ipc::Host::reclaim`]. Returns the number of frames that are
    /// outstanding afterwards.
    pub fn reclaim(&mut self, keep: u32, freed: impl FnMut(SlotId)) -> u32 {
        self.inner.reclaim(keep, freed)
    }

    /// Reclaims every frame that no client holds, including the newest.
    pub fn reclaim_all(&mut self, freed: impl FnMut(SlotId)) {
        self.inner.reclaim_all(freed);
    }

    /// Unregisters a buffer or fence: it is removed, and clients are told, once the last frame in
    /// it is reclaimed.
    pub fn unregister(&mut self, id: u32) {
        self.inner.unregister(id);
    }

    /// Evicts clients that hold more than they were granted, or for longer than the lease time: see
    /// [`ipc::Host::evict_over_limit`]. Returns their number.
    pub fn evict_over_limit(&mut self) -> usize {
        self.inner.evict_over_limit()
    }

    /// Ends every connection with a reason. The host continues, and clients may reconnect.
    pub fn send_away(&mut self, why: Goodbye) {
        self.inner.send_away(why);
    }

    /// Ends the stream: frees the name and sends clients a goodbye. Continue with [`Host::process`]
    /// and [`Host::reclaim`] until [`Host::clients`] is empty: see [`ipc::Host::close`].
    pub fn close(&mut self) {
        self.inner.close();
    }

    /// Returns the host of the ipc layer, which has more: waits for released frames, memory that
    /// is not sealed, frames that are retired one by one.
    #[must_use]
    pub fn ipc(&self) -> &ipc::Host {
        &self.inner
    }

    /// Returns the host of the ipc layer, for calls that change it. Their errors do not name the
    /// socket.
    pub fn ipc_mut(&mut self) -> &mut ipc::Host {
        &mut self.inner
    }
}

impl AsFd for Host {
    /// Returns a file descriptor that is readable when [`Host::process`] has work to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}
