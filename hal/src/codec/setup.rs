//! Setting up a codec before it has buffers.

use crate::format::FourCc;
use crate::v4l2::{
    BufType, Device, FormatFlags, Fraction, PixFormat, Rounding, SelectionRect, SelectionTarget,
};
use crate::{Error, ErrorKind};

/// Sets a format whose code the driver must not change.
pub(super) fn set_format(
    device: &Device,
    buf_type: BufType,
    requested: &PixFormat,
) -> Result<PixFormat, Error> {
    let wanted = requested.fourcc;
    match device.set_format(buf_type, requested) {
        Ok(format) if format.fourcc == wanted => Ok(format),
        Ok(_) => Err(Error::NoFormat { wanted }),
        Err(error) if error.kind() == ErrorKind::InvalidArgument => Err(Error::NoFormat { wanted }),
        Err(error) => Err(error),
    }
}

/// Sets the interval of pictures, and that of packets if the coded format has its own.
pub(super) fn set_interval(
    device: &Device,
    coded: FourCc,
    interval: Fraction,
) -> Result<Option<Fraction>, Error> {
    let mut set = None;
    if let Some(output) = device.output_type() {
        match device.set_interval(output, interval) {
            Ok(parameters) => set = Some(parameters.interval),
            Err(error) if error.kind() == ErrorKind::NotSupported => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    if let Some(capture) = device.capture_type() {
        let own = device.formats(capture).flatten().any(|format| {
            format.fourcc == coded && format.flags.contains(FormatFlags::ENC_CAP_FRAME_INTERVAL)
        });
        if own {
            device.set_interval(capture, interval)?;
        }
    }
    Ok(set.filter(|interval| !interval.is_default()))
}

/// Sets the part of the pictures that the encoder reads.
pub(super) fn set_crop(
    device: &Device,
    output: BufType,
    raw: &PixFormat,
    requested: SelectionRect,
) -> Result<SelectionRect, Error> {
    let whole = SelectionRect {
        width: raw.width,
        height: raw.height,
        ..SelectionRect::default()
    };
    let refused = refused_rectangle(requested);
    match device.set_selection(output, SelectionTarget::Crop, Rounding::Nearest, requested) {
        Ok(set) if set == requested => Ok(set),
        Ok(_) => Err(refused),
        Err(_) if requested == whole => Ok(whole),
        Err(error) => match error.kind() {
            ErrorKind::NotSupported | ErrorKind::InvalidArgument => Err(refused),
            _ => Err(error),
        },
    }
}

/// The error for a rectangle that the driver refuses.
pub(super) const fn refused_rectangle(rect: SelectionRect) -> Error {
    Error::Rectangle {
        left: rect.left,
        top: rect.top,
        width: rect.width,
        height: rect.height,
    }
}
