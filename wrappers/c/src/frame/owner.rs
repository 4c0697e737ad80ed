//! How a frame notifies its host or connection when it ends, independent of their types.

use std::fmt::Debug;
use std::sync::{Arc, Weak};

use rustix::io::Errno;
use videostream::hal::ring::cells::SlotId;

use super::Frame;

/// A host that a frame was posted at.
pub(crate) trait Owner: Debug {
    /// Removes a frame that the program has released.
    fn remove(&self, slot: SlotId, frame: *mut Frame);
}

/// Where a frame was posted.
#[derive(Debug)]
pub(crate) struct Posting {
    owner: Weak<dyn Owner>,
    slot: SlotId,
}

impl Posting {
    pub(crate) fn new(owner: Weak<dyn Owner>, slot: SlotId) -> Self {
        Self { owner, slot }
    }

    pub(crate) const fn slot(&self) -> SlotId {
        self.slot
    }

    /// Whether the frame was posted at `owner`.
    pub(crate) fn is_at<T>(&self, owner: &T) -> bool {
        std::ptr::addr_eq(self.owner.as_ptr(), owner)
    }

    /// Removes a released frame from its host, if that still exists.
    pub(super) fn remove(self, frame: *mut Frame) {
        if let Some(owner) = self.owner.upgrade() {
            owner.remove(self.slot, frame);
        }
    }
}

/// A connection that frames were received on.
pub(crate) trait Sender: Debug {
    /// Locks the frame with this serial.
    fn lock(&self, serial: u64) -> Result<SlotId, Errno>;

    /// Unlocks a frame.
    fn unlock(&self, slot: SlotId);

    /// Whether the program has ended the connection.
    fn is_cut(&self) -> bool;
}

/// The origin of a received frame, and its lock.
#[derive(Debug)]
pub(crate) struct Origin {
    sender: Arc<dyn Sender>,
    serial: u64,
    locked: Option<SlotId>,
}

impl Origin {
    pub(crate) fn new(sender: Arc<dyn Sender>, serial: u64) -> Self {
        Self {
            sender,
            serial,
            locked: None,
        }
    }

    /// Locks the frame; a locked one stays so, and counts once.
    pub(super) fn lock(&mut self) -> Result<(), Errno> {
        if self.sender.is_cut() {
            return Err(Errno::SHUTDOWN);
        }
        if self.locked.is_none() {
            self.locked = Some(self.sender.lock(self.serial)?);
        }
        Ok(())
    }

    /// Unlocks the frame. Returns whether the connection was cut.
    pub(super) fn unlock(&mut self) -> bool {
        if let Some(slot) = self.locked.take() {
            self.sender.unlock(slot);
        }
        self.sender.is_cut()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.unlock();
    }
}
