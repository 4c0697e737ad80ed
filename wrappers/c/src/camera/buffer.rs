//! One buffer of a camera, as the program sees it.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::io::Errno;
use videostream::hal::memory::mapping::{Access, Mapping};
use videostream::hal::memory::physical::physical_address;
use videostream::hal::v4l2::queue::{Allocated, Queue};
use videostream::hal::v4l2::{Buffer, Device, ExportAccess, PixFormat};

use crate::boundary::errno_of_device;

/// `vsl_camera_buffer`. Any thread may read what changes with each frame.
#[derive(Debug)]
pub struct CameraBuffer {
    memory: Mapping,
    dma_buf: Option<OwnedFd>,
    physical: OnceLock<u64>,
    fourcc: u32,
    bytes_per_line: u32,
    length: u32,
    sequence: AtomicU32,
    flags: AtomicU32,
    timestamp_ns: AtomicU64,
}

impl CameraBuffer {
    /// Maps and exports a buffer; some drivers cannot export.
    pub(super) fn new(
        queue: &Queue<std::sync::Arc<Device>, Allocated>,
        index: u32,
        format: &PixFormat,
    ) -> Result<Self, Errno> {
        let memory = queue.map(index, 0, Access::ReadWrite);
        let memory = memory.map_err(errno_of_device)?;
        Ok(Self {
            length: u32::try_from(memory.len()).map_err(|_| Errno::OVERFLOW)?,
            memory,
            dma_buf: queue.export(index, 0, ExportAccess::ReadWrite).ok(),
            physical: OnceLock::new(),
            fourcc: format.fourcc.0,
            bytes_per_line: format.planes[0].bytes_per_line,
            sequence: AtomicU32::new(0),
            flags: AtomicU32::new(0),
            timestamp_ns: AtomicU64::new(0),
        })
    }

    /// Stores the driver's metadata of a finished frame.
    pub(super) fn fill(&self, frame: &Buffer) {
        self.sequence.store(frame.sequence, Ordering::Relaxed);
        self.flags.store(frame.flags.bits(), Ordering::Relaxed);
        self.timestamp_ns
            .store(frame.timestamp_ns, Ordering::Relaxed);
    }

    /// The first byte.
    pub(crate) fn memory(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// The buffer's dma-buf, where the driver has one.
    pub(crate) fn dma_buf(&self) -> Option<BorrowedFd<'_>> {
        self.dma_buf.as_ref().map(OwnedFd::as_fd)
    }

    /// The physical address, queried once; 0 if the kernel does not provide it.
    pub(crate) fn physical_address(&self) -> u64 {
        let ask = || self.dma_buf().and_then(|fd| physical_address(fd).ok());
        *self.physical.get_or_init(|| ask().unwrap_or(0))
    }

    /// Size of the buffer in bytes.
    pub(crate) const fn length(&self) -> u32 {
        self.length
    }

    /// Format of the picture.
    pub(crate) const fn fourcc(&self) -> u32 {
        self.fourcc
    }

    /// Bytes from row to row; 0 for compressed pictures.
    pub(crate) const fn bytes_per_line(&self) -> u32 {
        self.bytes_per_line
    }

    /// The driver's number of the frame.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// The driver's flags of the frame: `v4l2_buffer.flags`.
    pub(crate) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// When the frame was captured, in nanoseconds on the driver's clock.
    pub(crate) fn timestamp_ns(&self) -> u64 {
        self.timestamp_ns.load(Ordering::Relaxed)
    }
}
