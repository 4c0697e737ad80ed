//! Loops over the frames of a client.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use videostream::Error;
use videostream::ipc::{Error as IpcError, Goodbye};

use super::Client;
use crate::error::{Failure, to_python};
use crate::frame::Frame;
use crate::iteration::LastFrame;

/// Iterates over the frames of a client until the host ends.
#[pyclass(module = "videostream", frozen)]
pub(crate) struct Frames {
    client: Py<Client>,
    /// The last frame, if the client may hold only one.
    last: LastFrame,
}

impl Frames {
    pub(super) fn new(client: Py<Client>) -> Self {
        Self {
            client,
            last: LastFrame::default(),
        }
    }
}

#[pymethods]
impl Frames {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<Frame>> {
        let client = self.client.get();
        self.last.release()?;
        let frame = match client.wait(py, None) {
            Ok(Some(frame)) => Py::new(py, frame)?,
            Ok(None) => return Err(to_python(client.share_error(IpcError::TimedOut))),
            Err(Failure::Library(error)) if is_goodbye(&error) => {
                return Err(PyStopIteration::new_err(()));
            }
            Err(_) if client.is_closed() => {
                return Err(PyStopIteration::new_err(()));
            }
            Err(failure) => return Err(failure.into()),
        };
        if client.hold()? == 1 {
            self.last.keep(frame.clone_ref(py));
        }
        Ok(frame)
    }
}

/// Whether the host said goodbye because it ended.
fn is_goodbye(error: &Error) -> bool {
    error.share() == Some(&IpcError::Goodbye(Goodbye::Closing))
}
