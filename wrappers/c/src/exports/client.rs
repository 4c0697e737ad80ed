//! Clients and received frames.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use rustix::io::Errno;

use crate::boundary::{enter, enter_int, text};
use crate::client::Client;
use crate::frame::Frame;

/// `VSLClient* vsl_client_init(const char*, void*, bool)`: connects to a host.
///
/// # Safety
/// `path` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_client_init(
    path: *const c_char,
    userptr: *mut c_void,
    reconnect: bool,
) -> *mut Client {
    // SAFETY: the caller's word.
    let path = unsafe { text(path) };
    enter(null_mut(), || {
        let client = Client::new(path.ok_or(Errno::INVAL)?, userptr, reconnect)?;
        Ok(Box::into_raw(Box::new(client)))
    })
}

/// `void vsl_client_release(VSLClient*)`: releases a client; its frames stay.
///
/// # Safety
/// `client` is NULL or a client that no thread uses, released once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_client_release(client: *mut Client) {
    enter((), || {
        if client.is_null() {
            return Err(Errno::INVAL);
        }
        // SAFETY: not NULL, and from `Box::into_raw` of `vsl_client_init`, as the caller says.
        drop(unsafe { Box::from_raw(client) });
        Ok(())
    });
}

/// `void vsl_client_disconnect(VSLClient*)`: ends the connection, from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_client_disconnect(client: Option<&Client>) {
    enter((), || client.map(Client::disconnect).ok_or(Errno::INVAL));
}

/// `void* vsl_client_userptr(VSLClient*)`: the program's pointer.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_client_userptr(client: Option<&Client>) -> *mut c_void {
    enter(null_mut(), || {
        client.map(Client::userptr).ok_or(Errno::INVAL)
    })
}

/// `const char* vsl_client_path(const VSLClient*)`: path of the host.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_client_path(client: Option<&Client>) -> *const c_char {
    enter(null(), || {
        client
            .map(|client| client.path().as_ptr())
            .ok_or(Errno::INVAL)
    })
}

/// `void vsl_client_set_timeout(VSLClient*, float)`: how long to wait for a frame, in seconds.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_client_set_timeout(client: Option<&Client>, timeout: f32) {
    enter((), || {
        client.ok_or(Errno::INVAL)?.set_timeout(timeout);
        Ok(())
    });
}

/// `VSLFrame* vsl_frame_wait(VSLClient*, int64_t)`: the next frame.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_wait(client: Option<&Client>, until: i64) -> *mut Frame {
    enter(null_mut(), || client.ok_or(Errno::INVAL)?.wait(until))
}

/// `int vsl_frame_trylock(VSLFrame*)`: locks a received frame.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_trylock(frame: Option<&mut Frame>) -> c_int {
    enter_int(|| frame.ok_or(Errno::INVAL)?.lock())
}

/// `int vsl_frame_unlock(VSLFrame*)`: unmaps and unlocks a frame.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_unlock(frame: Option<&mut Frame>) -> c_int {
    enter_int(|| frame.ok_or(Errno::INVAL)?.unlock())
}
