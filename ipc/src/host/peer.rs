//! The host's side of one client.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use videostream_hal::ring::RingError;
use videostream_hal::ring::cells::{Lease, SlotId};
use videostream_hal::ring::publisher::Publisher;
use videostream_hal::ring::segment::{HostControl, LeaseMap, Stat};
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

/// A connected client, before or after its welcome.
#[derive(Debug)]
pub(super) struct Peer {
    socket: OwnedFd,
    credentials: Credentials,
    connected_ns: u64,
    /// Mode and hold of its Hello, and when that came; `None` before Hello and after the welcome.
    asked: Option<(Mode, u32, u64)>,
    told: Told,
    attached: Option<Attached>,
}

/// Record of what a client has been sent, before its welcome as well.
#[derive(Debug)]
struct Told {
    /// Whether the client runs as the host's own user.
    is_own: bool,
    buffers: Ledger,
    /// Generation of the last parameter sets sent; 0 for none.
    parameters: u32,
    /// Fences sent since the client last held a new frame.
    fences: u32,
}

#[derive(Debug)]
struct Attached {
    lease: LeaseMap,
    event: Event,
    mode: Mode,
    hold: u32,
    /// The last serial it had held when `Told::fences` was reset.
    seen: u64,
}

/// Maximum fences sent to a client that holds no new frame. Unread descriptors count against the
/// limit for all clients, and a queue full of fences has no room for a buffer.
const MAX_UNREAD_FENCES: u32 = 16;

/// The outcome of reading from a peer.
pub(super) enum Step {
    Nothing,
    Hello { mode: Mode, hold: u32 },
    StatusRequest,
    Moved,
    Refuse(Refusal),
    Gone,
}

impl Peer {
    /// Creates a peer that has not sent anything yet. `is_own` is whether it runs as the host's
    /// user.
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

    /// Returns the client's state, or `None` before its welcome; `client` is its number.
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

    /// Returns whether the client is attached and runs as another user than the host.
    pub(super) fn is_foreign(&self) -> bool {
        self.attached.is_some() && !self.told.is_own
    }

    /// Returns how many frames the client may hold.
    pub(super) fn hold(&self) -> u32 {
        self.attached.as_ref().map_or(0, |a| a.hold)
    }

    /// Returns the last serial that the client has held, if it has to get every frame.
    pub(super) fn needs_after(&self) -> Option<u64> {
        let a = self.attached.as_ref()?;
        let wants = a.mode == Mode::Every && a.hold > 0;
        wants.then(|| a.lease.stat(Stat::LastSerial).load(Ordering::Relaxed))
    }

    /// Returns whether the client holds `slot`.
    pub(super) fn holds(&self, slot: SlotId) -> bool {
        // Relaxed: only chooses which client to evict; reclaiming checks again.
        self.lease()
            .is_some_and(|lease| lease.refs(slot).load(Ordering::Relaxed) != 0)
    }

    /// Returns frames held and allowed, if more than allowed. Counts unreadable frames only: others
    /// may be held and released while they are added up.
    pub(super) fn over_limit(&self, ring: &Publisher<HostControl>) -> Option<(u32, u32)> {
        let a = self.attached.as_ref()?;
        let held = ring.held_unreadable(&a.lease);
        (held > a.hold).then_some((held, a.hold))
    }

    /// Returns how often the client has held or released a frame, by its own count.
    pub(super) fn moves(&self) -> u64 {
        self.lease()
            .map_or(0, |lease| lease.stat(Stat::Moves).load(Ordering::Relaxed))
    }

    /// Returns the deadline of its Hello; `None` once that has come.
    pub(super) fn silent_until(&self) -> Option<u64> {
        let is_silent = self.attached.is_none() && self.asked.is_none();
        is_silent.then_some(self.connected_ns + HELLO_NS)
    }

    /// Records its Hello.
    pub(super) fn ask(&mut self, mode: Mode, hold: u32, now_ns: u64) {
        self.asked = Some((mode, hold, now_ns));
    }

    /// Returns mode and hold of its Hello, and when that came, while it waits for its welcome.
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
            Ok(Some(Message::StatusRequest)) if self.attached.is_some() => Step::StatusRequest,
            Ok(Some(Message::Moved)) if self.attached.is_some() => Step::Moved,
            Ok(Some(_)) => Step::Refuse(Refusal::Malformed),
            Err(Error::Wire(WireError::Version { .. })) => Step::Refuse(Refusal::Version {
                host: VERSION.into(),
            }),
            Err(Error::Wire(_)) => Step::Refuse(Refusal::Malformed),
            Err(_) => Step::Gone,
        }
    }

    /// Sends all buffers first and then the welcome with the lease page, so that an attached client
    /// has been sent every buffer that a readable frame may lie in. Returns `Ok(false)` if there is
    /// no room in its queue for now; a retry continues where this left off.
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
            RingError::Create { errno } => resources(errno),
            _ => resources(Errno::NOMEM),
        })?;
        // Frames from before its welcome are not kept for it.
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

    /// Sends what an attached client lacks, until its queue is full.
    pub(super) fn send_lacking(
        &mut self,
        buffers: &Registry<Memory>,
        parameters: Option<&Parameters>,
    ) -> Result<Sent, Error> {
        let Some(attached) = &mut self.attached else {
            return Ok(Sent::Yes);
        };
        // Relaxed: a stale value only delays fences until the next call.
        let last = attached
            .lease
            .stat(Stat::LastSerial)
            .load(Ordering::Relaxed);
        if last != attached.seen {
            (attached.seen, self.told.fences) = (last, 0);
        }
        self.told.send_lacking(&self.socket, buffers, parameters)
    }

    /// Tells the client that a buffer or fence is unregistered. Returns `false` if that failed.
    pub(super) fn unregister(&mut self, id: u32) -> bool {
        !self.told.buffers.unregister(id)
            || socket::send(&self.socket, &Message::Unregister { id }, &[]) == Ok(Sent::Yes)
    }

    /// Sends a message and ignores failure.
    pub(super) fn send(&self, message: &Message) {
        let _ = socket::send(&self.socket, message, &[]);
    }

    /// Makes the client's event descriptor readable.
    pub(super) fn signal(&self) {
        if let Some(attached) = &self.attached {
            attached.event.signal();
        }
    }
}

/// Returns whether a message was sent; `Ok(false)` if a retry may succeed.
fn is_sent(sent: Result<Sent, Error>) -> Result<bool, Refusal> {
    match sent {
        Ok(sent) => Ok(sent == Sent::Yes),
        // The client is gone, which its socket reports.
        Err(Error::Os { errno, .. }) => Err(resources(errno)),
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
