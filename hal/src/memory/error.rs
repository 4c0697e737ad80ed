//! Why an operation on memory failed.

use core::fmt;

use rustix::io::Errno;

use super::heap::HeapName;
use crate::Call;

/// Why an operation on memory, or on a fence, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// A system call or ioctl failed in a way that no other variant describes.
    #[error(fmt = system)]
    System {
        /// The call.
        call: Call,
        /// The kernel's error. ENOTTY: not a dma-buf, or an older kernel.
        errno: Errno,
    },
    /// The mapping would be empty or reach past the end of the file.
    #[error("cannot map {end} bytes of a file of {size} bytes")]
    OutOfBounds {
        /// End of the range in the file, in bytes.
        end: u64,
        /// Size of the file in bytes.
        size: u64,
    },
    /// The memory is mapped for reading and cannot be written.
    #[error("the memory is mapped for reading only")]
    ReadOnly,
    /// The name for a buffer has a NUL or more than 31 bytes.
    #[error("a buffer's name has at most 31 bytes and no NUL, not {len_bytes} bytes")]
    BufferName {
        /// Its length.
        len_bytes: usize,
    },
    /// The name for a heap is empty, longer than 47 bytes, or not one file name.
    #[error("a heap name is one file name of 1 to 47 bytes")]
    HeapName,
    /// The directory of the heaps could not be read.
    #[error("/dev/dma_heap cannot be listed: {call}: {errno}")]
    HeapList {
        /// The call.
        call: Call,
        /// The kernel's error. ENOENT: the kernel has no dma-heap.
        errno: Errno,
    },
    /// The heap's node could not be opened.
    #[error(fmt = heap_open)]
    HeapOpen {
        /// The requested heap.
        name: HeapName,
        /// ENOENT: no such heap. EACCES: permission denied.
        errno: Errno,
    },
    /// The heap could not allocate memory.
    #[error(
        "heap {name} could not allocate {len_bytes} bytes ({}): {errno}",
        Call::DmaHeapAlloc
    )]
    HeapAllocate {
        /// The heap.
        name: HeapName,
        /// Requested length in bytes.
        len_bytes: u64,
        /// ENOMEM: exhausted or fragmented.
        errno: Errno,
    },
    /// `/dev/udmabuf` could not be opened.
    #[error("/dev/udmabuf cannot be opened: {errno}")]
    UdmabufOpen {
        /// ENOENT: the kernel has no udmabuf. EACCES: permission denied.
        errno: Errno,
    },
    /// The descriptor for a udmabuf has no seals: it is not a memfd.
    #[error("udmabuf needs a memfd, and this descriptor has no seals: {errno}")]
    NotSealable {
        /// The error of `F_GET_SEALS`.
        errno: Errno,
    },
    /// The memfd for a udmabuf lacks `F_SEAL_SHRINK`.
    #[error("udmabuf needs a memfd sealed with F_SEAL_SHRINK")]
    MayShrink,
    /// The memfd for a udmabuf has `F_SEAL_WRITE` or `F_SEAL_FUTURE_WRITE`.
    #[error("udmabuf refuses a memfd sealed with F_SEAL_WRITE or F_SEAL_FUTURE_WRITE")]
    WriteSealed,
    /// The kernel could not create a udmabuf of the range.
    #[error(
        "no udmabuf of {size} bytes at offset {offset} ({}): {errno}; the range must be whole \
         pages inside the memfd, by default at most 64 MiB",
        Call::UdmabufCreate
    )]
    UdmabufCreate {
        /// Where the range starts in the memfd, in bytes.
        offset: u64,
        /// Length of the range in bytes.
        size: u64,
        /// EINVAL: range not in whole pages, outside the memfd or too large.
        errno: Errno,
    },
    /// The descriptor is not a dma-buf and has no physical address.
    #[error("only a dma-buf has a physical address")]
    NotDmaBuf,
    /// The kernel has neither way to get a physical address.
    #[error(
        "this kernel does not expose physical addresses (/dev/dmabuf_imx: {node}; {}: {request})",
        Call::DmaBufPhys
    )]
    NoPhysicalAddress {
        /// Error of `/dev/dmabuf_imx`; ENOENT without the node.
        node: Errno,
        /// Error of `DMA_BUF_IOCTL_PHYS`; ENOTTY if unknown to the kernel.
        request: Errno,
    },
    /// The driver could not map the buffer for a physical address.
    #[error("the driver could not map the buffer: its address is 0")]
    NotMapped,
    /// The descriptor is not a sync file.
    #[error("the descriptor is not a sync file")]
    NotASyncFile,
    /// The deadline passed before the fence signalled.
    #[error("timed out before the fence signalled")]
    TimedOut,
    /// The work behind the fence failed.
    #[error("the work behind the fence failed: {errno}")]
    FenceFailed {
        /// The error that the fence signalled.
        errno: Errno,
    },
}

impl MemoryError {
    /// Returns the error of `call`, for `map_err`.
    pub(crate) const fn of(call: Call) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::System { call, errno }
    }

    /// Returns the kernel's error number, or an equivalent for errors found before a call.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::System { errno, .. }
            | Self::HeapList { errno, .. }
            | Self::HeapOpen { errno, .. }
            | Self::HeapAllocate { errno, .. }
            | Self::UdmabufOpen { errno }
            | Self::NotSealable { errno }
            | Self::UdmabufCreate { errno, .. }
            | Self::NoPhysicalAddress { request: errno, .. }
            | Self::FenceFailed { errno } => errno,
            Self::OutOfBounds { .. }
            | Self::BufferName { .. }
            | Self::HeapName
            | Self::MayShrink
            | Self::WriteSealed
            | Self::NotASyncFile => Errno::INVAL,
            Self::ReadOnly => Errno::ACCESS,
            Self::NotDmaBuf => Errno::NOTTY,
            Self::NotMapped => Errno::NXIO,
            Self::TimedOut => Errno::TIMEDOUT,
        }
    }
}

fn system(call: &Call, errno: &Errno, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (call, *errno) {
        (Call::Mmap, Errno::ACCESS) => f.write_str("the descriptor does not allow this mapping"),
        (
            Call::DmaBufExportSyncFile
            | Call::DmaBufImportSyncFile
            | Call::DmaBufSetName
            | Call::DmaBufSync,
            Errno::NOTTY,
        ) => write!(
            f,
            "{call}: {errno}; not a dma-buf, or the kernel is too old"
        ),
        _ => write!(f, "{call}: {errno}"),
    }
}

fn heap_open(name: &HeapName, errno: &Errno, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match *errno {
        Errno::ACCESS => write!(
            f,
            "no permission to use /dev/dma_heap/{name}: {errno} (a udev rule can give it to a \
             group)"
        ),
        _ => write!(f, "/dev/dma_heap/{name} cannot be opened: {errno}"),
    }
}
