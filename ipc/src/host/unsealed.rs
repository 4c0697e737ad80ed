//! Memory that can shrink: POSIX shared memory, memfds without seals, files.
//!
//! Clients of the host's own user get the memory itself. Clients of other users get a copy under
//! the same id, which the host's owner keeps up to date while there are such clients.

use rustix::fd::OwnedFd;
use videostream_hal::ring::FrameDescriptor;
use videostream_hal::ring::cells::{Control, SlotId};
use videostream_hal::ring::descriptor::MAX_PLANES;
use videostream_hal::sync::Ordering;

use super::memory::Memory;
use super::{Exports, Host, Peer};
use crate::Error;

impl Host {
    /// Registers a file that can shrink and belongs to the host's user or root, as
    /// [`Host::register`] does other memory. Clients of other users get it once there is [a
    /// copy](Host::set_copy).
    ///
    /// # Errors
    /// [`Error::BadBuffer`] for files of other users, files that a process may serve, and
    /// descriptors of other kinds; [`Error::TooManyBuffers`]; [`Error::Os`].
    pub fn register_unsealed(&mut self, fd: OwnedFd, size: u64) -> Result<u32, Error> {
        let memory = Memory::new(fd)?;
        if let Some(id) = self.buffers.find(&memory) {
            return Ok(id);
        }
        let memory = memory.unsealed(size, self.buffers.next_id())?;
        let memory = match self.config.exports {
            Exports::ReadOnly => memory.read_only()?,
            Exports::Writable => memory,
        };
        self.make_room()?;
        self.add(memory, size)
    }

    /// Returns whether a client of another user is attached.
    pub fn has_foreign_clients(&self) -> bool {
        self.peers.iter().any(Peer::is_foreign)
    }

    /// Sets the copy that clients of other users get instead of [unsealed](Host::register_unsealed)
    /// memory; `None` stops sending it to new clients. The copy needs at least `size` bytes, and
    /// has to match the memory wherever readable frames lie, now and whenever a frame is published.
    ///
    /// # Errors
    /// [`Error::UnknownBuffer`]; [`Error::BadBuffer`] for a copy that can shrink, or of memory that
    /// needs none.
    pub fn set_copy(&mut self, id: u32, size: u64, copy: Option<OwnedFd>) -> Result<(), Error> {
        let copy = match copy {
            Some(fd) => {
                let copy = Memory::new(fd)?;
                copy.check(size, id)?;
                Some(copy.fd)
            }
            None => None,
        };
        let memory = self.buffers.memory_mut(id);
        let memory = memory.ok_or(Error::UnknownBuffer { id })?;
        memory
            .unsealed
            .as_mut()
            .ok_or(Error::BadBuffer { id })?
            .copy = copy;
        self.send_lacking();
        Ok(())
    }

    /// Iterates over offset and size of the planes that outstanding frames have in a buffer.
    pub fn places_in(&self, id: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let control = self.publisher.control();
        let slots = control.slots();
        let slots = (0..slots).filter_map(move |raw| SlotId::checked(raw, slots));
        // 0 is a free slot. Only the host writes this word.
        let taken = slots.filter(|&slot| control.state(slot).load(Ordering::Relaxed) != 0);
        let frames = taken.map(move |slot| {
            let word = |at| control.word(slot, at).load(Ordering::Relaxed);
            FrameDescriptor::from_words(core::array::from_fn(word))
        });
        frames.flat_map(move |frame| {
            let planes: heapless::Vec<_, MAX_PLANES> = frame.planes().iter().copied().collect();
            let inside = planes.into_iter().filter(move |plane| plane.buffer == id);
            inside.map(|plane| (plane.offset, plane.size))
        })
    }
}
