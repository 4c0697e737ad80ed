//! The setup of a camera, for restarts.

use std::fs;
use std::path::PathBuf;

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::camera::CaptureRequest;
use videostream_hal::v4l2::{ExportAccess, Fraction};

use super::{Camera, CameraError, CameraId, CameraMemory, CameraStream};

/// The requested settings of a camera.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) formats: Vec<FourCc>,
    pub(super) size: Option<(u32, u32)>,
    pub(super) exact_size: bool,
    pub(super) interval: Option<Fraction>,
    pub(super) buffers: u32,
    pub(super) skip_corrupted: bool,
    pub(super) access: ExportAccess,
    pub(super) memory: CameraMemory,
    /// Names and values of controls, set together before the negotiation.
    pub(super) controls: Vec<(String, String)>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            formats: Vec::new(),
            size: None,
            exact_size: true,
            interval: None,
            buffers: 4,
            skip_corrupted: false,
            access: ExportAccess::ReadOnly,
            memory: CameraMemory::Driver,
            controls: Vec::new(),
        }
    }
}

impl Wanted {
    pub(super) fn request(&self) -> CaptureRequest<'_> {
        CaptureRequest {
            formats: &self.formats,
            size: self.size,
            exact_size: self.exact_size,
            interval: self.interval,
            buffers: self.buffers,
            skip_corrupted: self.skip_corrupted,
        }
    }

    /// Returns the same request at the size and rate of the current signal.
    pub(super) fn request_for_signal(&self) -> CaptureRequest<'_> {
        CaptureRequest {
            size: None,
            interval: None,
            ..self.request()
        }
    }
}

/// Identity and requested settings of a camera: restarts it when it is back, whatever its node
/// number is by then.
#[derive(Clone, Debug)]
pub struct CameraSetup {
    path: PathBuf,
    /// `None` if the path is a link that follows the hardware, or if there is no id.
    id: Option<CameraId>,
    wanted: Wanted,
}

impl CameraSetup {
    pub(super) fn new(path: PathBuf, wanted: Wanted) -> Self {
        let is_link = fs::symlink_metadata(&path).is_ok_and(|file| file.is_symlink());
        Self {
            id: if is_link { None } else { CameraId::of(&path) },
            path,
            wanted,
        }
    }

    /// Opens the camera, sets it up as before and starts it. A link (`/dev/v4l/by-path/...`) is
    /// followed again; other cameras are found by their [`CameraId`].
    ///
    /// # Errors
    /// Those of [`Camera::open_id`] and [`Camera::start`].
    pub fn start(&self) -> Result<CameraStream, CameraError> {
        let mut camera = match &self.id {
            Some(id) => Camera::open_id(id)?,
            None => Camera::open(&self.path)?,
        };
        camera.wanted = self.wanted.clone();
        camera.start()
    }
}
