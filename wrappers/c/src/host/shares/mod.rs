//! The memory that frames of a host lie in: registered once, kept while it comes back.
//!
//! Old programs post any descriptor. What clients can map without the danger that it is cut short
//! under them is sent to them: dma-bufs, and memfds that are sealed against it or can be. Files that can
//! be cut short are sent to clients of the host's own user, who could end it anyway; those of other
//! users get a copy that is kept beside. Of other memory everybody gets a copy.
//!
//! A registered descriptor keeps its memory alive. Memory that was posted once therefore goes when
//! its frame does; once it has come back it is one of a pool, and stays until it was not used for a
//! while.

mod shared;

use std::collections::VecDeque;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use videostream::hal::memory::dmabuf::Identity;
use videostream::hal::memory::mapping::file_size;
use videostream::ipc::{MAX_BUFFERS, host};

use super::copies;
use crate::error::errno_of;
use crate::frame::{Memory, View};

/// How long memory is kept that no frame lies in, in nanoseconds.
const KEPT_NS: u64 = 2_000_000_000;
/// No time yet: a look at the clock for each frame costs more than the rest.
const JUST_NOW: u64 = u64::MAX;
/// Identities of memory that was let go, to tell what comes back.
const REMEMBERED: usize = 2 * MAX_BUFFERS;

/// Why memory is kept.
#[derive(Debug)]
enum Kind {
    /// Posted for the first time.
    New,
    /// It has come back.
    Pooled,
    /// The host's own, which others are copied to.
    Copy(View),
}

/// Whether memory keeps its size.
#[derive(Debug)]
enum Sealing {
    Sealed,
    /// It can be cut short: what clients of other users have in its place, if there are any.
    Unsealed(Option<View>),
}

/// Registered memory.
#[derive(Debug)]
struct Share {
    id: u32,
    /// `None` for the host's own.
    identity: Option<Identity>,
    size: usize,
    kind: Kind,
    sealing: Sealing,
    /// Frames that lie in it.
    frames: u32,
    /// Since when there are none: 0 if there always were, [`JUST_NOW`] since the last look.
    idle_ns: u64,
}

/// Where a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The memory's number in the ring.
    pub(super) id: u32,
    /// Its number here.
    pub(super) share: usize,
    pub(super) offset: u32,
    pub(super) size: u32,
    pub(super) is_copy: bool,
}

/// Why memory cannot be shared now.
#[derive(Debug)]
pub(super) enum NoPlace {
    /// As much as can be is in use: room has to be made.
    Full,
    Failed(Errno),
}

