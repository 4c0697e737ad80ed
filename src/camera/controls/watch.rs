//! Watching controls for changes by any program.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use videostream_hal::v4l2::{
    ControlFlags, ControlInfo, Device, EventKind, EventSelector, Ready, wait,
};

use super::{Controls, typed_name};
use crate::camera::{CameraError, open_device};

/// A change of a control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlChange {
    /// Name of the control.
    pub name: String,
    /// Its new value; `None` for controls with a payload, which have to be read.
    pub value: Option<i64>,
    /// Whether the value changed; otherwise its range or flags did.
    pub value_changed: bool,
    /// Whether its range changed.
    pub range_changed: bool,
    /// Its current flags.
    pub flags: ControlFlags,
}

/// Watches controls through a separate file descriptor, so that a stream on the same device keeps
/// its events. Poll it for `POLLPRI`.
#[derive(Debug)]
pub struct ControlWatch {
    path: PathBuf,
    device: Device,
    watched: Vec<ControlInfo>,
}

impl Controls<'_> {
    /// Watches controls by their names, or all of them if no name is given.
    ///
    /// # Errors
    /// [`ControlError::Unknown`](super::ControlError::Unknown); [`CameraError::Device`] if the
    /// driver does not support events.
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
            let subscribed = device.node().subscribe(selector);
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
    /// Waits for the next change.
    ///
    /// # Units
    /// `deadline_ns` on `CLOCK_MONOTONIC`; `None` waits forever, a time in the past does not wait.
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

    /// Returns the next change if there is one; never waits.
    ///
    /// # Errors
    /// Those of [`ControlWatch::next`] except the time-out.
    pub fn take(&self) -> Result<Option<ControlChange>, CameraError> {
        let failed = |error| CameraError::from_device(&self.path, error);
        while let Some(event) = self.device.node().next_event().map_err(failed)? {
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
