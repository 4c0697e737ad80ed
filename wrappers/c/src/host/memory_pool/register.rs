//! Registering memory without a copy: what cannot shrink, and what only clients of the host's own
//! user get.

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use videostream::hal::memory::memfd;
use videostream::ipc::{Error, host};

use super::{Kind, LocateError, Location, MemoryPool, Registered, Sealing};
use crate::error::errno_of;
use crate::frame::Memory;
use crate::host::copies;

/// Largest file that is shared though it can shrink: the copy for other users is as large.
const MAX_UNSEALED: usize = 1 << 30;

impl MemoryPool {
    /// Registers memory, all of its `whole` bytes; `None` if clients have to get a copy.
    pub(super) fn register(
        &mut self,
        ipc: &mut host::Host,
        memory: Memory<'_>,
        whole: usize,
        size: u32,
    ) -> Result<Option<Location>, LocateError> {
        let sealing = match memfd::fix_length(memory.fd) {
            true => Sealing::Sealed,
            false if whole <= MAX_UNSEALED => Sealing::Unsealed(None),
            false => return Ok(None),
        };
        let is_unsealed = matches!(sealing, Sealing::Unsealed(_));
        let fd = fcntl_dupfd_cloexec(memory.fd, 0)?;
        let kind = match self.unregistered.contains(&memory.identity) {
            true => Kind::Pooled,
            false => Kind::New,
        };
        let at = self.free_entry(ipc)?;
        let registered = match is_unsealed {
            true => ipc.register_unsealed(fd, whole as u64),
            false => ipc.register(fd, whole as u64),
        };
        let id = match registered {
            // A file of another user, or of a file system that a process may serve.
            Err(Error::BadBuffer { .. }) if is_unsealed => return Ok(None),
            registered => registered.map_err(errno_of)?,
        };
        self.insert(
            at,
            Registered {
                id,
                identity: Some(memory.identity),
                size: whole,
                kind,
                sealing,
                frames: 0,
                idle_ns: 0,
            },
        );
        let is_copy = is_unsealed && self.copy_for_others(ipc, at, memory)?;
        Ok(Some(Location {
            id,
            entry: at,
            offset: u32::try_from(memory.offset).map_err(|_| Errno::INVAL)?,
            size,
            is_copy,
        }))
    }

    /// Updates the copy that clients of other users have of memory that can shrink, for a frame
    /// that is to be posted in it. Returns whether there are such clients.
    pub(super) fn copy_for_others(
        &mut self,
        ipc: &mut host::Host,
        at: usize,
        memory: Memory<'_>,
    ) -> Result<bool, Errno> {
        let has_others = ipc.has_foreign_clients();
        let Some(Registered {
            id,
            size,
            sealing: Sealing::Unsealed(copy),
            ..
        }) = self.entries.get_mut(at).and_then(Option::as_mut)
        else {
            return Ok(false);
        };
        if !has_others {
            // An old copy would lack this frame for clients that join later.
            if copy.take().is_some() {
                ipc.set_copy(*id, *size as u64, None).map_err(errno_of)?;
            }
            return Ok(false);
        }
        if let Some(view) = copy {
            copies::fill(view, memory.offset, memory)?;
            return Ok(true);
        }
        let (fd, mut view) = copies::memory(*size)?;
        // Frames that are out already; where the file has shrunk meanwhile the copy has zeroes.
        for (offset, size) in ipc.places_in(*id) {
            let [offset, size] = [offset, size].map(|bytes| bytes as usize);
            let place = Memory {
                offset,
                size,
                ..memory
            };
            let _ = copies::fill(&mut view, offset, place);
        }
        copies::fill(&mut view, memory.offset, memory)?;
        let copied = ipc.set_copy(*id, *size as u64, Some(fd));
        copied.map_err(errno_of)?;
        *copy = Some(view);
        Ok(true)
    }
}
