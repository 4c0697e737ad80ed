//! A camera: negotiation of a format, and a stream of frames.
//!
//! [`negotiate`] tries the wanted formats in order and reads back what the driver made of each;
//! [`CameraStream`] starts the stream and delivers frames until a deadline. Per frame the
//! kernel is called for `VIDIOC_DQBUF`, `VIDIOC_QBUF` and at most one `poll`; nothing is allocated.

use super::{BufType, Device, Error, ErrorKind, Fraction, NodeKind, PixFormat};
use crate::format::{FormatError, FourCc, Layout};

mod events;
mod frame;
mod source;
mod start;
mod stream;

pub use events::FrameSync;
pub use frame::Frame;
pub use source::follow_source;
pub use start::Supply;
pub use stream::{CameraStream, StreamCounters};

/// Formats tried, in this order, when none are asked for.
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

/// What is wanted of a camera.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// Formats in order of preference. Empty: [`PREFERRED`] (not for metadata), then whatever the
    /// device is set to.
    pub formats: &'a [FourCc],
    /// Width and height in pixels. `None`: what the device is set to.
    pub size: Option<(u32, u32)>,
    /// Whether a format is passed over when the driver changes the size.
    pub exact_size: bool,
    /// Seconds per frame. `None`: what the device is set to.
    pub interval: Option<Fraction>,
    /// Number of buffers; the driver may give more.
    pub buffers: u32,
    /// Whether frames with suspect content are counted and queued again instead of delivered.
    pub skip_corrupted: bool,
}

impl Default for Wishes<'_> {
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

/// A wanted format that was not taken, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The format.
    pub fourcc: FourCc,
    /// Why it was not taken.
    pub reason: Reason,
}

/// Why a format was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The device does not list it.
    NotOffered,
    /// The driver put another format in its place.
    Replaced {
        /// The driver's choice.
        by: FourCc,
    },
    /// The driver has the format in another size only.
    Resized {
        /// Pixels per line that the driver chose.
        width: u32,
        /// Lines that the driver chose.
        height: u32,
    },
    /// The driver's strides and sizes do not hold such a picture.
    Layout(FormatError),
    /// The driver refused.
    Refused(Error),
}

/// What a camera was set to.
#[derive(Clone, Copy, Debug)]
pub struct Negotiated {
    /// The queue that delivers the frames.
    pub buf_type: BufType,
    /// Format, size, strides and colours as the driver reports them.
    pub format: PixFormat,
    /// Where the planes lie.
    pub layout: Layout,
    /// Seconds per frame, if the driver knows.
    pub interval: Option<Fraction>,
}

/// Sets the first wanted format that the device can deliver, and the frame interval.
///
/// `passed_over` hears of each format before it that was not taken.
///
/// # Errors
/// - [`Error::WrongKind`]: the node is no camera.
/// - [`Error::NoFormat`]: none of the wanted formats can be had.
/// - [`ErrorKind::Busy`][]: another handle has buffers allocated.
/// - [`ErrorKind::Disconnected`][]: unplugged.
pub fn negotiate(
    device: &Device,
    wishes: &Wishes<'_>,
    passed_over: &mut dyn FnMut(PassedOver),
) -> Result<Negotiated, Error> {
    let kind = device.kind();
    let buf_type = match device.capture_type() {
        Some(buf_type) if matches!(kind, NodeKind::Camera | NodeKind::MetadataCapture) => buf_type,
        _ => return Err(Error::WrongKind { kind }),
    };
    let current = device.format(buf_type)?;
    let mut any = if wishes.formats.is_empty() {
        Some(current.fourcc)
    } else {
        None
    };
    let listed = match wishes.formats {
        // None of these is metadata.
        [] if buf_type.is_meta() => &[],
        [] => PREFERRED,
        wanted => wanted,
    };
    let mut candidates = listed.iter().copied();
    let first = candidates.clone().next().unwrap_or(current.fourcc);
    while let Some(fourcc) = candidates.next().or_else(|| any.take()) {
        match attempt(device, buf_type, &current, fourcc, wishes) {
            Ok((format, layout)) => {
                return Ok(Negotiated {
                    buf_type,
                    format,
                    layout,
                    interval: set_interval(device, buf_type, wishes.interval)?,
                });
            }
            Err(Reason::Refused(error))
                if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Disconnected) =>
            {
                return Err(error);
            }
            Err(reason) => passed_over(PassedOver { fourcc, reason }),
        }
    }
    // The device as it was: what the last candidate came to, nobody asked for. It is not held, so that may fail.
    let _ = device.set_format(buf_type, &current);
    Err(Error::NoFormat { wanted: first })
}

fn attempt(
    device: &Device,
    buf_type: BufType,
    current: &PixFormat,
    fourcc: FourCc,
    wishes: &Wishes<'_>,
) -> Result<(PixFormat, Layout), Reason> {
    let offered = device
        .formats(buf_type)
        .flatten()
        .any(|format| format.fourcc == fourcc);
    if !offered {
        return Err(Reason::NotOffered);
    }
    let (width, height) = wishes.size.unwrap_or((current.width, current.height));
    let wish = PixFormat::wish(fourcc, width, height);
    let format = device
        .set_format(buf_type, &wish)
        .map_err(Reason::Refused)?;
    if format.fourcc != fourcc {
        return Err(Reason::Replaced { by: format.fourcc });
    }
    let resized = (format.width, format.height) != (width, height);
    if resized && wishes.exact_size && wishes.size.is_some() && !buf_type.is_meta() {
        return Err(Reason::Resized {
            width: format.width,
            height: format.height,
        });
    }
    let layout = format.layout().map_err(Reason::Layout)?;
    Ok((format, layout))
}

/// Asks for an interval; the one that the driver has then, `None` if it does not know.
fn set_interval(
    device: &Device,
    buf_type: BufType,
    wish: Option<Fraction>,
) -> Result<Option<Fraction>, Error> {
    let parameters = match wish {
        Some(interval) => device.set_interval(buf_type, interval),
        None => device.interval(buf_type),
    };
    match parameters {
        Ok(parameters) => Ok(Some(parameters.interval).filter(|i| !i.is_default())),
        Err(error) => match error.kind() {
            ErrorKind::Disconnected => Err(error),
            // Sensors behind a media pipeline have no interval at this node.
            ErrorKind::NotSupported | ErrorKind::InvalidArgument => Ok(None),
            // Nobody asked for one: a camera that does not tell its rate has one all the same.
            _ if wish.is_none() => Ok(None),
            _ => Err(error),
        },
    }
}
