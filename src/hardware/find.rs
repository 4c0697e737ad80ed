//! Finding the device for a codec.

use std::fmt;
use std::path::{Path, PathBuf};

use videostream_hal::codec::is_codec;
use videostream_hal::v4l2::{Device, Error, ErrorKind, NodeKind, nodes};

use crate::encode::{Codec, DevicePath};

/// No device of this machine does what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDevice {
    /// Encoder or decoder.
    pub kind: NodeKind,
    /// The codec.
    pub codec: Codec,
    /// Devices that could be opened, and are something else.
    pub others: usize,
    /// Devices that could not be asked, and why: without its daemon, or with all its instances taken, a codec
    /// answers that it is busy or not there.
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
            (1, _) => write!(f, "the video device that was looked at is none")?,
            (count, _) => write!(f, "none of {count} video devices is one")?,
        }
        for (at, (path, error)) in unknown.iter().enumerate() {
            let comma = if at > 0 || *others > 0 { "; " } else { "" };
            write!(f, "{comma}{}: {error}", path.display())?;
        }
        let busy = |(_, error): &(PathBuf, Error)| {
            matches!(error.kind(), ErrorKind::Busy | ErrorKind::Disconnected)
        };
        if unknown.iter().any(busy) {
            f.write_str(" (its daemon may not run, or all its instances are taken)")?;
        }
        Ok(())
    }
}

impl core::error::Error for NoDevice {}

/// The first device for a codec that `take` can be made of: the one that is asked for, else by the order of numbers.
///
/// # Errors
/// `Err(Ok(error))`: what `take` failed with on the first device that is such a codec;
/// `Err(Err(none))`: there is none.
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
