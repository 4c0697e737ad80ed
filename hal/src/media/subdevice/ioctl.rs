//! The requests of sub-devices, one function each.
#![expect(
    unsafe_code,
    reason = "each entry of the list promises that the kernel takes that argument for that code"
)]

use rustix::fd::BorrowedFd;
use videostream_sys::v4l2 as sys;

use super::{MbusFormat, SizeRange, SubdeviceCapabilities, Which};
use crate::Error;
use crate::media::MbusCode;
use crate::request::{Request, call, requests};
use crate::v4l2::{Fraction, Rounding, SelectionRect, SelectionTarget};

requests! {
    QueryCap(sys::v4l2_subdev_capability) = VIDIOC_SUBDEV_QUERYCAP;
    EnumMbusCode(sys::v4l2_subdev_mbus_code_enum) = VIDIOC_SUBDEV_ENUM_MBUS_CODE;
    EnumFrameSize(sys::v4l2_subdev_frame_size_enum) = VIDIOC_SUBDEV_ENUM_FRAME_SIZE;
    EnumFrameInterval(sys::v4l2_subdev_frame_interval_enum) = VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL;
    GFmt(sys::v4l2_subdev_format) = VIDIOC_SUBDEV_G_FMT;
    SFmt(sys::v4l2_subdev_format) = VIDIOC_SUBDEV_S_FMT;
    GSelection(sys::v4l2_subdev_selection) = VIDIOC_SUBDEV_G_SELECTION;
    SSelection(sys::v4l2_subdev_selection) = VIDIOC_SUBDEV_S_SELECTION;
    GFrameInterval(sys::v4l2_subdev_frame_interval) = VIDIOC_SUBDEV_G_FRAME_INTERVAL;
    SFrameInterval(sys::v4l2_subdev_frame_interval) = VIDIOC_SUBDEV_S_FRAME_INTERVAL;
}

pub(super) fn querycap(fd: BorrowedFd<'_>) -> Result<SubdeviceCapabilities, Error> {
    let mut raw = sys::v4l2_subdev_capability::default();
    call::<QueryCap>(fd, &mut raw)?;
    Ok(SubdeviceCapabilities::from_bits_retain(raw.capabilities))
}

pub(super) fn enum_mbus_code(
    fd: BorrowedFd<'_>,
    pad: u32,
    which: Which,
    index: u32,
) -> Result<MbusCode, Error> {
    let mut raw = sys::v4l2_subdev_mbus_code_enum {
        pad,
        index,
        which: which.raw(),
        ..Default::default()
    };
    call::<EnumMbusCode>(fd, &mut raw)?;
    Ok(MbusCode(raw.code))
}

pub(super) fn enum_frame_size(
    fd: BorrowedFd<'_>,
    pad: u32,
    code: MbusCode,
    which: Which,
    index: u32,
) -> Result<SizeRange, Error> {
    let mut raw = sys::v4l2_subdev_frame_size_enum {
        index,
        pad,
        code: code.0,
        which: which.raw(),
        ..Default::default()
    };
    call::<EnumFrameSize>(fd, &mut raw)?;
    Ok(SizeRange {
        min: (raw.min_width, raw.min_height),
        max: (raw.max_width, raw.max_height),
    })
}

pub(super) fn enum_frame_interval(
    fd: BorrowedFd<'_>,
    pad: u32,
    code: MbusCode,
    (width, height): (u32, u32),
    which: Which,
    index: u32,
) -> Result<Fraction, Error> {
    let mut raw = sys::v4l2_subdev_frame_interval_enum {
        index,
        pad,
        code: code.0,
        width,
        height,
        which: which.raw(),
        ..Default::default()
    };
    call::<EnumFrameInterval>(fd, &mut raw)?;
    Ok(Fraction::from_raw(raw.interval))
}

pub(super) fn g_fmt(fd: BorrowedFd<'_>, pad: u32, which: Which) -> Result<MbusFormat, Error> {
    format::<GFmt>(fd, pad, which, sys::v4l2_mbus_framefmt::default())
}

pub(super) fn s_fmt(
    fd: BorrowedFd<'_>,
    pad: u32,
    which: Which,
    requested: &MbusFormat,
) -> Result<MbusFormat, Error> {
    format::<SFmt>(fd, pad, which, requested.to_raw())
}

fn format<R: Request<Arg = sys::v4l2_subdev_format>>(
    fd: BorrowedFd<'_>,
    pad: u32,
    which: Which,
    format: sys::v4l2_mbus_framefmt,
) -> Result<MbusFormat, Error> {
    let mut raw = sys::v4l2_subdev_format {
        which: which.raw(),
        pad,
        format,
        ..Default::default()
    };
    call::<R>(fd, &mut raw)?;
    Ok(MbusFormat::from_raw(&raw.format))
}

pub(super) fn g_selection(
    fd: BorrowedFd<'_>,
    pad: u32,
    which: Which,
    target: SelectionTarget,
) -> Result<SelectionRect, Error> {
    let mut raw = sys::v4l2_subdev_selection {
        which: which.raw(),
        pad,
        target: target as u32,
        ..Default::default()
    };
    call::<GSelection>(fd, &mut raw)?;
    Ok(SelectionRect::from_raw(raw.r))
}

pub(super) fn s_selection(
    fd: BorrowedFd<'_>,
    pad: u32,
    which: Which,
    target: SelectionTarget,
    rounding: Rounding,
    rect: SelectionRect,
) -> Result<SelectionRect, Error> {
    let mut raw = sys::v4l2_subdev_selection {
        which: which.raw(),
        pad,
        target: target as u32,
        flags: rounding.raw(),
        r: rect.to_raw(),
        ..Default::default()
    };
    call::<SSelection>(fd, &mut raw)?;
    Ok(SelectionRect::from_raw(raw.r))
}

pub(super) fn g_frame_interval(fd: BorrowedFd<'_>, pad: u32) -> Result<Fraction, Error> {
    interval::<GFrameInterval>(fd, pad, Fraction::new(0, 0))
}

pub(super) fn s_frame_interval(
    fd: BorrowedFd<'_>,
    pad: u32,
    interval: Fraction,
) -> Result<Fraction, Error> {
    self::interval::<SFrameInterval>(fd, pad, interval)
}

fn interval<R: Request<Arg = sys::v4l2_subdev_frame_interval>>(
    fd: BorrowedFd<'_>,
    pad: u32,
    interval: Fraction,
) -> Result<Fraction, Error> {
    // `which` is 1 for the hardware's settings; kernels before 6.9 ignore it.
    let mut raw = sys::v4l2_subdev_frame_interval {
        pad,
        interval: interval.to_raw(),
        which: Which::Active.raw(),
        ..Default::default()
    };
    call::<R>(fd, &mut raw)?;
    Ok(Fraction::from_raw(raw.interval))
}
