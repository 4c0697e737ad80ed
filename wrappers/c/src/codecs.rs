//! Choice of codec and backend.

use rustix::io::Errno;
use videostream::encode::{BACKEND_VARIABLE, Backend, Codec, DevicePath, NoDevice};
use videostream::hal::format::FourCc;

use crate::boundary::{errno_of_device, explain};

/// `VSL_CODEC_BACKEND_*`.
const AUTO: u32 = 0;
const HANTRO: u32 = 1;
const V4L2: u32 = 2;
const SOFTWARE: u32 = 3;

/// The codec of a four-character code.
pub(crate) fn codec_of(fourcc: u32) -> Option<Codec> {
    match FourCc(fourcc) {
        // Not in the 2.x library: the kernel's virtual codec.
        FourCc::FWHT => Some(Codec::Fwht),
        fourcc => Codec::of_packets(fourcc),
    }
}

/// EINVAL for a code that [`codec_of`] does not know.
pub(crate) fn no_codec(fourcc: u32) -> Errno {
    let words = format!("{} is no codec: H264, HEVC or FWHT", FourCc(fourcc));
    explain(Errno::INVAL, words)
}

/// The backend of a number of the interface. The VPUs that `HANTRO` means are driven through V4L2.
///
/// # Errors
/// ENOTSUP for an unknown backend.
pub(crate) fn backend_of(number: u32) -> Result<Backend, Errno> {
    match number {
        AUTO => Ok(Backend::Auto),
        HANTRO | V4L2 => Ok(Backend::V4l2),
        SOFTWARE => Ok(Backend::Software),
        _ => Err(explain(
            Errno::NOTSUP,
            format!("backend {number}: there are 0 (AUTO) to 3 (SOFTWARE)"),
        )),
    }
}

/// The backends to try, in order. An unknown name in the environment is ignored, as in the 2.x
/// library.
fn backends_of(asked: Backend) -> &'static [Backend] {
    let wanted = match asked {
        Backend::Auto => {
            let name = std::env::var(BACKEND_VARIABLE).unwrap_or_default();
            Backend::from_name(&name).unwrap_or_default()
        }
        asked => asked,
    };
    match wanted {
        Backend::V4l2 => &[Backend::V4l2],
        Backend::Software => &[Backend::Software],
        _ => &[Backend::V4l2, Backend::Software],
    }
}

/// The device that the environment names for hardware, in `variable`.
///
/// # Errors
/// ENAMETOOLONG.
fn device_of(variable: &str) -> Result<Option<DevicePath>, Errno> {
    // An empty variable counts as unset.
    let path = std::env::var_os(variable).filter(|path| !path.is_empty());
    let Some(path) = path else {
        return Ok(None);
    };
    let (bytes, most) = (path.len(), DevicePath::MAX);
    let too_long = || format!("{variable} has {bytes} bytes: a device's path has up to {most}");
    let device = DevicePath::new(path).ok_or_else(|| explain(Errno::NAMETOOLONG, too_long()));
    device.map(Some)
}

/// Creates an encoder or decoder: of the requested backend, else of the one that the environment
/// names, else of the first that succeeds, hardware before software. Hardware is the device that
/// `variable` names, else the first that fits.
///
/// `lacks` recognizes errors of backends without the codec: errors of others take precedence.
pub(crate) fn make<T, E>(
    asked: Backend,
    variable: &str,
    mut make: impl FnMut(Backend, Option<DevicePath>) -> Result<T, E>,
    lacks: impl Fn(&E) -> bool,
    errno_of: impl Fn(&E) -> Errno,
) -> Result<T, Errno> {
    let mut refused: Option<E> = None;
    for &backend in backends_of(asked) {
        let device = match backend {
            Backend::V4l2 => device_of(variable)?,
            _ => None,
        };
        match make(backend, device) {
            Ok(made) => return Ok(made),
            Err(error) if refused.is_some() && lacks(&error) => {}
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.as_ref().map_or(Errno::NODEV, errno_of))
}

/// ENODEV, or the error of opening the device that `variable` names.
pub(crate) fn errno_of_none(none: &NoDevice, variable: &str) -> Errno {
    let named = std::env::var_os(variable);
    match &none.unknown[..] {
        [(path, error)] if named.as_deref() == Some(path.as_os_str()) => errno_of_device(*error),
        _ => Errno::NODEV,
    }
}
