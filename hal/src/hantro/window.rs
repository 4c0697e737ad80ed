//! A core's registers: their location, and a mapping of them.
#![expect(
    unsafe_code,
    reason = "registers are read and written through a mapping, each access one of the hardware"
)]

use core::marker::PhantomData;

use rustix::fd::BorrowedFd;

use crate::memory::mapping::{Access, Mapping};
use crate::{Call, Error};

/// Maximum bytes of registers accepted for a core; known cores have 1060 and 2000.
pub const MAX_WINDOW_BYTES: u32 = 64 * 1024;

/// The location of a core's registers on the SoC's bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreInfo {
    base: u64,
    len_bytes: u32,
}

impl CoreInfo {
    /// Checks a driver's answer: registers have 32 bits and are aligned to that.
    pub(super) fn new(
        (base_call, base): (Call, u64),
        (len_call, len_bytes): (Call, u32),
    ) -> Result<Self, Error> {
        if base == 0 || !base.is_multiple_of(4) || base.checked_add(len_bytes.into()).is_none() {
            return Err(Error::answer(base_call, "base address", base));
        }
        if len_bytes == 0 || !len_bytes.is_multiple_of(4) || len_bytes > MAX_WINDOW_BYTES {
            return Err(Error::answer(len_call, "bytes of registers", len_bytes));
        }
        Ok(Self { base, len_bytes })
    }

    /// Returns the physical address of register 0.
    #[must_use]
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// Returns the length of the registers in bytes.
    #[must_use]
    pub const fn len_bytes(&self) -> u32 {
        self.len_bytes
    }

    /// Returns the number of registers, of 32 bits each.
    #[must_use]
    pub const fn registers(&self) -> usize {
        self.len_bytes as usize / 4
    }

    /// Checks that `count` registers from `first` on are among them.
    pub(super) fn check(&self, first: usize, count: usize) -> Result<(), Error> {
        let end = first.saturating_add(count);
        if count == 0 || end > self.registers() {
            return Err(Error::PastEnd {
                name: "end of a range of registers",
                value: end as u64,
                end: self.registers() as u64 + 1,
            });
        }
        Ok(())
    }
}

/// The registers of a reserved core, mapped uncached.
///
/// Every access goes to the hardware. Kernels that restrict the registers to the secure world
/// (Trusty) map something, but accesses do not reach the core.
///
/// # Invariants
/// `mapping` has `info.registers()` registers, aligned to 4 bytes.
#[derive(Debug)]
pub struct RegisterWindow<'a> {
    mapping: Mapping,
    info: CoreInfo,
    /// Ends with the reservation: without it, the core may be another program's, or have no clock.
    reserved: PhantomData<&'a ()>,
}

impl RegisterWindow<'_> {
    /// Maps the pages of a core that the caller has reserved for the window's life.
    pub(super) fn new(fd: BorrowedFd<'_>, info: CoreInfo) -> Result<Self, Error> {
        let len = info.registers() * 4;
        let mapping = Mapping::range(fd, info.base, len, Access::ReadWrite)
            .map_err(|error| Error::system(Call::Mmap, error.errno()))?;
        // INVARIANT: `CoreInfo` has a base that is a multiple of 4, and pages begin on one.
        Ok(Self {
            mapping,
            info,
            reserved: PhantomData,
        })
    }

    /// Returns the number of registers.
    #[must_use]
    pub fn registers(&self) -> usize {
        self.info.registers()
    }

    /// Reads one register; `index` counts registers, not bytes.
    ///
    /// # Errors
    /// [`Error::PastEnd`] past the last register.
    pub fn read(&self, index: usize) -> Result<u32, Error> {
        let register = self.place(index)?;
        // SAFETY: the type's invariant, for an index that was checked, and the mapping lives.
        Ok(unsafe { register.read_volatile() })
    }

    /// Writes one register; `index` counts registers, not bytes.
    ///
    /// # Errors
    /// [`Error::PastEnd`] past the last register.
    ///
    /// # Safety
    /// Registers hold physical addresses that the core reads and writes once it is enabled: they
    /// must point to memory that the program reserves for it until it has finished.
    pub unsafe fn write(&mut self, index: usize, value: u32) -> Result<(), Error> {
        let register = self.place(index)?;
        // SAFETY: the type's invariant, for an index that was checked; the mapping is writable and
        // lives; what the core does with the value is the caller's duty.
        unsafe { register.write_volatile(value) };
        Ok(())
    }

    fn place(&self, index: usize) -> Result<*mut u32, Error> {
        self.info.check(index, 1)?;
        let start = self.mapping.as_ptr();
        Ok(start.wrapping_add(4 * index).cast())
    }
}

#[cfg(test)]
mod tests {
    use rustix::fd::AsFd as _;
    use rustix::param::page_size;

    use super::*;
    use crate::memory::memfd;

    fn info(base: u64, len: u32) -> Result<CoreInfo, Error> {
        CoreInfo::new((Call::EncoderHwOffset, base), (Call::EncoderHwIoSize, len))
    }

    #[test]
    fn places_that_cannot_be_are_refused_with_the_request() {
        let good = info(0x3832_0000, 2000).unwrap();
        assert_eq!((good.base(), good.len_bytes()), (0x3832_0000, 2000));
        assert_eq!(good.registers(), 500);
        for base in [0, 0x3832_0001, u64::MAX - 3] {
            let error = Error::answer(Call::EncoderHwOffset, "base address", base);
            assert_eq!(info(base, 2000), Err(error));
        }
        for len in [0, 2, 2001, MAX_WINDOW_BYTES + 4, u32::MAX] {
            let error = Error::answer(Call::EncoderHwIoSize, "bytes of registers", len);
            assert_eq!(info(0x3832_0000, len), Err(error));
        }
    }

    #[test]
    fn ranges_end_with_the_last_register() {
        let info = info(0x1000, 400).unwrap();
        assert_eq!(info.check(0, 100), Ok(()));
        assert_eq!(info.check(99, 1), Ok(()));
        for (first, count) in [(0, 0), (0, 101), (100, 1), (usize::MAX, 2)] {
            assert!(matches!(
                info.check(first, count),
                Err(Error::PastEnd { end: 101, .. })
            ));
        }
    }

    /// A file stands for the node: the offset of the mapping is that of the registers.
    #[test]
    fn a_window_covers_exactly_the_registers() {
        let page = page_size();
        let file = memfd::create(c"registers", 4 * page).unwrap();
        let info = info(page as u64 + 64, u32::try_from(page).unwrap()).unwrap();
        let mut window = RegisterWindow::new(file.as_fd(), info).unwrap();
        assert_eq!(window.registers(), page / 4);
        let last = window.registers() - 1;
        // SAFETY: nothing acts upon a file.
        unsafe { window.write(0, 0x8000_6010) }.unwrap();
        // SAFETY: as above.
        unsafe { window.write(last, 7) }.unwrap();
        // SAFETY: as above.
        let past = unsafe { window.write(last + 1, 7) };
        assert!(matches!(past, Err(Error::PastEnd { .. })));
        assert_eq!(window.read(0), Ok(0x8000_6010));
        assert!(matches!(window.read(last + 1), Err(Error::PastEnd { .. })));

        let whole = Mapping::new(&file, 4 * page, Access::Read).unwrap();
        // SAFETY: nothing writes the file any more.
        let bytes = unsafe { whole.bytes() };
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(word(page + 64), 0x8000_6010);
        assert_eq!(word(page + 64 + 4 * last), 7);
    }
}
