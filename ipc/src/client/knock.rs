//! Connecting: a knock, and the welcome that the host gives when it comes to it.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use videostream_hal::ring::segment::{ControlMap, LeaseMap};
use videostream_hal::sync::AtomicU32;
use videostream_hal::time::now_ns;

use super::wakes::Wakes;
use super::{Client, Config, Event, poll_until};
use crate::Error;
use crate::address::Address;
use crate::socket::{self, Sent};
use crate::wire::{MAX_HOLD, Message};

/// A connection that the host has not answered yet.
///
/// For a program that is host and client in one thread, or does something else meanwhile:
/// others use [`Client::connect`].
#[derive(Debug)]
pub struct Knock {
    socket: OwnedFd,
    config: Config,
}

impl Knock {
    /// Connects and says what is wanted, without waiting for an answer.
    ///
    /// # Errors
    /// [`Error::HoldTooLarge`]; [`Error::NoHost`]; [`Error::TimedOut`] when as many knock as the host's queue takes.
    pub fn new(address: &Address, config: Config) -> Result<Self, Error> {
        if config.hold > MAX_HOLD {
            return Err(Error::HoldTooLarge(config.hold, MAX_HOLD));
        }
        let socket = address.connect()?;
        let hello = Message::Hello {
            mode: config.mode,
            hold: config.hold,
        };
        match socket::send(&socket, &hello, &[]) {
            // Hung up already: what the host said before comes with the answer.
            Ok(Sent::Yes) | Err(Error::HostGone) => Ok(Self { socket, config }),
            Ok(_) => Err(Error::TimedOut),
            Err(e) => Err(e),
        }
    }

    /// What was asked of the host.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Readable when the host has answered.
    pub fn socket_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Waits for the welcome, as [`Client::connect`] does. What is not finished is hung up.
    ///
    /// # Errors
    /// [`Error::Refused`] with the host's reason, [`Error::TimedOut`], [`Error::HostGone`],
    /// [`Error::Segment`] or [`Error::Wire`] for a host that can't be trusted.
    pub fn finish(
        self,
        deadline_ns: u64,
        mut buffers: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<Client, Error> {
        let Self { socket, config } = self;
        let (host_pid, exports, epoch, fds) = loop {
            let Some((message, fds)) = socket::receive(&socket)? else {
                poll_until(&mut [PollFd::new(&socket, PollFlags::IN)], deadline_ns)?;
                continue;
            };
            if let Message::Welcome {
                host_pid,
                exports,
                epoch,
                ..
            } = message
            {
                break (host_pid, exports, epoch, fds);
            }
            buffers(Event::new(message, fds)?)?;
            // A host that talks without end is not listened to without end.
            if now_ns() >= deadline_ns {
                return Err(Error::TimedOut);
            }
        };
        let [control, lease, event] = fds
            .into_array::<3>()
            .map_err(|_| Error::Unexpected("welcome without descriptors"))?;
        let control = ControlMap::open(control.as_fd())?;
        if control.epoch() != epoch {
            return Err(Error::Unexpected("welcome to another ring"));
        }
        let lease = LeaseMap::open(lease.as_fd(), control.layout())?;
        let wakes = Wakes::new(event)?;
        Ok(Client {
            control,
            lease,
            wakes,
            socket,
            config,
            held: AtomicU32::new(0),
            sleepers: AtomicU32::new(0),
            cancelled: AtomicU32::new(0),
            host_pid,
            exports,
        })
    }
}
