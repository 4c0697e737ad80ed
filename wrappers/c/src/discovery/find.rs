//! Finding the first device with a capability.

use std::ffi::CString;

use rustix::io::Errno;

use super::types::{Device, text};
use super::{device_type, enumerate, free_list, resolutions, supports};

/// Capability to find.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Encodes to a format.
    Encoder(u32),
    /// Decodes a format.
    Decoder(u32),
    /// Delivers a format, at this size at least.
    Camera(u32, Option<(u32, u32)>),
}

impl Wanted {
    const fn device_type(self) -> u32 {
        match self {
            Self::Encoder(_) => device_type::ENCODER,
            Self::Decoder(_) => device_type::DECODER,
            Self::Camera(..) => device_type::CAMERA,
        }
    }

    fn is(self, device: &Device) -> bool {
        match self {
            Self::Encoder(fourcc) | Self::Camera(fourcc, None) => supports(device, fourcc, true),
            Self::Decoder(fourcc) => supports(device, fourcc, false),
            Self::Camera(fourcc, Some(size)) => {
                supports(device, fourcc, true) && reaches(device, fourcc, size)
            }
        }
    }
}

/// Whether a format has a size that is as large; a device that lists none may.
fn reaches(device: &Device, fourcc: u32, (width, height): (u32, u32)) -> bool {
    let sizes = resolutions(device, fourcc).unwrap_or_default();
    let mut large = sizes.iter().map(|r| r.width >= width && r.height >= height);
    sizes.is_empty() || large.any(|is_large| is_large)
}

/// The path of the first device in the order of the list.
///
/// # Errors
/// ENODEV without such a device; those of [`enumerate`].
pub(crate) fn find(wanted: Wanted) -> Result<CString, Errno> {
    let mut list = enumerate(wanted.device_type())?;
    let found = list.as_slice().iter().find(|device| wanted.is(device));
    let path = found.map(|device| text(&device.path));
    free_list(&mut list);
    path.and_then(|path| CString::new(path).ok())
        .ok_or(Errno::NODEV)
}
