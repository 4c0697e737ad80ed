//! Lists that a device returns item by item.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use super::BufType;
use super::ioctl::{
    DvTimings, FormatDescription, FrameInterval, FrameSize, Input, Output, Standard,
    enum_dv_timings, enum_fmt_of, enum_frameintervals, enum_framesizes, enuminput, enumoutput,
    enumstd,
};
use crate::format::{FourCc, MbusCode};
use crate::{Error, ErrorKind};

/// Maximum number of items to request, in case a driver's list never ends.
const MAX_ITEMS: u32 = 4096;

/// Maximum number of consecutive failures; a driver may take seconds for each.
pub(super) const MAX_FAILED: u32 = 4;

/// The position of an iterator.
#[derive(Debug)]
pub(crate) struct Cursor {
    next: Option<u32>,
    /// Consecutive failures.
    failed: u32,
}

impl Cursor {
    pub(crate) const START: Self = Self {
        next: Some(0),
        failed: 0,
    };

    /// Requests the next item. The list ends at the errors with which drivers end it; any other
    /// error skips one item, as long as the device exists.
    pub(crate) fn step<T>(
        &mut self,
        ask: impl FnOnce(u32) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        let index = self.next?;
        self.next = Some(index + 1).filter(|&next| next < MAX_ITEMS);
        let item = ask(index);
        match item {
            Ok(_) => self.failed = 0,
            Err(error) => {
                if matches!(
                    error.errno(),
                    Some(Errno::INVAL | Errno::NOTTY | Errno::NODATA)
                ) {
                    self.next = None;
                    return None;
                }
                self.failed += 1;
                if self.failed == MAX_FAILED || error.kind() == ErrorKind::Disconnected {
                    self.next = None;
                }
            }
        }
        Some(item)
    }
}

/// The formats of a queue; see [`Device::formats`](super::Device::formats).
#[derive(Debug)]
pub struct Formats<'a> {
    fd: BorrowedFd<'a>,
    buf_type: BufType,
    code: MbusCode,
    cursor: Cursor,
}

impl<'a> Formats<'a> {
    pub(super) const fn new(fd: BorrowedFd<'a>, buf_type: BufType, code: MbusCode) -> Self {
        Self {
            fd,
            buf_type,
            code,
            cursor: Cursor::START,
        }
    }
}

impl Iterator for Formats<'_> {
    type Item = Result<FormatDescription, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (fd, buf_type, code) = (self.fd, self.buf_type, self.code);
        self.cursor
            .step(|index| enum_fmt_of(fd, buf_type, code, index))
    }
}

/// The picture sizes of a format; see [`Device::sizes`](super::Device::sizes).
#[derive(Debug)]
pub struct Sizes<'a> {
    fd: BorrowedFd<'a>,
    fourcc: FourCc,
    cursor: Cursor,
}

impl<'a> Sizes<'a> {
    pub(super) const fn new(fd: BorrowedFd<'a>, fourcc: FourCc) -> Self {
        Self {
            fd,
            fourcc,
            cursor: Cursor::START,
        }
    }
}

impl Iterator for Sizes<'_> {
    type Item = Result<FrameSize, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (fd, fourcc) = (self.fd, self.fourcc);
        let item = self.cursor.step(|index| enum_framesizes(fd, fourcc, index));
        // A range is the whole list.
        if matches!(item, Some(Ok(FrameSize::Stepwise { .. }))) {
            self.cursor.next = None;
        }
        item
    }
}

/// The frame intervals of a format and size; see [`Device::intervals`](super::Device::intervals).
#[derive(Debug)]
pub struct Intervals<'a> {
    fd: BorrowedFd<'a>,
    fourcc: FourCc,
    size: (u32, u32),
    cursor: Cursor,
}

impl<'a> Intervals<'a> {
    pub(super) const fn new(fd: BorrowedFd<'a>, fourcc: FourCc, size: (u32, u32)) -> Self {
        Self {
            fd,
            fourcc,
            size,
            cursor: Cursor::START,
        }
    }
}

