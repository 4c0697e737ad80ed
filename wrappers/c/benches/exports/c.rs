//! The C interface as a program has it: objects behind pointers, functions behind addresses.

#![expect(unsafe_code, reason = "functions of C are called")]

use std::ffi::{CString, c_int, c_void};
use std::hint::black_box;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::null_mut;

use videostream_c::client::Client as ClientOfC;
use videostream_c::exports::client::*;
use videostream_c::exports::frame::*;
use videostream_c::exports::host::*;
use videostream_c::frame::Frame as FrameOfC;
use videostream_c::host::Host as HostOfC;

use crate::{SIDE, name};

const NV12: u32 = u32::from_le_bytes(*b"NV12");

// The compiler does not know where a function behind `black_box` leads, and inlines none.
type Post = unsafe extern "C" fn(Option<&HostOfC>, *mut FrameOfC, i64, i64, i64, i64) -> c_int;
type Drops = unsafe extern "C" fn(Option<&HostOfC>, *mut FrameOfC) -> c_int;
type Wait = extern "C" fn(Option<&ClientOfC>, i64) -> *mut FrameOfC;
type Lock = extern "C" fn(Option<&mut FrameOfC>) -> c_int;
type Release = unsafe extern "C" fn(*mut FrameOfC);

/// `VSLHost*`
pub(crate) struct Host(*const HostOfC);

impl Host {
    pub(crate) fn new(what: &str) -> Self {
        let path = CString::new(name(what)).unwrap();
        // SAFETY: a NUL-terminated string.
        let host = unsafe { vsl_host_init(path.as_ptr()) };
        assert!(!host.is_null());
        Self(host)
    }

    /// A client in this process that has had its first frame, which is `frame`.
    pub(crate) fn connect(&self, what: &str, frame: &Frame) -> Client {
        let path = CString::new(name(what)).unwrap();
        // SAFETY: as above.
        let client = unsafe { vsl_client_init(path.as_ptr(), null_mut::<c_void>(), false) };
        assert!(!client.is_null());
        let client = Client(client);
        self.process();
        self.post(frame);
        drop(client.wait());
        self.take_back(frame);
        client
    }

    pub(crate) fn process(&self) {
        assert_eq!(vsl_host_process(self.get()), 0);
    }

    /// Posts a frame that never expires.
    #[inline]
    pub(crate) fn post(&self, frame: &Frame) {
        // SAFETY: a frame that is not released, of this thread alone.
        let posted = unsafe { black_box(vsl_host_post as Post)(self.get(), frame.0, 0, 0, 0, 0) };
        assert_eq!(posted, 0);
    }

    #[inline]
    pub(crate) fn take_back(&self, frame: &Frame) {
        // SAFETY: as above.
        let dropped = unsafe { black_box(vsl_host_drop as Drops)(self.get(), frame.0) };
        assert_eq!(dropped, 0);
    }

    #[inline]
    fn get(&self) -> Option<&HostOfC> {
        // SAFETY: released on drop.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: from `vsl_host_init`, once.
        unsafe { vsl_host_release(self.0) };
    }
}

/// `VSLFrame*`
pub(crate) struct Frame(*mut FrameOfC);

impl Frame {
    /// A frame in somebody's memory.
    pub(crate) fn attached(memory: BorrowedFd<'_>) -> Self {
        Self::of_size(memory, (SIDE, SIDE))
    }

    /// The same with sides of its own.
    pub(crate) fn of_size(memory: BorrowedFd<'_>, (width, height): (u32, u32)) -> Self {
        let frame = Self(vsl_frame_init(width, height, 0, NV12, null_mut(), None));
        // SAFETY: a frame that was just made.
        let borrowed = unsafe { frame.0.as_mut() };
        assert_eq!(vsl_frame_attach(borrowed, memory.as_raw_fd(), 0, 0), 0);
        frame
    }

    pub(crate) fn serial(&self) -> u64 {
        // SAFETY: not released, of this thread alone.
        let serial = vsl_frame_serial(unsafe { self.0.as_ref() });
        serial.cast_unsigned()
    }

    #[inline]
    pub(crate) fn lock_and_unlock(&mut self) {
        // SAFETY: as above.
        let mut frame = unsafe { self.0.as_mut() };
        let locked = black_box(vsl_frame_trylock as Lock)(frame.as_deref_mut());
        let unlocked = black_box(vsl_frame_unlock as Lock)(frame);
        assert_eq!((locked, unlocked), (0, 0));
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: from `vsl_frame_init` or `vsl_frame_wait`, once.
        unsafe { black_box(vsl_frame_release as Release)(self.0) };
    }
}

/// `VSLClient*`
pub(crate) struct Client(*mut ClientOfC);

impl Client {
    /// The next frame.
    #[inline]
    pub(crate) fn wait(&self) -> Frame {
        // SAFETY: released on drop.
        let client = unsafe { self.0.as_ref() };
        let frame = black_box(vsl_frame_wait as Wait)(client, 0);
        assert!(!frame.is_null());
        Frame(frame)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: from `vsl_client_init`, once.
        unsafe { vsl_client_release(self.0) };
    }
}
