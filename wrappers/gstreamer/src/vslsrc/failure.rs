//! Error messages of the element, with advice.

use std::time::Duration;

use gst::error_msg;
use videostream::Error;
use videostream::ipc::{Error as IpcError, Goodbye, Refusal};

/// Reports that `path` is not set.
pub(super) fn no_path() -> gst::ErrorMessage {
    error_msg!(
        gst::ResourceError::Settings,
        ("vslsrc has no path: set path to the socket of a host (path=/tmp/vsl_camera)")
    )
}

/// Reports a failed connection attempt.
pub(super) fn of_connecting(path: &str, error: &Error, timeout: Duration) -> gst::ErrorMessage {
    let what = match error.share() {
        _ if error.is_timeout() => {
            let seconds = timeout.as_secs_f64();
            return error_msg!(
                gst::ResourceError::OpenRead,
                ("{path}: the host did not answer within {seconds} s: check whether it is \
                  suspended, or raise timeout")
            );
        }
        Some(IpcError::NoHost) => {
            return error_msg!(
                gst::ResourceError::NotFound,
                ("{error}: start a host there (vslsink path={path}, or videostream stream), or \
                  set reconnect=true to \
                     wait for one")
            );
        }
        Some(IpcError::AddressTooLong { .. } | IpcError::AddressInvalid) => {
            return error_msg!(
                gst::ResourceError::Settings,
                ("{error}: set path to another name")
            );
        }
        Some(IpcError::Refused(Refusal::Hold { .. })) => {
            return error_msg!(
                gst::ResourceError::Busy,
                ("{error} (lend of vslsink), or end another reader")
            );
        }
        Some(IpcError::Refused(Refusal::Permission { .. })) => {
            return error_msg!(gst::ResourceError::NotAuthorized, ("{error}"));
        }
        Some(IpcError::Refused(Refusal::Full { .. })) => {
            "end one of them, or set reconnect=true to wait"
        }
        _ => "set path to the socket of a host of the same release as this plugin",
    };
    error_msg!(gst::ResourceError::OpenRead, ("{error}: {what}"))
}

/// Reports a lost connection.
pub(super) fn of_reading(error: &Error) -> gst::ErrorMessage {
    let what = match error.share() {
        Some(IpcError::HostGone | IpcError::NoHost) => {
            "it was killed or crashed: restart it and this pipeline, or set reconnect=true to \
             wait for it"
        }
        Some(IpcError::Goodbye(Goodbye::LeaseTime { .. })) => {
            "release frames sooner (with a leaky queue, or fewer queues), or copy them \
             (videoconvert)"
        }
        Some(IpcError::Goodbye(Goodbye::OverLimit { .. }) | IpcError::Evicted) => {
            "raise hold, or set reconnect=true to connect again"
        }
        Some(IpcError::Goodbye(_)) => "set reconnect=true to connect again",
        _ => {
            "the host breaks the protocol: use the same release on both sides, and restart the host"
        }
    };
    error_msg!(gst::ResourceError::Read, ("{error}: {what}"))
}

/// Reports a malformed frame.
pub(super) fn of_frame(path: &str, serial: u64, why: &str) -> gst::ErrorMessage {
    error_msg!(
        gst::ResourceError::Read,
        ("{path}: frame {serial} is invalid: {why}: check what the host shares (videostream \
          receive {path})")
    )
}

/// Reports caps that downstream does not accept.
pub(super) fn of_caps(path: &str, offered: &gst::Caps, taken: &gst::Caps) -> gst::ErrorMessage {
    error_msg!(
        gst::StreamError::Format,
        ("{path}: the host's frames are {offered}, but downstream accepts {taken}: put \
          videoconvert (or a decoder) after \
             vslsrc, or change the caps filter")
    )
}
