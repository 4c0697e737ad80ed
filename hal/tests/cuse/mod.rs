//! A character device implemented by this process (CUSE): open, close, and ioctl.
//!
//! To access memory of the caller, the device asks the kernel for it by address, and the request is
//! sent again with it (`FUSE_IOCTL_RETRY`). This protocol has no `mmap`.

#![allow(dead_code, reason = "each program that includes this uses its part")]

pub(crate) mod wire;

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use wire::{
    CUSE_INIT, CUSE_UNRESTRICTED_IOCTL, FUSE_INTERRUPT, FUSE_IOCTL, FUSE_IOCTL_RETRY,
    FUSE_KERNEL_VERSION, FUSE_OPEN, FUSE_RELEASE, InHeader, InitIn, InitOut, InterruptIn, IoctlIn,
    IoctlOut, Iovec, OpenOut, OutHeader, ReleaseIn,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Larger than any message: the largest carries the data of an ioctl.
const MESSAGE: usize = 256 * 1024;

/// Oldest version of the protocol whose messages are those of [`wire`].
const MINOR: u32 = 31;

/// An operation on the device.
pub(crate) enum Event {
    /// Opens it; the answer is a number for the handle.
    Open { id: u64 },
    /// Closes the last descriptor of a handle.
    Close { id: u64, handle: u64 },
    /// Makes a request.
    Ioctl(Ioctl),
    /// Received a signal while this request is waiting.
    Interrupt { of: u64 },
}

/// An ioctl request.
#[derive(Clone)]
pub(crate) struct Ioctl {
    pub(crate) id: u64,
    /// Thread that makes it.
    pub(crate) thread: u32,
    pub(crate) handle: u64,
    pub(crate) code: u32,
    /// As it was given: an address or a number.
    pub(crate) argument: u64,
    /// The caller's memory, as far as it was requested.
    pub(crate) input: Vec<u8>,
    /// Bytes of the caller's memory that can be answered.
    pub(crate) room: usize,
}

/// A part of the caller's memory.
pub(crate) type Part = (u64, usize);

/// A device under `/dev`, removed when this is dropped.
pub(crate) struct Device {
    file: File,
    message: Vec<u8>,
}

impl Device {
    /// Creates `/dev/NAME`.
    pub(crate) fn create(name: &str) -> Self {
        let file = OpenOptions::new().read(true).write(true).open("/dev/cuse");
        let mut device = Self {
            file: file.unwrap(),
            message: vec![0; MESSAGE],
        };
        let (header, body) = device.receive().expect("the kernel begins");
        assert_eq!(header.opcode, CUSE_INIT);
        let init: InitIn = first(&body);
        assert_eq!(init.major, FUSE_KERNEL_VERSION);
        let out = InitOut {
            major: FUSE_KERNEL_VERSION,
            minor: init.minor.min(MINOR),
            flags: CUSE_UNRESTRICTED_IOCTL,
            ..Default::default()
        };
        let info = format!("DEVNAME={name}\0");
        device.send(header.unique, 0, &[out.as_bytes(), info.as_bytes()]);
        device
    }

    /// Returns the next event; `None` at the time-out, or when `other` becomes readable.
    pub(crate) fn next(&mut self, other: &File, timeout: Option<Duration>) -> Option<Event> {
        let timeout = timeout.map(|time| Timespec::try_from(time).unwrap());
        let mut fds = [
            PollFd::new(&self.file, PollFlags::IN),
            PollFd::new(other, PollFlags::IN),
        ];
        poll(&mut fds, timeout.as_ref()).unwrap();
        if fds[0].revents().is_empty() {
            return None;
        }
        let (header, body) = self.receive()?;
        let id = header.unique;
        Some(match header.opcode {
            FUSE_OPEN => Event::Open { id },
            FUSE_RELEASE => Event::Close {
                id,
                handle: first::<ReleaseIn>(&body).fh,
            },
            FUSE_INTERRUPT => Event::Interrupt {
                of: first::<InterruptIn>(&body).unique,
            },
            FUSE_IOCTL => {
                let ioctl: IoctlIn = first(&body);
                let input = &body[size_of::<IoctlIn>()..];
                Event::Ioctl(Ioctl {
                    id,
                    thread: header.pid,
                    handle: ioctl.fh,
                    code: ioctl.cmd,
                    argument: ioctl.arg,
                    input: input[..ioctl.in_size as usize].to_owned(),
                    room: ioctl.out_size as usize,
                })
            }
            _ => {
                self.fail(id, Errno::NOSYS);
                return None;
            }
        })
    }

    /// Answers an open.
    pub(crate) fn opened(&self, id: u64, handle: u64) {
        let out = OpenOut {
            fh: handle,
            ..Default::default()
        };
        self.send(id, 0, &[out.as_bytes()]);
    }

    /// Answers a close.
    pub(crate) fn closed(&self, id: u64) {
        self.send(id, 0, &[]);
    }

    /// Answers anything with an error.
    pub(crate) fn fail(&self, id: u64, errno: Errno) {
        self.send(id, -errno.raw_os_error(), &[]);
    }

    /// Answers a request: what the system call returns, and what is written to the caller's
    /// memory, also when it returns an error.
    pub(crate) fn answer(&self, id: u64, result: i32, output: &[u8]) {
        let out = IoctlOut {
            result,
            ..Default::default()
        };
        self.send(id, 0, &[out.as_bytes(), output]);
    }

    /// Asks for the request again, with these parts of the caller's memory as input, and those as
    /// room for the answer.
    pub(crate) fn retry(&self, id: u64, inputs: &[Part], outputs: &[Part]) {
        let out = IoctlOut {
            flags: FUSE_IOCTL_RETRY,
            in_iovs: u32::try_from(inputs.len()).unwrap(),
            out_iovs: u32::try_from(outputs.len()).unwrap(),
            ..Default::default()
        };
        let parts: Vec<Iovec> = inputs
            .iter()
            .chain(outputs)
            .map(|&(base, len)| Iovec {
                base,
                len: len as u64,
            })
            .collect();
        self.send(id, 0, &[out.as_bytes(), parts.as_bytes()]);
    }

    /// The next message; `None` for one that was taken back meanwhile.
    fn receive(&mut self) -> Option<(InHeader, Vec<u8>)> {
        let len = match self.file.read(&mut self.message) {
            Ok(len) => len,
            Err(error) => {
                let errno = error.raw_os_error().map(Errno::from_raw_os_error);
                let taken_back = matches!(errno, Some(Errno::NOENT | Errno::INTR | Errno::AGAIN));
                assert!(taken_back, "reading from /dev/cuse: {error}");
                return None;
            }
        };
        let header: InHeader = first(&self.message);
        assert_eq!(header.len as usize, len);
        Some((header, self.message[size_of::<InHeader>()..len].to_owned()))
    }

    fn send(&self, unique: u64, error: i32, parts: &[&[u8]]) {
        let body = parts.concat();
        let header = OutHeader {
            len: u32::try_from(size_of::<OutHeader>() + body.len()).unwrap(),
            error,
            unique,
        };
        let message = [header.as_bytes(), &body].concat();
        match (&self.file).write(&message) {
            Ok(len) => assert_eq!(len, message.len()),
            // The caller has disappeared in the meantime.
            Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::NOENT.raw_os_error())),
        }
    }
}

/// The struct at the beginning of a message.
fn first<T: FromBytes + KnownLayout + Immutable>(bytes: &[u8]) -> T {
    T::read_from_prefix(bytes)
        .expect("the kernel sends whole messages")
        .0
}
