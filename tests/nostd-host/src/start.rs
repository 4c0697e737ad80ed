//! Replaces the C library: the entry, the exit, and the memory functions that compiled Rust
//! calls.

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

// The kernel starts here with argc at the stack pointer, argv behind it (System V ABI, AMD64
// supplement, "Process initialization").
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {main}",
    "ud2",
    main = sym main,
);

// Without loops in Rust, which the compiler could turn into calls of these very functions.
global_asm!(
    ".globl memcpy, memmove, memset, memcmp, bcmp, strlen",
    "memmove:",
    "mov rax, rdi",
    "sub rax, rsi",
    "cmp rax, rdx",
    "jae memcpy",
    // The target begins inside the source: from the end.
    "mov rax, rdi",
    "mov rcx, rdx",
    "lea rdi, [rdi + rdx - 1]",
    "lea rsi, [rsi + rdx - 1]",
    "std",
    "rep movsb",
    "cld",
    "ret",
    "memcpy:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    "memset:",
    "mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    "bcmp:",
    "memcmp:",
    "xor eax, eax",
    "mov rcx, rdx",
    // Sets the zero flag for a length of 0.
    "cmp eax, eax",
    "repe cmpsb",
    "je 2f",
    "movzx eax, byte ptr [rdi - 1]",
    "movzx ecx, byte ptr [rsi - 1]",
    "sub ecx, eax",
    "mov eax, ecx",
    "2:",
    "ret",
    "strlen:",
    "xor eax, eax",
    "3:",
    "cmp byte ptr [rdi + rax], 0",
    "je 4f",
    "inc rax",
    "jmp 3b",
    "4:",
    "ret",
);

/// Ends the process.
pub(crate) fn exit(status: i32) -> ! {
    const EXIT_GROUP: u64 = 231;
    // SAFETY: the call takes an integer and does not return.
    unsafe { asm!("syscall", in("rax") EXIT_GROUP, in("rdi") status, options(noreturn)) }
}

/// The first argument of the command line.
extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: `stack` is the kernel's: argc, and that many pointers behind it.
    let argc = unsafe { stack.read() };
    if argc < 2 {
        exit(64);
    }
    // SAFETY: as above; argv[1] exists.
    let argument = unsafe { stack.wrapping_add(2).read() };
    // SAFETY: argv[1] is a C string that stays where it is.
    let name = unsafe { core::ffi::CStr::from_ptr(argument as *const _) };
    exit(crate::run(name.to_bytes()))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}
