//! Descriptors are recognized although a seccomp filter forbids `statx` with EPERM, as old filters
//! do.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod support;

use std::os::fd::AsFd as _;
use std::thread;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;
use support::*;
use syscalls::{Sysno, syscall};
use videostream_hal::memory::kind::{self, Kind};
use videostream_ipc::client::{Client, Config};
use videostream_testing::TIMEOUT_NS;
use videostream_testing::skip;

/// One instruction of `linux/filter.h`.
#[repr(C)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    k: u32,
}

#[repr(C)]
struct Program {
    len: u16,
    instructions: *const Instruction,
}

const PR_SET_SECCOMP: usize = 22;
const PR_SET_NO_NEW_PRIVS: usize = 38;
const SECCOMP_MODE_FILTER: usize = 2;
const SECCOMP_RET_ERRNO: u32 = 0x0005_0000;
const SECCOMP_RET_ALLOW: u32 = 0x7fff_0000;

/// Forbids a system call for this thread.
#[expect(unsafe_code, reason = "no library sets a filter")]
fn forbid(call: Sysno) -> Result<(), syscalls::Errno> {
    let instruction = |code, if_false, k| Instruction {
        code,
        if_true: 0,
        if_false,
        k,
    };
    let instructions = [
        // The system call's number is the first word of `struct seccomp_data`.
        instruction(0x20, 0, 0),
        instruction(0x15, 1, call.id() as u32),
        instruction(
            0x06,
            0,
            SECCOMP_RET_ERRNO | Errno::PERM.raw_os_error() as u32,
        ),
        instruction(0x06, 0, SECCOMP_RET_ALLOW),
    ];
    let program = Program {
        len: instructions.len() as u16,
        instructions: instructions.as_ptr(),
    };
    // SAFETY: no pointer is passed.
    unsafe { syscall!(Sysno::prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }?;
    // SAFETY: the kernel copies the program, which lives across the call.
    unsafe {
        syscall!(
            Sysno::prctl,
            PR_SET_SECCOMP,
            SECCOMP_MODE_FILTER,
            &raw const program
        )
    }?;
    Ok(())
}

#[test]
fn memory_is_known_where_statx_is_forbidden() {
    let name = name("statx");
    let (mut host, _) = host(&name, 6);
    let to = address(&name);
    let client = thread::spawn(move || {
        if forbid(Sysno::statx).is_err() {
            return false;
        }
        let flags = AtFlags::empty();
        // rustix reports it like a kernel without `statx`.
        let forbidden = statx(CWD, c"/", flags, StatxFlags::TYPE).map(drop);
        assert_eq!(forbidden, Err(Errno::NOSYS));
        let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
        assert_eq!(kind::of(event.as_fd()), Ok(Kind::Object));
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert_eq!(kind::may_be_served(file.as_fd()), Ok(true));
        let deadline = videostream_hal::time::deadline_in(TIMEOUT_NS);
        Client::connect(&to, Config::default(), deadline, |_| Ok(())).unwrap();
        true
    });
    serve_until(&mut host, |_| client.is_finished());
    if !client.join().unwrap() {
        skip(
            "memory_is_known_where_statx_is_forbidden",
            "this kernel takes no seccomp filter",
        );
    }
}
