//! Hosts: publish frames that any number of processes hold without a copy.

use std::ops::{Deref, DerefMut};
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

use super::{Access, Exports, Policy};
use crate::{Error, Result};

/// Configures a [`Host`]; made by [`Host::builder`].
#[derive(Clone, Debug)]
pub struct HostBuilder {
    path: PathBuf,
    listener: Option<Arc<OwnedFd>>,
    config: ipc::Config,
}

impl HostBuilder {
    /// Serves this listening socket instead of creating one, as with systemd's socket activation.
    /// The host takes its name, does not remove its file at the end, and serves clients that have
    /// connected before. `mode` has no effect.
    #[must_use]
    pub fn listener(mut self, socket: OwnedFd) -> Self {
        self.listener = Some(Arc::new(socket));
        self
    }

    /// Most frames that are published or held at once (default 8). All clients together can hold
    /// one less. Each is a buffer that the producer can't fill meanwhile.
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

    /// Permission bits of the socket's file (default `0o600`); without effect on abstract names.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.config.mode = mode;
        self
    }

    /// Which frames make room for new ones (default: the oldest that no client holds).
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
    /// [`Error::Share`] with `WouldBlock` if no slot is free: see [`reclaim`](ipc::Host::reclaim).
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

impl Deref for Host {
    type Target = ipc::Host;

    /// The ipc layer's host, for calls that can't fail: counters, clients, reclaim.
    fn deref(&self) -> &ipc::Host {
        &self.inner
    }
}

impl DerefMut for Host {
    fn deref_mut(&mut self) -> &mut ipc::Host {
        &mut self.inner
    }
}

impl AsFd for Host {
    /// Readable when [`Host::process`] has work to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}
