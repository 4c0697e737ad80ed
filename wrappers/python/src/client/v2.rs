//! What clients have for programs of the 2.x package.

use pyo3::prelude::*;
use videostream::hal::ring::FrameDescriptor;
use videostream::hal::time::now_ns;
use videostream::ipc::Error as IpcError;
use videostream::share::Mode;
use videostream::v2::Extra;

use super::Client;
use crate::error::Failure;
use crate::frame::Frame;
use crate::wait::{deadline, until as wait_until};

/// Seconds to wait for a frame where the client has no timeout of its own.
const TIMEOUT: f64 = 1.0;

/// Whether a frame is over, or was published before `until`.
fn is_passed_over(frame: &FrameDescriptor, until: i64) -> bool {
    let expires = match Extra::of(frame) {
        Some(extra) => extra.expires,
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
    /// The next frame in order that has not expired and was published at `until` or later, in nanoseconds
    /// of `time.monotonic_ns()`; 0 for any. Waits for each as long as the client's `timeout` says, which
    /// is a second here by default; with `reconnect` it does not begin before there is a host.
    ///
    /// Raises what `next` does.
    #[pyo3(signature = (until = 0))]
    fn frame_wait(&self, py: Python<'_>, until: i64) -> Result<Frame, Failure> {
        // A client that looks for a host goes on as long as there is none.
        let is_patient = self.options.reconnect && self.options.timeout.is_none();
        loop {
            let deadline_ns = deadline(self.options.timeout.or(Some(TIMEOUT)))?;
            let frame = wait_until(py, deadline_ns, |slice| {
                self.step(slice, |client, slice| {
                    if client.last() == 0 && client.restarts() == 0 {
                        // What was published before this client came is none of its business.
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

    /// Ends the connection, as `close` does.
    fn disconnect(&self, py: Python<'_>) {
        self.close(py);
    }
}
