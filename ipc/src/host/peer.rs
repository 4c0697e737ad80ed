//! One client, as its host sees it.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use videostream_hal::ring::RingLayout;
use videostream_hal::ring::segment::{HostControl, LeaseMap, SegmentError, Stat};
use videostream_hal::sync::Ordering;

use super::registry::Registry;
use crate::wire::{Message, Mode, Refusal, VERSION, WireError};
use crate::{Error, MAX_BUFFERS, socket};

/// A connected client, welcomed or not yet.
#[derive(Debug)]
pub(super) struct Peer {
    socket: OwnedFd,
    pid: u32,
    uid: u32,
    connected_ns: u64,
    attached: Option<Attached>,
}

#[derive(Debug)]
struct Attached {
    lease: LeaseMap,
    eventfd: OwnedFd,
    mode: Mode,
    hold: u32,
    /// Generation of the buffer it was sent, by place in the registry; 0 for none.
    sent: [u32; MAX_BUFFERS],
}

/// What a host can tell of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Which frames it wants.
    pub mode: Mode,
    /// How many frames it may hold at once.
    pub hold: u32,
    /// How many it holds now, by its own count.
    pub held: u32,
    /// Frames it has held so far, by its own count.
    pub acquired: u64,
    /// Frames that were gone before it came, by its own count.
    pub missed: u64,
    /// The last serial it has held, by its own count.
    pub last_serial: u64,
}

/// What came of listening to a peer.
pub(super) enum Step {
    Nothing,
    Hello { mode: Mode, hold: u32 },
    Refuse(Refusal),
    Gone,
}

impl Peer {
    pub(super) fn new(socket: OwnedFd, pid: u32, uid: u32, now_ns: u64) -> Self {
        Self {
            socket,
            pid,
            uid,
            connected_ns: now_ns,
            attached: None,
        }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn lease(&self) -> Option<&LeaseMap> {
        self.attached.as_ref().map(|a| &a.lease)
    }

    pub(super) fn info(&self) -> Option<ClientInfo> {
        let a = self.attached.as_ref()?;
        let stat = |which| a.lease.stat(which).load(Ordering::Relaxed);
        Some(ClientInfo {
            pid: self.pid,
            uid: self.uid,
            mode: a.mode,
            hold: a.hold,
            held: a.lease.held(),
            acquired: stat(Stat::Acquired),
            missed: stat(Stat::Missed),
            last_serial: stat(Stat::LastSerial),
        })
    }

    /// Frames held and allowed, if more than allowed.
    pub(super) fn over_limit(&self) -> Option<(u32, u32)> {
        let a = self.attached.as_ref()?;
        let held = a.lease.held();
        (held > a.hold).then_some((held, a.hold))
    }

    /// Connected before `then_ns` and never said hello.
    pub(super) fn is_silent_since(&self, then_ns: u64) -> bool {
        self.attached.is_none() && self.connected_ns < then_ns
    }

    /// Reads one message. A client has only one to send, so a second is its last.
    pub(super) fn receive(&mut self) -> Step {
        match socket::receive(&self.socket) {
            Ok(None) => Step::Nothing,
            Ok(Some((Message::Hello { mode, hold }, _))) if self.attached.is_none() => {
                Step::Hello { mode, hold }
            }
            Ok(Some(_)) => Step::Refuse(Refusal::Malformed),
            Err(Error::Wire(WireError::Version(_))) => {
                Step::Refuse(Refusal::Version(VERSION.into()))
            }
            Err(Error::Wire(_)) => Step::Refuse(Refusal::Malformed),
            Err(_) => Step::Gone,
        }
    }

    /// Gives the client its lease page, all buffers, and then its welcome: a client that is
    /// in has been sent every buffer that a readable frame may lie in.
    pub(super) fn attach(
        &mut self,
        control: &HostControl,
        layout: RingLayout,
        buffers: &Registry,
        welcome: Message,
        eventfd: OwnedFd,
        (mode, hold): (Mode, u32),
    ) -> Result<(), Refusal> {
        let (lease, fd) = LeaseMap::create(layout).map_err(|e| match e {
            SegmentError::Create(errno) => Refusal::Resources(errno.raw_os_error() as u32),
            _ => Refusal::Resources(Errno::NOMEM.raw_os_error() as u32),
        })?;
        // A fresh socket takes them all; if not, descriptors in flight are exhausted.
        let exhausted = Refusal::Resources(Errno::TOOMANYREFS.raw_os_error() as u32);
        let mut sent = [0; MAX_BUFFERS];
        for (place, id, size, fd) in buffers.iter() {
            if socket::send(&self.socket, &Message::Buffer { id, size }, &[fd]) != Ok(true) {
                return Err(exhausted);
            }
            sent[place] = id;
        }
        let fds = [control.as_fd(), fd.as_fd(), eventfd.as_fd()];
        if socket::send(&self.socket, &welcome, &fds) != Ok(true) {
            return Err(exhausted);
        }
        self.attached = Some(Attached {
            lease,
            eventfd,
            mode,
            hold,
            sent,
        });
        Ok(())
    }

    /// Sends the buffers that the client lacks, as far as its queue takes them.
    pub(super) fn send_buffers(&mut self, buffers: &Registry) -> Result<(), Error> {
        let Some(attached) = &mut self.attached else {
            return Ok(());
        };
        for (place, id, size, fd) in buffers.iter() {
            if attached.sent[place] == id {
                continue;
            }
            if !socket::send(&self.socket, &Message::Buffer { id, size }, &[fd])? {
                break;
            }
            attached.sent[place] = id;
        }
        Ok(())
    }

    /// Tells the client that a buffer is gone; `false` if it could not be told.
    pub(super) fn retire(&mut self, id: u32) -> bool {
        let Some(attached) = &mut self.attached else {
            return true;
        };
        let Some(sent) = attached.sent.iter_mut().find(|sent| **sent == id) else {
            return true;
        };
        *sent = 0;
        matches!(
            socket::send(&self.socket, &Message::Retire { id }, &[]),
            Ok(true)
        )
    }

    /// Sends a message that nothing depends on.
    pub(super) fn send(&self, message: &Message) {
        let _ = socket::send(&self.socket, message, &[]);
    }

    /// Writes the client's eventfd. Full means that it has been told already.
    pub(super) fn ring(&self) {
        if let Some(attached) = &self.attached {
            let _ = rustix::io::write(&attached.eventfd, &1u64.to_ne_bytes());
        }
    }
}
