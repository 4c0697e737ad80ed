//! What a camera tells beside its frames.

use core::cell::Cell;

use rustix::fd::BorrowedFd;

use crate::v4l2::handle::next_event;
use crate::v4l2::{Device, Error, EventKind, EventSelector};

/// Reception of a frame began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSync {
    /// The driver's number of that frame, as in [`Buffer::sequence`](crate::v4l2::Buffer).
    pub sequence: u32,
    /// When it began, in nanoseconds on `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
}

/// What has been told so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    ended: Cell<bool>,
    frame_sync: Cell<Option<FrameSync>>,
}

impl Events {
    /// Asks for what every stream acts on. Drivers without an event refuse it.
    pub(super) fn subscribe(device: &Device) {
        let input = device.input().unwrap_or(0);
        let _ = device.subscribe(EventSelector::SourceChange { input });
        let _ = device.subscribe(EventSelector::EndOfStream);
    }

    /// Whether the driver has said that no frames follow those that are finished.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(super) const fn frame_sync(&self) -> Option<FrameSync> {
        self.frame_sync.get()
    }

    /// Takes all that wait.
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

    /// Takes all that wait and what was told before: it is of a stream that is no more.
    pub(super) fn forget(&self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        while next_event(fd)?.is_some() {}
        self.ended.set(false);
        self.frame_sync.set(None);
        Ok(())
    }
}