impl Iterator for Intervals<'_> {
    type Item = Result<FrameInterval, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (fd, fourcc, (width, height)) = (self.fd, self.fourcc, self.size);
        let item = self
            .cursor
            .step(|index| enum_frameintervals(fd, fourcc, width, height, index));
        if matches!(item, Some(Ok(FrameInterval::Stepwise { .. }))) {
            self.cursor.next = None;
        }
        item
    }
}

macro_rules! indexed {
    ($($(#[$doc:meta])* $name:ident: $item:ty = $ask:path;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name<'a> {
                fd: BorrowedFd<'a>,
                cursor: Cursor,
            }

            impl<'a> $name<'a> {
                pub(super) const fn new(fd: BorrowedFd<'a>) -> Self {
                    Self {
                        fd,
                        cursor: Cursor::START,
                    }
                }
            }

            impl Iterator for $name<'_> {
                type Item = Result<$item, Error>;

                fn next(&mut self) -> Option<Self::Item> {
                    let fd = self.fd;
                    self.cursor.step(|index| $ask(fd, index))
                }
            }
        )*
    };
}

indexed! {
    /// The inputs of a device; see [`Device::inputs`](super::Device::inputs).
    Inputs: Input = enuminput;
    /// The outputs of a device; see [`Device::outputs`](super::Device::outputs).
    Outputs: Output = enumoutput;
    /// The analogue standards of an input; see [`Device::standards`](super::Device::standards).
    StandardList: Standard = enumstd;
    /// The digital timings of an input; see
    /// [`Device::dv_timings_list`](super::Device::dv_timings_list).
    DvTimingsList: DvTimings = enum_dv_timings;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Call;

    #[test]
    fn lists_end_at_einval_or_a_lost_device() {
        let mut cursor = Cursor::START;
        assert_eq!(cursor.step(Ok), Some(Ok(0)));
        assert_eq!(cursor.step(Ok), Some(Ok(1)));
        let end = |_| Err::<u32, _>(Error::system(Call::EnumFmt, Errno::INVAL));
        assert_eq!(cursor.step(end), None);
        assert_eq!(cursor.step(Ok), None);

        let mut cursor = Cursor::START;
        let gone = |_| Err::<u32, _>(Error::of_device(Call::EnumFmt, Errno::NODEV));
        assert!(matches!(cursor.step(gone), Some(Err(_))));
        assert_eq!(cursor.step(Ok), None);
    }

    #[test]
    fn an_item_that_fails_costs_no_other() {
        let broken = |index| Error::system(Call::EnumFrameSizes, [Errno::IO, Errno::PIPE][index]);
        let mut cursor = Cursor::START;
        let ask = |index| match index {
            1 => Err(broken(0)),
            3 => Err(broken(1)),
            5 => Err(Error::system(Call::EnumFrameSizes, Errno::INVAL)),
            index => Ok(index),
        };
        let mut items = core::iter::from_fn(|| cursor.step(ask));
        let found: [_; 6] = core::array::from_fn(|_| items.next());
        let expected = [Ok(0), Err(broken(0)), Ok(2), Err(broken(1)), Ok(4)];
        assert_eq!(found[..5], expected.map(Some));
        assert_eq!(found[5], None);
    }

    #[test]
    fn a_list_that_only_fails_ends() {
        let mut cursor = Cursor::START;
        let fail = |_| Err::<u32, _>(Error::system(Call::EnumFmt, Errno::IO));
        let items = core::iter::from_fn(|| cursor.step(fail)).count();
        assert_eq!(items, MAX_FAILED as usize);
    }

    #[test]
    fn endless_lists_are_cut() {
        let mut cursor = Cursor::START;
        let items = core::iter::from_fn(|| cursor.step(Ok)).count();
        assert_eq!(items, MAX_ITEMS as usize);
    }
}
