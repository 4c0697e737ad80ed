//! Events of a camera.

use core::cell::Cell;

use rustix::fd::BorrowedFd;

use crate::Error;
use crate::v4l2::node::next_event;
use crate::v4l2::{Device, EventKind, EventSelector};

/// The start of a frame's reception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSync {
    /// Sequence number of the frame, as in [`Buffer::sequence`](crate::v4l2::Buffer).
    pub sequence: u32,
    /// Time of the start, in nanoseconds on `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
}

/// The reports of all events so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    ended: Cell<bool>,
    frame_sync: Cell<Option<FrameSync>>,
}

impl Events {
    /// Subscribes to the events that every stream handles. A driver without an event refuses it,
    /// which is fine.
    pub(super) fn subscribe(device: &Device) {
        let input = device.input().unwrap_or(0);
        let _ = device
            .node()
            .subscribe(EventSelector::SourceChange { input });
        let _ = device.node().subscribe(EventSelector::EndOfStream);
    }

    /// Returns whether the driver has reported the end: no frames follow those already finished.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(super) const fn frame_sync(&self) -> Option<FrameSync> {
        self.frame_sync.get()
    }

    /// Dequeues and records all pending events.
    pub(super) fn take(&self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let mut changed = false;
        while let Some(event) = next_event(fd)? {
            match event.kind {
                EventKind::SourceChange { resolution, .. } => changed |= resolution,
                EventKind::EndOfStream => self.ended.set(true),
                EventKind::FrameSync { sequence } => self.frame_sync.set(Some(FrameSync {
                    sequence,
                    timestamp_ns: event.timestamp_ns,
                })),
                _ => {}
            }
        }
        match changed {
            true => Err(Error::SourceChanged),
            false => Ok(()),
        }
    }

    /// Dequeues all pending events and forgets them and the earlier ones: they belong to a stream
    /// that has ended.
    pub(super) fn forget(&self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        while next_event(fd)?.is_some() {}
        self.ended.set(false);
        self.frame_sync.set(None);
        Ok(())
    }
}
