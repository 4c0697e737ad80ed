//! The one place that issues ioctls, for every kind of device.
//!
//! Each request names its code and its argument type once ([`requests!`]); the size inside the code
//! is checked against the type when the crate is compiled. Callers are safe code.
#![expect(
    unsafe_code,
    reason = "the ioctl system call takes a pointer that the kernel reads and writes; this file \
              issues it for request codes that are tied to the type that the kernel expects"
)]

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::ioctl;

use crate::{Call, Error};

/// A request code with its argument.
///
/// # Safety
/// For `CODE`, the kernel reads and writes one `Arg` behind the pointer. If `POINTERS` is
/// false, it follows no pointer inside it.
pub(crate) unsafe trait Request {
    /// Request code.
    const CODE: u32;
    /// The code, as errors name it.
    const CALL: Call;
    /// The argument behind the pointer.
    type Arg;
    /// Whether `Arg` holds pointers that the kernel follows.
    const POINTERS: bool;
}

/// Declares types that are [`Request`]s: `NAME(ARGUMENT) = CODE;`, with `pointers` after the code
/// where the kernel follows pointers inside the argument. The codes are looked up in the module
/// `sys` at the place of use.
macro_rules! requests {
    ($($name:ident($arg:ty) = $code:ident $($pointers:ident)?;)*) => {
        $(
            pub(super) enum $name {}

            const _: () =
                assert!(videostream_sys::ioctl::_IOC_SIZE(sys::$code) == size_of::<$arg>());

            // SAFETY: the kernel's header defines the code for this argument type, and the
            // assertion above compares their sizes; requests whose argument holds pointers are
            // marked so in the list below.
            unsafe impl $crate::request::Request for $name {
                const CODE: u32 = sys::$code;
                const CALL: $crate::Call = $crate::Call::named(stringify!($code));
                type Arg = $arg;
                const POINTERS: bool = $crate::request::requests!(@pointers $($pointers)?);
            }
        )*
    };
    (@pointers) => { false };
    (@pointers pointers) => { true };
}

pub(crate) use requests;

/// Issues a request whose argument holds no pointers; retries when a signal interrupts.
pub(crate) fn call<R: Request>(fd: BorrowedFd<'_>, arg: &mut R::Arg) -> Result<(), Error> {
    const { assert!(!R::POINTERS, "use call_with_pointers") };
    // SAFETY: there are no pointers in the argument, as asserted on the line above.
    unsafe { call_with_pointers::<R>(fd, arg) }
}

/// Issues a request; retries when a signal interrupts.
///
/// # Safety
/// Every pointer that the kernel follows in `arg` is valid for the reads and writes that the
/// request documents, for as long as it documents them.
pub(crate) unsafe fn call_with_pointers<R: Request>(
    fd: BorrowedFd<'_>,
    arg: &mut R::Arg,
) -> Result<(), Error> {
    loop {
        match once::<R>(fd, arg) {
            Err(Errno::INTR) => {}
            result => return result.map_err(|errno| Error::of_device(R::CALL, errno)),
        }
    }
}

/// Makes one system call. Only for the functions above, whose conditions it inherits.
fn once<R: Request>(fd: BorrowedFd<'_>, arg: &mut R::Arg) -> Result<(), Errno> {
    // The code is a constant of the trait, which const generics cannot take yet, hence a type of
    // our own instead of `Updater<CODE, _>`.
    struct Issued<'a, R: Request>(&'a mut R::Arg);

    // SAFETY: `Request` promises that the kernel takes a pointer to one `Arg` for this code,
    // and the reference is such a pointer, valid for reads and writes.
    unsafe impl<R: Request> rustix::ioctl::Ioctl for Issued<'_, R> {
        type Output = ();
        const IS_MUTATING: bool = true;

        fn opcode(&self) -> rustix::ioctl::Opcode {
            R::CODE as rustix::ioctl::Opcode
        }

        fn as_ptr(&mut self) -> *mut core::ffi::c_void {
            core::ptr::from_mut(self.0).cast()
        }

        unsafe fn output_from_ptr(
            _: rustix::ioctl::IoctlOutput,
            _: *mut core::ffi::c_void,
        ) -> rustix::io::Result<()> {
            Ok(())
        }
    }

    // SAFETY: `Issued` ties the code to its argument type. On a descriptor of another driver a V4L2
    // code is refused with ENOTTY: type letter and size are part of the code.
    unsafe { ioctl(fd, Issued::<R>(arg)) }
}
