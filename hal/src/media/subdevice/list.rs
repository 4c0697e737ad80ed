//! Lists that a sub-device returns item by item.

use rustix::fd::BorrowedFd;

use super::{Which, ioctl};
use crate::Error;
use crate::media::MbusCode;
use crate::v4l2::Fraction;
use crate::v4l2::list::Cursor;

/// Picture sizes of a pad, from the smallest to the largest; often both are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SizeRange {
    /// Minimum width and height.
    pub min: (u32, u32),
    /// Maximum width and height.
    pub max: (u32, u32),
}

/// The formats of a pad; see [`Subdevice::mbus_codes`](super::Subdevice::mbus_codes).
#[derive(Debug)]
pub struct MbusCodes<'a> {
    fd: BorrowedFd<'a>,
    pad: u32,
    which: Which,
    cursor: Cursor,
}

impl<'a> MbusCodes<'a> {
    pub(super) const fn new(fd: BorrowedFd<'a>, pad: u32, which: Which) -> Self {
        Self {
            fd,
            pad,
            which,
            cursor: Cursor::START,
        }
    }
}

impl Iterator for MbusCodes<'_> {
    type Item = Result<MbusCode, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (fd, pad, which) = (self.fd, self.pad, self.which);
        self.cursor
            .step(|index| ioctl::enum_mbus_code(fd, pad, which, index))
    }
}

/// The picture sizes of a format; see [`Subdevice::sizes`](super::Subdevice::sizes).
#[derive(Debug)]
pub struct PadSizes<'a> {
    fd: BorrowedFd<'a>,
    pad: u32,
    code: MbusCode,
    which: Which,
    cursor: Cursor,
}

impl<'a> PadSizes<'a> {
    pub(super) const fn new(fd: BorrowedFd<'a>, pad: u32, code: MbusCode, which: Which) -> Self {
        Self {
            fd,
            pad,
            code,
            which,
            cursor: Cursor::START,
        }
    }
}

impl Iterator for PadSizes<'_> {
    type Item = Result<SizeRange, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (fd, pad, code, which) = (self.fd, self.pad, self.code, self.which);
        self.cursor
            .step(|index| ioctl::enum_frame_size(fd, pad, code, which, index))
    }
}

/// The frame intervals of a format and size; see
/// [`Subdevice::intervals`](super::Subdevice::intervals).
#[derive(Debug)]
pub struct PadIntervals<'a> {
    fd: BorrowedFd<'a>,
    pad: u32,
    code: MbusCode,
    size: (u32, u32),
    which: Which,
    cursor: Cursor,
}

impl<'a> PadIntervals<'a> {
    pub(super) const fn new(
        fd: BorrowedFd<'a>,
        pad: u32,
        code: MbusCode,
        size: (u32, u32),
        which: Which,
    ) -> Self {
        Self {
            fd,
            pad,
            code,
            size,
            which,
            cursor: Cursor::START,
        }
    }
}

impl Iterator for PadIntervals<'_> {
    type Item = Result<Fraction, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (fd, pad, code, size, which) = (self.fd, self.pad, self.code, self.size, self.which);
        self.cursor
            .step(|index| ioctl::enum_frame_interval(fd, pad, code, size, which, index))
    }
}
