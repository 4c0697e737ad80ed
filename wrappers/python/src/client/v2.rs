//! The 2.x interface of clients.

use pyo3::prelude::*;
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::now_ns;
use videostream::ipc::Error as IpcError;
use videostream::share::Mode;
use videostream::v2::AppData;

use super::Client;
use crate::error::Failure;
use crate::frame::Frame;
use crate::wait::{deadline, until as wait_until};

/// Default timeout of `frame_wait`, in seconds.
const DEFAULT_TIMEOUT_S: f64 = 1.0;

/// Whether a frame has expired, or was published before `until`.
fn is_passed_over(frame: &FrameDescriptor, until: i64) -> bool {
    let expires = match AppData::of(frame) {
        Some(app_data) => app_data.expires,
        None => i64::try_from(frame.expires_ns).unwrap_or(i64::MAX),
    };
    let published = match frame.published_ns {
        0 => frame.timestamp_ns,
        time => time,
    };
    (expires != 0 && expires < now_ns().cast_signed())
        || (until != 0 && published.cast_signed() < until)
}

#[pymethods]
impl Client {
    /// Returns the next frame in order that has not expired and was published at `until` or later,
    /// in nanoseconds of `time.monotonic_ns()`; 0 for any. Waits for each frame as long as the
    /// client's `timeout`, by default one second; with `reconnect` the time starts when the host is
    /// there.
    ///
    /// Raises the same errors as `next`.
    #[pyo3(signature = (until = 0))]
    fn frame_wait(&self, py: Python<'_>, until: i64) -> Result<Frame, Failure> {
        // With `reconnect`, the wait for a host has no timeout.
        let is_patient = self.options.reconnect && self.options.timeout.is_none();
        loop {
            let deadline_ns = deadline(self.options.timeout.or(Some(DEFAULT_TIMEOUT_S)))?;
            let frame = wait_until(py, deadline_ns, |slice| {
                self.step(slice, |client, slice| {
                    if client.last() == 0 && client.restarts() == 0 {
                        // Skips frames that were published before this client connected.
                        client.seek(client.ipc().last_serial());
                    }
                    client.set_mode(Some(Mode::Every));
                    let frame = client.next_until(slice);
                    client.set_mode(None);
                    frame.map(Some)
                })
            })?;
            match frame {
                Some(frame) if is_passed_over(frame.descriptor(), until) => drop(frame),
                Some(frame) => return Ok(Frame::received(frame)),
                None if is_patient && !self.is_connected()? => {}
                None => return Err(self.share_error(IpcError::TimedOut).into()),
            }
            py.check_signals()?;
        }
    }

    /// Closes the connection, like `close`.
    fn disconnect(&self, py: Python<'_>) {
        self.close(py);
    }
}
