//! A frame: a picture's shape, its memory, its times, and the callback at its end.

#![expect(unsafe_code, reason = "a frame of C is freed")]

mod buffer;
mod shape;
#[cfg(test)]
mod tests;
mod view;

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use videostream::hal::memory::dmabuf::{DmaBufError, SyncAccess, begin_access, end_access};
use videostream::hal::memory::physical::{PhysicalError, physical_address};

use self::buffer::Buffer;
pub use self::shape::Shape;
pub(crate) use self::view::View;

/// `vsl_frame_cleanup`.
pub type Cleanup = extern "C" fn(*mut Frame);

/// Number and times of a frame that was shared; zeroes for others. Nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) serial: i64,
    pub(crate) timestamp: i64,
    pub(crate) duration: i64,
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) expires: i64,
}

/// `VSLFrame`.
#[derive(Debug)]
pub struct Frame {
    // Unmapped before the buffer goes, which is declared after it.
    view: Option<View>,
    buffer: Option<Buffer>,
    shape: Shape,
    size: usize,
    offset: usize,
    physical: Option<isize>,
    pub(crate) times: Times,
    userptr: *mut c_void,
    cleanup: Option<Cleanup>,
}

impl Frame {
    /// A frame without memory.
    pub(crate) fn new(shape: Shape, userptr: *mut c_void, cleanup: Option<Cleanup>) -> Self {
        Self {
            view: None,
            buffer: None,
            shape,
            size: 0,
            offset: 0,
            physical: None,
            times: Times::default(),
            userptr,
            cleanup,
        }
    }

    pub(crate) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes of the memory, from its offset on.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    pub(crate) const fn userptr(&self) -> *mut c_void {
        self.userptr
    }

    pub(crate) const fn set_userptr(&mut self, userptr: *mut c_void) {
        self.userptr = userptr;
    }

    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.buffer.as_ref().map(Buffer::fd)
    }

    /// What memory of the frame's own is called.
    pub(crate) fn path(&self) -> Option<&CStr> {
        self.buffer.as_ref().and_then(Buffer::path)
    }

    /// Memory of the frame's own in place of what it had: a shared memory object or a heap by
    /// its name, or the best there is.
    pub(crate) fn alloc(&mut self, path: Option<&CStr>) -> Result<(), Errno> {
        self.discard();
        let size = self.shape.size()?;
        self.buffer = Some(Buffer::allocate(path, size)?);
        self.size = size;
        Ok(())
    }

    /// A duplicate of `fd` as memory in place of what the frame had.
    pub(crate) fn attach(&mut self, fd: c_int, size: usize, offset: usize) -> Result<(), Errno> {
        if fd <= 0 {
            return Err(Errno::BADF);
        }
        self.discard();
        let size = match size {
            0 => self.shape.size()?,
            size => size,
        };
        let end = offset.checked_add(size).ok_or(Errno::INVAL)?;
        isize::try_from(end).map_err(|_| Errno::INVAL)?;
        self.buffer = Some(Buffer::attach(fd)?);
        self.size = size;
        self.offset = offset;
        Ok(())
    }

    /// Gives the memory up, except an attached descriptor that belongs to the callback.
    pub(crate) fn unalloc(&mut self) {
        let attached = self.buffer.as_ref().is_some_and(Buffer::is_attached);
        self.unmap();
        if attached && self.cleanup.is_some() {
            return;
        }
        self.buffer = None;
        self.physical = None;
        if !attached {
            self.size = 0;
            self.offset = 0;
        }
    }

    /// As [`Frame::unalloc`], for other memory in its place: what the callback owns stays open,
    /// and nothing of it is left here.
    fn discard(&mut self) {
        self.unalloc();
        if let Some(buffer) = self.buffer.take() {
            buffer.leave_open();
        }
        self.physical = None;
        self.size = 0;
        self.offset = 0;
    }

    /// Maps the memory, or gives the mapping there is: first byte and bytes.
    pub(crate) fn map(&mut self) -> Result<(*mut u8, usize), Errno> {
        if self.view.is_none() {
            let fd = self.buffer.as_ref().ok_or(Errno::BADF)?.fd();
            let view = View::new(fd, self.offset, self.size)?;
            begin_access(fd, SyncAccess::ReadWrite).map_err(|error| error.errno())?;
            self.view = Some(view);
        }
        let view = self.view.as_ref().ok_or(Errno::NOMEM)?;
        Ok((view.as_ptr(), self.size))
    }

    /// Unmaps, if there is a mapping.
    pub(crate) fn unmap(&mut self) {
        if self.view.is_none() {
            return;
        }
        if let Some(fd) = self.fd() {
            // The mapping goes whatever the exporter says, and nobody could be told.
            let _ = end_access(fd, SyncAccess::ReadWrite);
        }
        self.view = None;
    }

    /// Begins or ends the CPU's access, `mode` as for `open`.
    pub(crate) fn sync(&self, begin: bool, mode: c_int) -> Result<(), Errno> {
        let fd = self.fd().ok_or(Errno::INVAL)?;
        let access = match mode {
            libc::O_RDONLY => SyncAccess::Read,
            libc::O_WRONLY => SyncAccess::Write,
            _ => SyncAccess::ReadWrite,
        };
        let request = if begin { begin_access } else { end_access };
        request(fd, access).map_err(|error: DmaBufError| error.errno())?;
        Ok(())
    }

    /// The physical address, asked for once.
    pub(crate) fn physical_address(&mut self) -> Result<isize, Errno> {
        if let Some(address) = self.physical {
            return Ok(address);
        }
        let fd = self.fd().ok_or(Errno::BADF)?;
        let address = physical_address(fd).map_err(|error: PhysicalError| error.errno())?;
        let address = isize::try_from(address).map_err(|_| Errno::OVERFLOW)?;
        self.physical = Some(address);
        Ok(address)
    }

    /// Ends a frame in the order that programs rely on: mapping, memory, callback, frame.
    ///
    /// # Safety
    /// `frame` comes from `Box::into_raw`, and nobody uses it afterwards.
    pub(crate) unsafe fn release(frame: *mut Self) {
        let cleanup = {
            // SAFETY: valid, as the caller says, and borrowed by nobody; given up before the
            // callback, which borrows the frame itself.
            let frame = unsafe { &mut *frame };
            frame.unalloc();
            frame.cleanup
        };
        if let Some(cleanup) = cleanup {
            cleanup(frame);
        }
        // SAFETY: from `Box::into_raw`, as the caller says.
        let mut frame = unsafe { Box::from_raw(frame) };
        if frame.cleanup.is_some()
            && let Some(buffer) = frame.buffer.take()
        {
            // Closed by the callback, or left open by it: not ours any more.
            buffer.leave_open();
        }
    }
}
