//! Entry of exported functions: catches panics and turns failures into `errno`.

#![expect(unsafe_code, reason = "errno is written, C strings are read")]

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::Errno;
use videostream::hal::v4l2::{Error, ErrorKind};

/// `errno` after a panic.
const AFTER_A_PANIC: Errno = Errno::NOTRECOVERABLE;

// Destructors of the program run when these are gone already (static objects of C++, and those of
// threads): then failures are told by `errno` alone. Hence no `with`, which panics there.
thread_local! {
    /// The last failure of this thread.
    static LAST: RefCell<Option<(Errno, Option<Detail>)>> = const { RefCell::new(None) };
    /// Detail of a failure that the library is about to return.
    static DETAIL: Cell<Option<(Errno, Detail)>> = const { Cell::new(None) };
    static TEXT: RefCell<CString> = RefCell::default();
}

/// Detail of a failure, besides its `errno`.
#[derive(Debug)]
pub(crate) enum Detail {
    /// Between host and client; without an allocation, as waits fail often.
    Sharing(videostream::ipc::Error),
    Words(String),
}

impl From<videostream::ipc::Error> for Detail {
    fn from(error: videostream::ipc::Error) -> Self {
        Self::Sharing(error)
    }
}

impl From<String> for Detail {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sharing(error) => error.fmt(f),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// Returns `errno`, and keeps the detail for [`last_error`].
pub(crate) fn explain(errno: Errno, detail: impl Into<Detail>) -> Errno {
    let detail = Some((errno, detail.into()));
    let _ = DETAIL.try_with(|place| place.set(detail));
    errno
}

/// Text of this thread's last failure; empty before the first. Valid until the next call.
pub(crate) fn last_error() -> *const c_char {
    let text = LAST.try_with(|last| match &*last.borrow() {
        None => String::new(),
        Some((_, Some(detail))) => detail.to_string(),
        Some((errno, None)) => std::io::Error::from(*errno).to_string(),
    });
    let text = CString::new(text.unwrap_or_default()).unwrap_or_default();
    let kept = TEXT.try_with(|place| {
        *place.borrow_mut() = text;
        place.borrow().as_ptr()
    });
    kept.unwrap_or(c"".as_ptr())
}

/// Runs an exported function. A failure returns `failed` and sets `errno`; a panic does so with
/// ENOTRECOVERABLE. Success leaves `errno` alone.
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
            // The detail may be of another failure, which was handled inside.
            let detail = DETAIL.try_with(Cell::take).ok().flatten();
            let detail = detail.filter(|(of, _)| *of == errno);
            let last = (errno, detail.map(|(_, detail)| detail));
            let _ = LAST.try_with(|place| place.replace(Some(last)));
            failed
        }
    }
}

/// Like [`enter`], for functions that return 0 or -1.
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

/// Converts errors of devices to `errno`.
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

/// The string at `pointer`; `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that does not change for `'a`.
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

    #[test]
    fn error_text_belongs_to_its_failure() {
        let said = || {
            // SAFETY: ends with a NUL and stays as it is until the next call.
            let text = unsafe { CStr::from_ptr(last_error()) };
            text.to_str().unwrap().to_owned()
        };
        let words = |words: &str| explain(Errno::INVAL, words.to_owned());
        assert_eq!(enter_int(|| Err(words("of 3 to 5, not 7"))), -1);
        assert_eq!(said(), "of 3 to 5, not 7");
        assert_eq!(enter_int(|| Err(Errno::INVAL)), -1);
        assert!(said().starts_with("Invalid argument"), "{}", said());
        let other = || {
            words("not what it fails with");
            Err(Errno::NOSPC)
        };
        assert_eq!(enter_int(other), -1);
        assert!(said().starts_with("No space"), "{}", said());
        assert_eq!(enter_int(|| Err(Errno::INVAL)), -1);
        assert!(said().starts_with("Invalid argument"), "{}", said());
    }
}
