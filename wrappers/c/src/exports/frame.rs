//! Frames.

#![expect(
    unsafe_code,
    reason = "functions are exported by their C names and get pointers"
)]

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

use rustix::io::Errno;

use super::rect::Rect;
use crate::boundary::{enter, enter_int, text};
use crate::frame::{self, Cleanup, Frame, Shape};

/// Returns the value of a getter, or `failed` for NULL.
fn get<T>(frame: Option<&Frame>, failed: T, value: impl FnOnce(&Frame) -> T) -> T {
    enter(failed, || frame.map(value).ok_or(Errno::INVAL))
}

/// `VSLFrame* vsl_frame_init(...)`: a frame without memory.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_init(
    width: u32,
    height: u32,
    stride: u32,
    fourcc: u32,
    userptr: *mut c_void,
    cleanup: Option<Cleanup>,
) -> *mut Frame {
    enter(null_mut(), || {
        let shape = Shape::new(width, height, stride, fourcc)?;
        Ok(Frame::new(shape, userptr, cleanup).hand_out())
    })
}

/// `int vsl_frame_alloc(VSLFrame*, const char*)`: allocates memory.
///
/// # Safety
/// `path` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_frame_alloc(frame: Option<&mut Frame>, path: *const c_char) -> c_int {
    // SAFETY: the caller's word.
    let path = unsafe { text(path) };
    enter_int(|| frame.ok_or(Errno::INVAL)?.alloc(path))
}

/// `void vsl_frame_unalloc(VSLFrame*)`: frees the memory.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_unalloc(frame: Option<&mut Frame>) {
    enter((), || frame.map(Frame::unalloc).ok_or(Errno::INVAL));
}

/// `int vsl_frame_attach(VSLFrame*, int, size_t, size_t)`: attaches a descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_attach(
    frame: Option<&mut Frame>,
    fd: c_int,
    size: usize,
    offset: usize,
) -> c_int {
    enter_int(|| frame.ok_or(Errno::INVAL)?.attach(fd, size, offset))
}

/// `const char* vsl_frame_path(const VSLFrame*)`: name of the memory.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_path(frame: Option<&Frame>) -> *const c_char {
    get(frame, null(), |frame| {
        frame.path().map_or(null(), |path| path.as_ptr())
    })
}

/// `int vsl_frame_copy(VSLFrame*, VSLFrame*, const VSLRect*)`: copies a picture, cropped,
/// scaled and converted. Returns the number of bytes written.
///
/// # Safety
/// Both frames are NULL or frames of the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_frame_copy(
    target: *mut Frame,
    source: *const Frame,
    crop: Option<&Rect>,
) -> c_int {
    enter(-1, || {
        if std::ptr::eq(source, target) {
            return Err(Errno::INVAL);
        }
        // SAFETY: NULL or a frame, as the caller says, and not the one below.
        let source = unsafe { source.as_ref() }.ok_or(Errno::INVAL)?;
        // SAFETY: NULL or a frame, which nothing else borrows.
        let target = unsafe { target.as_mut() }.ok_or(Errno::INVAL)?;
        let part = crop.map(Rect::checked).transpose()?;
        c_int::try_from(frame::copy(target, source, part)?).map_err(|_| Errno::OVERFLOW)
    })
}

/// `void* vsl_frame_userptr(VSLFrame*)`: the program's pointer.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_userptr(frame: Option<&Frame>) -> *mut c_void {
    get(frame, null_mut(), Frame::userptr)
}

/// `void vsl_frame_set_userptr(VSLFrame*, void*)`: changes it.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_set_userptr(frame: Option<&mut Frame>, userptr: *mut c_void) {
    enter((), || {
        frame.ok_or(Errno::INVAL)?.set_userptr(userptr);
        Ok(())
    });
}

/// `void vsl_frame_release(VSLFrame*)`: releases a frame.
///
/// # Safety
/// `frame` is NULL or a frame of [`vsl_frame_init`], released once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_frame_release(frame: *mut Frame) {
    enter((), || {
        if frame.is_null() {
            return Err(Errno::INVAL);
        }
        // SAFETY: not NULL, and from `Frame::hand_out`, as the caller says.
        unsafe { Frame::release(frame) }
    });
}

