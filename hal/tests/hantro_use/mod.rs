//! What tests of Hantro nodes do with them, past the library, too.

#![allow(dead_code, reason = "each program that includes this uses its part")]

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use videostream_hal::hantro::NodeKind;
use videostream_hal::hantro::decoder::{Client, HantroDecoder};
use videostream_hal::hantro::h1::H1;
use videostream_hal::hantro::vc8000e::Vc8000e;
use videostream_sys::hx280enc_vc8000e::HX280ENC_IOCH_ENC_RELEASE;
use videostream_testing::process::say;

/// Plays the role of this process if it has one; else the test's name and turn in the guest.
macro_rules! turn {
    ($test:literal) => {
        match videostream_testing::process::role() {
            Some(role) if $crate::hantro_node::play(&role) => return,
            Some(role) => return $crate::hantro_use::holder(&role),
            None => match videostream_testing::on_the_rig($test) {
                Some(turn) => ($test, turn),
                None => return,
            },
        }
    };
}

pub(crate) use turn;

pub(crate) const GENERATIONS: [&str; 2] = ["earlier", "later"];

pub(crate) fn encoder() -> Vc8000e {
    Vc8000e::open(NodeKind::Vc8000e.path()).unwrap()
}

pub(crate) fn decoder() -> HantroDecoder {
    HantroDecoder::open(NodeKind::Decoder.path()).unwrap()
}

/// A process that reserves a core, says so, and gives it back when it is told to.
pub(crate) fn holder(role: &[String]) {
    match role {
        [what, kind] if what == "hold" && kind == "vc8000e" => {
            let mut encoder = encoder();
            let core = encoder.reserve(1).unwrap();
            say("have it");
            std::io::stdin().read_line(&mut String::new()).unwrap();
            core.release().unwrap();
            say("gave it back");
        }
        [what, kind] if what == "hold" && kind == "h1" => {
            let mut encoder = H1::open(NodeKind::H1.path()).unwrap();
            let _core = encoder.reserve().unwrap();
            say("have it");
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        [what, kind] if what == "hold" && kind == "hevc" => {
            let mut decoder = decoder();
            let core = decoder.reserve(Client::Hevc).unwrap();
            say("have it");
            std::io::stdin().read_line(&mut String::new()).unwrap();
            core.release().unwrap();
            say("gave it back");
        }
        other => panic!("no role {other:?}"),
    }
}

/// A request as another program could make it, of those that take a number or a pointer to one.
pub(crate) fn raw(fd: &OwnedFd, code: u32, argument: *mut u32) -> Result<i32, Errno> {
    struct Raw(u32, *mut u32);

    #[expect(unsafe_code, reason = "a request past the library")]
    // SAFETY: used with requests that read and write at most one number.
    unsafe impl rustix::ioctl::Ioctl for Raw {
        type Output = i32;
        const IS_MUTATING: bool = true;
        fn opcode(&self) -> rustix::ioctl::Opcode {
            self.0 as rustix::ioctl::Opcode
        }
        fn as_ptr(&mut self) -> *mut core::ffi::c_void {
            self.1.cast()
        }
        unsafe fn output_from_ptr(
            output: rustix::ioctl::IoctlOutput,
            _: *mut core::ffi::c_void,
        ) -> rustix::io::Result<i32> {
            Ok(output)
        }
    }

    #[expect(unsafe_code, reason = "a request past the library")]
    // SAFETY: as above.
    unsafe {
        rustix::ioctl::ioctl(fd, Raw(code, argument))
    }
}

/// Another descriptor of the same open node.
pub(crate) fn copy(node: &impl AsFd) -> OwnedFd {
    node.as_fd().try_clone_to_owned().unwrap()
}

/// Gives core 0 back, past its reservation.
pub(crate) fn release_encoder(fd: &OwnedFd) {
    raw(fd, HX280ENC_IOCH_ENC_RELEASE, &mut 1).unwrap();
}
