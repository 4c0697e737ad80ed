//! Two-step connect: send Hello, later wait for Welcome.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use videostream_hal::ring::segment::{ControlMap, LeaseMap};
use videostream_hal::sync::AtomicU32;
use videostream_hal::time::now_ns;

use super::wakes::Wakes;
use super::{Client, Config, Event, poll_until};
use crate::address::Address;
use crate::socket::{self, Sent};
use crate::wire::{Exports, MAX_FDS, MAX_HOLD, Message};
use crate::{Error, trust};

/// A connection that the host has not answered yet. For a program that is host and client in one
/// thread, or does other work meanwhile. Others use [`Client::connect`].
#[derive(Debug)]
pub struct PendingClient {
    socket: OwnedFd,
    config: Config,
}

impl PendingClient {
    /// Connects and sends Hello, without waiting for the answer.
    ///
    /// # Errors
    /// [`Error::HoldTooLarge`]; [`Error::NoHost`]; [`Error::TimedOut`] when the host's backlog is
    /// full.
    pub fn new(address: &Address, config: Config) -> Result<Self, Error> {
        if config.hold > MAX_HOLD {
            return Err(Error::HoldTooLarge {
                asked: config.hold,
                max: MAX_HOLD,
            });
        }
        let socket = address.connect()?;
        let hello = Message::Hello {
            mode: config.mode,
            hold: config.hold,
        };
        match socket::send(&socket, &hello, &[]) {
            // Hung up already: `answer` reads the host's reason, which is still queued.
            Ok(Sent::Yes) | Err(Error::HostGone) => Ok(Self { socket, config }),
            Ok(_) => Err(Error::TimedOut),
            Err(e) => Err(e),
        }
    }

    /// Returns the configuration that was sent to the host.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns a file descriptor that is readable when the host has answered.
    pub fn socket_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Waits for the welcome, as [`Client::connect`] does. Closes the connection if the handshake
    /// fails or is not finished in time.
    ///
    /// # Errors
    /// Those of [`PendingClient::answer`] and [`PendingClient::enter`].
    pub fn finish(
        self,
        deadline_ns: u64,
        buffers: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<Client, Error> {
        let welcome = self.answer(deadline_ns, buffers)?;
        self.enter(welcome)
    }

    /// Waits until `deadline_ns` for the welcome, passing to `buffers` what the host sends before
    /// it. After a time-out it can be called again and continues.
    ///
    /// # Errors
    /// [`Error::Refused`] with the host's reason, [`Error::TimedOut`], [`Error::HostGone`],
    /// [`Error::Wire`] for an invalid message.
    pub fn answer(
        &self,
        deadline_ns: u64,
        mut buffers: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<Welcome, Error> {
        let trusts = trust::trusts_peer(&self.socket);
        loop {
            let Some((message, fds)) = socket::receive(&self.socket)? else {
                poll_until(&mut [PollFd::new(&self.socket, PollFlags::IN)], deadline_ns)?;
                continue;
            };
            if let Message::Welcome {
                host_pid,
                exports,
                epoch,
                ..
            } = message
            {
                return Ok(Welcome {
                    host_pid,
                    exports,
                    epoch,
                    fds,
                });
            }
            buffers(Event::new(message, fds, trusts)?)?;
            // A host that never stops sending must not keep the client here past its deadline.
            if now_ns() >= deadline_ns {
                return Err(Error::TimedOut);
            }
        }
    }

    /// Maps the descriptors of the welcome.
    ///
    /// # Errors
    /// [`Error::Ring`], [`Error::Unexpected`] for an invalid welcome.
    pub fn enter(self, welcome: Welcome) -> Result<Client, Error> {
        let Self { socket, config } = self;
        let Welcome {
            host_pid,
            exports,
            epoch,
            fds,
        } = welcome;
        let [control, lease, event] = fds.into_array::<3>().map_err(|_| Error::Unexpected {
            what: "welcome without descriptors",
        })?;
        let control = ControlMap::open(control.as_fd())?;
        if control.epoch() != epoch {
            return Err(Error::Unexpected {
                what: "welcome to another ring",
            });
        }
        let lease = LeaseMap::open(lease.as_fd(), control.layout())?;
        let wakes = Wakes::new(event)?;
        let trusts = trust::trusts_peer(&socket);
        Ok(Client {
            control,
            lease,
            wakes,
            socket,
            config,
            held: AtomicU32::new(0),
            told: AtomicU32::new(0),
            sleepers: AtomicU32::new(0),
            cancelled: AtomicU32::new(0),
            host_pid,
            exports,
            trusts,
        })
    }
}

/// A host's Welcome, with its descriptors not yet mapped.
#[derive(Debug)]
pub struct Welcome {
    host_pid: u32,
    exports: Exports,
    epoch: u64,
    fds: heapless::Vec<OwnedFd, MAX_FDS>,
}