/// `void vsl_frame_unregister(VSLFrame*)`: [`vsl_frame_release`].
///
/// # Safety
/// That of [`vsl_frame_release`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsl_frame_unregister(frame: *mut Frame) {
    // SAFETY: the same contract.
    unsafe { vsl_frame_release(frame) };
}

/// `int64_t vsl_frame_serial(const VSLFrame*)`: number at the host.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_serial(frame: Option<&Frame>) -> i64 {
    get(frame, 0, |frame| frame.times.serial)
}

/// `int64_t vsl_frame_timestamp(const VSLFrame*)`: when it was shared.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_timestamp(frame: Option<&Frame>) -> i64 {
    get(frame, 0, |frame| frame.times.timestamp)
}

/// `int64_t vsl_frame_duration(const VSLFrame*)`: display duration.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_duration(frame: Option<&Frame>) -> i64 {
    get(frame, 0, |frame| frame.times.duration)
}

/// `int64_t vsl_frame_pts(const VSLFrame*)`: presentation time.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_pts(frame: Option<&Frame>) -> i64 {
    get(frame, 0, |frame| frame.times.pts)
}

/// `int64_t vsl_frame_dts(const VSLFrame*)`: decoding time.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_dts(frame: Option<&Frame>) -> i64 {
    get(frame, 0, |frame| frame.times.dts)
}

/// `int64_t vsl_frame_expires(const VSLFrame*)`: when it expires.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_expires(frame: Option<&Frame>) -> i64 {
    get(frame, 0, |frame| frame.times.expires)
}

/// `uint32_t vsl_frame_fourcc(const VSLFrame*)`: the pixel format.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_fourcc(frame: Option<&Frame>) -> u32 {
    get(frame, 0, |frame| frame.shape().fourcc())
}

/// `int vsl_frame_width(const VSLFrame*)`: width in pixels.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_width(frame: Option<&Frame>) -> c_int {
    get(frame, 0, |frame| frame.shape().width())
}

/// `int vsl_frame_height(const VSLFrame*)`: height in pixels.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_height(frame: Option<&Frame>) -> c_int {
    get(frame, 0, |frame| frame.shape().height())
}

/// `int vsl_frame_stride(const VSLFrame*)`: bytes from row to row.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_stride(frame: Option<&Frame>) -> c_int {
    get(frame, 0, |frame| frame.shape().stride())
}

/// `int vsl_frame_size(const VSLFrame*)`: size of the memory in bytes, truncated to an int.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_size(frame: Option<&Frame>) -> c_int {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the interface's own limit"
    )]
    get(frame, 0, |frame| frame.size() as c_int)
}

/// `int vsl_frame_handle(const VSLFrame*)`: the memory's descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_handle(frame: Option<&Frame>) -> c_int {
    get(frame, -1, |frame| {
        frame.fd().map_or(-1, |fd| fd.as_raw_fd())
    })
}

/// `intptr_t vsl_frame_paddr(VSLFrame*)`: the memory's physical address.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_paddr(frame: Option<&mut Frame>) -> isize {
    enter(-1, || frame.ok_or(Errno::INVAL)?.physical_address())
}

/// `void* vsl_frame_mmap(VSLFrame*, size_t*)`: maps the memory.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_mmap(
    frame: Option<&mut Frame>,
    size: Option<&mut usize>,
) -> *mut c_void {
    enter(null_mut(), || {
        let (start, len) = frame.ok_or(Errno::INVAL)?.map()?;
        if let Some(size) = size {
            *size = len;
        }
        Ok(start.cast())
    })
}

/// `void vsl_frame_munmap(VSLFrame*)`: unmaps the memory.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_munmap(frame: Option<&mut Frame>) {
    enter((), || frame.map(Frame::unmap).ok_or(Errno::INVAL));
}

/// `int vsl_frame_sync(const VSLFrame*, int, int)`: begins or ends the CPU's access.
#[unsafe(no_mangle)]
pub extern "C" fn vsl_frame_sync(frame: Option<&Frame>, enable: c_int, mode: c_int) -> c_int {
    enter_int(|| frame.ok_or(Errno::INVAL)?.sync(enable != 0, mode))
}
