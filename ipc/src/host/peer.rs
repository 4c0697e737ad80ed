//! One client, as its host sees it.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use videostream_hal::ring::cells::{Lease, SlotId};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::{HostControl, LeaseMap, SegmentError, Stat};
use videostream_hal::sync::Ordering;

use super::accept::{HELLO_NS, resources};
use super::event::Event;
use super::memory::Memory;
use super::parameters::Parameters;
use crate::Error;
use crate::buffers::{Ledger, Registry};
use crate::credentials::Credentials;
use crate::socket::{self, Sent};
use crate::wire::{ClientStatus, Message, Mode, Refusal, VERSION, WireError};

/// A connected client, welcomed or not yet.
#[derive(Debug)]
pub(super) struct Peer {
    socket: OwnedFd,
    credentials: Credentials,
    connected_ns: u64,
    /// What it has asked for, and when, from its hello to its welcome.
    asked: Option<(Mode, u32, u64)>,
    told: Told,
    attached: Option<Attached>,
}

/// What a client has been sent, also before its welcome.
#[derive(Debug)]
struct Told {
    /// Whether the client is of the host's own user.
    is_own: bool,
    buffers: Ledger,
    /// Generation of the parameter sets it was sent; 0 for none.
    parameters: u32,
    /// Fences that it was sent since it held another frame.
    fences: u32,
}

#[derive(Debug)]
struct Attached {
    lease: LeaseMap,
    event: Event,
    mode: Mode,
    hold: u32,
    /// The frame that it had held last when they were counted anew.
    seen: u64,
}

/// Most fences that a client is sent while it holds no other frame: unread, they count against
/// all clients, and a queue that is full of them takes no buffer.
const MAX_UNREAD_FENCES: u32 = 16;

/// What came of listening to a peer.
pub(super) enum Step {
    Nothing,
    Hello { mode: Mode, hold: u32 },
    Look,
    Moved,
    Refuse(Refusal),
    Gone,
}

impl Peer {
    /// `is_own`: whether the client is of the host's own user.
    pub(super) fn new(
        socket: OwnedFd,
        credentials: Credentials,
        is_own: bool,
        now_ns: u64,
    ) -> Self {
        Self {
            socket,
            credentials,
            connected_ns: now_ns,
            asked: None,
            told: Told {
                is_own,
                buffers: Ledger::default(),
                parameters: 0,
                fences: 0,
            },
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
            pid: self.credentials.pid,
            uid: self.credentials.uid,
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
        self.attached.is_some() && !self.told.is_own
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

    /// Frames held and allowed, if more than allowed. Only of frames that can't be held anew: a sum
    /// over all others is of no one moment.
    pub(super) fn over_limit(&self, ring: &Publisher<HostControl>) -> Option<(u32, u32)> {
        let a = self.attached.as_ref()?;
        let held = ring.held_unreadable(&a.lease);
        (held > a.hold).then_some((held, a.hold))
    }

    /// How often the client has held a frame or let one go, by its own count.
    pub(super) fn moves(&self) -> u64 {
        self.lease()
            .map_or(0, |lease| lease.stat(Stat::Moves).load(Ordering::Relaxed))
    }

    /// Until when it may say nothing; `None` once it has said hello.
    pub(super) fn silent_until(&self) -> Option<u64> {
        let is_silent = self.attached.is_none() && self.asked.is_none();
        is_silent.then_some(self.connected_ns + HELLO_NS)
    }

    /// Notes its hello.
    pub(super) fn ask(&mut self, mode: Mode, hold: u32, now_ns: u64) {
        self.asked = Some((mode, hold, now_ns));
    }

    /// What it has asked for, and when, while it waits for its welcome.
    pub(super) fn asked(&self) -> Option<(Mode, u32, u64)> {
        self.asked
    }

    /// Reads one message.
    pub(super) fn receive(&mut self) -> Step {
        match socket::receive_bare(&self.socket) {
            Ok(None) => Step::Nothing,
            Ok(Some(Message::Hello { mode, hold })) if self.silent_until().is_some() => {
                Step::Hello { mode, hold }
            }
            Ok(Some(Message::Look)) if self.attached.is_some() => Step::Look,
            Ok(Some(Message::Moved)) if self.attached.is_some() => Step::Moved,
            Ok(Some(_)) => Step::Refuse(Refusal::Malformed),
            Err(Error::Wire(WireError::Version(_))) => {
                Step::Refuse(Refusal::Version(VERSION.into()))
            }
            Err(Error::Wire(_)) => Step::Refuse(Refusal::Malformed),
            Err(_) => Step::Gone,
        }
    }

    /// Gives the client all buffers, its lease page, and then its welcome: a client that is
    /// in has been sent every buffer that a readable frame may lie in. `Ok(false)`: there is no room
    /// for them now. What it has been sent by then is not sent again.
    pub(super) fn attach(
        &mut self,
        control: &HostControl,
        head: u64,
        (buffers, parameters): (&Registry<Memory>, Option<&Parameters>),
        welcome: Message,
        (mode, hold): (Mode, u32),
    ) -> Result<bool, Refusal> {
        let sent = self.told.send_lacking(&self.socket, buffers, parameters);
        if !matches!(sent, Ok(Sent::Yes | Sent::Later)) {
            return is_sent(sent);
        }
        let (event, client_end) = Event::new().map_err(resources)?;
        let (lease, fd) = LeaseMap::create(control.layout()).map_err(|e| match e {
            SegmentError::Create(errno) => resources(errno),
            _ => resources(Errno::NOMEM),
        })?;
        // Frames from before it came are not kept for it.
        lease.stat(Stat::LastSerial).store(head, Ordering::Relaxed);
        let fds = [control.as_fd(), fd.as_fd(), client_end.as_fd()];
        let is_in = is_sent(socket::send(&self.socket, &welcome, &fds))?;
        if is_in {
            self.asked = None;
            self.attached = Some(Attached {
                lease,
                event,
                mode,
                hold,
                seen: head,
            });
        }
        Ok(is_in)
    }

    /// Sends what the client lacks, as far as its queue takes it.
    pub(super) fn send_lacking(
        &mut self,
        buffers: &Registry<Memory>,
        parameters: Option<&Parameters>,
    ) -> Result<Sent, Error> {
        let Some(attached) = &mut self.attached else {
            return Ok(Sent::Yes);
        };
        // Relaxed: a look that comes late leaves a fence for the next one.
        let last = attached
            .lease
            .stat(Stat::LastSerial)
            .load(Ordering::Relaxed);
        if last != attached.seen {
            (attached.seen, self.told.fences) = (last, 0);
        }
        self.told.send_lacking(&self.socket, buffers, parameters)
    }

    /// Tells the client that a buffer or fence is gone; `false` if it could not be told.
    pub(super) fn retire(&mut self, id: u32) -> bool {
        !self.told.buffers.retire(id)
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

/// Whether a message went out; `Ok(false)` if it may later.
fn is_sent(sent: Result<Sent, Error>) -> Result<bool, Refusal> {
    match sent {
        Ok(sent) => Ok(sent == Sent::Yes),
        // Gone: told by its socket.
        Err(Error::Os(_, errno)) => Err(resources(errno)),
        Err(_) => Ok(false),
    }
}

impl Told {
    /// Sends the buffers and parameter sets that the client lacks.
    fn send_lacking(
        &mut self,
        socket: &OwnedFd,
        buffers: &Registry<Memory>,
        parameters: Option<&Parameters>,
    ) -> Result<Sent, Error> {
        let is_own = self.is_own;
        let fences = &mut self.fences;
        let buffers = self.buffers.send_lacking(buffers, |id, size, memory| {
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
