//! A handle of a camera beside its stream.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use videostream::camera::CameraId;
use videostream::{CameraError, Error};

use crate::error::Failure;
use crate::fork::ProcessLocal;

/// A second handle of a camera for listings and controls, which works while something else has the
/// stream.
pub(crate) struct CameraHandle {
    path: PathBuf,
    id: Option<CameraId>,
    /// With `reconnect` the camera is opened for each call: a handle that stays open would keep the
    /// number of its node in use.
    reconnects: bool,
    handle: ProcessLocal<Mutex<Option<videostream::Camera>>>,
}

impl CameraHandle {
    pub(crate) fn new(camera: videostream::Camera, reconnects: bool) -> Self {
        Self {
            path: camera.path().to_owned(),
            id: camera.id(),
            reconnects,
            handle: ProcessLocal::new(Mutex::new((!reconnects).then_some(camera))),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `act` with the camera.
    pub(crate) fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&videostream::Camera) -> Result<T, CameraError> + Send,
    ) -> Result<T, Failure> {
        let handle = self.handle.get()?;
        let result = py.detach(|| {
            let mut handle = handle.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(camera) = &*handle {
                return act(camera);
            }
            let camera = match &self.id {
                Some(id) if self.reconnects => videostream::Camera::open_id(id)?,
                _ => videostream::Camera::open(&self.path)?,
            };
            let result = act(&camera);
            if !self.reconnects {
                *handle = Some(camera);
            }
            result
        });
        result.map_err(|error| Error::Camera(error).into())
    }

    /// Closes the device.
    pub(crate) fn close(&self) {
        if let Some(handle) = self.handle.here() {
            *handle.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}
