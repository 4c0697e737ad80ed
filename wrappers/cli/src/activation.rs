//! Socket activation and status notifications for service managers such as systemd.
//!
//! Source: `sd_listen_fds(3)`, `sd_notify(3)`.

use std::fmt::Display;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::{env, fs};

use sd_notify::NotifyState;

use crate::failure::{ARGUMENTS, Failure, SOCKET};

/// A socket that the service manager passed to this process.
pub(crate) struct Given {
    pub(crate) socket: OwnedFd,
    /// Its name; empty if it has no name.
    pub(crate) name: String,
    /// Permission bits of its file, if it has one.
    pub(crate) mode: Option<u32>,
}

/// Takes the socket that was passed to this process and removes the variables that announce it. To
/// be called before any other thread is started.
pub(crate) fn take() -> Result<Option<Given>, Failure> {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    // SAFETY: there is no other thread that could read the environment meanwhile.
    #[expect(unsafe_code, reason = "the environment is changed")]
    let fds = unsafe { sd_notify::listen_fds_and_unset_env() };
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "the environment is changed")]
    unsafe {
        env::remove_var("LISTEN_FDNAMES");
    }
    let fds = fds.map_err(|error| {
        let why = format_args!("the sockets of LISTEN_PID and LISTEN_FDS: {error}");
        Failure::new(SOCKET, why)
    })?;
    let fds: Vec<_> = fds.collect();
    match &*fds {
        [] => Ok(None),
        [fd] => {
            // SAFETY: the protocol gives this process ownership of the descriptor, and it is taken
            // once: the variables are removed. It is open, since setting close-on-exec succeeded.
            #[expect(unsafe_code, reason = "descriptors come by number")]
            let socket = unsafe { OwnedFd::from_raw_fd(*fd) };
            about(socket).map(Some)
        }
        more => {
            let names = names.replace(':', ", ");
            let count = more.len();
            let why = format_args!(
                "{count} sockets were passed ({names}), but a stream has one: use a service for \
                 each socket"
            );
            Err(Failure::new(SOCKET, why))
        }
    }
}

/// Reads the socket's name. The host checks whether it can serve the socket.
fn about(socket: OwnedFd) -> Result<Given, Failure> {
    let socket = UnixListener::from(socket);
    let address = socket.local_addr();
    let address = address.map_err(|error| {
        let why = format_args!(
            "the descriptor passed by the service manager is not a Unix socket: {error}"
        );
        Failure::new(SOCKET, why)
    })?;
    let path = address.as_pathname().map(PathBuf::from);
    let mode = path.as_ref().and_then(|path| fs::metadata(path).ok());
    let name = match (&path, address.as_abstract_name()) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(name)) => String::from_utf8_lossy(name).into_owned(),
        (None, None) => String::new(),
    };
    Ok(Given {
        socket: socket.into(),
        name,
        mode: mode.map(|about| about.mode() & 0o777),
    })
}

/// Returns the error for a missing socket. `listen_pid` is the initial value of that variable.
pub(crate) fn none(listen_pid: Option<&str>) -> Failure {
    let own = std::process::id().to_string();
    let why = match listen_pid {
        Some(pid) if pid != own => format!(
            "no SOCKET, and the passed one is for process {pid}, not for this one ({own}): start \
             the command directly or by exec, without a shell or wrapper in between"
        ),
        _ => "no SOCKET: name one (videostream stream /run/camera), or start the command from a \
             systemd socket unit"
            .to_owned(),
    };
    Failure::new(ARGUMENTS, why)
}

/// Returns `LISTEN_PID`: the process that a socket is meant for.
pub(crate) fn listen_pid() -> Option<String> {
    env::var("LISTEN_PID").ok()
}

/// Tells the service manager, if any, that the stream is shared.
pub(crate) fn ready(status: impl Display) {
    notify(&[NotifyState::Ready, NotifyState::Status(&status.to_string())]);
}

/// Tells the service manager the stream's status.
pub(crate) fn status(status: impl Display) {
    notify(&[NotifyState::Status(&status.to_string())]);
}

/// Tells the service manager that the stream is ending.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    // The stream does not depend on the service manager.
    let _ = sd_notify::notify(states);
}
