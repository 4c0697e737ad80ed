//! Finding the device for a codec.

use std::fmt;
use std::path::{Path, PathBuf};

use videostream_hal::codec::is_codec;
use videostream_hal::v4l2::{Device, Error, ErrorKind, NodeKind, nodes};

use super::DevicePath;
use crate::bitstream::Codec;
use crate::joined::joined;

/// No device of this machine supports the codec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDevice {
    /// Encoder or decoder.
    pub kind: NodeKind,
    /// The codec.
    pub codec: Codec,
    /// Number of devices that could be opened but do not support it.
    pub others: usize,
    /// Devices that could not be queried, and why. A codec whose daemon is not running or whose
    /// instances are all taken reports that it is busy or missing.
    pub unknown: Vec<(PathBuf, Error)>,
}

impl fmt::Display for NoDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            codec,
            others,
            unknown,
        } = self;
        let kind = kind.name();
        write!(f, "no hardware {kind} for {codec}: ")?;
        match (others, unknown.len()) {
            (0, 0) => return f.write_str("this machine has no video devices"),
            (0, _) => {}
            (1, _) => {
                f.write_str("the only video device that could be opened is something else")?
            }
            (count, _) => write!(f, "none of {count} video devices is one")?,
        }
        if *others > 0 && !unknown.is_empty() {
            f.write_str("; ")?;
        }
        let each = unknown.iter();
        let each = each.map(|(path, error)| format!("{}: {error}", path.display()));
        joined(each, "; ").fmt(f)?;
        let busy = |(_, error): &(PathBuf, Error)| {
            matches!(error.kind(), ErrorKind::Busy | ErrorKind::Disconnected)
        };
        if unknown.iter().any(busy) {
            f.write_str(" (its daemon may not be running, or all its instances are in use)")?;
        }
        Ok(())
    }
}

impl core::error::Error for NoDevice {}

/// Finds a device for a codec with which `take` succeeds: the requested one, else the first by
/// number.
///
/// # Errors
/// `Err(Ok(error))`: `take` failed on the first device that is such a codec; `Err(Err(none))`:
/// there is no such device.
pub(crate) fn find<T, E>(
    kind: NodeKind,
    codec: Codec,
    asked: Option<DevicePath>,
    mut take: impl FnMut(Device, &Path) -> Result<T, E>,
) -> Result<T, Result<E, NoDevice>> {
    let mut none = NoDevice {
        kind,
        codec,
        others: 0,
        unknown: Vec::new(),
    };
    let paths = match asked {
        Some(path) => vec![path.as_path().to_owned()],
        None => match nodes() {
            Ok(nodes) => nodes.map(|node| PathBuf::from(node.as_str())).collect(),
            Err(error) => {
                none.unknown.push(("/dev".into(), error));
                Vec::new()
            }
        },
    };
    let mut refused = None;
    for path in paths {
        let device = Device::open(&path).and_then(|device| {
            let is = is_codec(&device, kind, codec.fourcc())?;
            Ok(is.then_some(device))
        });
        match device {
            Ok(Some(device)) => match take(device, &path) {
                Ok(taken) => return Ok(taken),
                Err(error) => refused = refused.or(Some(error)),
            },
            Ok(None) => none.others += 1,
            Err(error) => none.unknown.push((path, error)),
        }
    }
    Err(refused.ok_or(none))
}
