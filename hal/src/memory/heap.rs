//! dma-heap: memory for devices, from named heaps.
//!
//! A heap is a node under `/dev/dma_heap`. Which heaps a machine has, and what they are called,
//! depends on kernel, device tree and vendor; [`DmaHeap::open_first`] takes a list of names in
//! order of preference. Nodes belong to root unless a udev rule says otherwise.

use core::ffi::CStr;
use core::fmt;
use core::ops::ControlFlow;

use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use videostream_sys::dma_heap::{DMA_HEAP_IOCTL_ALLOC, dma_heap_allocation_data};

use super::MemoryError;
use crate::scan::{self, ScanError};

/// The directory of the heaps.
pub const HEAP_FOLDER: &CStr = c"/dev/dma_heap";

/// Names of the heap of physically contiguous memory (CMA): `default_cma_region` since Linux 6.17,
/// one of the others, depending on the platform, on older kernels.
///
/// Source: kernel page `userspace-api/dma-buf-heaps.html`.
pub const CONTIGUOUS_HEAPS: &[&str] = &[
    "default_cma_region",
    "linux,cma",
    "reserved",
    "default-pool",
];

/// The contiguous heaps, then the system heap: scattered pages, for devices behind an IOMMU,
/// virtual drivers and CPUs.
pub const ANY_HEAP: &[&str] = &[
    "default_cma_region",
    "linux,cma",
    "reserved",
    "default-pool",
    "system",
];

/// Maximum number of heaps that [`DmaHeap::available`] lists.
pub const MAX_HEAPS: usize = 16;

/// An open dma-heap. Each allocation is a separate, zeroed dma-buf.
///
/// # Example
/// ```no_run
/// use videostream_hal::memory::heap::{ANY_HEAP, DmaHeap};
///
/// let heap = DmaHeap::open_first(ANY_HEAP)?;
/// let buffer = heap.allocate(1280 * 720 * 3 / 2)?;
/// # drop(buffer);
/// # Ok::<(), videostream_hal::memory::MemoryError>(())
/// ```
///
/// # Source
/// `linux/dma-heap.h` (Linux 5.6), `drivers/dma-buf/dma-heap.c`.
#[derive(Debug)]
pub struct DmaHeap {
    device: OwnedFd,
    name: HeapName,
}

