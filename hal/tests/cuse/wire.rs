//! The messages between the kernel and a program that is a character device (`linux/fuse.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A struct of the kernel's header: its name, its size, its fields with their offsets.
pub(crate) type Layout = (&'static str, usize, &'static [(&'static str, usize)]);

/// Declares structs, and `LAYOUTS`, which lists them; fields that begin with `_` have other names
/// in some versions of the header.
macro_rules! messages {
    ($($name:ident = $c:literal { $($field:ident: $kind:ty),* $(,)? })*) => {
        $(
            #[doc = concat!("`", $c, "`")]
            #[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
            #[repr(C)]
            pub(crate) struct $name {
                $(pub(crate) $field: $kind,)*
            }
        )*

        /// All of them.
        pub(crate) const LAYOUTS: &[Layout] = &[$((
            $c,
            size_of::<$name>(),
            &[$((stringify!($field), core::mem::offset_of!($name, $field)),)*],
        ),)*];
    };
}

messages! {
    InHeader = "fuse_in_header" {
        len: u32,
        opcode: u32,
        unique: u64,
        nodeid: u64,
        uid: u32,
        gid: u32,
        pid: u32,
        _extensions: u32,
    }
    OutHeader = "fuse_out_header" { len: u32, error: i32, unique: u64 }
    InitIn = "cuse_init_in" { major: u32, minor: u32, unused: u32, flags: u32 }
    InitOut = "cuse_init_out" {
        major: u32,
        minor: u32,
        unused: u32,
        flags: u32,
        max_read: u32,
        max_write: u32,
        dev_major: u32,
        dev_minor: u32,
        spare: [u32; 10],
    }
    OpenOut = "fuse_open_out" { fh: u64, open_flags: u32, _backing: i32 }
    ReleaseIn = "fuse_release_in" { fh: u64, flags: u32, release_flags: u32, lock_owner: u64 }
    InterruptIn = "fuse_interrupt_in" { unique: u64 }
    IoctlIn = "fuse_ioctl_in" {
        fh: u64,
        flags: u32,
        cmd: u32,
        arg: u64,
        in_size: u32,
        out_size: u32,
    }
    IoctlOut = "fuse_ioctl_out" { result: i32, flags: u32, in_iovs: u32, out_iovs: u32 }
    Iovec = "fuse_ioctl_iovec" { base: u64, len: u64 }
}

macro_rules! numbers {
    ($($name:ident = $value:expr;)*) => {
        $(pub(crate) const $name: u32 = $value;)*

        /// All of them.
        pub(crate) const NUMBERS: &[(&str, u32)] = &[$((stringify!($name), $name),)*];
    };
}

numbers! {
    FUSE_OPEN = 14;
    FUSE_RELEASE = 18;
    FUSE_INTERRUPT = 36;
    FUSE_IOCTL = 39;
    CUSE_INIT = 4096;
    FUSE_KERNEL_VERSION = 7;
    CUSE_UNRESTRICTED_IOCTL = 1;
    FUSE_IOCTL_RETRY = 1 << 2;
}
