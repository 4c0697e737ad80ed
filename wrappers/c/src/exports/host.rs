//! Hosts.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::Arc;

use rustix::io::Errno;

use crate::boundary::{enter, enter_int, text};
use crate::frame::{Cleanup, Frame, Shape};
use crate::host::{Host, Timing};

/// `VSLHost* vsl_host_init(const char*)`: listens at a path.
///
/// # Safety
/// `path` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_host_init(path: *const c_char) -> *const Host {
    // SAFETY: the caller's word.
    let path = unsafe { text(path) };
    enter(null(), || {
        Ok(Arc::into_raw(Host::new(path.ok_or(Errno::INVAL)?)?))
    })
}

/// `void vsl_host_release(VSLHost*)`: releases a host and its frames.
///
/// # Safety
/// `host` is NULL or a host, released once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_host_release(host: *const Host) {
    enter((), || {
        if host.is_null() {
            return Err(Errno::INVAL);
        }
        // SAFETY: not NULL, and from `Arc::into_raw` of `vsl_host_init`, as the caller says.
        let host = unsafe { Arc::from_raw(host) };
        host.close();
        Ok(())
    });
}

/// `const char* vsl_host_path(const VSLHost*)`: path of the socket.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_host_path(host: Option<&Host>) -> *const c_char {
    enter(null(), || {
        host.map(|host| host.path().as_ptr()).ok_or(Errno::INVAL)
    })
}

/// `int vsl_host_poll(VSLHost*, int64_t)`: waits for something to do.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_host_poll(host: Option<&Host>, wait: i64) -> c_int {
    enter(-1, || {
        let ready = host.ok_or(Errno::INVAL)?.poll(wait)?;
        c_int::try_from(ready).map_err(|_| Errno::OVERFLOW)
    })
}

/// `int vsl_host_process(VSLHost*)`: serves clients and ends expired frames.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_host_process(host: Option<&Host>) -> c_int {
    enter_int(|| host.ok_or(Errno::INVAL)?.process())
}

/// `int vsl_host_service(VSLHost*, int)`: serves one client.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_host_service(host: Option<&Host>, sock: c_int) -> c_int {
    enter_int(|| host.ok_or(Errno::INVAL)?.service(sock))
}

/// `int vsl_host_sockets(VSLHost*, size_t, int*, size_t*)`: the descriptors to poll.
///
/// # Safety
/// `sockets` is NULL or has room for `n_sockets`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_host_sockets(
    host: Option<&Host>,
    n_sockets: usize,
    sockets: *mut c_int,
    max_sockets: Option<&mut usize>,
) -> c_int {
    enter_int(|| {
        let host = host.ok_or(Errno::INVAL)?;
        let into: &mut [c_int] = match sockets.is_null() {
            true => &mut [],
            // No host has more.
            // SAFETY: not NULL, and as long as the caller says.
            false => unsafe { std::slice::from_raw_parts_mut(sockets, n_sockets.min(1 << 16)) },
        };
        let count = host.sockets(into);
        if let Some(max) = max_sockets {
            *max = count;
        }
        Ok(())
    })
}

/// `int vsl_host_post(VSLHost*, VSLFrame*, ...)`: shares a frame.
///
/// # Safety
/// `frame` is NULL or a frame that was not released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_host_post(
    host: Option<&Host>,
    frame: *mut Frame,
    expires: i64,
    duration: i64,
    pts: i64,
    dts: i64,
) -> c_int {
    let timing = Timing {
        expires,
        duration,
        pts,
        dts,
    };
    enter_int(|| {
        let host = host.filter(|_| !frame.is_null()).ok_or(Errno::INVAL)?;
        // SAFETY: not NULL, and valid as the caller says.
        unsafe { host.post(frame, timing) }
    })
}

/// `int vsl_host_drop(VSLHost*, VSLFrame*)`: takes a frame back.
///
/// # Safety
/// `frame` is NULL or a frame that was not released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_host_drop(host: Option<&Host>, frame: *mut Frame) -> c_int {
    enter_int(|| {
        let host = host.filter(|_| !frame.is_null()).ok_or(Errno::INVAL)?;
        // SAFETY: not NULL, and valid as the caller says.
        unsafe { host.drop_frame(frame) }
    })
}

/// `VSLFrame* vsl_frame_register(...)`: creates a frame of a descriptor and shares it.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_register(
    host: Option<&Host>,
    _serial: i64,
    handle: c_int,
    width: c_int,
    height: c_int,
    fourcc: u32,
    size: usize,
    offset: usize,
    expires: i64,
    duration: i64,
    pts: i64,
    dts: i64,
    cleanup: Option<Cleanup>,
    userptr: *mut c_void,
) -> *mut Frame {
    let timing = Timing {
        expires,
        duration,
        pts,
        dts,
    };
    enter(null_mut(), || {
        let side = |side: c_int| u32::try_from(side).map_err(|_| Errno::INVAL);
        let shape = Shape::new(side(width)?, side(height)?, 0, fourcc)?;
        let mut frame = Frame::new(shape, userptr, cleanup);
        let attached = frame.attach(handle, size, offset);
        let frame = frame.hand_out();
        let posted = attached.and_then(|()| {
            let host = host.ok_or(Errno::INVAL)?;
            // SAFETY: a frame that was just made.
            unsafe { host.post(frame, timing) }
        });
        if posted.is_err() {
            // SAFETY: from `hand_out`, and nobody else's.
            let _ = unsafe { Frame::release(frame) };
        }
        posted.map(|()| frame)
    })
}
