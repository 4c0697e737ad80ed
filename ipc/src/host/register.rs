//! Buffers and fences: registered once, sent to every client, retired when no frame needs them.

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
    /// Registers a buffer of `size` bytes and sends it to every client; the id goes into
    /// frame descriptors. The same memory gets the same id again, by whatever descriptor.
    /// When [`MAX_BUFFERS`] are registered, the one used longest ago that no frame lies in
    /// makes room, as if it had been [retired](Host::retire).
    ///
    /// # Errors
    /// [`Error::TooManyBuffers`] when frames lie in all of them; [`Error::BadBuffer`] for
    /// memory that could be cut short under a client's mapping, and huge pages without
    /// `F_SEAL_FUTURE_WRITE` or with a hole; [`Error::Os`] for memory of
    /// which no read-only descriptor can be made although [`Exports`] says so.
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

    /// Whether a buffer is registered and not retired. It counts as used for the next frame, as
    /// registering it again does, at the price of no system call.
    pub fn is_registered(&mut self, id: u32) -> bool {
        let next = self.head() + 1;
        self.buffers.touch(id, next).is_some()
    }

    /// Registers the fence of one frame, a sync file, and sends it to every client that keeps
    /// up; the id goes into that frame's [`FrameDescriptor::fence`]. It goes with the frame: once
    /// no client can hold that any more, both sides close their descriptors. A fence that is not
    /// published after all is to be [retired](Host::retire). It takes one of the
    /// [`MAX_BUFFERS`] places, and makes room for itself like a buffer.
    ///
    /// # Errors
    /// [`Error::BadFence`] for what is no sync file; [`Error::TooManyBuffers`].
    pub fn register_fence(&mut self, fd: OwnedFd) -> Result<u32, Error> {
        let fence = Memory::fence(fd, self.buffers.next_id())?;
        self.make_room()?;
        self.add(fence, 0)
    }

    /// Makes a place free in the registry if there is none.
    pub(super) fn make_room(&mut self) -> Result<(), Error> {
        if self.buffers.is_full() {
            let control = self.publisher.control();
            let gone = self.buffers.make_room(|id| lies_in(control, id));
            self.tell_retired(gone.ok_or(Error::TooManyBuffers(MAX_BUFFERS))?);
        }
        Ok(())
    }

    /// Puts memory, or a fence of no bytes, into the registry and sends it.
    pub(super) fn add(&mut self, memory: Memory, size: u64) -> Result<u32, Error> {
        let id = self.buffers.insert(memory, size, self.head());
        self.send_lacking();
        id.ok_or(Error::TooManyBuffers(MAX_BUFFERS))
    }

    /// Takes a buffer out of use: no more frames may lie in it. It stays registered until
    /// the last frame in it is taken back, then every client is told; [`Host::reclaim_all`]
    /// before it makes that now, but for frames that are held.
    pub fn retire(&mut self, id: u32) {
        self.buffers.retire(id);
        self.sweep();
    }

    /// Tells clients of retired buffers and fences that no frame needs any more.
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
        for place in self.peers.places() {
            if let Some(peer) = self.peers.get_mut(place)
                && !peer.retire(id)
            {
                self.evict(place, Goodbye::NotReading);
            }
        }
    }
}

/// Whether a frame that is readable or held lies in buffer `id`.
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
