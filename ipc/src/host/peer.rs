//! One client, as its host sees it.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use videostream_hal::ring::cells::{Lease, SlotId};
use videostream_hal::ring::segment::{HostControl, LeaseMap, SegmentError, Stat};
use videostream_hal::sync::Ordering;

use super::event::Event;
use super::memory::Memory;
use super::parameters::Parameters;
use crate::buffers::{Ledger, Registry};
use crate::socket::{self, Sent};
use crate::wire::{ClientStatus, Message, Mode, Refusal, VERSION, WireError};
use crate::{Error, trust};

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
    event: Event,
    mode: Mode,
    hold: u32,
    /// The buffers that it was sent.
    sent: Ledger,
    /// Generation of the parameter sets it was sent; 0 for none.
    parameters: u32,
    /// Fences that it was sent since it held another frame.
    fences: u32,
    /// The frame that it had held last when they were counted anew.
    seen: u64,
    /// Of the host's own user.
    is_own: bool,
}

/// Most fences that a client is sent while it holds no other frame: unread, they count against
/// all clients, and a queue that is full of them takes no buffer.
const MAX_UNREAD_FENCES: u32 = 16;

/// What came of listening to a peer.
pub(super) enum Step {
    Nothing,
    Hello { mode: Mode, hold: u32 },
    Look,
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

    /// How the client does; `client` is its number.
    pub(super) fn status(&self, client: u32) -> Option<ClientStatus> {
        let a = self.attached.as_ref()?;
        let stat = |which| a.lease.stat(which).load(Ordering::Relaxed);
        Some(ClientStatus {
            client,
            pid: self.pid,
            uid: self.uid,
            mode: a.mode,
            waiting: a.lease.waiting().load(Ordering::Relaxed),
            hold: a.hold,
            held: a.lease.held(),
            acquired: stat(Stat::Acquired),
            missed: stat(Stat::Missed),
            last_serial: stat(Stat::LastSerial),
        })
    }

    /// Whether it is in, and of another user than the host.
    pub(super) fn is_foreign(&self) -> bool {
        self.attached.as_ref().is_some_and(|a| !a.is_own)
    }

    /// How many frames the client may hold.
    pub(super) fn hold(&self) -> u32 {
        self.attached.as_ref().map_or(0, |a| a.hold)
    }

    /// The last serial that a client has had which must have every one.
    pub(super) fn needs_after(&self) -> Option<u64> {
        let a = self.attached.as_ref()?;
        let wants = a.mode == Mode::Every && a.hold > 0;
        wants.then(|| a.lease.stat(Stat::LastSerial).load(Ordering::Relaxed))
    }

    /// Whether the client holds `slot`.
    pub(super) fn holds(&self, slot: SlotId) -> bool {
        // Relaxed: only to choose whom to throw out; reclaiming looks for itself.
        self.lease()
            .is_some_and(|lease| lease.refs(slot).load(Ordering::Relaxed) != 0)
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

    /// Reads one message.
    pub(super) fn receive(&mut self) -> Step {
        match socket::receive_bare(&self.socket) {
            Ok(None) => Step::Nothing,
            Ok(Some(Message::Hello { mode, hold })) if self.attached.is_none() => {
                Step::Hello { mode, hold }
            }
            Ok(Some(Message::Look)) if self.attached.is_some() => Step::Look,
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
        head: u64,
        host: (&Registry<Memory>, Option<&Parameters>),
        welcome: Message,
        (event, client_end): (Event, OwnedFd),
        (mode, hold): (Mode, u32),
    ) -> Result<(), Refusal> {
        let (lease, fd) = LeaseMap::create(control.layout()).map_err(|e| match e {
            SegmentError::Create(errno) => Refusal::Resources(errno.raw_os_error() as u32),
            _ => Refusal::Resources(Errno::NOMEM.raw_os_error() as u32),
        })?;
        // Frames from before it came are not kept for it.
        lease.stat(Stat::LastSerial).store(head, Ordering::Relaxed);
        // A fresh socket takes them all; if not, descriptors in flight are exhausted.
        let exhausted = Refusal::Resources(Errno::TOOMANYREFS.raw_os_error() as u32);
        let mut attached = Attached {
            lease,
            event,
            mode,
            hold,
            sent: Ledger::default(),
            parameters: 0,
            fences: 0,
            seen: head,
            is_own: trust::is_own(self.uid),
        };
        let sent = attached.send_lacking(&self.socket, host.0, host.1);
        if !matches!(sent, Ok(Sent::Yes | Sent::Later)) {
            return Err(exhausted);
        }
        let fds = [control.as_fd(), fd.as_fd(), client_end.as_fd()];
        if socket::send(&self.socket, &welcome, &fds) != Ok(Sent::Yes) {
            return Err(exhausted);
        }
        self.attached = Some(attached);
        Ok(())
    }

    /// Sends what the client lacks, as far as its queue takes it.
    pub(super) fn send_lacking(
        &mut self,
        buffers: &Registry<Memory>,
        parameters: Option<&Parameters>,
    ) -> Result<Sent, Error> {
        match &mut self.attached {
            Some(attached) => attached.send_lacking(&self.socket, buffers, parameters),
            None => Ok(Sent::Yes),
        }
    }

    /// Tells the client that a buffer or fence is gone; `false` if it could not be told.
    pub(super) fn retire(&mut self, id: u32) -> bool {
        let Some(attached) = &mut self.attached else {
            return true;
        };
        !attached.sent.retire(id)
            || socket::send(&self.socket, &Message::Retire { id }, &[]) == Ok(Sent::Yes)
    }

    /// Sends a message that nothing depends on.
    pub(super) fn send(&self, message: &Message) {
        let _ = socket::send(&self.socket, message, &[]);
    }

    /// Makes the client's event descriptor readable.
    pub(super) fn ring(&self) {
        if let Some(attached) = &self.attached {
            attached.event.ring();
        }
    }
}

impl Attached {
    /// Sends the buffers and parameter sets that the client lacks.
    fn send_lacking(
        &mut self,
        socket: &OwnedFd,
        buffers: &Registry<Memory>,
        parameters: Option<&Parameters>,
    ) -> Result<Sent, Error> {
        // Relaxed: a look that comes late leaves a fence for the next one.
        let last = self.lease.stat(Stat::LastSerial).load(Ordering::Relaxed);
        if last != self.seen {
            (self.seen, self.fences) = (last, 0);
        }
        let is_own = self.is_own;
        let fences = &mut self.fences;
        let buffers = self.sent.send_lacking(buffers, |id, size, memory| {
            let is_fence = memory.is_fence();
            if is_fence && *fences >= MAX_UNREAD_FENCES {
                return Ok::<_, Error>(Sent::Later);
            }
            let Some((message, fd)) = memory.for_client((id, size), is_own) else {
                return Ok(Sent::Later);
            };
            let sent = socket::send(socket, &message, &[fd])?;
            *fences += u32::from(is_fence && sent == Sent::Yes);
            Ok(sent)
        })?;
        if !matches!(buffers, Sent::Yes | Sent::Later) {
            return Ok(buffers);
        }
        if let Some(Parameters {
            fd,
            size,
            generation,
        }) = parameters
            && self.parameters != *generation
        {
            let message = Message::Parameters { size: *size };
            match socket::send(socket, &message, &[fd.as_fd()])? {
                Sent::Yes => {}
                not => return Ok(not),
            }
            self.parameters = *generation;
        }
        Ok(buffers)
    }
}
