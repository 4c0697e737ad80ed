//! A frame: a picture's shape, its memory, its times, and the callback at its end.

#![expect(unsafe_code, reason = "a frame of C is freed")]

mod buffer;
mod buffer_pool;
mod copy;
mod host_memory;
mod map;
mod owner;
mod pixels;
mod pool;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::io::Errno;
use videostream::Colorimetry;
use videostream::hal::memory::dmabuf::{Identity, SyncAccess, begin_access, end_access, identity};
use videostream::hal::memory::{Mapping, MemoryError, physical_address};
pub use videostream::v2::Shape;

use self::buffer::Buffer;
pub(crate) use self::buffer_pool::BufferPool;
pub(crate) use self::copy::{convert, copy, errno_of_picture};
pub(crate) use self::host_memory::HostMemory;
pub(crate) use self::map::{map, map_as_allowed};
pub(crate) use self::owner::{Origin, Owner, Posting, Sender};
pub(crate) use self::pixels::Filled;

/// `vsl_frame_cleanup`. A C++ exception ends the program, as the header says: it cannot unwind
/// through the exported function.
pub type Cleanup = extern "C-unwind" fn(*mut Frame);

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

/// Colorimetry of a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Colours {
    /// As V4L2 numbers them.
    packed: u32,
    /// Set by the program.
    is_asked: bool,
}

/// `VSLFrame`.
#[derive(Debug)]
pub struct Frame {
    // Unmapped before the buffer goes, which is declared after it.
    view: Option<Mapping>,
    /// The program has mapped it, and the CPU's access has begun.
    is_mapped: bool,
    buffer: Option<Buffer>,
    /// Identity of that memory.
    identity: Option<Identity>,
    shape: Shape,
    size: usize,
    /// Bytes of memory, of which a packet may use less.
    capacity: usize,
    offset: usize,
    physical: Option<isize>,
    colours: Colours,
    pub(crate) times: Times,
    /// Its place at a host, once it is posted.
    pub(crate) posting: Option<Posting>,
    /// Where it came from, if it was received.
    pub(crate) origin: Option<Origin>,
    userptr: *mut c_void,
    cleanup: Option<Cleanup>,
    /// Not released yet.
    is_alive: bool,
}

/// Memory of a frame: descriptor, identity, and the frame's range in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    pub(crate) identity: Identity,
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

impl Frame {
    /// A frame without memory.
    pub(crate) fn new(shape: Shape, userptr: *mut c_void, cleanup: Option<Cleanup>) -> Self {
        Self {
            view: None,
            is_mapped: false,
            buffer: None,
            identity: None,
            shape,
            size: 0,
            capacity: 0,
            offset: 0,
            physical: None,
            colours: Colours::default(),
            times: Times::default(),
            posting: None,
            origin: None,
            userptr,
            cleanup,
            is_alive: true,
        }
    }

    /// A frame of a host: `size` bytes of `memory` from `offset` on, which it has.
    pub(crate) fn received(
        shape: Shape,
        (memory, offset, size): (Arc<HostMemory>, usize, usize),
        times: Times,
        origin: Origin,
        colorimetry: u32,
    ) -> Self {
        let mut frame = Self::new(shape, std::ptr::null_mut(), None);
        frame.colours.packed = colorimetry;
        frame.identity = Some(memory.identity());
        frame.buffer = Some(Buffer::Received(memory));
        (frame.offset, frame.size) = (offset, size);
        frame.times = times;
        frame.origin = Some(origin);
        frame
    }

    /// The frame for the program, which releases it: [`Frame::release`].
    pub(crate) fn hand_out(self) -> *mut Self {
        Box::into_raw(pool::boxed(self))
    }

    pub(crate) const fn is_alive(&self) -> bool {
        self.is_alive
    }