impl DmaHeap {
    /// Opens `/dev/dma_heap/NAME`.
    ///
    /// # Errors
    /// [`MemoryError::HeapName`] when `name` cannot be a heap's; [`MemoryError::HeapOpen`] with
    /// ENOENT when there is no such heap and EACCES when permission is denied.
    pub fn open(name: &str) -> Result<Self, MemoryError> {
        let name = HeapName::new(name).ok_or(MemoryError::HeapName)?;
        let opened = |errno| MemoryError::HeapOpen { name, errno };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, HEAP_FOLDER, flags, Mode::empty()).map_err(opened)?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let device = openat(&folder, name.as_str(), flags, Mode::empty()).map_err(opened)?;
        Ok(Self { device, name })
    }

    /// Opens the first of `names` that can be opened.
    ///
    /// # Errors
    /// The most specific error: that of a heap that exists (such as EACCES) rather than of one that
    /// does not. [`MemoryError::HeapName`] when `names` is empty.
    pub fn open_first(names: &[&str]) -> Result<Self, MemoryError> {
        let mut refusal = MemoryError::HeapName;
        for name in names {
            match Self::open(name) {
                Ok(heap) => return Ok(heap),
                Err(error) if tells(&refusal) < tells(&error) => refusal = error,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    /// Returns the names of this machine's heaps, in the kernel's order, [`MAX_HEAPS`] at most.
    ///
    /// # Errors
    /// [`MemoryError::HeapList`]: ENOENT when the kernel has no dma-heap.
    pub fn available() -> Result<heapless::Vec<HeapName, MAX_HEAPS>, MemoryError> {
        let mut names = heapless::Vec::new();
        scan::names(HEAP_FOLDER, |name| {
            match name.to_str().ok().and_then(HeapName::new) {
                Some(name) if names.push(name).is_err() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
        .map_err(|ScanError { call, errno }| MemoryError::HeapList { call, errno })?;
        Ok(names)
    }

    /// Returns the heap's name.
    pub fn name(&self) -> HeapName {
        self.name
    }

    /// Allocates a dma-buf of `len_bytes`, rounded up to whole pages, filled with zeroes.
    ///
    /// The descriptor is close-on-exec and can be mapped for reading and writing.
    ///
    /// # Errors
    /// [`MemoryError::HeapAllocate`]: EINVAL for zero bytes; ENOMEM when the heap is exhausted or,
    /// for a contiguous one, fragmented (allocate pools once, early).
    pub fn allocate(&self, len_bytes: u64) -> Result<OwnedFd, MemoryError> {
        allocate(self.device.as_fd(), len_bytes).map_err(|errno| MemoryError::HeapAllocate {
            name: self.name,
            len_bytes,
            errno,
        })
    }
}

#[expect(
    unsafe_code,
    reason = "the request is made here, and its result becomes an owned fd"
)]
fn allocate(device: BorrowedFd<'_>, len_bytes: u64) -> Result<OwnedFd, Errno> {
    let mut data = dma_heap_allocation_data {
        len: len_bytes,
        fd_flags: (OFlags::RDWR | OFlags::CLOEXEC).bits(),
        ..Default::default()
    };
    // SAFETY: `dma_heap_allocation_data` is the argument type from which the code was computed.
    let request = unsafe {
        rustix::ioctl::Updater::<DMA_HEAP_IOCTL_ALLOC, dma_heap_allocation_data>::new(&mut data)
    };
    // SAFETY: the kernel reads and writes the 24 bytes of `data`, which outlives the call, and
    // nothing else; a node that is not a heap refuses the code with ENOTTY.
    unsafe { rustix::ioctl::ioctl(device, request)? };
    let fd = i32::try_from(data.fd).map_err(|_| Errno::BADF)?;
    // SAFETY: on success the kernel has just installed this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The name of a heap: one file name of at most 47 bytes.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct HeapName {
    bytes: [u8; Self::CAPACITY],
    len: u8,
}

impl HeapName {
    const CAPACITY: usize = 47;

    /// Checks a name. Returns `None` if it is empty, too long, dots only, or has a `/` or NUL.
    pub fn new(name: &str) -> Option<Self> {
        let text = name.as_bytes();
        if text.is_empty()
            || text.len() > Self::CAPACITY
            || text.iter().all(|&byte| byte == b'.')
            || text.iter().any(|&byte| byte == b'/' || byte == 0)
        {
            return None;
        }
        let mut bytes = [0; Self::CAPACITY];
        bytes[..text.len()].copy_from_slice(text);
        let len = u8::try_from(text.len()).ok()?;
        Some(Self { bytes, len })
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Display for HeapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HeapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Ranks errors, the most specific highest: a heap that exists, one that does not, a bad name.
fn tells(error: &MemoryError) -> u8 {
    match error {
        MemoryError::HeapName => 0,
        other if other.errno() == Errno::NOENT => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn a_heap_name_is_one_file_name() {
        assert_eq!(HeapName::new("linux,cma").unwrap().as_str(), "linux,cma");
        for bad in ["", ".", "..", "a/b", "a\0b", &"x".repeat(48)] {
            assert!(HeapName::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_missing_heap_is_named() {
        let error = DmaHeap::open("no-such-heap").unwrap_err();
        assert_eq!(error.errno(), Errno::NOENT);
        assert!(error.to_string().contains("no-such-heap"), "{error}");
    }

    #[test]
    fn no_permission_says_more_than_no_such_heap() {
        let name = HeapName::new("system").unwrap();
        let missing = MemoryError::HeapOpen {
            name,
            errno: Errno::NOENT,
        };
        let denied = MemoryError::HeapOpen {
            name,
            errno: Errno::ACCESS,
        };
        assert!(tells(&missing) < tells(&denied));
        assert!(denied.to_string().contains("udev"), "{denied}");
    }

    #[test]
    fn an_empty_preference_list_opens_nothing() {
        assert_eq!(DmaHeap::open_first(&[]).unwrap_err(), MemoryError::HeapName);
    }

    #[test]
    fn a_file_that_is_no_heap_refuses_the_request() {
        let file = openat(CWD, "/dev/null", OFlags::RDONLY, Mode::empty()).unwrap();
        assert_eq!(allocate(file.as_fd(), 4096).unwrap_err(), Errno::NOTTY);
    }
}
