//! Connecting to a host and waiting for its frames, both interruptible by signals.

use std::thread;
use std::time::Duration;

use videostream::hal::time::{deadline_in, now_ns};
use videostream::share::ClientBuilder;
use videostream::{Client, Error, Frame, ipc};

use crate::failure::{Failure, TIMEOUT};
use crate::signals;

/// Pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);

/// Connects to a host. With `wait`, waits until there is one. Returns `None` if the user stops the
/// command.
pub(crate) fn connect(
    builder: &ClientBuilder,
    wait: bool,
    timeout: Duration,
) -> Result<Option<Client>, Failure> {
    let deadline = deadline(timeout);
    let mut connector = builder.clone().connector();
    while !signals::stopped() {
        match connector.connect_until(signals::slice().min(deadline)) {
            Ok(client) => return Ok(Some(client)),
            Err(error) if now_ns() >= deadline => return Err(too_late(error, timeout)),
            // No answer yet, or no host, which is reported without waiting.
            Err(error) if error.is_timeout() || (wait && error.is_worth_reconnecting()) => {
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Returns the next frame; with `reconnect`, that of the next host once this one has gone. Returns
/// `None` if the user stops the command, or if `endless` and the host ends the stream.
pub(crate) fn next(
    client: &mut Client,
    reconnect: bool,
    endless: bool,
    timeout: Duration,
) -> Result<Option<Frame>, Failure> {
    let deadline = deadline(timeout);
    while !signals::stopped() {
        match client.next_until(signals::slice().min(deadline)) {
            Ok(frame) => return Ok(Some(frame)),
            Err(error) if error.is_timeout() || (reconnect && error.is_worth_reconnecting()) => {
                if now_ns() >= deadline {
                    return Err(too_late(error, timeout));
                }
            }
            Err(error) if endless && has_ended(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Returns whether the host has ended its stream regularly.
fn has_ended(error: &Error) -> bool {
    let why = error.share();
    matches!(why, Some(ipc::Error::Goodbye(ipc::Goodbye::Closing)))
}

fn deadline(timeout: Duration) -> u64 {
    deadline_in(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
}

fn too_late(error: Error, timeout: Duration) -> Failure {
    if error.is_timeout() || error.is_worth_reconnecting() {
        let seconds = timeout.as_secs_f64();
        Failure::new(TIMEOUT, format_args!("{error} (waited {seconds} s)"))
    } else {
        error.into()
    }
}
