//! Memory of posted frames: registered with clients once, kept while programs reuse it.
//!
//! Programs of the 2.x interface post any descriptor. Clients get the memory itself if it cannot
//! shrink under their mapping: dma-bufs, and memfds that are sealed against shrinking or can be.
//! Files that can shrink go to clients of the host's own user, who could kill the host anyway;
//! clients of other users get a copy. Of any other memory every client gets a copy.
//!
//! A registered descriptor keeps its memory alive, so memory that was posted once is unregistered
//! with its frame. Memory that is posted again belongs to a pool of the program, and stays
//! registered until it has been idle for [`IDLE_LIMIT_NS`].

mod register;

use std::collections::VecDeque;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use videostream::hal::memory::Mapping;
use videostream::hal::memory::dmabuf::Identity;
use videostream::hal::memory::mapping::file_size;
use videostream::ipc::{MAX_BUFFERS, host};

use super::copies;
use crate::error::errno_of;
use crate::frame::Memory;

/// How long pooled memory stays registered without a frame in it.
const IDLE_LIMIT_NS: u64 = 2_000_000_000;
/// Idle since the last [`MemoryPool::tidy`]: reading the clock for each frame costs more than the
/// rest.
const JUST_NOW: u64 = u64::MAX;
/// Identities kept of unregistered memory, to recognise what is posted again.
const MAX_UNREGISTERED: usize = 2 * MAX_BUFFERS;

/// Where memory comes from, which decides how long it stays registered.
#[derive(Debug)]
enum Kind {
    /// Posted for the first time.
    New,
    /// Posted more than once.
    Pooled,
    /// The host's own, for copies of memory that cannot be shared.
    Copy(Mapping),
}

/// Whether memory can shrink under a client's mapping.
#[derive(Debug)]
enum Sealing {
    Sealed,
    /// It can; holds the copy for clients of other users, if there are any.
    Unsealed(Option<Mapping>),
}

/// Registered memory.
#[derive(Debug)]
struct Registered {
    id: u32,
    /// `None` for the host's own memory.
    identity: Option<Identity>,
    size: usize,
    kind: Kind,
    sealing: Sealing,
    /// Frames in it that are not over.
    frames: u32,
    /// When the last frame ended: 0 before the first end, or [`JUST_NOW`].
    idle_ns: u64,
}

/// Where a frame lies in registered memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// The memory's id on the wire.
    pub(super) id: u32,
    /// Index of the memory in the pool.
    pub(super) entry: usize,
    pub(super) offset: u32,
    pub(super) size: u32,
    pub(super) is_copy: bool,
}

/// Why memory has no [`Location`].
#[derive(Debug)]
pub(super) enum LocateError {
    /// All entries have frames in them: one has to leave the ring first.
    Full,
    Failed(Errno),
}

