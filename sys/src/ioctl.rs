//! Request codes of `ioctl`, computed as `asm-generic/ioctl.h` does.
//!
//! A code packs what the call does into 32 bits: direction (2 bits, seen from the program),
//! argument size (14), type (8, a letter per driver family) and number (8). The layout holds for
//! every supported architecture; alpha, mips, powerpc and sparc use a different one.

const NUMBER_SHIFT: u32 = 0;
const TYPE_SHIFT: u32 = 8;
const SIZE_SHIFT: u32 = 16;
const DIRECTION_SHIFT: u32 = 30;
const SIZE_MAX: usize = (1 << 14) - 1;

const NONE: u32 = 0;
const WRITE: u32 = 1;
const READ: u32 = 2;

/// `_IOC`: a request code from its four parts.
///
/// # Panics
/// When `size` does not fit in 14 bits: at compile time, since codes are constants.
const fn _IOC(direction: u32, kind: u8, number: u8, size: usize) -> u32 {
    assert!(size <= SIZE_MAX, "an ioctl argument is at most 16383 bytes");
    (direction << DIRECTION_SHIFT)
        | ((size as u32) << SIZE_SHIFT)
        | ((kind as u32) << TYPE_SHIFT)
        | ((number as u32) << NUMBER_SHIFT)
}

/// `_IO`: a request without an argument, or with one passed by value.
pub const fn _IO(kind: u8, number: u8) -> u32 {
    _IOC(NONE, kind, number, 0)
}

/// `_IOR`: the kernel writes a `T` for the program to read.
pub const fn _IOR<T>(kind: u8, number: u8) -> u32 {
    _IOC(READ, kind, number, size_of::<T>())
}

/// `_IOW`: the kernel reads a `T` that the program wrote.
pub const fn _IOW<T>(kind: u8, number: u8) -> u32 {
    _IOC(WRITE, kind, number, size_of::<T>())
}

/// `_IOWR`: the kernel reads a `T` and overwrites it with the result.
pub const fn _IOWR<T>(kind: u8, number: u8) -> u32 {
    _IOC(READ | WRITE, kind, number, size_of::<T>())
}

/// `_IOC_SIZE`: the argument size in bytes that a request code states.
pub const fn _IOC_SIZE(code: u32) -> usize {
    (code >> SIZE_SHIFT) as usize & SIZE_MAX
}

/// Declares request codes in the notation of the C headers, and `REQUESTS`, which lists them.
macro_rules! requests {
    ($($name:ident = $make:ident($kind:expr, $number:expr $(, $argument:ty)?);)+) => {
        $(
            #[doc = concat!("Request code: `", stringify!($make), "(", stringify!($kind), ", ",
                stringify!($number) $(, ", ", stringify!($argument))?, ")`.")]
            pub const $name: u32 = crate::ioctl::$make$(::<$argument>)?($kind, $number);
        )+

        /// Every request code of this module: C name, code and argument type, for checks
        /// against a C compiler.
        pub const REQUESTS: &[(&str, u32, &str)] =
            &[$((stringify!($name), $name, concat!("" $(, stringify!($argument))?))),+];
    };
}

pub(crate) use requests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_direction_size_type_and_number() {
        assert_eq!(_IO(b'V', 70), 0x0000_5646);
        assert_eq!(_IOR::<[u8; 104]>(b'V', 0), 0x8068_5600);
        assert_eq!(_IOW::<u32>(b'V', 18), 0x4004_5612);
        assert_eq!(_IOWR::<[u8; 20]>(b'V', 8), 0xc014_5608);
        assert_eq!(_IOC_SIZE(0xc014_5608), 20);
    }
}
