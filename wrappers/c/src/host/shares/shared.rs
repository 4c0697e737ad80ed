//! Memory that is shared where it lies: what can't be cut short, and what clients of the host's own user
//! are trusted with.

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use videostream::hal::memory::memfd;
use videostream::ipc::{Error, host};

use super::{Kind, NoPlace, Place, Sealing, Share, Shares};
use crate::error::errno_of;
use crate::frame::Memory;
use crate::host::copies;

/// Most bytes of a file that can be cut short: a copy for other users is as large.
const MOST_UNSEALED: usize = 1 << 30;

impl Shares {
    /// Shares memory that was not shared yet, all of its `whole` bytes; `None` if it can't be.
    pub(super) fn share(
        &mut self,
        ipc: &mut host::Host,
        memory: Memory<'_>,
        whole: usize,
        size: u32,
    ) -> Result<Option<Place>, NoPlace> {
        let sealing = match memfd::fix_length(memory.fd) {
            true => Sealing::Sealed,
            false if whole <= MOST_UNSEALED => Sealing::Unsealed(None),
            false => return Ok(None),
        };
        let is_unsealed = matches!(sealing, Sealing::Unsealed(_));
        let fd = fcntl_dupfd_cloexec(memory.fd, 0)?;
        let kind = match self.gone.contains(&memory.identity) {
            true => Kind::Pooled,
            false => Kind::New,
        };
        let at = self.room(ipc)?;
        let registered = match is_unsealed {
            true => ipc.register_unsealed(fd, whole as u64),
            false => ipc.register(fd, whole as u64),
        };
        let id = match registered {
            // Another user's, or one that a process may serve.
            Err(Error::BadBuffer(_)) if is_unsealed => return Ok(None),
            registered => registered.map_err(errno_of)?,
        };
        self.put(
            at,
            Share {
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
        Ok(Some(Place {
            id,
            share: at,
            offset: u32::try_from(memory.offset).map_err(|_| Errno::INVAL)?,
            size,
            is_copy,
        }))
    }

    /// Brings the copy that clients of other users have of memory that can be cut short up to date,
    /// for a frame that is to be posted there; whether there are any such clients.
    pub(super) fn copy_for_others(
        &mut self,
        ipc: &mut host::Host,
        at: usize,
        memory: Memory<'_>,
    ) -> Result<bool, Errno> {
        let has_others = ipc.has_foreign_clients();
        let Some(Share {
            id,
            size,
            sealing: Sealing::Unsealed(copy),
            ..
        }) = self.entries.get_mut(at).and_then(Option::as_mut)
        else {
            return Ok(false);
        };
        if !has_others {
            // It would lack this frame, for who comes later.
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
        // The frames that are out already. Who has cut the file short meanwhile has zeroes there.
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
