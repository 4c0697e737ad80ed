//! Changes of controls, whoever makes them.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use videostream_hal::v4l2::{
    ControlFlags, ControlInfo, Device, EventKind, EventSelector, Ready, wait,
};

use super::{Controls, typed_name};
use crate::camera::{CameraError, open_device};

/// A control changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlChange {
    /// The control, as it is typed.
    pub name: String,
    /// Its value now; `None` for controls with a payload: read it.
    pub value: Option<i64>,
    /// Whether the value changed; otherwise its range or flags did.
    pub value_changed: bool,
    /// Whether its range changed.
    pub range_changed: bool,
    /// What may be done with it now.
    pub flags: ControlFlags,
}

/// Watches controls through a handle of its own, so that a stream on the same device keeps its
/// events. In a poll loop it is ready for `POLLPRI`.
#[derive(Debug)]
pub struct ControlWatch {
    path: PathBuf,
    device: Device,
    watched: Vec<ControlInfo>,
}

impl Controls<'_> {
    /// Watches controls by their names; all that there are if no name is given.
    ///
    /// # Errors
    /// [`ControlError::Unknown`](super::ControlError::Unknown); [`CameraError::Device`] when the
    /// driver has no events.
    pub fn watch(&self, names: &[&str]) -> Result<ControlWatch, CameraError> {
        let device = open_device(self.path).map_err(|error| self.failed(error))?;
        let mut watched = Vec::new();
        for name in names {
            watched.push(self.find(name)?);
        }
        if names.is_empty() {
            watched = self
                .list()?
                .controls
                .into_iter()
                .map(|control| control.info)
                .collect();
        }
        for info in &watched {
            let selector = EventSelector::Control {
                id: info.id,
                initial: false,
            };
            let subscribed = device.subscribe(selector);
            subscribed.map_err(|error| self.refused(Some(typed_name(info)), error))?;
        }
        Ok(ControlWatch {
            path: self.path.to_owned(),
            device,
            watched,
        })
    }
}

impl ControlWatch {
    /// The next change.
    ///
    /// # Units
    /// `deadline_ns` on `CLOCK_MONOTONIC`; `None` waits without end, a moment in the past takes
    /// only what is there.
    ///
    /// # Errors
    /// [`CameraError::TimedOut`], [`CameraError::Disconnected`], [`CameraError::Device`].
    pub fn next(&self, deadline_ns: Option<u64>) -> Result<ControlChange, CameraError> {
        loop {
            if let Some(change) = self.take()? {
                return Ok(change);
            }
            let ready = wait(self.device.as_fd(), Ready::EVENT, deadline_ns);
            ready.map_err(|error| CameraError::from_device(&self.path, error))?;
        }
    }

    /// The next change if there is one; never waits.
    ///
    /// # Errors
    /// As for [`ControlWatch::next`], but for the timeout.
    pub fn take(&self) -> Result<Option<ControlChange>, CameraError> {
        let failed = |error| CameraError::from_device(&self.path, error);
        while let Some(event) = self.device.next_event().map_err(failed)? {
            let EventKind::Control {
                id,
                value,
                value_changed,
                range_changed,
                flags,
            } = event.kind
            else {
                continue;
            };
            let Some(info) = self.watched.iter().find(|info| info.id == id) else {
                continue;
            };
            let has_payload = info.flags.contains(ControlFlags::HAS_PAYLOAD);
            return Ok(Some(ControlChange {
                name: typed_name(info),
                value: (!has_payload).then_some(value),
                value_changed,
                range_changed,
                flags,
            }));
        }
        Ok(None)
    }
}

impl AsFd for ControlWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
