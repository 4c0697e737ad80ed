//! How a camera was set up, to do it again.

use std::fs;
use std::path::PathBuf;

use videostream_hal::format::FourCc;
use videostream_hal::v4l2::camera::Wishes;
use videostream_hal::v4l2::{ExportAccess, Fraction};

use super::{Camera, CameraError, CameraId, CameraMemory, CameraStream};

/// What is wanted of a camera.
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
    /// Names and values, set together before anything is negotiated.
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
    pub(super) fn wishes(&self) -> Wishes<'_> {
        Wishes {
            formats: &self.formats,
            size: self.size,
            exact_size: self.exact_size,
            interval: self.interval,
            buffers: self.buffers,
            skip_corrupted: self.skip_corrupted,
        }
    }

    /// The same, in the size and at the rate of whatever signal there is.
    pub(super) fn wishes_of_signal(&self) -> Wishes<'_> {
        Wishes {
            size: None,
            interval: None,
            ..self.wishes()
        }
    }
}

/// Which camera it was and what was wanted of it: starts it again when it is back, whatever its
/// node number is by then.
#[derive(Clone, Debug)]
pub struct CameraSetup {
    path: PathBuf,
    /// `None`: opened by a link that follows the hardware, or known by nothing else.
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

    /// Opens the camera, sets it up as before and starts it. A camera that was opened by a link
    /// (`/dev/v4l/by-path/...`) is the one that the link leads to now; others are found by their
    /// [`CameraId`].
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