impl From<Errno> for NoPlace {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Shares {
    /// Up to the last one; what was let go before it left a hole.
    entries: Vec<Option<Share>>,
    /// Where the last one was found: the next is probably behind it.
    last: usize,
    gone: VecDeque<Identity>,
    /// Something is new and idle.
    is_untidy: bool,
    /// When to look for what is not used.
    look_ns: u64,
}

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::with_capacity(MAX_BUFFERS),
            last: 0,
            gone: VecDeque::with_capacity(REMEMBERED),
            is_untidy: false,
            look_ns: 0,
        }
    }

    /// Pieces of memory that are registered.
    pub(super) fn len(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    /// Finds or makes the place of a frame in memory.
    pub(super) fn place(
        &mut self,
        ipc: &mut host::Host,
        memory: Memory<'_>,
    ) -> Result<Place, NoPlace> {
        let size = u32::try_from(memory.size).map_err(|_| Errno::INVAL)?;
        let end = memory.offset.checked_add(memory.size).ok_or(Errno::INVAL)?;
        if let Some(at) = self.find(memory.identity)
            && let Some(share) = &self.entries[at]
            && end <= share.size
            && let Ok(offset) = u32::try_from(memory.offset)
        {
            self.last = at;
            let mut place = Place {
                id: share.id,
                share: at,
                offset,
                size,
                is_copy: false,
            };
            if matches!(share.sealing, Sealing::Unsealed(_)) {
                place.is_copy = self.copy_for_others(ipc, at, memory)?;
            }
            return Ok(place);
        }
        match whole_size(memory)? {
            Some(whole) if end > whole => Err(Errno::INVAL.into()),
            Some(whole) if self.find(memory.identity).is_none() && u32::try_from(end).is_ok() => {
                match self.share(ipc, memory, whole, size)? {
                    Some(place) => Ok(place),
                    None => self.copy(ipc, memory, size),
                }
            }
            _ => self.copy(ipc, memory, size),
        }
    }

    fn find(&self, identity: Identity) -> Option<usize> {
        let is = |share: &Option<Share>| {
            let share = share.as_ref();
            share.is_some_and(|share| share.identity == Some(identity))
        };
        let middle = (self.last + 1).min(self.entries.len());
        let (before, behind) = self.entries.split_at(middle);
        let found = behind.iter().position(is).map(|at| middle + at);
        found.or_else(|| before.iter().position(is))
    }

    /// A place for more memory.
    fn room(&mut self, ipc: &mut host::Host) -> Result<usize, NoPlace> {
        let hole = self.entries.iter().position(Option::is_none);
        match hole {
            Some(at) => Ok(at),
            None if self.entries.len() < MAX_BUFFERS => Ok(self.entries.len()),
            None => self.let_oldest_go(ipc),
        }
    }

    fn put(&mut self, at: usize, share: Share) {
        if at >= self.entries.len() {
            self.entries.resize_with(at + 1, || None);
        }
        self.entries[at] = Some(share);
        self.last = at;
    }

    /// Lets the memory go that was not used for the longest time: its place.
    fn let_oldest_go(&mut self, ipc: &mut host::Host) -> Result<usize, NoPlace> {
        let entries = self.entries.iter().enumerate();
        let idle = entries.filter_map(|(at, share)| {
            let share = share.as_ref().filter(|share| share.frames == 0)?;
            Some((share.idle_ns, at))
        });
        let (_, at) = idle.min().ok_or(NoPlace::Full)?;
        self.let_go(ipc, at);
        Ok(at)
    }

    fn let_go(&mut self, ipc: &mut host::Host, at: usize) {
        let Some(share) = self.entries[at].take() else {
            return;
        };
        ipc.retire(share.id);
        if let Some(identity) = share.identity
            && !self.gone.contains(&identity)
        {
            if self.gone.len() == REMEMBERED {
                self.gone.pop_front();
            }
            self.gone.push_back(identity);
        }
        while let Some(None) = self.entries.last() {
            self.entries.pop();
        }
    }

    /// A copy in memory of the host's own.
    fn copy(
        &mut self,
        ipc: &mut host::Host,
        memory: Memory<'_>,
        size: u32,
    ) -> Result<Place, NoPlace> {
        let fits = |share: &&Option<Share>| {
            share.as_ref().is_some_and(|share| {
                matches!(share.kind, Kind::Copy(_))
                    && share.frames == 0
                    && share.size >= memory.size
            })
        };
        let at = match self.entries.iter().position(|share| fits(&share)) {
            Some(at) => at,
            None => {
                let (fd, view) = copies::memory(memory.size)?;
                let size = view.len();
                let at = self.room(ipc)?;
                let id = ipc.register(fd, size as u64).map_err(errno_of)?;
                self.put(
                    at,
                    Share {
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
        let share = self.entries[at].as_mut().ok_or(Errno::NOMEM)?;
        let Kind::Copy(view) = &mut share.kind else {
            return Err(Errno::NOMEM.into());
        };
        copies::fill(view, 0, memory)?;
        Ok(Place {
            id: share.id,
            share: at,
            offset: 0,
            size,
            is_copy: true,
        })
    }

    /// A frame lies in it from now on.
    pub(super) fn enter(&mut self, share: usize) {
        if let Some(Some(share)) = self.entries.get_mut(share) {
            share.frames += 1;
            if matches!(share.kind, Kind::New) && share.idle_ns != 0 {
                share.kind = Kind::Pooled;
            }
        }
    }

    /// A frame does no more.
    pub(super) fn leave(&mut self, share: usize) {
        if let Some(Some(share)) = self.entries.get_mut(share) {
            share.frames = share.frames.saturating_sub(1);
            if share.frames == 0 {
                share.idle_ns = JUST_NOW;
                self.is_untidy |= matches!(share.kind, Kind::New);
            }
        }
    }

    /// Lets go of what is not used any more.
    #[inline]
    pub(super) fn tidy(&mut self, ipc: &mut host::Host, now_ns: u64) {
        if !self.is_untidy && now_ns < self.look_ns {
            return;
        }
        // Letting go may shorten it.
        for at in (0..self.entries.len()).rev() {
            let share = self.entries.get_mut(at).and_then(Option::as_mut);
            let Some(share) = share.filter(|share| share.frames == 0) else {
                continue;
            };
            if share.idle_ns == JUST_NOW {
                share.idle_ns = now_ns;
            }
            let is_old = share.idle_ns.saturating_add(KEPT_NS) < now_ns;
            if is_old || matches!(share.kind, Kind::New) {
                self.let_go(ipc, at);
            }
        }
        self.is_untidy = false;
        self.look_ns = now_ns.saturating_add(KEPT_NS / 4);
    }
}

/// Bytes of all the memory; `None` for a device, which has no size.
fn whole_size(memory: Memory<'_>) -> Result<Option<usize>, Errno> {
    let stat = fstat(memory.fd)?;
    let size = match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => return Ok(None),
        // Without a seek, which would move the program's own place in the file.
        FileType::RegularFile => u64::try_from(stat.st_size).unwrap_or(0),
        _ => file_size(memory.fd).unwrap_or(0),
    };
    Ok(Some(usize::try_from(size).map_err(|_| Errno::OVERFLOW)?))
}
