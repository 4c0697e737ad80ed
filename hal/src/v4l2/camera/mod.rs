//! Cameras: format negotiation and a stream of frames.
//!
//! [`negotiate`] tries the wanted formats in order and reads back how the driver adjusted each.
//! [`Capture`] starts the stream and delivers frames until a deadline. Each frame costs
//! `VIDIOC_DQBUF`, `VIDIOC_QBUF`, and at most one `poll`; nothing is allocated.

use super::{BufType, Device, Fraction, NodeKind, PixFormat};
use crate::format::{FormatError, FourCc, Layout};
use crate::{Error, ErrorKind};

mod capture;
mod events;
mod frame;
mod source;
mod start;

pub use capture::{Capture, StreamCounters};
pub use events::FrameSync;
pub use frame::CapturedFrame;
pub use source::follow_source;
pub use start::Supply;

/// Formats to try, in this order, when the request names none.
pub const PREFERRED: &[FourCc] = &[
    FourCc::NV12,
    FourCc::YUYV,
    FourCc::UYVY,
    FourCc::YU12,
    FourCc::NM12,
    FourCc::RGB3,
    FourCc::BGR3,
    FourCc::XR24,
    FourCc::GREY,
    FourCc::MJPG,
];

/// What to request of a camera.
#[derive(Clone, Copy, Debug)]
pub struct CaptureRequest<'a> {
    /// Formats in order of preference. If empty: [`PREFERRED`] (except for metadata), then the
    /// current format of the device.
    pub formats: &'a [FourCc],
    /// Width and height in pixels; `None` keeps the current size.
    pub size: Option<(u32, u32)>,
    /// Whether to reject a format when the driver changes the size.
    pub exact_size: bool,
    /// Seconds per frame; `None` keeps the current interval.
    pub interval: Option<Fraction>,
    /// Number of buffers; the driver may allocate more.
    pub buffers: u32,
    /// Whether to count and requeue corrupted frames instead of delivering them.
    pub skip_corrupted: bool,
}

impl Default for CaptureRequest<'_> {
    fn default() -> Self {
        Self {
            formats: &[],
            size: None,
            exact_size: true,
            interval: None,
            buffers: 4,
            skip_corrupted: false,
        }
    }
}

/// A requested format that was rejected, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The format.
    pub fourcc: FourCc,
    /// Why it was rejected.
    pub reason: Reason,
}

/// Why a format was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The device does not list it.
    NotOffered,
    /// The driver replaced it with another format.
    Replaced {
        /// The driver's choice.
        by: FourCc,
    },
    /// The driver offers the format only in another size.
    Resized {
        /// Width in pixels that the driver chose.
        width: u32,
        /// Height in pixels that the driver chose.
        height: u32,
    },
    /// The driver's strides and sizes are too small for the picture.
    Layout(FormatError),
    /// The driver refused.
    Refused(Error),
}

/// The format and interval that a camera was set to.
#[derive(Clone, Copy, Debug)]
pub struct Negotiated {
    /// The queue that delivers the frames.
    pub buf_type: BufType,
    /// Format, size, strides, and colorimetry as reported by the driver.
    pub format: PixFormat,
    /// Layout of the planes in memory.
    pub layout: Layout,
    /// Seconds per frame, if the driver reports it.
    pub interval: Option<Fraction>,
}

/// Sets the first requested format that the device can deliver, and the frame interval.
///
/// `rejected` is called for each format before it that was rejected.
///
/// # Errors
/// - [`Error::WrongKind`]: the node is not a camera.
/// - [`Error::NoFormat`]: the device can deliver none of the requested formats.
/// - [`ErrorKind::Busy`][]: another handle has buffers allocated.
/// - [`ErrorKind::Disconnected`][]: the device was unplugged.
pub fn negotiate(
    device: &Device,
    request: &CaptureRequest<'_>,
    rejected: &mut dyn FnMut(Rejected),
) -> Result<Negotiated, Error> {
    let kind = device.kind();
    let buf_type = match device.capture_type() {
        Some(buf_type) if matches!(kind, NodeKind::Camera | NodeKind::MetadataCapture) => buf_type,
        _ => return Err(Error::WrongKind { kind }),
    };
    let current = device.format(buf_type)?;
    let mut fallback = if request.formats.is_empty() {
        Some(current.fourcc)
    } else {
        None
    };
    let listed = match request.formats {
        // None of the preferred formats is metadata.
        [] if buf_type.is_meta() => &[],
        [] => PREFERRED,
        wanted => wanted,
    };
    let mut candidates = listed.iter().copied();
    let first = candidates.clone().next().unwrap_or(current.fourcc);
    while let Some(fourcc) = candidates.next().or_else(|| fallback.take()) {
        match attempt(device, buf_type, &current, fourcc, request) {
            Ok((format, layout)) => {
                return Ok(Negotiated {
                    buf_type,
                    format,
                    layout,
                    interval: set_interval(device, buf_type, request.interval)?,
                });
            }
            Err(Reason::Refused(error))
                if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Disconnected) =>
            {
                // No other format would fare better.
                return Err(error);
            }
            Err(reason) => rejected(Rejected { fourcc, reason }),
        }
    }
    // Restore the old format, so that no rejected candidate stays set. The device is not locked to
    // this handle, so this may fail.
    let _ = device.set_format(buf_type, &current);
    Err(Error::NoFormat { wanted: first })
}

fn attempt(
    device: &Device,
    buf_type: BufType,
    current: &PixFormat,
    fourcc: FourCc,
    request: &CaptureRequest<'_>,
) -> Result<(PixFormat, Layout), Reason> {
    let offered = device
        .formats(buf_type)
        .flatten()
        .any(|format| format.fourcc == fourcc);
    if !offered {
        return Err(Reason::NotOffered);
    }
    let (width, height) = request.size.unwrap_or((current.width, current.height));
    let requested = PixFormat::new(fourcc, width, height);
    let format = device
        .set_format(buf_type, &requested)
        .map_err(Reason::Refused)?;
    if format.fourcc != fourcc {
        return Err(Reason::Replaced { by: format.fourcc });
    }
    let resized = (format.width, format.height) != (width, height);
    if resized && request.exact_size && request.size.is_some() && !buf_type.is_meta() {
        return Err(Reason::Resized {
            width: format.width,
            height: format.height,
        });
    }
    let layout = format.layout().map_err(Reason::Layout)?;
    Ok((format, layout))
}

/// Sets the frame interval and returns the one that the driver uses; `None` if it does not report
/// one.
fn set_interval(
    device: &Device,
    buf_type: BufType,
    requested: Option<Fraction>,
) -> Result<Option<Fraction>, Error> {
    let parameters = match requested {
        Some(interval) => device.set_interval(buf_type, interval),
        None => device.interval(buf_type),
    };
    match parameters {
        Ok(parameters) => Ok(Some(parameters.interval).filter(|i| !i.is_default())),
        Err(error) => match error.kind() {
            ErrorKind::Disconnected => Err(error),
            // Sensors behind a media pipeline have no interval at this node.
            ErrorKind::NotSupported | ErrorKind::InvalidArgument => Ok(None),
            // No interval was requested, so a camera that cannot report its rate is still usable.
            _ if requested.is_none() => Ok(None),
            _ => Err(error),
        },
    }
}