impl From<Errno> for LocateError {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// The registered memory of one host.
#[derive(Debug)]
pub(super) struct MemoryPool {
    /// No `None` at the end; unregistering leaves holes before it.
    entries: Vec<Option<Registered>>,
    /// Index of the last find: pools are posted in turn, so the next is probably behind it.
    last: usize,
    unregistered: VecDeque<Identity>,
    /// New memory has become idle, and can be unregistered.
    needs_tidy: bool,
    /// When to look for idle memory next.
    next_tidy_ns: u64,
}

impl MemoryPool {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::with_capacity(MAX_BUFFERS),
            last: 0,
            unregistered: VecDeque::with_capacity(MAX_UNREGISTERED),
            needs_tidy: false,
            next_tidy_ns: 0,
        }
    }

    /// Number of registered buffers.
    pub(super) fn len(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    /// Finds the memory of a frame, or registers or copies it.
    pub(super) fn locate(
        &mut self,
        ipc: &mut host::Host,
        memory: Memory<'_>,
    ) -> Result<Location, LocateError> {
        let size = u32::try_from(memory.size).map_err(|_| Errno::INVAL)?;
        let end = memory.offset.checked_add(memory.size).ok_or(Errno::INVAL)?;
        if let Some(at) = self.find(memory.identity)
            && let Some(registered) = &self.entries[at]
            && end <= registered.size
            && let Ok(offset) = u32::try_from(memory.offset)
        {
            self.last = at;
            let mut location = Location {
                id: registered.id,
                entry: at,
                offset,
                size,
                is_copy: false,
            };
            if matches!(registered.sealing, Sealing::Unsealed(_)) {
                location.is_copy = self.copy_for_others(ipc, at, memory)?;
            }
            return Ok(location);
        }
        match whole_size(memory)? {
            Some(whole) if end > whole => Err(Errno::INVAL.into()),
            Some(whole) if self.find(memory.identity).is_none() && u32::try_from(end).is_ok() => {
                match self.register(ipc, memory, whole, size)? {
                    Some(location) => Ok(location),
                    None => self.copy(ipc, memory, size),
                }
            }
            _ => self.copy(ipc, memory, size),
        }
    }

    fn find(&self, identity: Identity) -> Option<usize> {
        let is = |registered: &Option<Registered>| {
            let registered = registered.as_ref();
            registered.is_some_and(|registered| registered.identity == Some(identity))
        };
        let middle = (self.last + 1).min(self.entries.len());
        let (before, behind) = self.entries.split_at(middle);
        let found = behind.iter().position(is).map(|at| middle + at);
        found.or_else(|| before.iter().position(is))
    }

    /// Index for another buffer, unregistering the one idle longest if all are taken.
    fn free_entry(&mut self, ipc: &mut host::Host) -> Result<usize, LocateError> {
        let hole = self.entries.iter().position(Option::is_none);
        match hole {
            Some(at) => Ok(at),
            None if self.entries.len() < MAX_BUFFERS => Ok(self.entries.len()),
            None => self.unregister_oldest(ipc),
        }
    }

    fn insert(&mut self, at: usize, registered: Registered) {
        if at >= self.entries.len() {
            self.entries.resize_with(at + 1, || None);
        }
        self.entries[at] = Some(registered);
        self.last = at;
    }

    /// Unregisters the memory that has been idle longest, and returns its index.
    fn unregister_oldest(&mut self, ipc: &mut host::Host) -> Result<usize, LocateError> {
        let entries = self.entries.iter().enumerate();
        let idle = entries.filter_map(|(at, registered)| {
            let registered = registered
                .as_ref()
                .filter(|registered| registered.frames == 0)?;
            Some((registered.idle_ns, at))
        });
        let (_, at) = idle.min().ok_or(LocateError::Full)?;
        self.unregister(ipc, at);
        Ok(at)
    }

    fn unregister(&mut self, ipc: &mut host::Host, at: usize) {
        let Some(registered) = self.entries[at].take() else {
            return;
        };
        ipc.unregister(registered.id);
        if let Some(identity) = registered.identity
            && !self.unregistered.contains(&identity)
        {
            if self.unregistered.len() == MAX_UNREGISTERED {
                self.unregistered.pop_front();
            }
            self.unregistered.push_back(identity);
        }
        while let Some(None) = self.entries.last() {
            self.entries.pop();
        }
    }

    /// Copies a frame into memory of the host's own.
    fn copy(
        &mut self,
        ipc: &mut host::Host,
        memory: Memory<'_>,
        size: u32,
    ) -> Result<Location, LocateError> {
        let fits = |registered: &&Option<Registered>| {
            registered.as_ref().is_some_and(|registered| {
                matches!(registered.kind, Kind::Copy(_))
                    && registered.frames == 0
                    && registered.size >= memory.size
            })
        };
        let at = match self.entries.iter().position(|registered| fits(&registered)) {
            Some(at) => at,
            None => {
                let (fd, view) = copies::memory(memory.size)?;
                let size = view.len();
                let at = self.free_entry(ipc)?;
                let id = ipc.register(fd, size as u64).map_err(errno_of)?;
                self.insert(
                    at,
                    Registered {
                        id,
                        identity: None,
                        size,
                        kind: Kind::Copy(view),
                        sealing: Sealing::Sealed,
                        frames: 0,
                        idle_ns: 0,
                    },
                );
                at
            }
        };
        let registered = self.entries[at].as_mut().ok_or(Errno::NOMEM)?;
        let Kind::Copy(view) = &mut registered.kind else {
            return Err(Errno::NOMEM.into());
        };
        copies::fill(view, 0, memory)?;
        Ok(Location {
            id: registered.id,
            entry: at,
            offset: 0,
            size,
            is_copy: true,
        })
    }

    /// Counts a frame that was posted in the memory of this index.
    pub(super) fn add_frame(&mut self, entry: usize) {
        if let Some(Some(registered)) = self.entries.get_mut(entry) {
            registered.frames += 1;
            if matches!(registered.kind, Kind::New) && registered.idle_ns != 0 {
                registered.kind = Kind::Pooled;
            }
        }
    }

    /// Counts off a frame that is over.
    pub(super) fn remove_frame(&mut self, entry: usize) {
        if let Some(Some(registered)) = self.entries.get_mut(entry) {
            registered.frames = registered.frames.saturating_sub(1);
            if registered.frames == 0 {
                registered.idle_ns = JUST_NOW;
                self.needs_tidy |= matches!(registered.kind, Kind::New);
            }
        }
    }

    /// Unregisters memory that is not used any more.
    #[inline]
    pub(super) fn tidy(&mut self, ipc: &mut host::Host, now_ns: u64) {
        if !self.needs_tidy && now_ns < self.next_tidy_ns {
            return;
        }
        // Backwards, because unregistering may shorten the list.
        for at in (0..self.entries.len()).rev() {
            let registered = self.entries.get_mut(at).and_then(Option::as_mut);
            let Some(registered) = registered.filter(|registered| registered.frames == 0) else {
                continue;
            };
            if registered.idle_ns == JUST_NOW {
                registered.idle_ns = now_ns;
            }
            let is_old = registered.idle_ns.saturating_add(IDLE_LIMIT_NS) < now_ns;
            if is_old || matches!(registered.kind, Kind::New) {
                self.unregister(ipc, at);
            }
        }
        self.needs_tidy = false;
        self.next_tidy_ns = now_ns.saturating_add(IDLE_LIMIT_NS / 4);
    }
}

/// Size of the whole memory in bytes; `None` for a device, which has none.
fn whole_size(memory: Memory<'_>) -> Result<Option<usize>, Errno> {
    let stat = fstat(memory.fd)?;
    let size = match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => return Ok(None),
        // No seek, which would move the program's own file offset.
        FileType::RegularFile => u64::try_from(stat.st_size).unwrap_or(0),
        _ => file_size(memory.fd).unwrap_or(0),
    };
    Ok(Some(usize::try_from(size).map_err(|_| Errno::OVERFLOW)?))
}
