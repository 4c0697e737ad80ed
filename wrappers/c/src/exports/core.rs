//! Version, time, four-character codes.

#![expect(unsafe_code, reason = "functions are exported by their C names")]

use std::ffi::{CStr, c_char};

use rustix::io::Errno;
use videostream::hal::time::now_ns;

use crate::boundary::{enter, text};

/// `const char* vsl_version(void)`: the version of the interface.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_version() -> *const c_char {
    crate::VERSION.as_ptr()
}

/// `int64_t vsl_timestamp(void)`: `CLOCK_MONOTONIC` in nanoseconds.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_timestamp() -> i64 {
    enter(0, || i64::try_from(now_ns()).map_err(|_| Errno::OVERFLOW))
}

/// `uint32_t vsl_fourcc_from_string(const char*)`: the code of four bytes, else 0.
///
/// # Safety
/// `fourcc` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_fourcc_from_string(fourcc: *const c_char) -> u32 {
    enter(0, || {
        // SAFETY: the caller's word.
        let text = unsafe { text(fourcc) };
        let letters = text
            .map(CStr::to_bytes)
            .and_then(|text| text.try_into().ok());
        letters.map(u32::from_le_bytes).ok_or(Errno::INVAL)
    })
}
