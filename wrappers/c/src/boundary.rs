//! The way into the library: no panic leaves it, failures become `errno`.

#![expect(unsafe_code, reason = "errno is written, C strings are read")]

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::Errno;
use videostream::hal::v4l2::{Error, ErrorKind};

/// What a failed function gives back beside `errno`.
const AFTER_A_PANIC: Errno = Errno::NOTRECOVERABLE;

thread_local! {
    /// The last failure of this thread.
    static LAST: Cell<Option<Errno>> = const { Cell::new(None) };
    /// What is known of a failure between host and client beside its `errno`.
    static DETAIL: Cell<Option<(Errno, videostream::ipc::Error)>> = const { Cell::new(None) };
    static TEXT: RefCell<CString> = RefCell::default();
}

/// Keeps what is known of a failure that becomes `errno`.
pub(crate) fn explain(errno: Errno, error: videostream::ipc::Error) {
    DETAIL.set(Some((errno, error)));
}

/// The last failure of this thread in words; empty before the first. Valid until the next call.
pub(crate) fn last_error() -> *const c_char {
    let text = match (LAST.get(), DETAIL.get()) {
        (None, _) => String::new(),
        (Some(errno), Some((of, error))) if of == errno => error.to_string(),
        (Some(errno), _) => std::io::Error::from(errno).to_string(),
    };
    TEXT.with_borrow_mut(|place| {
        *place = CString::new(text).unwrap_or_default();
        place.as_ptr()
    })
}

/// Runs the inside of an exported function. A failure gives `failed` and sets `errno`; a
/// panic does so with ENOTRECOVERABLE. Success leaves `errno` alone.
pub(crate) fn enter<T>(failed: T, inside: impl FnOnce() -> Result<T, Errno>) -> T {
    // What the panic left half done is the library's own, checked again by the next call.
    let before = errno();
    let result = catch_unwind(AssertUnwindSafe(inside));
    match result.unwrap_or(Err(AFTER_A_PANIC)) {
        Ok(value) => {
            set_errno(before);
            value
        }
        Err(errno) => {
            set_errno(errno.raw_os_error());
            LAST.set(Some(errno));
            failed
        }
    }
}

/// As [`enter`], for functions that give 0 or -1.
pub(crate) fn enter_int(inside: impl FnOnce() -> Result<(), Errno>) -> core::ffi::c_int {
    enter(-1, || inside().map(|()| 0))
}

fn place_of_errno() -> *mut core::ffi::c_int {
    // SAFETY: takes nothing and gives the address of this thread's `errno`.
    unsafe { libc::__errno_location() }
}

fn errno() -> core::ffi::c_int {
    // SAFETY: that address is valid, aligned, and this thread's alone.
    unsafe { *place_of_errno() }
}

fn set_errno(errno: core::ffi::c_int) {
    // SAFETY: as above.
    unsafe { *place_of_errno() = errno };
}

/// Errors of devices, as `errno` has them.
pub(crate) fn errno_of_device(error: Error) -> Errno {
    error.errno().unwrap_or(match error.kind() {
        ErrorKind::TimedOut => Errno::TIMEDOUT,
        ErrorKind::InvalidArgument => Errno::INVAL,
        ErrorKind::NotSupported => Errno::NOTSUP,
        ErrorKind::NoSignal => Errno::NOLINK,
        ErrorKind::EndOfStream => Errno::PIPE,
        _ => Errno::IO,
    })
}

/// The text at `pointer`; `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or points to a text that ends with a NUL and stays as it is for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a CStr> {
    // SAFETY: not NULL; the rest is the caller's word.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failure() {
        set_errno(libc::EPERM);
        assert_eq!(
            enter(-7, || -> Result<i32, Errno> { panic!("on purpose") }),
            -7
        );
        assert_eq!(errno(), libc::ENOTRECOVERABLE);
    }

    #[test]
    fn a_failure_sets_errno_and_success_leaves_it() {
        assert_eq!(enter_int(|| Err(Errno::NOSPC)), -1);
        assert_eq!(errno(), libc::ENOSPC);
        let changes = || {
            set_errno(libc::EPERM);
            Ok(())
        };
        assert_eq!(enter_int(changes), 0);
        assert_eq!(errno(), libc::ENOSPC);
    }
}