    /// Returns the memory to share.
    pub(crate) fn memory(&self) -> Result<Memory<'_>, Errno> {
        match (&self.buffer, self.identity) {
            (Some(buffer), Some(identity)) => Ok(Memory {
                fd: buffer.fd(),
                identity,
                offset: self.offset,
                size: self.size,
            }),
            _ => Err(Errno::BADF),
        }
    }

    pub(crate) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Colorimetry in V4L2's numbers: colorspace, transfer function, encoding and quantization, a
    /// byte each from the lowest.
    pub(crate) const fn packed_colorimetry(&self) -> u32 {
        self.colours.packed
    }

    /// Sets the colorimetry of the program; pictures copied into the frame are converted to it.
    pub(crate) const fn set_colorimetry(&mut self, packed: u32) {
        self.colours = Colours {
            packed,
            is_asked: packed != 0,
        };
    }

    /// Sets the colorimetry of the content, unless the program has set one.
    pub(crate) fn become_colorimetry(&mut self, colorimetry: Colorimetry) {
        if !self.colours.is_asked {
            self.colours.packed = colorimetry.to_v4l2();
        }
    }

    /// Colorimetry of the frame.
    pub(crate) fn colorimetry(&self) -> Colorimetry {
        let fourcc = self.shape.kernel_format();
        Colorimetry::from_v4l2(self.colours.packed, fourcc)
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

    /// Name of the frame's own memory.
    pub(crate) fn path(&self) -> Option<&CStr> {
        self.buffer.as_ref().and_then(Buffer::path)
    }

    /// Allocates memory and replaces the frame's: a shared memory object or a heap by its name, or
    /// the best kind available.
    pub(crate) fn alloc(&mut self, path: Option<&CStr>) -> Result<(), Errno> {
        self.discard();
        let size = self.shape.size()?;
        self.alloc_bytes(path, size)
    }

    /// Like [`Frame::alloc`], with a size that does not follow from the shape.
    pub(crate) fn alloc_bytes(&mut self, path: Option<&CStr>, size: usize) -> Result<(), Errno> {
        self.discard();
        self.take(Buffer::allocate(path, size)?)?;
        self.size = size;
        self.capacity = size;
        Ok(())
    }

    /// Replaces the frame's memory with a duplicate of `fd`.
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
        self.take(Buffer::attach(fd)?)?;
        self.size = size;
        self.capacity = size;
        self.offset = offset;
        Ok(())
    }

    fn take(&mut self, buffer: Buffer) -> Result<(), Errno> {
        self.identity = Some(identity(buffer.fd()).map_err(MemoryError::errno)?);
        self.buffer = Some(buffer);
        Ok(())
    }

    /// Frees the memory, except an attached descriptor, which belongs to the callback.
    pub(crate) fn unalloc(&mut self) {
        let attached = self.buffer.as_ref().is_some_and(Buffer::is_attached);
        self.unmap();
        if attached && self.cleanup.is_some() {
            return;
        }
        self.buffer = None;
        self.identity = None;
        self.physical = None;
        self.capacity = 0;
        if !attached {
            self.size = 0;
            self.offset = 0;
        }
    }

    /// Frees the memory before it is replaced; a descriptor that the callback owns stays open.
    fn discard(&mut self) {
        self.unalloc();
        if let Some(buffer) = self.buffer.take() {
            buffer.leave_open();
        }
        self.identity = None;
        self.physical = None;
        self.size = 0;
        self.capacity = 0;
        self.offset = 0;
    }

    /// Maps the memory unless it is mapped. Returns the first byte and the size.
    pub(crate) fn map(&mut self) -> Result<(*mut u8, usize), Errno> {
        let buffer = self.buffer.as_ref().ok_or(Errno::BADF)?;
        if let Some(start) = buffer.shared_mapping(self.offset, self.size)? {
            if !self.is_mapped {
                begin_access(buffer.fd(), SyncAccess::ReadWrite).map_err(MemoryError::errno)?;
                self.is_mapped = true;
            }
            return Ok((start, self.size));
        }
        if self.view.is_none() {
            let view = map(buffer.fd(), self.offset, self.capacity)?;
            begin_access(buffer.fd(), SyncAccess::ReadWrite).map_err(MemoryError::errno)?;
            self.is_mapped = true;
            self.view = Some(view);
        }
        let view = self.view.as_ref().ok_or(Errno::NOMEM)?;
        Ok((view.as_ptr(), self.size))
    }

    /// Unmaps, if there is a mapping.
    pub(crate) fn unmap(&mut self) {
        if std::mem::take(&mut self.is_mapped)
            && let Some(fd) = self.fd()
        {
            // The mapping is removed even if the exporter reports an error, which has no receiver.
            let _ = end_access(fd, SyncAccess::ReadWrite);
        }
        self.view = None;
    }

    /// Begins or ends CPU access, with `mode` as for `open`.
    pub(crate) fn sync(&self, begin: bool, mode: c_int) -> Result<(), Errno> {
        let fd = self.fd().ok_or(Errno::INVAL)?;
        let access = match mode {
            libc::O_RDONLY => SyncAccess::Read,
            libc::O_WRONLY => SyncAccess::Write,
            _ => SyncAccess::ReadWrite,
        };
        let request = if begin { begin_access } else { end_access };
        request(fd, access).map_err(MemoryError::errno)?;
        Ok(())
    }

    /// The physical address, asked for once.
    pub(crate) fn physical_address(&mut self) -> Result<isize, Errno> {
        if let Some(address) = self.physical {
            return Ok(address);
        }
        let fd = self.fd().ok_or(Errno::BADF)?;
        let address = physical_address(fd).map_err(MemoryError::errno)?;
        let address = isize::try_from(address).map_err(|_| Errno::OVERFLOW)?;
        self.physical = Some(address);
        Ok(address)
    }

    /// Ends a frame in the order that programs rely on: mapping, host or lock, memory, callback,
    /// frame.
    ///
    /// # Errors
    /// EINVAL for a frame that was released already, as far as that can be seen.
    ///
    /// # Safety
    /// `frame` comes from [`Frame::hand_out`] or `Box::into_raw`, and is not used afterwards.
    pub(crate) unsafe fn release(frame: *mut Self) -> Result<(), Errno> {
        let (cleanup, posting) = {
            // SAFETY: valid, as the caller says, and borrowed by nobody; given up before the
            // callback, which borrows the frame itself.
            let frame = unsafe { &mut *frame };
            if !std::mem::take(&mut frame.is_alive) {
                return Err(Errno::INVAL);
            }
            (frame.cleanup, frame.posting.take())
        };
        if let Some(posting) = posting {
            posting.remove(frame);
            // SAFETY: as above.
            unsafe { &mut *frame }.detach_from_pool();
        }
        {
            // SAFETY: as above.
            let frame = unsafe { &mut *frame };
            if let Some(origin) = &mut frame.origin {
                origin.unlock();
            }
            frame.unalloc();
        }
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
        pool::give_back(frame);
        Ok(())
    }

    /// `vsl_frame_trylock`.
    pub(crate) fn lock(&mut self) -> Result<(), Errno> {
        self.origin.as_mut().ok_or(Errno::INVAL)?.lock()
    }

    /// `vsl_frame_unlock`: unmaps as well.
    pub(crate) fn unlock(&mut self) -> Result<(), Errno> {
        self.unmap();
        let is_cut = self.origin.as_mut().is_some_and(Origin::unlock);
        if is_cut {
            return Err(Errno::SHUTDOWN);
        }
        Ok(())
    }

    /// Drops everything that the frame owns, which leaves an empty frame for the pool.
    fn empty(&mut self) {
        self.unmap();
        self.buffer = None;
        self.identity = None;
        self.origin = None;
        self.posting = None;
    }
}
