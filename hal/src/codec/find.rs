//! Finding a codec among the video nodes.

use crate::format::FourCc;
use crate::v4l2::{Device, NodeKind, nodes};
use crate::{Error, ErrorKind};

/// Opens the first node, in numerical order, that encodes or decodes `coded` and that `wanted`
/// accepts.
///
/// Nodes that cannot be opened are skipped: a codec without its daemon, or with all its instances
/// taken, reports that it is busy or absent.
///
/// # Errors
/// Those of listing the nodes. `None` if there is no such codec.
pub fn find(
    kind: NodeKind,
    coded: FourCc,
    wanted: &mut dyn FnMut(&Device) -> bool,
) -> Result<Option<Device>, Error> {
    for node in nodes()? {
        let Ok(device) = Device::open(node.as_str()) else {
            continue;
        };
        if is_codec(&device, kind, coded)? && wanted(&device) {
            return Ok(Some(device));
        }
    }
    Ok(None)
}

/// Returns whether a device is an encoder or a decoder for a codec.
///
/// # Errors
/// Those of listing its formats.
pub fn is_codec(device: &Device, kind: NodeKind, coded: FourCc) -> Result<bool, Error> {
    let buf_type = match kind {
        NodeKind::Encoder => device.capture_type(),
        NodeKind::Decoder => device.output_type(),
        _ => None,
    };
    let Some(buf_type) = buf_type.filter(|_| device.kind() == kind) else {
        return Ok(false);
    };
    for format in device.formats(buf_type) {
        match format {
            Ok(format) if format.fourcc == coded => return Ok(true),
            Ok(_) => {}
            // The device was unplugged after it was opened.
            Err(error) if error.kind() == ErrorKind::Disconnected => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
