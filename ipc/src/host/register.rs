//! Registering buffers and fences, and unregistering them when no frame needs them.

use rustix::fd::OwnedFd;
use videostream_hal::ring::FrameDescriptor;
use videostream_hal::ring::cells::{Control, SlotId};
use videostream_hal::ring::segment::HostControl;
use videostream_hal::sync::Ordering;

use super::memory::Memory;
use super::{Exports, Host};
use crate::wire::Goodbye;
use crate::{Error, MAX_BUFFERS};

impl Host {
    /// Registers a buffer of `size` bytes and sends it to every client; the id goes into frame
    /// descriptors. The same memory always gets the same id, whatever the descriptor. When
    /// [`MAX_BUFFERS`] are registered, the least recently used buffer that no frame lies in makes
    /// room, as if by [`Host::unregister`].
    ///
    /// # Errors
    /// [`Error::TooManyBuffers`] when frames lie in all of them; [`Error::BadBuffer`] for memory
    /// that could shrink under a client's mapping, and huge pages without `F_SEAL_FUTURE_WRITE` or
    /// with a hole; [`Error::Reopen`] when a read-only descriptor that [`Exports`] asks for can't
    /// be made.
    pub fn register(&mut self, fd: OwnedFd, size: u64) -> Result<u32, Error> {
        let memory = Memory::new(fd)?;
        if let Some(id) = self.buffers.find(&memory) {
            return Ok(id);
        }
        memory.check(size, self.buffers.next_id())?;
        let memory = match self.config.exports {
            Exports::ReadOnly => memory.read_only()?,
            Exports::Writable => memory,
        };
        self.make_room()?;
        self.add(memory, size)
    }

    /// Returns whether a buffer is registered. Marks it as used by the next frame, as registering
    /// it again would, but without a system call.
    pub fn is_registered(&mut self, id: u32) -> bool {
        let next = self.head() + 1;
        self.buffers.touch(id, next).is_some()
    }

    /// Registers the fence of one frame, a sync file, and sends it to every client that keeps up;
    /// the id goes into that frame's [`FrameDescriptor::fence`]. The fence lives as long as the
    /// frame: once no client can hold that any more, both sides close their descriptors. A fence
    /// that is not published has to be [unregistered](Host::unregister). It counts towards
    /// [`MAX_BUFFERS`] and makes room for itself like a buffer.
    ///
    /// # Errors
    /// [`Error::BadFence`] for a descriptor that is not a sync file; [`Error::TooManyBuffers`].
    pub fn register_fence(&mut self, fd: OwnedFd) -> Result<u32, Error> {
        let fence = Memory::fence(fd, self.buffers.next_id())?;
        self.make_room()?;
        self.add(fence, 0)
    }

    /// Removes an unused buffer if the registry is full.
    pub(super) fn make_room(&mut self) -> Result<(), Error> {
        if self.buffers.is_full() {
            let control = self.publisher.control();
            let gone = self.buffers.make_room(|id| lies_in(control, id));
            self.tell_retired(gone.ok_or(Error::TooManyBuffers { count: MAX_BUFFERS })?);
        }
        Ok(())
    }

    /// Adds memory, or a fence of size 0, to the registry and sends it.
    pub(super) fn add(&mut self, memory: Memory, size: u64) -> Result<u32, Error> {
        let id = self.buffers.insert(memory, size, self.head());
        self.send_lacking();
        id.ok_or(Error::TooManyBuffers { count: MAX_BUFFERS })
    }

    /// Unregisters a buffer: no new frame may lie in it. It is removed, and clients are told, once
    /// the last frame in it is reclaimed. Call [`Host::reclaim_all`] first to remove it immediately
    /// unless a client holds a frame in it.
    pub fn unregister(&mut self, id: u32) {
        self.buffers.unregister(id);
        self.sweep();
    }

    /// Removes unregistered buffers and fences that no frame needs any more, and tells clients.
    pub(super) fn sweep(&mut self) {
        while self.buffers.is_retiring() {
            let control = self.publisher.control();
            match self.buffers.sweep(|id| lies_in(control, id)) {
                Some(gone) => self.tell_retired(gone),
                None => break,
            }
        }
    }

    fn tell_retired(&mut self, id: u32) {
        for index in self.peers.indices() {
            if let Some(peer) = self.peers.get_mut(index)
                && !peer.unregister(id)
            {
                self.evict(index, Goodbye::NotReading);
            }
        }
    }
}

/// Returns whether a readable or held frame lies in buffer `id`.
fn lies_in(control: &HostControl, id: u32) -> bool {
    let slots = control.slots();
    let mut taken = (0..slots)
        .filter_map(|raw| SlotId::checked(raw, slots))
        // The host's own word: 0 is a free slot.
        .filter(|&slot| control.state(slot).load(Ordering::Relaxed) != 0);
    taken.any(|slot| {
        let word = |at| control.word(slot, at).load(Ordering::Relaxed);
        let frame = FrameDescriptor::from_words(core::array::from_fn(word));
        frame.buffers().any(|other| other == id)
    })
}
