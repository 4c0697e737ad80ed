//! Additions to the interface of the 2.x library.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::ffi::{c_char, c_int};
use std::os::fd::AsRawFd;

use rustix::io::Errno;

use crate::boundary::{enter, enter_int, last_error};
use crate::client::Client;
use crate::frame::Frame;
use crate::host::{Host, HostStats};

/// `const char* vsl_x_last_error(void)`: description of this thread's last failure.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_x_last_error() -> *const c_char {
    enter(c"".as_ptr(), || Ok(last_error()))
}

/// `uint32_t vsl_x_frame_colorimetry(const VSLFrame*)`: colorimetry of a frame.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_x_frame_colorimetry(frame: Option<&Frame>) -> u32 {
    enter(0, || Ok(frame.map_or(0, Frame::packed_colorimetry)))
}

/// `int vsl_x_frame_set_colorimetry(VSLFrame*, uint32_t)`: sets it.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_x_frame_set_colorimetry(
    frame: Option<&mut Frame>,
    colorimetry: u32,
) -> c_int {
    enter_int(|| {
        frame.ok_or(Errno::INVAL)?.set_colorimetry(colorimetry);
        Ok(())
    })
}

/// `int vsl_x_client_fd(VSLClient*)`: a descriptor to poll for frames.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_x_client_fd(client: Option<&Client>) -> c_int {
    enter(-1, || Ok(client.ok_or(Errno::INVAL)?.watch()?.as_raw_fd()))
}

/// `int vsl_x_host_stats(VSLHost*, VSLXHostStats*, size_t)`: statistics of a host.
///
/// # Safety
/// `stats` is NULL or has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_x_host_stats(
    host: Option<&Host>,
    stats: *mut HostStats,
    size: usize,
) -> c_int {
    enter_int(|| {
        let host = host.filter(|_| !stats.is_null()).ok_or(Errno::INVAL)?;
        let all = host.stats();
        let known = size.min(size_of::<HostStats>());
        // SAFETY: as many bytes as both have; not the same, and of plain numbers.
        unsafe {
            (&raw const all)
                .cast::<u8>()
                .copy_to_nonoverlapping(stats.cast(), known)
        };
        Ok(())
    })
}
