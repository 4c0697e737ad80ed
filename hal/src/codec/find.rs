//! Finding a codec among the nodes of the machine.

use crate::format::FourCc;
use crate::v4l2::{Device, Error, ErrorKind, NodeKind, nodes};

/// Opens the first node that is an encoder for, or a decoder of, `coded`, by the order of
/// numbers, and that `wanted` agrees to.
///
/// Nodes that cannot be opened are passed over: without its daemon, or with all its instances
/// taken, a codec answers that it is busy or not there.
///
/// # Errors
/// What listing the nodes answers. No such codec is no error.
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

/// Whether a device is an encoder for, or a decoder of, a codec.
///
/// # Errors
/// What the list of its formats answers.
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
            // Gone since it was opened.
            Err(error) if error.kind() == ErrorKind::Disconnected => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
