//! Fences that a test signals or lets fail: the kernel's `sw_sync`, which the guest has.
//!
//! Source: kernel `drivers/dma-buf/sw_sync.c`.

#![expect(unsafe_code, reason = "requests, and the descriptor that one gives")]

use std::fs::File;
use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::ioctl::{Opcode, Setter, Updater, ioctl, opcode};

/// `struct sw_sync_create_fence_data`.
#[repr(C)]
struct CreateFence {
    value: u32,
    name: [u8; 32],
    fence: i32,
}

/// `SW_SYNC_IOC_CREATE_FENCE`.
const CREATE_FENCE: Opcode = opcode::read_write::<CreateFence>(b'W', 0);
/// `SW_SYNC_IOC_INC`.
const INC: Opcode = opcode::write::<u32>(b'W', 1);

/// Counts up when it is told to. Fences that it has not reached when it is dropped fail, with
/// `ENOENT`.
pub(crate) struct Timeline(File);

impl Timeline {
    pub(crate) fn new() -> Self {
        let path = "/sys/kernel/debug/sync/sw_sync";
        let file = File::options().read(true).write(true).open(path);
        Self(file.unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// A sync file that signals when the timeline has reached `value`.
    pub(crate) fn fence(&self, value: u32) -> OwnedFd {
        let mut data = CreateFence {
            value,
            name: [0; 32],
            fence: -1,
        };
        // SAFETY: the struct is the argument type from which the code was computed.
        let request = unsafe { Updater::<CREATE_FENCE, _>::new(&mut data) };
        // SAFETY: a timeline reads and writes the 40 bytes of `data`, which outlives the call.
        unsafe { ioctl(&self.0, request) }.unwrap();
        // SAFETY: the kernel has just installed this descriptor for us.
        unsafe { OwnedFd::from_raw_fd(data.fence) }
    }

    /// Counts up by one.
    pub(crate) fn step(&self) {
        // SAFETY: a `u32` is the argument type from which the code was computed.
        let request = unsafe { Setter::<INC, u32>::new(1) };
        // SAFETY: a timeline reads the 4 bytes of the argument.
        unsafe { ioctl(&self.0, request) }.unwrap();
    }
}
