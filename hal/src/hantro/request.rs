//! Issues the requests of Hantro nodes.
//!
//! Their codes say nothing about the argument: the size in them is that of a pointer, and many
//! that are declared as reads take their input from the argument, too. What the driver reads and
//! writes is therefore tied to each code by hand, in the lists beside the drivers.
#![expect(
    unsafe_code,
    reason = "the ioctl system call takes a pointer that the driver reads and writes; this file \
              issues it for request codes that are tied to what their driver expects"
)]

use core::ffi::c_void;

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};

use crate::{Call, Error};

/// A request code with its argument.
///
/// # Safety
/// The node's driver reads and writes at most one `Arg` behind the pointer that goes with `CODE`,
/// as plain integers; if `POINTERS` is false, it follows no pointer inside it.
pub(super) unsafe trait Request {
    /// Request code.
    const CODE: u32;
    /// The code, as errors name it.
    const CALL: Call;
    /// The argument behind the pointer.
    type Arg;
    /// Whether `Arg` holds pointers that the driver follows.
    const POINTERS: bool;
}

/// A request whose argument is a number instead of a pointer.
///
/// # Safety
/// The node's driver interprets the argument of `CODE` as a number.
pub(super) unsafe trait ByValue {
    /// Request code.
    const CODE: u32;
    /// The code, as errors name it.
    const CALL: Call;
}

/// Declares types that are [`Request`]s, `NAME(ARGUMENT) = CODE;`, with `pointers` after the code
/// where the driver follows pointers inside the argument, or [`ByValue`]s, `NAME = CODE;`. The
/// codes are those of the module `sys` at the place of use.
macro_rules! requests {
    ($($name:ident $(($arg:ty))? = $code:ident $($pointers:ident)?;)*) => {
        $(
            pub(super) enum $name {}

            $crate::hantro::request::requests!(@one $name $(($arg))? $code $($pointers)?);
        )*
    };
    (@one $name:ident ($arg:ty) $code:ident $($pointers:ident)?) => {
        const _: () = assert!(
            videostream_sys::ioctl::_IOC_SIZE(sys::$code) == size_of::<*const $arg>()
        );

        // SAFETY: the driver's header declares this argument for the code, as stated beside the
        // list; that it is passed by pointer is asserted above.
        unsafe impl $crate::hantro::request::Request for $name {
            const CODE: u32 = sys::$code;
            const CALL: $crate::Call = $crate::Call::named(stringify!($code));
            type Arg = $arg;
            const POINTERS: bool = $crate::hantro::request::requests!(@pointers $($pointers)?);
        }
    };
    (@one $name:ident $code:ident) => {
        const _: () = assert!(videostream_sys::ioctl::_IOC_SIZE(sys::$code) == 0);

        // SAFETY: the driver's header declares no pointer for the code, as asserted above.
        unsafe impl $crate::hantro::request::ByValue for $name {
            const CODE: u32 = sys::$code;
            const CALL: $crate::Call = $crate::Call::named(stringify!($code));
        }
    };
    (@pointers) => { false };
    (@pointers pointers) => { true };
}

pub(super) use requests;

/// Issues a request whose argument holds no pointers; returns the driver's return value.
pub(super) fn call<R: Request>(fd: BorrowedFd<'_>, arg: &mut R::Arg) -> Result<u32, Error> {
    const { assert!(!R::POINTERS, "use call_with_pointers") };
    // SAFETY: there are no pointers in the argument, as asserted on the line above.
    unsafe { call_with_pointers::<R>(fd, arg) }
}

/// Issues a request; returns the driver's return value.
///
/// # Safety
/// Every pointer that the driver follows in `arg` is valid for the reads and writes that the
/// request documents.
pub(super) unsafe fn call_with_pointers<R: Request>(
    fd: BorrowedFd<'_>,
    arg: &mut R::Arg,
) -> Result<u32, Error> {
    let argument = Issued {
        code: R::CODE,
        argument: core::ptr::from_mut(arg).cast(),
    };
    // SAFETY: `Request` promises that the driver takes a pointer to one `Arg` for this code, and
    // the reference is such a pointer; the caller guarantees the pointers inside. The node's
    // driver was checked when it was opened.
    unsafe { issue(fd, R::CALL, argument) }
}

/// Issues a request with a number; returns the driver's return value.
pub(super) fn call_by_value<R: ByValue>(fd: BorrowedFd<'_>, value: u32) -> Result<u32, Error> {
    let argument = Issued {
        code: R::CODE,
        argument: core::ptr::without_provenance_mut(value as usize),
    };
    // SAFETY: `ByValue` promises that the driver follows no pointer.
    unsafe { issue(fd, R::CALL, argument) }
}

/// Issues a request with a number, usually a core's index, and returns the number that the driver
/// writes in its place.
pub(super) fn ask<R: Request<Arg = u32>>(fd: BorrowedFd<'_>, number: u32) -> Result<u32, Error> {
    let mut arg = number;
    call::<R>(fd, &mut arg)?;
    Ok(arg)
}

/// Queries a physical address of a core. The argument has 64 bits, of which a driver may write 32.
pub(super) fn ask_address<R: Request<Arg = [u32; 2]>>(
    fd: BorrowedFd<'_>,
    core: u32,
) -> Result<u64, Error> {
    let mut arg = [core, 0];
    call::<R>(fd, &mut arg)?;
    let [low, high] = arg;
    Ok(u64::from(high) << 32 | u64::from(low))
}

/// Checks the return value of a request that copies: 0, or the number of bytes not copied.
pub(super) fn all_copied<R: Request>(left: u32) -> Result<(), Error> {
    match left {
        0 => Ok(()),
        left => Err(Error::answer(R::CALL, "bytes not copied", left)),
    }
}

/// Makes one system call. Signals are reported to the caller, because some requests wait without a
/// time-out.
///
/// # Safety
/// The driver behind `fd` takes this argument for this code.
unsafe fn issue(fd: BorrowedFd<'_>, call: Call, argument: Issued) -> Result<u32, Error> {
    // SAFETY: the caller's promise.
    match unsafe { ioctl(fd, argument) } {
        // Negative return values have become errors already.
        Ok(number) => Ok(number.cast_unsigned()),
        Err(Errno::INTR) => Err(Error::Interrupted),
        Err(errno) => Err(Error::system(call, errno)),
    }
}

struct Issued {
    code: u32,
    argument: *mut c_void,
}

// SAFETY: the caller of `ioctl` guarantees that the driver takes this argument for this code.
unsafe impl Ioctl for Issued {
    type Output = IoctlOutput;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.code as Opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(
        output: IoctlOutput,
        _: *mut c_void,
    ) -> rustix::io::Result<Self::Output> {
        Ok(output)
    }
}
