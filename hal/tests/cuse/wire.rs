//! The messages between the kernel and a program that is a character device (`linux/fuse.h`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident: $size:literal { $($field:ident: $kind:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
            #[repr(C)]
            pub(crate) struct $name {
                $(pub(crate) $field: $kind,)*
            }

            const _: () = assert!(size_of::<$name>() == $size);
        )*
    };
}

messages! {
    /// `fuse_in_header`
    InHeader: 40 {
        len: u32,
        opcode: u32,
        unique: u64,
        nodeid: u64,
        uid: u32,
        gid: u32,
        pid: u32,
        total_extlen: u16,
        padding: u16,
    }
    /// `fuse_out_header`
    OutHeader: 16 { len: u32, error: i32, unique: u64 }
    /// `cuse_init_in`
    InitIn: 16 { major: u32, minor: u32, unused: u32, flags: u32 }
    /// `cuse_init_out`
    InitOut: 72 {
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
    /// `fuse_open_out`
    OpenOut: 16 { fh: u64, open_flags: u32, backing_id: i32 }
    /// `fuse_release_in`
    ReleaseIn: 24 { fh: u64, flags: u32, release_flags: u32, lock_owner: u64 }
    /// `fuse_interrupt_in`
    InterruptIn: 8 { unique: u64 }
    /// `fuse_ioctl_in`
    IoctlIn: 32 { fh: u64, flags: u32, cmd: u32, arg: u64, in_size: u32, out_size: u32 }
    /// `fuse_ioctl_out`
    IoctlOut: 16 { result: i32, flags: u32, in_iovs: u32, out_iovs: u32 }
    /// `fuse_ioctl_iovec`
    Iovec: 16 { base: u64, len: u64 }
}

pub(crate) const FUSE_OPEN: u32 = 14;
pub(crate) const FUSE_RELEASE: u32 = 18;
pub(crate) const FUSE_INTERRUPT: u32 = 36;
pub(crate) const FUSE_IOCTL: u32 = 39;
pub(crate) const CUSE_INIT: u32 = 4096;
pub(crate) const FUSE_KERNEL_VERSION: u32 = 7;
pub(crate) const CUSE_UNRESTRICTED_IOCTL: u32 = 1;
pub(crate) const FUSE_IOCTL_RETRY: u32 = 1 << 2;
