//! The frames of a host: those in a slot of the ring, and those that had to leave it.

use std::collections::VecDeque;

use videostream::hal::ring::cells::SlotId;

use crate::frame::Frame;

/// The frame in a slot.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) serial: u64,
    /// NULL once the program has it back or it has ended.
    pub(super) frame: *mut Frame,
    /// Time of expiry; 0 for never.
    pub(super) expires: i64,
    /// Index of its memory.
    pub(super) memory: usize,
    /// Clients can still lock it.
    pub(super) is_readable: bool,
    /// Expired; ends when no client holds it.
    pub(super) is_over: bool,
}

/// A frame that has left the ring before its expiry.
#[derive(Debug)]
struct Aside {
    frame: *mut Frame,
    expires: i64,
}

/// All frames of a host.
///
/// # Invariants
/// Each frame is in it once, until it is in `finished` or the program has it back.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Option<Entry>>,
    aside: Vec<Aside>,
    /// Frames whose end is due.
    finished: VecDeque<*mut Frame>,
    /// No frame expires before this.
    due: i64,
    /// Number of frames that the host has.
    frames: usize,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            aside: Vec::new(),
            finished: VecDeque::new(),
            due: i64::MAX,
            frames: 0,
        }
    }

    pub(super) const fn frames(&self) -> usize {
        self.frames
    }

    pub(super) fn insert(&mut self, slot: SlotId, entry: Entry) {
        if self.slots.len() <= slot.index() {
            self.slots.resize_with(slot.index() + 1, || None);
        }
        if entry.expires != 0 {
            self.due = self.due.min(entry.expires);
        }
        self.frames += 1;
        self.slots[slot.index()] = Some(entry);
    }

    /// Marks expired frames, and calls `retire` with serials that are still readable.
    #[inline]
    pub(super) fn expire(&mut self, now: i64, mut retire: impl FnMut(u64)) {
        if now <= self.due {
            return;
        }
        let mut due = i64::MAX;
        for entry in self.slots.iter_mut().flatten() {
            if entry.frame.is_null() || entry.expires == 0 || entry.is_over {
                continue;
            }
            if entry.expires >= now {
                due = due.min(entry.expires);
                continue;
            }
            entry.is_over = true;
            if std::mem::take(&mut entry.is_readable) {
                retire(entry.serial);
            }
        }
        let (finished, frames) = (&mut self.finished, &mut self.frames);
        self.aside.retain(|aside| {
            let is_over = aside.expires != 0 && aside.expires < now;
            if is_over {
                finished.push_back(aside.frame);
                *frames -= 1;
            } else if aside.expires != 0 {
                due = due.min(aside.expires);
            }
            !is_over
        });
        self.due = due;
    }

    /// Marks a frame that leaves the ring before its expiry.
    pub(super) fn push_out(&mut self, serial: u64) {
        let mut entries = self.slots.iter_mut().flatten();
        if let Some(entry) = entries.find(|entry| entry.serial == serial) {
            entry.is_readable = false;
        }
    }

    /// Empties a slot that no client holds any more. Returns the index of its memory.
    pub(super) fn freed(&mut self, slot: SlotId) -> Option<usize> {
        let entry = self.slots.get_mut(slot.index())?.take()?;
        if entry.frame.is_null() {
        } else if entry.is_over {
            self.finished.push_back(entry.frame);
            self.frames -= 1;
        } else {
            self.aside.push(Aside {
                frame: entry.frame,
                expires: entry.expires,
            });
        }
        Some(entry.memory)
    }

    /// Removes a frame for the program. Returns its serial if clients can still lock it.
    pub(super) fn remove(&mut self, slot: SlotId, frame: *mut Frame) -> Result<Option<u64>, ()> {
        if let Some(Some(entry)) = self.slots.get_mut(slot.index())
            && entry.frame == frame
        {
            entry.frame = std::ptr::null_mut();
            self.frames -= 1;
            let is_readable = std::mem::take(&mut entry.is_readable);
            return Ok(is_readable.then_some(entry.serial));
        }
        if let Some(place) = self.aside.iter().position(|aside| aside.frame == frame) {
            self.aside.swap_remove(place);
            self.frames -= 1;
            return Ok(None);
        }
        // Due with the frame whose callback removes it, and counted off already.
        let place = self.finished.iter().position(|due| *due == frame);
        self.finished.remove(place.ok_or(())?);
        Ok(None)
    }

    /// Makes the end of all frames due.
    pub(super) fn finish_all(&mut self) {
        for entry in self.slots.drain(..).flatten() {
            if !entry.frame.is_null() {
                self.finished.push_back(entry.frame);
            }
        }
        let aside = self.aside.drain(..).map(|aside| aside.frame);
        self.finished.extend(aside);
        self.frames = 0;
    }

    /// Whether the end of a frame is due.
    pub(super) fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }

    /// Takes a frame whose end is due.
    pub(super) fn next_finished(&mut self) -> Option<*mut Frame> {
        self.finished.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: usize) -> *mut Frame {
        std::ptr::without_provenance_mut(number)
    }

    #[test]
    fn a_frame_is_removed_wherever_it_is() {
        let mut table = Table::new();
        let slots = [0, 1, 2, 3].map(|at| SlotId::checked(at, 4).unwrap());
        for (slot, number) in slots.into_iter().zip(1..) {
            let entry = Entry {
                serial: number as u64,
                frame: frame(number),
                expires: 5,
                memory: 0,
                is_readable: true,
                is_over: false,
            };
            table.insert(slot, entry);
        }
        // The second has to leave the ring, the rest expires, and a client holds the first.
        table.push_out(2);
        table.freed(slots[1]);
        assert_eq!(table.remove(slots[1], frame(2)), Ok(None));
        let mut withdrawn = Vec::new();
        table.expire(6, |serial| withdrawn.push(serial));
        assert_eq!(withdrawn, [1, 3, 4]);
        table.freed(slots[2]);
        table.freed(slots[3]);
        assert_eq!(table.remove(slots[2], frame(3)), Ok(None));
        assert_eq!(table.remove(slots[2], frame(3)), Err(()));
        assert_eq!(table.remove(slots[0], frame(1)), Ok(None));
        assert_eq!(table.frames(), 0);
        assert_eq!(table.next_finished(), Some(frame(4)));
        assert_eq!(table.next_finished(), None);
    }
}
